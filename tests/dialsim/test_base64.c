#include "base64.h"

#include "macros.h"

#include <criterion/criterion.h>

/* RFC 4648, section 10; and bytes that need the last two letters of the alphabet. */
static const struct {
    const char *bytes;
    const char *text;
} cases[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xfe\xfb\xff", "//77/w=="},
};

Test(base64, writes_and_reads_the_examples_of_its_standard)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text, bytes;
        buf_init(&text, 100);
        buf_init(&bytes, 100);
        base64_append(&text, slice_of(cases[i].bytes));
        cr_expect_str_eq(buf_text(&text), cases[i].text);
        cr_expect(base64_decode(slice_of(cases[i].text), &bytes), "%s", cases[i].text);
        cr_expect(slice_equal(buf_slice(&bytes), slice_of(cases[i].bytes)), "%s", cases[i].text);
        buf_done(&text);
        buf_done(&bytes);
    }
}

Test(base64, refuses_what_is_none)
{
    static const char *const texts[] = {
        "Z", "Zg", "Zg=", "Zm9*", "Z===", "====", "Zg=v", "Zm 9", "Zg==Zg==", "Zm9v\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf bytes;
        buf_init(&bytes, 100);
        cr_expect_not(base64_decode(slice_of(texts[i]), &bytes), "%s", texts[i]);
        buf_done(&bytes);
    }
}
