#include "record_stream.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct record example(void)
{
    struct record record = {.topic = "dialer.calls", .key = SLICE("k"), .value = SLICE("{}")};
    record_add_header(&record, SLICE("ce_id"), SLICE("7"));
    record_add_header(&record, SLICE("bare"), SLICE_NONE);
    return record;
}

static const struct record_place place = {2, INT64_C(9000000001)};

static const struct {
    const char *name;
    struct slice key, value;
    enum poison poison;
    bool is_binary;
    const struct record_place *place;
    const char *expected;
} cases[] = {
    {"printed", SLICE("k"), SLICE("{\"a\":\"\\n\"}"), POISON_NONE, false, NULL,
     "{\"topic\":\"dialer.calls\",\"poison\":null,\"mode\":\"structured\",\"key\":\"k\","
     "\"headers\":{\"ce_id\":\"7\",\"bare\":null},\"value\":\"{\\\"a\\\":\\\"\\\\n\\\"}\"}"},
    {"acknowledged", SLICE("k"), SLICE("{}"), POISON_NONE, true, &place,
     "{\"topic\":\"dialer.calls\",\"partition\":2,\"offset\":9000000001,\"poison\":null,"
     "\"mode\":\"binary\",\"key\":\"k\",\"headers\":{\"ce_id\":\"7\",\"bare\":null},\"value\":\"{}"
     "\"}"},
    {"tombstone", SLICE_NONE, SLICE_NONE, POISON_EMPTY, false, NULL,
     "{\"topic\":\"dialer.calls\",\"poison\":\"empty\",\"mode\":\"structured\",\"key\":null,"
     "\"headers\":{\"ce_id\":\"7\",\"bare\":null},\"value\":null}"},
    {"empty", SLICE(""), SLICE(""), POISON_EMPTY, false, NULL,
     "{\"topic\":\"dialer.calls\",\"poison\":\"empty\",\"mode\":\"structured\",\"key\":\"\","
     "\"headers\":{\"ce_id\":\"7\",\"bare\":null},\"value\":\"\"}"},
    {"not UTF-8", SLICE("\xff"), SLICE("Jos\xe9"), POISON_NOT_UTF8, false, NULL,
     "{\"topic\":\"dialer.calls\",\"poison\":\"not-utf8\",\"mode\":\"structured\",\"keyBase64\":\"/"
     "w==\","
     "\"headers\":{\"ce_id\":\"7\",\"bare\":null},\"valueBase64\":\"Sm9z6Q==\"}"},
};

Test(record, becomes_a_line_of_json)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf line;
        struct record record = example();
        record.key = cases[i].key;
        record.value = cases[i].value;
        record.tag.poison = cases[i].poison;
        record.is_binary = cases[i].is_binary;
        buf_init(&line, 10000);
        record_append_json(&record, cases[i].place, &line);
        cr_expect_str_eq(buf_text(&line), cases[i].expected, "%s:\n%s", cases[i].name,
                         buf_text(&line));
        buf_done(&line);
    }
}

Test(record, clones_all_that_it_points_to)
{
    char topic[] = "t";
    char text[] = "value";
    struct record record = example();
    record.topic = topic;
    record.value = slice_of(text);
    record.tag.call = 77;
    struct record *clone = record_clone(&record);
    topic[0] = 'x';
    memset(text, 'x', sizeof(text) - 1);
    cr_expect_str_eq(clone->topic, "t");
    cr_expect(slice_equal(clone->value, SLICE("value")));
    cr_expect(slice_equal(clone->headers[0].value, SLICE("7")));
    cr_expect_not(slice_is_set(clone->headers[1].value));
    cr_expect_eq(clone->tag.call, 77);
    free(clone);
}

Test(record, clones_an_empty_value_as_empty_and_none_as_none)
{
    struct record record = {.topic = "t", .key = SLICE(""), .value = SLICE_NONE};
    struct record *clone = record_clone(&record);
    cr_expect(slice_is_set(clone->key));
    cr_expect_eq(clone->key.len, 0);
    cr_expect_not(slice_is_set(clone->value));
    cr_expect(record_is_equal(&record, clone));
    free(clone);
}
