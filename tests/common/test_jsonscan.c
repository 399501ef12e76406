#include "jsonscan.h"

#include "alloc.h"
#include "arena.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* A copy without a byte behind it, so that AddressSanitizer sees every step too far. */
static struct slice exact_copy(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    cr_assert(copy);
    memcpy(copy, text, len);
    return (struct slice){copy, len};
}

static void release(struct slice copy)
{
    free((void *)(uintptr_t)copy.data);
}

static bool scans_whole(struct slice text, unsigned max_depth, struct jsonscan *scan)
{
    struct jsonscan_value value;
    jsonscan_init(scan, text, max_depth);
    bool ok = jsonscan_value(scan, &value);
    return jsonscan_finish(scan) && ok;
}

static bool accepts(const char *text, size_t len, unsigned max_depth)
{
    struct slice copy = exact_copy(text, len);
    struct jsonscan scan;
    bool ok = scans_whole(copy, max_depth, &scan);
    release(copy);
    return ok;
}

Test(jsonscan, accepts_what_rfc_8259_allows)
{
    static const char *const rows[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1",
        "12345678901234567890123456789",
        "0.5",
        "-0.0e-0",
        "1E400",
        "1e+5",
        "1e-05",
        "\"\"",
        "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"\x7f\"",
        "\"exactly 16 bytes\"",
        "\"fifteen bytes..\"",
        "\"a text longer than thirty-two bytes, with \\\"quotes\\\" in it\"",
        "{}",
        "[]",
        " \t\r\n[ ] \n",
        "{\"a\":1}",
        " { \"a\" : [ 1 , { } , [ ] , \"x\" , null ] , \"a\" : false } ",
        "[[[[]]],{\"a\":{\"b\":[{}]}}]",
        "{\"\":\"\"}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect(accepts(rows[i], strlen(rows[i]), 8), "%s", rows[i]);
}

Test(jsonscan, refuses_everything_else_and_says_where)
{
    static const struct {
        const char *text;
        size_t offset;
        const char *error;
    } rows[] = {
        {"", 0, "the text ends too early"},
        {"   ", 3, "the text ends too early"},
        {"nul", 0, "a value is expected"},
        {"nulL", 0, "a value is expected"},
        {"nullx", 4, "there is more text behind the value"},
        {"True", 0, "a value is expected"},
        {"NaN", 0, "a value is expected"},
        {"Infinity", 0, "a value is expected"},
        {"-Infinity", 1, "a digit is expected"},
        {"\xEF\xBB\xBF{}", 0, "a value is expected"},
        {"{} {}", 3, "there is more text behind the value"},
        {"[] // comment", 3, "there is more text behind the value"},
        {"/**/[]", 0, "a value is expected"},
        {"+1", 0, "a value is expected"},
        {"01", 1, "there is more text behind the value"},
        {"-01", 2, "there is more text behind the value"},
        {"1.", 2, "the text ends too early"},
        {"1.e5", 2, "a digit is expected"},
        {".5", 0, "a value is expected"},
        {"-", 1, "the text ends too early"},
        {"-a", 1, "a digit is expected"},
        {"1e", 2, "the text ends too early"},
        {"1e+", 3, "the text ends too early"},
        {"1ex", 2, "a digit is expected"},
        {"0x10", 1, "there is more text behind the value"},
        {"1_000", 1, "there is more text behind the value"},
        {"'a'", 0, "a value is expected"},
        {"\"", 1, "the text ends too early"},
        {"\"abc", 4, "the text ends too early"},
        {"\"a\tb\"", 2, "a control character in a string has to be escaped"},
        {"\"0123456789abcdef\nb\"", 17, "a control character in a string has to be escaped"},
        {"\"a\x1f\"", 2, "a control character in a string has to be escaped"},
        {"\"\\", 2, "the text ends too early"},
        {"\"\\x41\"", 2, "this is no escape sequence"},
        {"\"\\'\"", 2, "this is no escape sequence"},
        {"\"\\u12", 5, "the text ends too early"},
        {"\"\\u12g4\"", 5, "\\u needs four hex digits"},
        {"\"\\u123\"", 6, "\\u needs four hex digits"},
        {"\"\\U0041\"", 2, "this is no escape sequence"},
        {"[", 1, "the text ends too early"},
        {"[1", 2, "the text ends too early"},
        {"[1,", 3, "the text ends too early"},
        {"[1,]", 3, "a value is expected"},
        {"[,1]", 1, "a value is expected"},
        {"[1 2]", 3, "a comma or ] is expected"},
        {"[1}", 2, "a comma or ] is expected"},
        {"]", 0, "a value is expected"},
        {"{", 1, "the text ends too early"},
        {"{\"a\"", 4, "the text ends too early"},
        {"{\"a\":", 5, "the text ends too early"},
        {"{\"a\":1", 6, "the text ends too early"},
        {"{\"a\":1,", 7, "the text ends too early"},
        {"{\"a\":1,}", 7, "a key in double quotes is expected"},
        {"{,\"a\":1}", 1, "a key in double quotes is expected"},
        {"{a:1}", 1, "a key in double quotes is expected"},
        {"{1:1}", 1, "a key in double quotes is expected"},
        {"{\"a\" 1}", 5, "a colon is expected"},
        {"{\"a\"=1}", 4, "a colon is expected"},
        {"{\"a\":}", 5, "a value is expected"},
        {"{\"a\":1 \"b\":2}", 7, "a comma or } is expected"},
        {"{\"a\":1]", 6, "a comma or } is expected"},
        {"{\"a\":[1,{\"b\":tru}]}", 13, "a value is expected"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice copy = exact_copy(rows[i].text, strlen(rows[i].text));
        struct jsonscan scan;
        cr_expect(!scans_whole(copy, 8, &scan), "%s was accepted", rows[i].text);
        cr_expect_eq(jsonscan_offset(&scan), rows[i].offset, "%s: at %zu", rows[i].text,
                     jsonscan_offset(&scan));
        cr_expect_str_eq(jsonscan_error(&scan), rows[i].error, "%s", rows[i].text);
        release(copy);
    }
}

Test(jsonscan, refuses_every_control_character_in_a_string_at_every_place)
{
    for (int byte = 0; byte < 256; byte++) {
        for (size_t place = 0; place < 40; place++) {
            char text[42];
            memset(text, 'x', sizeof text);
            text[0] = text[41] = '"';
            text[1 + place] = (char)byte;
            bool expected = byte >= 0x20 && byte != '"' && byte != '\\';
            cr_expect_eq(accepts(text, sizeof text, 1), expected, "byte %02x at %zu", byte, place);
        }
    }
}

Test(jsonscan, counts_objects_and_arrays_alike_as_nesting)
{
    for (unsigned depth = 1; depth <= 70; depth++) {
        char text[1024] = "";
        for (unsigned i = 0; i < depth; i++)
            strcat(text, i % 3 == 1 ? "{\"a\":" : "[");
        strcat(text, "1");
        for (unsigned i = depth; i-- > 0;)
            strcat(text, i % 3 == 1 ? "}" : "]");
        cr_expect_eq(accepts(text, strlen(text), 64), depth <= 64, "%u levels of 64", depth);
        cr_expect_eq(accepts(text, strlen(text), 8), depth <= 8, "%u levels of 8", depth);
    }
}

Test(jsonscan, does_not_mistake_siblings_for_nesting)
{
    cr_expect(accepts("[[[]],[[]],{\"a\":[]}]", 20, 3));
    cr_expect(!accepts("[[[]],[[]],{\"a\":[{}]}]", 22, 3));
}

Test(jsonscan, refuses_every_true_prefix)
{
    static const char text[] =
        "{\"a\":[1,-2.5e+3,\"\\u00e9\\n\",true,false,null,{\"b\":{}}],\"c\":\"\"}";
    for (size_t len = 0; len < sizeof text - 1; len++)
        cr_expect(!accepts(text, len, 8), "the first %zu bytes", len);
    cr_expect(accepts(text, sizeof text - 1, 8));
}

Test(jsonscan, hands_out_members_with_the_type_and_text_of_their_values)
{
    static const struct {
        const char *key;
        enum jsonscan_type type;
        bool has_escapes;
        const char *raw;
    } rows[] = {
        {"n", JSONSCAN_NULL, false, "null"},       {"f", JSONSCAN_FALSE, false, "false"},
        {"t", JSONSCAN_TRUE, false, "true"},       {"num", JSONSCAN_NUMBER, false, "-0.10e+2"},
        {"s", JSONSCAN_STRING, false, "plain"},    {"e", JSONSCAN_STRING, true, "a\\nb"},
        {"a", JSONSCAN_ARRAY, false, "[1, [2] ]"}, {"o", JSONSCAN_OBJECT, false, "{ \"x\" : {} }"},
    };
    static const char text[] =
        " { \"n\" : null , \"f\":false,\"t\":true,\"num\":-0.10e+2,\"s\":\"plain\",\"e\":\"a\\nb\","
        "\"a\":[1, [2] ] , \"o\":{ \"x\" : {} }} ";
    struct slice copy = exact_copy(text, sizeof text - 1);
    struct jsonscan scan;
    struct jsonscan_value key;
    struct jsonscan_value value;
    size_t count = 0;
    jsonscan_init(&scan, copy, 3);
    cr_assert(jsonscan_enter_object(&scan));
    while (jsonscan_next_member(&scan, &key)) {
        cr_assert(count < sizeof rows / sizeof *rows);
        enum jsonscan_type peeked = jsonscan_peek(&scan);
        cr_assert(jsonscan_value(&scan, &value), "%s", rows[count].key);
        cr_expect(slice_equal(key.raw, slice_of(rows[count].key)), "%s", rows[count].key);
        cr_expect_eq(peeked, rows[count].type, "%s", rows[count].key);
        cr_expect_eq(value.type, rows[count].type, "%s", rows[count].key);
        cr_expect_eq(value.has_escapes, rows[count].has_escapes, "%s", rows[count].key);
        cr_expect(slice_equal(value.raw, slice_of(rows[count].raw)), "%s", rows[count].key);
        count++;
    }
    cr_expect(jsonscan_finish(&scan));
    cr_expect_eq(count, sizeof rows / sizeof *rows);
    cr_expect_null(jsonscan_error(&scan));
    release(copy);
}

Test(jsonscan, enters_nested_containers_member_by_member)
{
    struct jsonscan scan;
    struct jsonscan_value key;
    struct jsonscan_value value;
    jsonscan_init(&scan, SLICE("[[], {\"a\": [1, 2]}, 3]"), 3);
    cr_assert(jsonscan_enter_array(&scan));
    cr_assert(jsonscan_next_element(&scan));
    cr_assert(jsonscan_enter_array(&scan));
    cr_assert(!jsonscan_next_element(&scan));
    cr_assert(jsonscan_next_element(&scan));
    cr_assert(jsonscan_enter_object(&scan));
    cr_assert(jsonscan_next_member(&scan, &key));
    cr_assert(jsonscan_enter_array(&scan));
    cr_assert(jsonscan_next_element(&scan));
    cr_assert(jsonscan_value(&scan, &value));
    cr_assert(jsonscan_next_element(&scan));
    cr_assert(jsonscan_value(&scan, &value));
    cr_expect(slice_equal(value.raw, SLICE("2")));
    cr_assert(!jsonscan_next_element(&scan));
    cr_assert(!jsonscan_next_member(&scan, &key));
    cr_assert(jsonscan_next_element(&scan));
    cr_assert(jsonscan_value(&scan, &value));
    cr_expect(slice_equal(value.raw, SLICE("3")));
    cr_assert(!jsonscan_next_element(&scan));
    cr_expect(jsonscan_finish(&scan));
}

Test(jsonscan, keeps_the_first_error_and_fails_ever_after)
{
    struct jsonscan scan;
    struct jsonscan_value value;
    jsonscan_init(&scan, SLICE("[1 2, 3]"), 3);
    cr_assert(jsonscan_enter_array(&scan));
    cr_assert(jsonscan_next_element(&scan));
    cr_assert(jsonscan_value(&scan, &value));
    cr_expect(!jsonscan_next_element(&scan));
    cr_expect(!jsonscan_next_element(&scan));
    cr_expect(!jsonscan_value(&scan, &value));
    cr_expect(!jsonscan_enter_object(&scan));
    cr_expect(!jsonscan_finish(&scan));
    cr_expect_str_eq(jsonscan_error(&scan), "a comma or ] is expected");
    cr_expect_eq(jsonscan_offset(&scan), 3);
}

Test(jsonscan, says_what_it_wanted_to_enter)
{
    struct jsonscan scan;
    jsonscan_init(&scan, SLICE("[]"), 1);
    cr_expect(!jsonscan_enter_object(&scan));
    cr_expect_str_eq(jsonscan_error(&scan), "an object is expected");
    jsonscan_init(&scan, SLICE("{}"), 1);
    cr_expect(!jsonscan_enter_array(&scan));
    cr_expect_str_eq(jsonscan_error(&scan), "an array is expected");
    jsonscan_init(&scan, SLICE_NONE, 1);
    cr_expect_eq(jsonscan_peek(&scan), JSONSCAN_NONE);
    cr_expect(!jsonscan_enter_array(&scan));
}

Test(jsonscan, unescapes_strings_to_utf8)
{
    static const struct {
        const char *raw;
        const char *text;
        uint64_t nuls;
    } rows[] = {
        {"", "", 0},
        {"plain", "plain", 0},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 0},
        {"\\u0041\\u00e9\\u20AC", "A\xC3\xA9\xE2\x82\xAC", 0},
        {"x\\uD83D\\uDE00y", "x\xF0\x9F\x98\x80y", 0},
        {"\\uDBFF\\uDFFF", "\xF4\x8F\xBF\xBF", 0},
        {"\\uD800", "\xEF\xBF\xBD", 0},
        {"\\uDC00", "\xEF\xBF\xBD", 0},
        {"\\uD800x", "\xEF\xBF\xBDx", 0},
        {"\\uD800\\n", "\xEF\xBF\xBD\n", 0},
        {"\\uD800\\u0041",
         "\xEF\xBF\xBD"
         "A",
         0},
        {"\\uD800\\uD83D\\uDE00", "\xEF\xBF\xBD\xF0\x9F\x98\x80", 0},
        {"\\uDE00\\uD83D", "\xEF\xBF\xBD\xEF\xBF\xBD", 0},
        {"\\u0000", "\xEF\xBF\xBD", 1},
        {"a\\u0000\\u0000b\\uD800\\u0000",
         "a\xEF\xBF\xBD\xEF\xBF\xBD"
         "b\xEF\xBF\xBD\xEF\xBF\xBD",
         3},
        {"\\u001f\\u007f", "\x1f\x7f", 0},
        {"\\uFFFF\\uFFFE", "\xEF\xBF\xBF\xEF\xBF\xBE", 0},
        {"\xF0\x9F\x98\x80\\n\xC3\xA9", "\xF0\x9F\x98\x80\n\xC3\xA9", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice raw = exact_copy(rows[i].raw, strlen(rows[i].raw));
        char *out = malloc(raw.len + 1);
        uint64_t nuls = 0;
        cr_assert(out);
        size_t len = jsonscan_unescape(raw, out, &nuls);
        cr_expect(slice_equal((struct slice){out, len}, slice_of(rows[i].text)), "%s", rows[i].raw);
        cr_expect_eq(nuls, rows[i].nuls, "%s", rows[i].raw);
        free(out);
        release(raw);
    }
}

Test(jsonscan, copies_a_text_only_where_it_holds_escapes)
{
    struct arena arena;
    arena_init(&arena);
    static const char text[] = "[\"as it stands\", \"a\\u0062c\", \"\"]";
    struct jsonscan scan;
    struct jsonscan_value value;
    uint64_t nuls = 0;
    jsonscan_init(&scan, SLICE(text), 1);
    cr_assert(jsonscan_enter_array(&scan) && jsonscan_next_element(&scan));
    cr_assert(jsonscan_value(&scan, &value));
    cr_expect_eq(jsonscan_text(&value, &arena, &nuls).data, text + 2);
    cr_assert(jsonscan_next_element(&scan) && jsonscan_value(&scan, &value));
    cr_expect(slice_equal(jsonscan_text(&value, &arena, &nuls), SLICE("abc")));
    cr_assert(jsonscan_next_element(&scan) && jsonscan_value(&scan, &value));
    struct slice empty = jsonscan_text(&value, &arena, &nuls);
    cr_expect(slice_is_set(empty) && empty.len == 0);
    arena_done(&arena);
}
