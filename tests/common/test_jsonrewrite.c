#include "jsonrewrite.h"

#include "arena.h"
#include "buf.h"
#include "jsonscan.h"
#include "jsontext.h"
#include "utf8.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static void expect_rewritten(struct slice text, struct slice expected, const char *row)
{
    struct arena arena;
    arena_init(&arena);
    struct slice out;
    struct jsonrewrite_report report;
    cr_assert(jsonrewrite(text, JSONSCAN_DEPTH_MAX, &arena, NULL, NULL, &out, &report), "%s", row);
    cr_expect(slice_equal(out, expected), "%s became %.*s", row, (int)out.len, out.data);
    struct slice again;
    cr_assert(jsonrewrite(out, JSONSCAN_DEPTH_MAX, &arena, NULL, NULL, &again, &report), "%s", row);
    cr_expect(slice_equal(out, again), "%s: rewriting twice differs", row);
    arena_done(&arena);
}

Test(jsonrewrite, writes_values_compactly_and_strings_anew)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"null", "null"},
        {" [ 1 , true , false , null , \"x\" , { } , [ ] ] ", "[1,true,false,null,\"x\",{},[]]"},
        {"{ \"a\" : { \"b\" : [ { \"c\" : 1 } ] } }", "{\"a\":{\"b\":[{\"c\":1}]}}"},
        /* numbers as they came */
        {"[0.10,1e400,-0,-0.0,12345678901234567890,1E+5,1.0]",
         "[0.10,1e400,-0,-0.0,12345678901234567890,1E+5,1.0]"},
        /* strings anew */
        {"\"\\/\\u002f\"", "\"//\""},
        {"\"\\u0022\\u005C\\\"\\\\\"", "\"\\\"\\\\\\\"\\\\\""},
        {"\"\\b\\f\\n\\r\\t\"", "\"\\b\\f\\n\\r\\t\""},
        {"\"\\u0008\\u000C\\u000A\\u000D\\u0009\"", "\"\\b\\f\\n\\r\\t\""},
        {"\"\\u0001\\u000B\\u001F\\u007f\"", "\"\\u0001\\u000b\\u001f\x7f\""},
        {"\"\\u00e9\\uD83D\\uDE00\"", "\"\xC3\xA9\xF0\x9F\x98\x80\""},
        {"\"\\uD800\\uDC\x30\x30\"", "\"\xF0\x90\x80\x80\""},
        {"\"\\uDC00\\uD800!\\u0000\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD!\xEF\xBF\xBD\""},
        {"{\"\\u0061\\n\":\"\\u0062\"}", "{\"a\\n\":\"b\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_rewritten(slice_of(rows[i].text), slice_of(rows[i].expected), rows[i].text);
}

Test(jsonrewrite, a_repeated_key_keeps_its_first_place_and_its_last_value)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
        {"{\"a\":1,\"b\":2,\"a\":3,\"c\":4,\"b\":5,\"a\":{\"x\":[]}}",
         "{\"a\":{\"x\":[]},\"b\":5,\"c\":4}"},
        {"{\"a\":1,\"\\u0061\":2}", "{\"a\":2}"},
        {"{\"\\u0061\":1,\"a\":2}", "{\"a\":2}"},
        {"{\"\\/\":1,\"/\":2,\"\\u002F\":3}", "{\"/\":3}"},
        {"{\"\\uD83D\\uDE00\":1,\"\xF0\x9F\x98\x80\":2}", "{\"\xF0\x9F\x98\x80\":2}"},
        {"{\"\\uD800\":1,\"\\u0000\":2,\"\\uFFFD\":3}", "{\"\xEF\xBF\xBD\":3}"},
        {"{\"\":1,\"\":2}", "{\"\":2}"},
        {"{\"a\":1,\"A\":2,\"a \":3}", "{\"a\":1,\"A\":2,\"a \":3}"},
        {"{\"a\":{\"x\":1,\"y\":2,\"x\":3},\"b\":[{\"z\":1,\"z\":2}]}",
         "{\"a\":{\"x\":3,\"y\":2},\"b\":[{\"z\":2}]}"},
        {"{\"o\":{\"x\":1,\"x\":2},\"p\":{\"x\":1},\"o\":{\"y\":{\"q\":1,\"q\":2},\"y\":3}}",
         "{\"o\":{\"y\":3},\"p\":{\"x\":1}}"},
        {"[{\"a\":1},{\"a\":2}]", "[{\"a\":1},{\"a\":2}]"},
        {"{\"a\":{\"a\":{\"a\":1}}}", "{\"a\":{\"a\":{\"a\":1}}}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_rewritten(slice_of(rows[i].text), slice_of(rows[i].expected), rows[i].text);
}

/* Objects of every size around the one where pairs give way to a table, and the list to the heap.
 */
Test(jsonrewrite, finds_duplicates_in_objects_of_any_size)
{
    for (int keys = 1; keys <= 300; keys += keys < 20 ? 1 : 17) {
        struct buf text;
        struct buf expected;
        buf_init(&text, 1 << 20);
        buf_init(&expected, 1 << 20);
        for (int round = 0; round < 3; round++)
            for (int i = 0; i < keys; i++)
                buf_append_format(&text, "%c\"key %d\": {\"r\": %d}", round + i ? ',' : '{', i,
                                  round);
        for (int i = 0; i < keys; i++)
            buf_append_format(&expected, "%c\"key %d\":{\"r\":2}", i ? ',' : '{', i);
        buf_append_char(&text, '}');
        buf_append_char(&expected, '}');
        char row[32];
        (void)snprintf(row, sizeof row, "%d keys", keys);
        expect_rewritten(buf_slice(&text), buf_slice(&expected), row);
        buf_done(&text);
        buf_done(&expected);
    }
}

Test(jsonrewrite, copes_with_a_mebibyte_of_the_same_key)
{
    struct buf text;
    buf_init(&text, 1 << 21);
    buf_append_char(&text, '{');
    for (int i = 0; i < 170000; i++)
        buf_append_text(&text, "\"a\":1,");
    buf_append_text(&text, "\"a\":2}");
    expect_rewritten(buf_slice(&text), SLICE("{\"a\":2}"), "a mebibyte of \"a\":1,");
    buf_done(&text);
}

Test(jsonrewrite, copes_with_duplicates_at_every_level)
{
    struct buf text;
    struct buf expected;
    buf_init(&text, 1 << 20);
    buf_init(&expected, 1 << 20);
    for (int i = 0; i < 62; i++) {
        buf_append_text(&text, "{\"a\":1,\"b\":{},\"a\":");
        buf_append_text(&expected, "{\"a\":");
    }
    buf_append_text(&text, "{\"a\":1,\"a\":[]}");
    buf_append_text(&expected, "{\"a\":[]}");
    for (int i = 0; i < 62; i++) {
        buf_append_text(&text, "}");
        buf_append_text(&expected, ",\"b\":{}}");
    }
    expect_rewritten(buf_slice(&text), buf_slice(&expected), "64 levels");
    buf_done(&text);
    buf_done(&expected);
}

Test(jsonrewrite, writes_every_character_as_jsontext_does)
{
    struct buf expected;
    buf_init(&expected, 64);
    for (uint32_t code_point = 1; code_point < 0x3000; code_point++) {
        char escaped[16];
        char utf8[4];
        (void)snprintf(escaped, sizeof escaped, "\"\\u%04x\"", code_point);
        struct slice text = {utf8, utf8_encode(code_point, utf8)};
        buf_reset(&expected);
        jsontext_append_string(&expected, text);
        expect_rewritten(slice_of(escaped), buf_slice(&expected), escaped);
    }
    buf_done(&expected);
}

Test(jsonrewrite, reports_numbers_and_replaced_nuls)
{
    static const struct {
        const char *text;
        uint64_t nuls;
        size_t longest_number;
        uint32_t widest_exponent;
    } rows[] = {
        {"{}", 0, 0, 0},
        {"[1,22,-4.5]", 0, 4, 0},
        {"{\"a\":{\"b\":[1e10,2E-300]}}", 0, 6, 300},
        {"[1e+0009999]", 0, 10, 9999},
        {"[1e99999999999999999999,1]", 0, 22, UINT32_MAX},
        {"[1e4294967295]", 0, 12, UINT32_MAX},
        {"{\"a\\u0000\":\"\\u0000\\u0000\",\"b\":12345,\"b\":1}", 3, 5, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena;
        arena_init(&arena);
        struct slice out;
        struct jsonrewrite_report report;
        cr_assert(jsonrewrite(slice_of(rows[i].text), 64, &arena, NULL, NULL, &out, &report));
        cr_expect_eq(report.replaced_nuls, rows[i].nuls, "%s", rows[i].text);
        cr_expect_eq(report.longest_number, rows[i].longest_number, "%s", rows[i].text);
        cr_expect_eq(report.widest_exponent, rows[i].widest_exponent, "%s: %u", rows[i].text,
                     report.widest_exponent);
        arena_done(&arena);
    }
}

static void on_key(struct slice key, void *arg)
{
    struct buf *keys = arg;
    buf_append_slice(keys, key);
    buf_append_char(keys, '|');
}

Test(jsonrewrite, names_the_keys_of_the_outermost_object_alone)
{
    struct arena arena;
    struct buf keys;
    arena_init(&arena);
    buf_init(&keys, 1024);
    struct slice out;
    struct jsonrewrite_report report;
    cr_assert(jsonrewrite(SLICE("{\"a\":{\"b\":1},\"\\u0063\\n\":[{\"d\":2}],\"a\":3}"), 64, &arena,
                          on_key, &keys, &out, &report));
    cr_expect_str_eq(buf_text(&keys), "a|c\\n|a|");
    buf_done(&keys);
    arena_done(&arena);
}

Test(jsonrewrite, refuses_what_is_not_json_or_nested_too_deeply)
{
    static const char *const rows[] = {
        "", "{", "{\"a\":1,}", "[1 2]", "{} x", "[[[[1]]]]", "{\"a\":1,\"a\":\"\x01\"}"};
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice out;
        struct jsonrewrite_report report;
        cr_expect(!jsonrewrite(slice_of(rows[i]), 3, &arena, NULL, NULL, &out, &report), "%s",
                  rows[i]);
        cr_expect(!slice_is_set(out));
    }
    arena_done(&arena);
}
