#include "jsontext.h"

#include "macros.h"
#include "rfc3339.h"

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdio.h>

static const struct {
    const char *name;
    struct slice text;
    const char *expected;
} strings[] = {
    {"absent", {NULL, 0}, "null"},
    {"empty", SLICE(""), "\"\""},
    {"plain", SLICE("Anna"), "\"Anna\""},
    {"quotes", SLICE("\"a\""), "\"\\\"a\\\"\""},
    {"backslash", SLICE("C:\\dir"), "\"C:\\\\dir\""},
    {"slash stays", SLICE("https://x/y"), "\"https://x/y\""},
    {"short escapes", SLICE("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
    {"other controls, lower case", SLICE("\0\x01\x0B\x0E\x1a\x1f"),
     "\"\\u0000\\u0001\\u000b\\u000e\\u001a\\u001f\""},
    {"DEL and above stay", SLICE("\x7F\xC2\x80\xE2\x80\xA8"), "\"\x7F\xC2\x80\xE2\x80\xA8\""},
    {"UTF-8 stays", SLICE("\xC3\xA9\xF0\x9F\x98\x80"), "\"\xC3\xA9\xF0\x9F\x98\x80\""},
    {"long and plain", SLICE("no escape in any of these words"),
     "\"no escape in any of these words\""},
    {"an escape behind a long run", SLICE("twenty-four plain bytes:\n"),
     "\"twenty-four plain bytes:\\n\""},
};

Test(jsontext, writes_strings_by_one_rule)
{
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct buf buf;
        buf_init(&buf, 1000);
        jsontext_append_string(&buf, strings[i].text);
        cr_expect_str_eq(buf_text(&buf), strings[i].expected, "%s", strings[i].name);
        buf_done(&buf);
    }
}

/* The rule, byte by byte. */
static void expect_escape(char *out, int byte)
{
    static const char specials[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *special = byte ? strchr(specials, byte) : NULL;
    if (special) {
        (void)sprintf(out, "\\%c", letters[special - specials]);
    } else if (byte < 0x20) {
        (void)sprintf(out, "\\u%04x", (unsigned)byte);
    } else {
        (void)sprintf(out, "%c", byte);
    }
}

Test(jsontext, escapes_every_byte_at_every_place)
{
    for (int byte = 0; byte < 256; byte++) {
        for (size_t place = 0; place < 20; place++) {
            char text[20];
            char escape[8];
            char expected[64];
            struct buf buf;
            memset(text, 'a', sizeof(text));
            text[place] = (char)byte;
            expect_escape(escape, byte);
            (void)sprintf(expected, "%.*s%s%.*s", (int)place, "aaaaaaaaaaaaaaaaaaaa", escape,
                          (int)(19 - place), "aaaaaaaaaaaaaaaaaaaa");
            buf_init(&buf, 100);
            jsontext_append_escaped(&buf, (struct slice){text, sizeof(text)});
            cr_assert_str_eq(buf_text(&buf), expected, "byte %d at %zu", byte, place);
            buf_done(&buf);
        }
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

Test(jsontext, is_read_back_by_another_parser)
{
    static const char pieces[] = "\"\\/\b\f\n\r\t\x01\x1F\x7F abcdefghijklmnopqrstuvwxyz";
    uint32_t state = 1;
    for (int i = 0; i < 2000; i++) {
        char text[64];
        size_t len = next_random(&state) % sizeof(text);
        for (size_t j = 0; j < len; j++) {
            text[j] = pieces[next_random(&state) % (sizeof(pieces) - 1)];
        }
        struct buf buf;
        buf_init(&buf, 1000);
        jsontext_append_string(&buf, (struct slice){text, len});
        struct json_object *read = json_tokener_parse(buf_text(&buf));
        cr_assert(json_object_is_type(read, json_type_string), "%s", buf_text(&buf));
        cr_assert((size_t)json_object_get_string_len(read) == len, "%s", buf_text(&buf));
        cr_assert_arr_eq(json_object_get_string(read), text, len, "%s", buf_text(&buf));
        json_object_put(read);
        buf_done(&buf);
    }
}

Test(jsontext, stops_at_the_buffers_maximum)
{
    struct buf buf;
    buf_init(&buf, 10);
    jsontext_append_string(&buf, SLICE("0123456789"));
    cr_expect(buf.overflow);
    buf_done(&buf);
    for (size_t max = 0; max < RFC3339_MILLIS_LEN + 2; max++) {
        buf_init(&buf, max);
        jsontext_append_time(&buf, 0);
        cr_expect(buf.overflow && buf.len == 0, "%zu bytes", max);
        buf_done(&buf);
    }
}

Test(jsontext, writes_times_in_quotes)
{
    struct buf buf;
    int64_t us;
    buf_init(&buf, 100);
    cr_assert(rfc3339_parse(SLICE("2025-05-15T16:30:00.0015+02:00"), &us));
    jsontext_append_time(&buf, us);
    cr_expect_str_eq(buf_text(&buf), "\"2025-05-15T14:30:00.001Z\"");
    buf_done(&buf);
}

static const struct {
    int64_t thousandths;
    const char *expected;
} millis[] = {
    {0, "0"},
    {1, "0.001"},
    {10, "0.01"},
    {100, "0.1"},
    {120, "0.12"},
    {101, "0.101"},
    {999, "0.999"},
    {1000, "1"},
    {7250, "7.25"},
    {120000, "120"},
    {120001, "120.001"},
    {100500, "100.5"},
    {60050, "60.05"},
    {INT64_C(2147483647000), "2147483647"},
};

Test(jsontext, writes_thousandths_without_trailing_zeros)
{
    for (size_t i = 0; i < ARRAY_LEN(millis); i++) {
        struct buf buf;
        buf_init(&buf, 100);
        jsontext_append_millis(&buf, millis[i].thousandths);
        cr_expect_str_eq(buf_text(&buf), millis[i].expected, "row %zu", i);
        buf_done(&buf);
    }
}
