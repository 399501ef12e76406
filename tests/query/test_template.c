#include "template.h"

#include <criterion/criterion.h>

static void append_arg(struct buf *out, const void *arg)
{
    buf_append_text(out, arg);
}

static void append_brackets(struct buf *out, const void *arg)
{
    (void)arg;
    buf_append_text(out, "{{who}}");
}

static const struct template_slot slots[] = {{"who", append_arg}, {"brackets", append_brackets}};

struct template_case {
    const char *text;
    const char *filled;
};

static const struct template_case cases[] = {
    {"", ""},
    {"plain", "plain"},
    {"{{who}}", "you"},
    {"to {{who}}, and {{who}}.", "to you, and you."},
    {"{{who}}{{who}}", "youyou"},
    {"{ {who} }", "{ {who} }"},
    {"[{{who}}]}}", "[you]}}"},
    {"{{brackets}}", "{{who}}"}, /* what a slot appends is not looked at again */
};

Test(template, fills_its_places)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;
        buf_init(&out, 1024);
        template_append(&out, slice_of(cases[i].text), slots, ARRAY_LEN(slots), "you");
        cr_expect_str_eq(buf_text(&out), cases[i].filled, "%s", cases[i].text);
        buf_done(&out);
    }
}
