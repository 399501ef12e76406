#include "record_stream.h"

#include "alloc.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool record_stream_add(const struct record *record, void *arg)
{
    struct record_stream *stream = arg;
    if (stream->count == stream->cap) {
        stream->cap = stream->cap ? stream->cap * 2 : 1024;
        stream->records = alloc_resize(stream->records, stream->cap, sizeof(struct record *));
    }
    stream->records[stream->count++] = record_clone(record);
    return true;
}

void record_stream_done(struct record_stream *stream)
{
    for (size_t i = 0; i < stream->count; i++)
        free(stream->records[i]);
    free(stream->records);
    *stream = (struct record_stream){0};
}

struct dialer_setup test_dialer_setup(uint32_t calls)
{
    static const char *const owners[] = {"acme"};
    return (struct dialer_setup){
        .campaign = {.seed = 1, .calls = calls, .owners = owners, .owner_count = 1},
        .batches = 1,
        .batches_at_once = 4,
        .lines = 50,
        .attempts_max = 4,
        .transcripts = true,
        .start_us = INT64_C(1747294200000000), /* 2025-05-15T07:30:00Z */
    };
}

struct cloudevent_setup test_cloudevent_setup(void)
{
    return (struct cloudevent_setup){
        .mode = CLOUDEVENT_STRUCTURED,
        .key = CLOUDEVENT_KEY_BATCH,
        .topics = {"dialer.batches", "dialer.calls", "dialer.phone-logs"},
        .transcript_words = 250,
    };
}

void record_stream_generate(struct record_stream *stream, const struct dialer_setup *dialer_setup,
                            const struct cloudevent_setup *cloudevent, size_t max)
{
    struct occurrence occurrence = {.kind = OCCURRENCE_BATCH};
    struct record record;
    struct dialer *dialer = dialer_new(dialer_setup);
    struct cloudevent_writer *writer = cloudevent_writer_new(cloudevent);
    while (stream->count < max && dialer_next(dialer, &occurrence)) {
        cloudevent_write(writer, &occurrence, &record);
        record_stream_add(&record, stream);
    }
    cloudevent_writer_free(&writer);
    dialer_free(&dialer);
}

static uint64_t hash_bytes(uint64_t hash, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.data[i]) * UINT64_C(0x100000001b3);
    /* A separator: where a text ends counts too. */
    return (hash ^ 0x1ff) * UINT64_C(0x100000001b3);
}

uint64_t record_stream_hash(const struct record_stream *stream)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < stream->count; i++) {
        const struct record *record = stream->records[i];
        hash = hash_bytes(hash, slice_of(record->topic));
        hash = hash_bytes(hash, record->key);
        hash = hash_bytes(hash, record->value);
        for (size_t j = 0; j < record->header_count; j++) {
            hash = hash_bytes(hash, record->headers[j].name);
            hash = hash_bytes(hash, record->headers[j].value);
        }
    }
    return hash;
}

static bool is_same(struct slice a, struct slice b)
{
    return slice_is_set(a) == slice_is_set(b) && slice_equal(a, b);
}

bool record_is_equal(const struct record *a, const struct record *b)
{
    bool equal = strcmp(a->topic, b->topic) == 0 && is_same(a->key, b->key) &&
                 is_same(a->value, b->value) && a->header_count == b->header_count;
    for (size_t i = 0; equal && i < a->header_count; i++)
        equal = is_same(a->headers[i].name, b->headers[i].name) &&
                is_same(a->headers[i].value, b->headers[i].value);
    return equal;
}

struct json_object *record_parse_value(const struct record *record)
{
    struct json_tokener *tokener = json_tokener_new();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *value =
        json_tokener_parse_ex(tokener, record->value.data, (int)record->value.len);
    cr_assert_eq(json_tokener_get_error(tokener), json_tokener_success, "%.*s",
                 (int)record->value.len, record->value.data);
    cr_assert(json_object_is_type(value, json_type_object));
    json_tokener_free(tokener);
    return value;
}

static bool copy_text(struct slice text, char *out, size_t size)
{
    snprintf(out, size, "%.*s", (int)text.len, text.data);
    return true;
}

bool record_attribute(const struct record *record, struct json_object *value, const char *name,
                      char *out, size_t size)
{
    struct json_object *member;
    char header[64];
    snprintf(header, sizeof(header), "ce_%s", name);
    for (size_t i = 0; record->is_binary && i < record->header_count; i++)
        if (slice_equal(record->headers[i].name, slice_of(header)))
            return copy_text(record->headers[i].value, out, size);
    if (record->is_binary || !json_object_object_get_ex(value, name, &member))
        return false;
    return copy_text(slice_of(json_object_get_string(member)), out, size);
}

struct json_object *record_data(const struct record *record, struct json_object *value)
{
    struct json_object *data = NULL;
    if (record->is_binary)
        return value;
    cr_assert(json_object_object_get_ex(value, "data", &data));
    return data;
}
