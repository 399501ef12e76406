#include "pattern.h"

#include <criterion/criterion.h>
#include <string.h>

struct pattern_case {
    const char *text;
    const char *refusal; /* NULL: taken */
    bool is_plain;       /* when case counts */
    bool is_plain_without_case;
};

static const struct pattern_case patterns[] = {
    {"", NULL, true, true},
    {"foo bar-42_%&/'\"", NULL, true, true},
    {"\xc3\xa9t\xc3\xa9", NULL, true, false}, /* letters beyond ASCII have a case, too */
    {"a.b", NULL, false, false},
    {"^a", NULL, false, false},
    {"a$", NULL, false, false},
    {"a|b", NULL, false, false},
    {"a{2}", NULL, false, false},
    {"[ab]", NULL, false, false},
    {"(a)", NULL, false, false},
    {"a]", NULL, false, false},
    {"(?:a)", NULL, false, false},
    {"(?=a)b", NULL, false, false},
    {"a(?i)", NULL, false, false}, /* no options but at the beginning: PostgreSQL refuses it */
    {"\\d+\\.\\m", NULL, false, false},
    {"\\\\1", NULL, false, false},  /* a backslash, then 1 */
    {"[\\1]", NULL, false, false},  /* no reference within brackets */
    {"[]\\1]", NULL, false, false}, /* ] first is itself */
    {"[^]\\1]", NULL, false, false},
    {"[[:alpha:]\\1]", NULL, false, false},
    {"(", NULL, false, false}, /* for PostgreSQL to refuse */
    {"\\", NULL, false, false},
    {"(a)\\1", "back-reference (\\1)", false, false},
    {"(a)[\\2]\\9", "back-reference (\\9)", false, false},
    {"(a)[]]\\1", "back-reference", false, false},
    {"(a)[[.].]]\\1", "back-reference", false, false},
    {"(a)\\\\\\1", "back-reference", false, false},
    {"***=a", "director", false, false},
    {"***:a", "director", false, false},
    {"(?i)a", "embedded options", false, false},
    {"(?q)a", "embedded options", false, false},
};

Test(pattern, takes_what_postgresql_can_run_in_bounded_time_and_means_what_it_says)
{
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        const struct pattern_case *row = &patterns[i];
        struct pattern pattern;
        struct error err = {0};
        bool is_good = pattern_parse(slice_of(row->text), false, &pattern, &err);
        cr_assert_eq(is_good, row->refusal == NULL, "%s: %s", row->text, err.text);
        if (!is_good) {
            cr_expect_not_null(strstr(err.text, row->refusal), "%s: %s", row->text, err.text);
            continue;
        }
        cr_expect_eq(pattern.is_plain, row->is_plain, "%s", row->text);
        cr_assert(pattern_parse(slice_of(row->text), true, &pattern, &err));
        cr_expect_eq(pattern.is_plain, row->is_plain_without_case, "%s without case", row->text);
    }
}

Test(pattern, takes_256_bytes_and_no_more)
{
    static char text[257];
    memset(text, 'a', sizeof(text));
    struct pattern pattern;
    struct error err;
    cr_expect(pattern_parse((struct slice){text, 256}, true, &pattern, &err));
    cr_expect_not(pattern_parse((struct slice){text, 257}, true, &pattern, &err));
}
