#include "poison.h"

#include "arena.h"
#include "decode.h"
#include "macros.h"
#include "record_stream.h"
#include "utf8.h"

#include <criterion/criterion.h>
#include <string.h>

#define MAX_EVENT_BYTES 4096

static struct record near_record(void)
{
    struct record near = {.topic = "dialer.calls", .key = SLICE("key")};
    near.tag.time_us = INT64_C(1747294200000000);
    cr_assert(object_id_parse(SLICE("67def9053495307c718d9dfb"), &near.tag.batch_id));
    return near;
}

/* Calls `check` with every form of every kind. */
static void for_each_form(void (*check)(const struct record *record, const char *name, size_t form))
{
    struct rng rng;
    struct record record;
    struct record near = near_record();
    struct poison_writer *writer = poison_writer_new(MAX_EVENT_BYTES);
    rng_init(&rng, 1, 1, 1);
    for (enum poison poison = POISON_NONE + 1; poison < POISON_COUNT; poison++) {
        cr_assert_gt(poison_form_count(poison), 1, "%s", poison_name(poison));
        for (size_t form = 0; form < poison_form_count(poison); form++) {
            poison_write(writer, poison, form, &near, &rng, &record);
            cr_assert_eq(record.tag.poison, poison);
            check(&record, poison_name(poison), form);
        }
    }
    poison_writer_free(&writer);
}

/* Ingest's own decoder refuses each for the reason that it was made for. */
static void check_with_decoder(const struct record *record, const char *name, size_t form)
{
    struct message_header headers[RECORD_HEADERS_MAX];
    struct message message = {
        .value = record->value, .headers = headers, .header_count = record->header_count};
    for (size_t i = 0; i < record->header_count; i++)
        headers[i] = (struct message_header){record->headers[i].name, record->headers[i].value};

    struct arena arena;
    const struct event *event;
    struct rejection rejection = {0};
    uint64_t replaced_nuls = 0;
    arena_init(&arena);
    bool decoded =
        decode_message(&message, MAX_EVENT_BYTES, &arena, &event, &rejection, &replaced_nuls);
    cr_expect_not(decoded, "%s, form %zu, was accepted", name, form);
    if (!decoded)
        cr_expect_str_eq(reject_reason_name(rejection.reason), name, "form %zu is %s: %s", form,
                         reject_reason_name(rejection.reason), rejection.detail);
    arena_done(&arena);
}

Test(poison, is_refused_for_its_reason)
{
    for_each_form(check_with_decoder);
}

/* And without the decoder, as far as a reason can be seen from outside. */
static void check_bytes(const struct record *record, const char *name, size_t form)
{
    enum poison poison = record->tag.poison;
    bool is_empty = record->value.len == 0;
    bool is_utf8 = utf8_is_valid(record->value);
    bool is_large = record->value.len > MAX_EVENT_BYTES;
    enum json_tokener_error code = json_tokener_success;
    struct json_tokener *tokener = json_tokener_new();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    json_object_put(json_tokener_parse_ex(tokener, record->value.data, (int)record->value.len));
    code = json_tokener_get_error(tokener);
    json_tokener_free(tokener);

    cr_expect_eq(is_empty, poison == POISON_EMPTY, "%s, form %zu", name, form);
    cr_expect_eq(is_large, poison == POISON_TOO_LARGE, "%s, form %zu", name, form);
    cr_expect_eq(is_utf8, poison != POISON_NOT_UTF8, "%s, form %zu", name, form);
    if (!is_empty && is_utf8)
        cr_expect_eq(code == json_tokener_success, poison != POISON_NOT_JSON, "%s, form %zu", name,
                     form);
    cr_expect(slice_equal(record->key, SLICE("key")));
    if (!is_empty)
        cr_expect_null(memchr(record->value.data, '$', record->value.len));
}

Test(poison, is_wrong_in_one_way_only)
{
    for_each_form(check_bytes);
}

Test(poison, never_has_the_same_id_twice)
{
    struct rng rng;
    struct record record;
    struct record near = near_record();
    struct poison_writer *writer = poison_writer_new(MAX_EVENT_BYTES);
    struct record_stream stream = {0};
    rng_init(&rng, 1, 1, 1);
    for (int i = 0; i < 100; i++) {
        poison_write(writer, POISON_UNKNOWN_TYPE, 0, &near, &rng, &record);
        record_stream_add(&record, &stream);
        for (int j = 0; j < i; j++)
            cr_assert_not(record_is_equal(stream.records[i], stream.records[j]));
    }
    record_stream_done(&stream);
    poison_writer_free(&writer);
}
