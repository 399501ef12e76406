#include "decimal.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(decimal, is_exact_where_it_says_nothing_else)
{
    static const struct {
        const char *text;
        int scale;
        int64_t magnitude;
        bool is_negative;
        bool is_half_or_more;
        bool is_cut;
    } rows[] = {
        {"0", 0, 0, false, false, false},
        {"-0", 0, 0, false, false, false},
        {"0.000", 3, 0, false, false, false},
        {"-0.0e999999999999999999999", 3, 0, false, false, false},
        {"0e-999999999999999999999", 3, 0, false, false, false},
        {"1", 0, 1, false, false, false},
        {"-1", 0, 1, true, false, false},
        {"1.0", 0, 1, false, false, false},
        {"1e0", 0, 1, false, false, false},
        {"10e-1", 0, 1, false, false, false},
        {"0.1e1", 0, 1, false, false, false},
        {"0.0001E+4", 0, 1, false, false, false},
        {"1000000000000e-12", 0, 1, false, false, false},
        {"1.5", 0, 1, false, true, true},
        {"1.4999999999999999999999999999", 0, 1, false, false, true},
        {"1.5000000000000000000000000001", 0, 1, false, true, true},
        {"0.5", 0, 0, false, true, true},
        {"0.49", 0, 0, false, false, true},
        {"0.05", 0, 0, false, false, true},
        {"0.09", 0, 0, false, false, true},
        {"-0.5", 0, 0, true, true, true},
        {"5e-1", 0, 0, false, true, true},
        {"5e-2", 0, 0, false, false, true},
        {"9e-999999999999999999999", 0, 0, false, false, true},
        {"7.25", 3, 7250, false, false, false},
        {"7.2505", 3, 7250, false, true, true},
        {"7.25049", 3, 7250, false, false, true},
        {"0.0005", 3, 0, false, true, true},
        {"0.0004", 3, 0, false, false, true},
        {"0.00050", 3, 0, false, true, true},
        {"120", 3, 120000, false, false, false},
        {"1.2e2", 3, 120000, false, false, false},
        {"12.34e1", 0, 123, false, false, true},
        {"12.34e2", 0, 1234, false, false, false},
        {"12.34e3", 0, 12340, false, false, false},
        {"999999999999999999", 0, 999999999999999999, false, false, false},
        {"99999999999999999.9e1", 0, 999999999999999999, false, false, false},
        {"0.00000000000000000000999999999999999999e38", 0, 999999999999999999, false, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct decimal number;
        cr_assert(decimal_parse(slice_of(rows[i].text), rows[i].scale, &number), "%s",
                  rows[i].text);
        cr_expect_eq(number.magnitude, rows[i].magnitude, "%s: %lld", rows[i].text,
                     (long long)number.magnitude);
        cr_expect_eq(number.is_negative, rows[i].is_negative, "%s", rows[i].text);
        cr_expect_eq(number.is_half_or_more, rows[i].is_half_or_more, "%s", rows[i].text);
        cr_expect_eq(number.is_cut, rows[i].is_cut, "%s", rows[i].text);
    }
}

Test(decimal, refuses_what_does_not_fit)
{
    static const struct {
        const char *text;
        int scale;
    } rows[] = {
        {"1000000000000000000", 0},
        {"-1000000000000000000", 0},
        {"1e18", 0},
        {"1e15", 3},
        {"0.1e19", 0},
        {"1e400", 0},
        {"1e99999999999999999999999999999999", 0},
        {"123456789012345678901234567890", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct decimal number;
        cr_expect(!decimal_parse(slice_of(rows[i].text), rows[i].scale, &number), "%s",
                  rows[i].text);
    }
}

/* A megabyte of zeros on either side of the point costs one pass, and no step beyond the end. */
Test(decimal, copes_with_very_long_texts)
{
    enum { ZEROS = 1000000 };
    struct decimal number;
    char *text = malloc(ZEROS + 16);
    cr_assert(text);

    memset(text, '0', ZEROS);
    memcpy(text, "1.", 2);
    cr_expect(decimal_parse((struct slice){text, ZEROS}, 3, &number));
    cr_expect_eq(number.magnitude, 1000);
    cr_expect(!number.is_cut);

    text[1] = '0';
    memcpy(text + ZEROS, "e-999999", 8);
    cr_expect(decimal_parse((struct slice){text, ZEROS + 8}, 0, &number));
    cr_expect_eq(number.magnitude, 1);
    cr_expect(!number.is_cut);

    memcpy(text, "0.", 2);
    memcpy(text + ZEROS, "7e999999", 8);
    cr_expect(decimal_parse((struct slice){text, ZEROS + 8}, 0, &number));
    cr_expect_eq(number.magnitude, 7, "%lld", (long long)number.magnitude);
    free(text);
}
