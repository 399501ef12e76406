#include "cloudevent.h"

#include "alloc.h"
#include "jsontext.h"
#include "macros.h"
#include "rfc3339.h"
#include "transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Streams of random numbers (see rng.h). */
enum { STREAM_ID = 64, STREAM_WORKER, STREAM_MODE, STREAM_SPELLING, STREAM_TRANSCRIPT };

#define VALUE_BYTES_MAX ((size_t)64 << 20)
#define WORKERS 8
/* An attempt's events are numbered from 16 times its number on; the transcript's is the last. */
#define EVENTS_OF_ATTEMPT 16

struct attributes {
    const char *type;
    char id[64];
    size_t id_len;
    char source[48];
    char time[48];
    char sequence[24]; /* "": none */
};

struct cloudevent_writer {
    struct cloudevent_setup setup;
    struct attributes attributes;
    char call_hex[OBJECT_ID_HEX];
    struct buf value;
    struct buf transcript;
};

struct cloudevent_writer *cloudevent_writer_new(const struct cloudevent_setup *setup)
{
    struct cloudevent_writer *writer = alloc_zeroed(1, sizeof(*writer));
    writer->setup = *setup;
    buf_init(&writer->value, VALUE_BYTES_MAX);
    buf_init(&writer->transcript, VALUE_BYTES_MAX);
    return writer;
}

void cloudevent_writer_free(struct cloudevent_writer **writer)
{
    if (!*writer)
        return;
    buf_done(&(*writer)->value);
    buf_done(&(*writer)->transcript);
    free(*writer);
    *writer = NULL;
}

/* Numbers the events of a call (and those of a batch) without a gap in meaning: two never share
 * one. */
static uint64_t event_number(const struct occurrence *occurrence)
{
    uint64_t of_attempt = (uint64_t)occurrence->attempt * EVENTS_OF_ATTEMPT;
    switch (occurrence->kind) {
    case OCCURRENCE_BATCH:
        return (UINT64_C(1) << 40) + (uint64_t)occurrence->step;
    case OCCURRENCE_CALL:
        return (uint64_t)occurrence->call << 16;
    case OCCURRENCE_STEP:
        return ((uint64_t)occurrence->call << 16) + of_attempt + (uint64_t)occurrence->step;
    case OCCURRENCE_TRANSCRIPT:
    default:
        return ((uint64_t)occurrence->call << 16) + of_attempt + EVENTS_OF_ATTEMPT - 1;
    }
}

/* 0: the scheduler, which creates batches and calls; else one of the workers, which dial. */
static uint32_t draw_worker(const struct occurrence *occurrence)
{
    struct rng rng;
    if (occurrence->attempt == 0)
        return 0;
    rng_init(&rng, occurrence->campaign->seed, STREAM_WORKER + ((uint64_t)occurrence->attempt << 8),
             occurrence->call);
    return 1 + rng_below(&rng, WORKERS);
}

static char *append_digits(char *at, uint64_t value, int digits, unsigned base)
{
    for (int i = digits - 1; i >= 0; i--, value /= base)
        at[i] = "0123456789abcdef"[value % base];
    return at + digits;
}

/* A random UUID (RFC 9562, version 4). */
static char *append_uuid(char *at, struct rng *rng)
{
    uint64_t high = (rng_next(rng) & ~UINT64_C(0xf000)) | 0x4000;
    uint64_t low = (rng_next(rng) & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
    at = append_digits(at, high >> 32, 8, 16);
    *at++ = '-';
    at = append_digits(at, high >> 16 & 0xffff, 4, 16);
    *at++ = '-';
    at = append_digits(at, high & 0xffff, 4, 16);
    *at++ = '-';
    at = append_digits(at, low >> 48, 4, 16);
    *at++ = '-';
    return append_digits(at, low & UINT64_C(0xffffffffffff), 12, 16);
}

/* Every fourth worker names its events by batch and number, the others by a UUID. */
static void write_id(struct attributes *attributes, const struct occurrence *occurrence,
                     uint32_t worker)
{
    char *end = attributes->id;
    uint64_t number = event_number(occurrence);
    struct rng rng;
    if (worker > 0 && worker % 4 == 0) {
        memcpy(end, occurrence->campaign->id_hex, OBJECT_ID_HEX);
        end += OBJECT_ID_HEX;
        *end++ = '-';
        end = append_digits(end, number, 13, 10);
    } else {
        rng_init(&rng, occurrence->campaign->seed, STREAM_ID, number);
        end = append_uuid(end, &rng);
    }
    attributes->id_len = (size_t)(end - attributes->id);
}

static void write_source(struct attributes *attributes, const struct region *region,
                         uint32_t worker)
{
    char *at = stpcpy(stpcpy(attributes->source, "/dialer/"), region->name);
    if (worker == 0) {
        stpcpy(at, "/scheduler");
        return;
    }
    at = append_digits(stpcpy(at, "/worker-"), worker, 1, 10);
    *at = '\0';
}

/* To the microsecond, as clocks of dialers have it; half of the workers give local time. */
static void write_time(struct attributes *attributes, int64_t at_us, int offset_minutes)
{
    char millis[RFC3339_MILLIS_LEN];
    int64_t local_us = at_us + offset_minutes * INT64_C(60000000);
    rfc3339_format_millis(local_us, millis);
    char *at = attributes->time;
    memcpy(at, millis, RFC3339_MILLIS_LEN - 1);
    at += RFC3339_MILLIS_LEN - 1;
    at = append_digits(at, (uint64_t)(local_us - rfc3339_floor_to_millis(local_us)), 3, 10);
    if (offset_minutes == 0) {
        stpcpy(at, "Z");
        return;
    }
    unsigned minutes = (unsigned)abs(offset_minutes);
    *at++ = offset_minutes < 0 ? '-' : '+';
    at = append_digits(at, minutes / 60, 2, 10);
    *at++ = ':';
    at = append_digits(at, minutes % 60, 2, 10);
    *at = '\0';
}

static const char *const types[] = {
    [OCCURRENCE_BATCH] = "dialer.batch.upserted",
    [OCCURRENCE_CALL] = "dialer.call.upserted",
    [OCCURRENCE_STEP] = "dialer.phone-log.upserted",
    [OCCURRENCE_TRANSCRIPT] = "dialer.phone-log.upserted",
};

static void write_attributes(struct attributes *attributes, const struct occurrence *occurrence)
{
    const struct region *region = occurrence->campaign->region;
    uint32_t worker = draw_worker(occurrence);
    attributes->type = types[occurrence->kind];
    write_id(attributes, occurrence, worker);
    write_source(attributes, region, worker);
    write_time(attributes, occurrence->at_us, worker % 2 ? region->utc_offset_minutes : 0);
    attributes->sequence[0] = '\0';
    /* Zero-padded: sequences are compared as texts. */
    if (worker % 2 == 0)
        *append_digits(attributes->sequence, event_number(occurrence) & 0xffff, 10, 10) = '\0';
}

static void append_text_member(struct buf *out, const char *prefix, struct slice text)
{
    buf_append_text(out, prefix);
    jsontext_append_string(out, text);
}

static void append_created(struct buf *out, int64_t created_us)
{
    buf_append_text(out, ",\"createdAt\":");
    jsontext_append_time(out, rfc3339_floor_to_millis(created_us));
}

/* Who owns it and what it is called is said once; later only the status changes. */
static void append_batch(struct cloudevent_writer *writer, const struct occurrence *occurrence)
{
    const struct campaign *campaign = occurrence->campaign;
    struct buf *out = &writer->value;
    if (occurrence->step == 0) {
        append_text_member(out, ",\"ownerId\":", slice_of(campaign->owner));
        append_text_member(out, ",\"batchName\":", slice_of(campaign->name));
    }
    append_text_member(out, ",\"batchStatus\":", slice_of(batch_status_name(occurrence->step)));
    if (occurrence->step == 0)
        append_created(out, occurrence->created_us);
}

static void append_call(struct cloudevent_writer *writer, const struct occurrence *occurrence)
{
    struct person person;
    campaign_person(occurrence->campaign, occurrence->call, &person);
    append_text_member(&writer->value, ",\"phoneNumber\":", slice_of(person.phone_number));
    buf_append_text(&writer->value, ",\"fields\":");
    campaign_append_fields(occurrence->campaign, occurrence->call, &writer->value);
    append_created(&writer->value, occurrence->created_us);
}

#define SPELLINGS 4
static const char *const spellings[DIAL_STATUS_COUNT][SPELLINGS] = {
    [DIAL_QUEUED] = {"queued", "QUEUED", "Queued", " queued "},
    [DIAL_INITIATED] = {"initiated", "started", "Initiated", "STARTED"},
    [DIAL_RINGING] = {"ringing", "Ringing", "RINGING", "ringing\\t"},
    [DIAL_IN_PROGRESS] = {"in-progress", "In Progress", "answered", "IN_PROGRESS"},
    [DIAL_COMPLETED] = {"completed", "Completed", "COMPLETED", " completed"},
    [DIAL_NO_ANSWER] = {"no-answer", "no_answer", "noanswer", "Unanswered"},
    [DIAL_BUSY] = {"busy", "BUSY", "Busy", "busy "},
    [DIAL_FAILED] = {"failed", "Failed", "FAILED", "failed "},
    [DIAL_VOICEMAIL] = {"voicemail", "Voicemail", "VOICEMAIL", " voicemail"},
    [DIAL_CANCELED] = {"canceled", "cancelled", "Cancelled", "CANCELED"},
};

static void append_status(struct cloudevent_writer *writer, const struct occurrence *occurrence,
                          enum dial_status status)
{
    size_t spelling = 0;
    struct rng rng;
    if (writer->setup.varied_spellings) {
        rng_init(&rng, occurrence->campaign->seed, STREAM_SPELLING, event_number(occurrence));
        spelling = rng_below(&rng, SPELLINGS);
    }
    buf_append_text(&writer->value, ",\"callStatus\":\"");
    buf_append_text(&writer->value, spellings[status][spelling]);
    buf_append_char(&writer->value, '"');
}

static void append_recording(struct cloudevent_writer *writer, const struct occurrence *occurrence)
{
    struct buf *out = &writer->value;
    buf_append_text(out, ",\"recordingUrl\":\"https://recordings.example.com/");
    buf_append(out, occurrence->campaign->id_hex, OBJECT_ID_HEX);
    buf_append_char(out, '/');
    buf_append(out, writer->call_hex, OBJECT_ID_HEX);
    buf_append_char(out, '-');
    buf_append_int(out, occurrence->attempt);
    buf_append_text(out, ".mp3\"");
}

static void append_step(struct cloudevent_writer *writer, const struct occurrence *occurrence)
{
    const struct call_script *script = &occurrence->script;
    struct buf *out = &writer->value;
    append_status(writer, occurrence, script->steps[occurrence->step].status);
    /* A new attempt says what it does not know yet; null leaves what is stored alone. */
    if (occurrence->step == 0)
        buf_append_text(out, ",\"callDuration\":null,\"recordingUrl\":null,\"transcript\":null");
    if (script->is_recorded && occurrence->step == script->step_count - 1) {
        buf_append_text(out, ",\"callDuration\":");
        jsontext_append_millis(out, script->duration_ms);
        append_recording(writer, occurrence);
    }
    append_created(out, occurrence->created_us);
}

static void append_transcript(struct cloudevent_writer *writer, const struct occurrence *occurrence)
{
    struct person person;
    struct rng rng;
    campaign_person(occurrence->campaign, occurrence->call, &person);
    rng_init(&rng, occurrence->campaign->seed, STREAM_TRANSCRIPT, event_number(occurrence));
    struct transcript_setup setup = {.first_name = person.first_name,
                                     .last_name = person.last_name,
                                     .reason = occurrence->campaign->kind->reason,
                                     .words = writer->setup.transcript_words};
    buf_reset(&writer->transcript);
    if (occurrence->script.outcome == DIAL_VOICEMAIL)
        transcript_append_voicemail(&writer->transcript, &setup, &rng);
    else
        transcript_append_conversation(&writer->transcript, &setup, &rng);
    append_text_member(&writer->value, ",\"transcript\":", buf_slice(&writer->transcript));
}

static void append_data(struct cloudevent_writer *writer, const struct occurrence *occurrence)
{
    static void (*const append[])(struct cloudevent_writer *, const struct occurrence *) = {
        [OCCURRENCE_BATCH] = append_batch,
        [OCCURRENCE_CALL] = append_call,
        [OCCURRENCE_STEP] = append_step,
        [OCCURRENCE_TRANSCRIPT] = append_transcript,
    };
    struct buf *out = &writer->value;
    buf_append_text(out, "{\"batchId\":\"");
    buf_append(out, occurrence->campaign->id_hex, OBJECT_ID_HEX);
    buf_append_char(out, '"');
    if (occurrence->kind != OCCURRENCE_BATCH)
        append_text_member(out, ",\"callId\":", (struct slice){writer->call_hex, OBJECT_ID_HEX});
    if (occurrence->attempt > 0) {
        buf_append_text(out, ",\"attempt\":");
        buf_append_int(out, occurrence->attempt);
    }
    append[occurrence->kind](writer, occurrence);
    buf_append_char(out, '}');
}

static void write_structured(struct cloudevent_writer *writer, const struct occurrence *occurrence,
                             struct record *out)
{
    const struct attributes *attributes = &writer->attributes;
    struct buf *value = &writer->value;
    append_text_member(value, "{\"specversion\":\"1.0\",\"id\":",
                       (struct slice){attributes->id, attributes->id_len});
    append_text_member(value, ",\"source\":", slice_of(attributes->source));
    append_text_member(value, ",\"type\":", slice_of(attributes->type));
    append_text_member(value, ",\"time\":", slice_of(attributes->time));
    if (attributes->sequence[0])
        append_text_member(value, ",\"sequence\":", slice_of(attributes->sequence));
    buf_append_text(value, ",\"datacontenttype\":\"application/json\",\"data\":");
    append_data(writer, occurrence);
    buf_append_char(value, '}');
    record_add_header(out, SLICE("content-type"),
                      SLICE("application/cloudevents+json; charset=UTF-8"));
}

static void write_binary(struct cloudevent_writer *writer, const struct occurrence *occurrence,
                         struct record *out)
{
    const struct attributes *attributes = &writer->attributes;
    record_add_header(out, SLICE("ce_specversion"), SLICE("1.0"));
    record_add_header(out, SLICE("ce_id"), (struct slice){attributes->id, attributes->id_len});
    record_add_header(out, SLICE("ce_source"), slice_of(attributes->source));
    record_add_header(out, SLICE("ce_type"), slice_of(attributes->type));
    record_add_header(out, SLICE("ce_time"), slice_of(attributes->time));
    if (attributes->sequence[0])
        record_add_header(out, SLICE("ce_sequence"), slice_of(attributes->sequence));
    record_add_header(out, SLICE("content-type"), SLICE("application/json"));
    append_data(writer, occurrence);
}

static bool is_binary(const struct cloudevent_writer *writer, const struct occurrence *occurrence)
{
    struct rng rng;
    if (writer->setup.mode != CLOUDEVENT_MIXED)
        return writer->setup.mode == CLOUDEVENT_BINARY;
    rng_init(&rng, occurrence->campaign->seed, STREAM_MODE, event_number(occurrence));
    return rng_below(&rng, 2) == 1;
}

static struct slice key_of(const struct cloudevent_writer *writer,
                           const struct occurrence *occurrence)
{
    if (writer->setup.key == CLOUDEVENT_KEY_NONE)
        return SLICE_NONE;
    if (writer->setup.key == CLOUDEVENT_KEY_CALL && occurrence->kind != OCCURRENCE_BATCH)
        return (struct slice){writer->call_hex, OBJECT_ID_HEX};
    return (struct slice){occurrence->campaign->id_hex, OBJECT_ID_HEX};
}

static struct record_tag tag_of(const struct occurrence *occurrence)
{
    static const enum subject subjects[] = {
        [OCCURRENCE_BATCH] = SUBJECT_BATCH,
        [OCCURRENCE_CALL] = SUBJECT_CALL,
        [OCCURRENCE_STEP] = SUBJECT_STATUS,
        [OCCURRENCE_TRANSCRIPT] = SUBJECT_TRANSCRIPT,
    };
    struct record_tag tag = {.subject = subjects[occurrence->kind],
                             .campaign = occurrence->campaign->number,
                             .call = occurrence->call,
                             .attempt = (int16_t)occurrence->attempt,
                             .status = (int16_t)occurrence->step,
                             .batch_id = occurrence->campaign->id,
                             .time_us = occurrence->at_us,
                             .created_us = occurrence->created_us};
    if (occurrence->kind == OCCURRENCE_STEP)
        tag.status = (int16_t)occurrence->script.steps[occurrence->step].status;
    return tag;
}

static const enum cloudevent_topic topics[] = {
    [OCCURRENCE_BATCH] = TOPIC_BATCHES,
    [OCCURRENCE_CALL] = TOPIC_CALLS,
    [OCCURRENCE_STEP] = TOPIC_PHONE_LOGS,
    [OCCURRENCE_TRANSCRIPT] = TOPIC_PHONE_LOGS,
};

void cloudevent_write(struct cloudevent_writer *writer, const struct occurrence *occurrence,
                      struct record *out)
{
    struct object_id call_id = campaign_call_id(occurrence->campaign, occurrence->call);
    object_id_format(&call_id, writer->call_hex);
    write_attributes(&writer->attributes, occurrence);
    buf_reset(&writer->value);
    out->header_count = 0;
    out->topic = writer->setup.topics[topics[occurrence->kind]];
    out->key = key_of(writer, occurrence);
    out->tag = tag_of(occurrence);
    out->is_binary = is_binary(writer, occurrence);
    if (out->is_binary)
        write_binary(writer, occurrence, out);
    else
        write_structured(writer, occurrence, out);
    out->value = buf_slice(&writer->value);
}
