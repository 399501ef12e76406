#include "print.h"

#include <criterion/criterion.h>

static const struct {
    const char *name;
    struct slice bytes;
    const char *shown;
} escapes[] = {
    {"plain", {"{\"a\": 1}", 8}, "{\"a\": 1}"},
    {"empty", {"", 0}, ""},
    {"not there", {NULL, 0}, ""},
    {"backslash", {"a\\x41", 5}, "a\\\\x41"},
    {"line ends", {"a\r\n\tb", 5}, "a\\r\\n\\tb"},
    {"nul and escape", {"\0\x1b[2J", 5}, "\\x00\\x1b[2J"},
    {"delete", {"\x7f", 1}, "\\x7f"},
    {"UTF-8", {"\xC3\x89t\xC3\xA9 \xF0\x9F\x99\x82", 10}, "\xC3\x89t\xC3\xA9 \xF0\x9F\x99\x82"},
    {"C1 control in UTF-8",
     {"a\xC2\x9B"
      "1m\xC2\xA0",
      7},
     "a\\xc2\\x9b1m\xC2\xA0"},
    {"not UTF-8: every high byte", {"\xC3\x89 \xFF", 4}, "\\xc3\\x89 \\xff"},
    {"cut UTF-8", {"a\xC3", 2}, "a\\xc3"},
};

Test(print, escapes_what_a_terminal_must_not_see)
{
    struct buf buf;
    buf_init(&buf, PRINT_LINE_MAX);
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        buf_reset(&buf);
        print_escaped(&buf, escapes[i].bytes);
        cr_expect_str_eq(buf_text(&buf), escapes[i].shown, "%s: %s", escapes[i].name,
                         buf_text(&buf));
    }
    buf_done(&buf);
}

Test(print, separates_json_members)
{
    struct buf buf;
    buf_init(&buf, PRINT_LINE_MAX);
    buf_append_char(&buf, '{');
    print_json_name(&buf, "a");
    print_json_time(&buf, (struct optional_time){true, 1500});
    print_json_name(&buf, "b");
    print_json_time(&buf, (struct optional_time){false, 0});
    buf_append_char(&buf, '}');
    cr_expect_str_eq(buf_text(&buf), "{\"a\":\"1970-01-01T00:00:00.001Z\",\"b\":null}");
    buf_done(&buf);
}

Test(print, shows_a_missing_time_as_a_dash)
{
    struct buf buf;
    buf_init(&buf, PRINT_LINE_MAX);
    print_time(&buf, (struct optional_time){false, 7});
    cr_expect_str_eq(buf_text(&buf), "-");
    buf_done(&buf);
}
