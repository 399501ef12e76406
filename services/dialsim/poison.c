#include "poison.h"

#include "alloc.h"
#include "macros.h"
#include "rfc3339.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* In the texts below: $I an id of its own, $B the batch, $C a call that nobody sent, $T a time, $P
 * padding up to what is too large. */
#define ENVELOPE(attributes, type, data)                                                           \
    "{" attributes ",\"type\":\"" type "\",\"time\":\"$T\",\"data\":" data "}"
#define NAMED "\"specversion\":\"1.0\",\"id\":\"poison-$I\",\"source\":\"/dialer/poison\""
#define EVENT(type, data) ENVELOPE(NAMED, type, data)

#define BATCH "dialer.batch.upserted"
#define CALL "dialer.call.upserted"
#define LOG "dialer.phone-log.upserted"
#define CALL_DATA(members) "{\"batchId\":\"$B\",\"callId\":\"$C\"," members "}"
#define LOG_DATA(members)                                                                          \
    "{\"batchId\":\"$B\",\"callId\":\"$C\",\"attempt\":1,\"callStatus\":\"poisoned\"" members "}"
#define GOOD_CALL CALL_DATA("\"phoneNumber\":\"12125550000\",\"fields\":{\"name\":\"Poison\"}")

struct form {
    const char *value;                 /* NULL: a tombstone */
    const char *type;                  /* binary mode, with this ce_type; NULL: structured */
    const char *without, *specversion; /* binary: a header left out; another ce_specversion */
};

static const struct form empty_forms[] = {
    {.value = NULL},
    {.value = ""},
    {.value = NULL, .type = CALL},
};
static const struct form too_large_forms[] = {
    {.value = EVENT(LOG, LOG_DATA(",\"transcript\":\"$P\""))},
    {.value = CALL_DATA("\"fields\":{\"note\":\"$P\"}"), .type = CALL},
};
static const struct form not_utf8_forms[] = {
    {.value = EVENT(CALL, CALL_DATA("\"fields\":{\"name\":\"Jos\xe9\"}"))},
    {.value = EVENT(LOG, LOG_DATA(",\"transcript\":\"cut off \xf0\x9f\x93\""))},
    {.value = LOG_DATA(",\"transcript\":\"overlong \xc0\xaf\""), .type = LOG},
};
static const struct form not_json_forms[] = {
    {.value =
         "{" NAMED ",\"type\":\"" CALL "\",\"time\":\"$T\",\"data\":{\"batchId\":\"$B\",\"call"},
    {.value = EVENT(CALL, GOOD_CALL) " and more"},
    {.value = "batchId=$B&callId=$C"},
    {.value = "{'batchId':'$B','callId':'$C'}", .type = CALL},
};
static const struct form bad_envelope_forms[] = {
    {.value = ENVELOPE("\"specversion\":\"0.3\",\"id\":\"poison-$I\",\"source\":\"/dialer/poison\"",
                       CALL, GOOD_CALL)},
    {.value = ENVELOPE("\"specversion\":\"1.0\",\"source\":\"/dialer/poison\"", CALL, GOOD_CALL)},
    {.value = ENVELOPE("\"specversion\":\"1.0\",\"id\":\"poison-$I\"", CALL, GOOD_CALL)},
    {.value = ENVELOPE("\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/dialer/poison\"", CALL,
                       GOOD_CALL)},
    {.value = GOOD_CALL, .type = CALL, .without = "ce_id"},
    {.value = GOOD_CALL, .type = CALL, .specversion = "2.0"},
};
static const struct form unknown_type_forms[] = {
    {.value = EVENT("dialer.call.deleted", GOOD_CALL)},
    {.value = EVENT("com.example.order.created", "{\"orderId\":7}")},
    {.value = GOOD_CALL, .type = "dialer.call.upsert"},
};
static const struct form bad_id_forms[] = {
    {.value = EVENT(CALL, "{\"batchId\":\"67def905349\",\"callId\":\"$C\"}")},
    {.value = EVENT(CALL, "{\"batchId\":\"$B\",\"callId\":\"not-a-call-id-not-a-call\"}")},
    {.value = EVENT(BATCH, "{\"batchId\":\"$B0\",\"batchStatus\":\"poisoned\"}")},
    {.value = "{\"batchId\":\"$B\",\"callId\":\"\",\"attempt\":1,\"callStatus\":\"poisoned\"}",
     .type = LOG},
};
static const struct form bad_time_forms[] = {
    {.value =
         "{" NAMED ",\"type\":\"" CALL "\",\"time\":\"15/05/2025 14:30\",\"data\":" GOOD_CALL "}"},
    {.value = "{" NAMED ",\"type\":\"" CALL
              "\",\"time\":\"2025-02-30T10:00:00Z\",\"data\":" GOOD_CALL "}"},
    {.value = "{" NAMED ",\"type\":\"" CALL
              "\",\"time\":\"2025-05-15T14:30:00\",\"data\":" GOOD_CALL "}"},
};
static const struct form bad_field_forms[] = {
    {.value = EVENT(LOG, LOG_DATA(",\"callDuration\":-5"))},
    {.value = EVENT(LOG, LOG_DATA(",\"callDuration\":\"120\""))},
    {.value = EVENT(CALL, CALL_DATA("\"phoneNumber\":\"\""))},
    {.value = EVENT(CALL, CALL_DATA("\"fields\":[1,2,3]"))},
    {.value = "{\"batchId\":\"$B\",\"batchStatus\":7}", .type = BATCH},
    {.value = LOG_DATA(",\"transcript\":{\"text\":\"hello\"}"), .type = LOG},
};
static const struct form reserved_key_forms[] = {
    {.value = EVENT(CALL, CALL_DATA("\"fields\":{\"name\":\"Poison\",\"_id\":\"x\"}"))},
    {.value = EVENT(CALL, CALL_DATA("\"fields\":{\"phoneLogs\":[]}"))},
    {.value = EVENT(CALL, CALL_DATA("\"fields\":{\"phoneNumber\":\"1\"}"))},
    {.value = CALL_DATA("\"fields\":{\"createdAt\":null}"), .type = CALL},
};

#define FORMS(table)                                                                               \
    {                                                                                              \
        (table), ARRAY_LEN(table)                                                                  \
    }
static const struct {
    const struct form *forms;
    size_t count;
} kinds[POISON_COUNT] = {
    [POISON_EMPTY] = FORMS(empty_forms),
    [POISON_TOO_LARGE] = FORMS(too_large_forms),
    [POISON_NOT_UTF8] = FORMS(not_utf8_forms),
    [POISON_NOT_JSON] = FORMS(not_json_forms),
    [POISON_BAD_ENVELOPE] = FORMS(bad_envelope_forms),
    [POISON_UNKNOWN_TYPE] = FORMS(unknown_type_forms),
    [POISON_BAD_ID] = FORMS(bad_id_forms),
    [POISON_BAD_TIME] = FORMS(bad_time_forms),
    [POISON_BAD_FIELD] = FORMS(bad_field_forms),
    [POISON_RESERVED_KEY] = FORMS(reserved_key_forms),
};

struct poison_writer {
    size_t max_event_bytes;
    struct buf value;
    char own_id[OBJECT_ID_HEX];
    char batch_id[OBJECT_ID_HEX];
    char call_id[OBJECT_ID_HEX];
    char time[RFC3339_MILLIS_LEN];
    char binary_id[OBJECT_ID_HEX + 7];
};

struct poison_writer *poison_writer_new(size_t max_event_bytes)
{
    struct poison_writer *writer = alloc_zeroed(1, sizeof(*writer));
    writer->max_event_bytes = max_event_bytes;
    buf_init(&writer->value, max_event_bytes + 65536);
    return writer;
}

void poison_writer_free(struct poison_writer **writer)
{
    if (!*writer)
        return;
    buf_done(&(*writer)->value);
    free(*writer);
    *writer = NULL;
}

size_t poison_form_count(enum poison poison)
{
    return kinds[poison].count;
}

static void draw_id(struct rng *rng, char out[OBJECT_ID_HEX])
{
    struct object_id id;
    for (size_t i = 0; i < OBJECT_ID_BYTES; i++)
        id.bytes[i] = (uint8_t)rng_below(rng, 256);
    object_id_format(&id, out);
}

/* As many bytes as ingest takes, before anything else is counted. Letters compress well. */
static void append_padding(struct poison_writer *writer)
{
    char *room = buf_reserve(&writer->value, writer->max_event_bytes);
    memset(room, 'x', writer->max_event_bytes);
    buf_commit(&writer->value, writer->max_event_bytes);
}

static void append_placeholder(struct poison_writer *writer, char letter)
{
    switch (letter) {
    case 'I':
        buf_append(&writer->value, writer->own_id, sizeof(writer->own_id));
        break;
    case 'B':
        buf_append(&writer->value, writer->batch_id, sizeof(writer->batch_id));
        break;
    case 'C':
        buf_append(&writer->value, writer->call_id, sizeof(writer->call_id));
        break;
    case 'T':
        buf_append(&writer->value, writer->time, sizeof(writer->time));
        break;
    default:
        append_padding(writer);
        break;
    }
}

static struct slice expand(struct poison_writer *writer, const char *text)
{
    const char *mark;
    buf_reset(&writer->value);
    while ((mark = strchr(text, '$')) != NULL) {
        buf_append(&writer->value, text, (size_t)(mark - text));
        append_placeholder(writer, mark[1]);
        text = mark + 2;
    }
    buf_append_text(&writer->value, text);
    struct slice value = buf_slice(&writer->value);
    return slice_is_set(value) ? value : SLICE("");
}

static void add_binary_headers(struct poison_writer *writer, const struct form *form,
                               struct record *out)
{
    memcpy(writer->binary_id, "poison-", 7);
    memcpy(writer->binary_id + 7, writer->own_id, OBJECT_ID_HEX);
    const struct record_header headers[] = {
        {SLICE("ce_specversion"), slice_of(form->specversion ? form->specversion : "1.0")},
        {SLICE("ce_id"), {writer->binary_id, sizeof(writer->binary_id)}},
        {SLICE("ce_source"), SLICE("/dialer/poison")},
        {SLICE("ce_type"), slice_of(form->type)},
        {SLICE("ce_time"), {writer->time, sizeof(writer->time)}},
        {SLICE("content-type"), SLICE("application/json")},
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        if (!form->without || !slice_equal(headers[i].name, slice_of(form->without)))
            record_add_header(out, headers[i].name, headers[i].value);
}

void poison_write(struct poison_writer *writer, enum poison poison, size_t form_index,
                  const struct record *near, struct rng *rng, struct record *out)
{
    assert(poison > POISON_NONE && poison < POISON_COUNT);
    const struct form *form = &kinds[poison].forms[form_index % kinds[poison].count];
    draw_id(rng, writer->own_id);
    draw_id(rng, writer->call_id);
    object_id_format(&near->tag.batch_id, writer->batch_id);
    rfc3339_format_millis(near->tag.time_us, writer->time);
    *out = (struct record){.topic = near->topic, .key = near->key, .is_binary = form->type != NULL};
    out->tag = (struct record_tag){
        .poison = poison, .batch_id = near->tag.batch_id, .time_us = near->tag.time_us};
    if (form->type)
        add_binary_headers(writer, form, out);
    out->value = form->value ? expand(writer, form->value) : SLICE_NONE;
}
