#include "sort_key.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <string.h>

/* Each before the next. */
static const char *const ascending[] = {
    NULL,
    "-1e9999",
    "-12345678901234567890123",
    "-12345678901234567890122",
    "-100",
    "-99.5",
    "-12",
    "-11.9",
    "-1.1",
    "-1.01",
    "-1",
    "-0.1",
    "-0.01",
    "-1e-9999",
    "0",
    "1e-9999",
    "0.001",
    "0.0010000000000000000000000000001",
    "0.01",
    "0.1",
    "0.9",
    "1",
    "1.0000000000000000000000001",
    "9",
    "10",
    "99",
    "100",
    "101",
    "9007199254740992",
    "9007199254740993",
    "1e400",
    "\"\"",
    "\"\\u0001\"",
    "\"\\n\"",
    "\" \"",
    "\"0\"",
    "\"10\"",
    "\"9\"",
    "\"A\"",
    "\"Z\"",
    "\"\\\\\"",
    "\"a\"",
    "\"aa\"",
    "\"b\"",
    "\"\xc3\xa9\"",
    "\"\xef\xbf\xbd\"",
    "\"\xf0\x9f\x98\x80\"",
    "false",
    "true",
    "{}",
    "[]",
};

/* All in a row are the same. */
static const char *const same[][7] = {
    {"0", "-0", "0.0", "0e5", "-0.000", "0E-3", NULL},
    {"1", "1.0", "1e0", "10e-1", "0.1e1", "100E-2", NULL},
    {"-120.5", "-120.50", "-1.205e2", "-12050e-2", NULL},
    {"1000000", "1e6", "1E+6", "0.001e9", NULL},
    {"\"a\"", "\"\\u0061\"", NULL},
    {"\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\"", NULL},
    {"{}", "{\"a\":1}", "{\"b\":{\"c\":[1]}}", NULL},
    {"[]", "[1]", "[{}]", NULL},
};

static struct buf key_of(enum field_type type, const char *text)
{
    struct buf key;
    buf_init(&key, 1 << 16);
    sort_key_append_text(&key, type, slice_of(text));
    return key;
}

static int compare(enum field_type type, const char *a, const char *b)
{
    struct buf left = key_of(type, a);
    struct buf right = key_of(type, b);
    int order = slice_compare(buf_slice(&left), buf_slice(&right));
    buf_done(&left);
    buf_done(&right);
    return order;
}

Test(sort_key, has_the_contracts_order_of_json_values)
{
    for (size_t i = 0; i < ARRAY_LEN(ascending); i++) {
        for (size_t j = i + 1; j < ARRAY_LEN(ascending); j++) {
            cr_expect_lt(compare(FIELD_JSON, ascending[i], ascending[j]), 0, "%s before %s",
                         ascending[i], ascending[j]);
            cr_expect_gt(compare(FIELD_JSON, ascending[j], ascending[i]), 0, "%s behind %s",
                         ascending[j], ascending[i]);
        }
    }
}

Test(sort_key, is_of_the_value_and_not_of_its_spelling)
{
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        for (size_t j = 1; same[i][j]; j++) {
            cr_expect_eq(compare(FIELD_JSON, same[i][0], same[i][j]), 0, "%s is %s", same[i][0],
                         same[i][j]);
        }
    }
}

Test(sort_key, takes_null_for_missing)
{
    cr_assert_eq(compare(FIELD_JSON, NULL, "null"), 0);
}

Test(sort_key, orders_texts_numbers_and_times)
{
    cr_expect_lt(compare(FIELD_TEXT, NULL, ""), 0);
    cr_expect_lt(compare(FIELD_TEXT, "10", "9"), 0);
    cr_expect_lt(compare(FIELD_NUMBER, NULL, "0"), 0);
    cr_expect_lt(compare(FIELD_NUMBER, "9", "10"), 0);
    cr_expect_lt(compare(FIELD_NUMBER, "999", "2147483647000"), 0);
    cr_expect_lt(compare(FIELD_TIME, NULL, "0001-01-01T00:00:00.000Z"), 0);
    cr_expect_lt(compare(FIELD_TIME, "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z"), 0);
    cr_expect_lt(compare(FIELD_TIME, "2025-05-15T14:30:00.000Z", "2025-05-15T14:30:00.001Z"), 0);
    cr_expect_eq(compare(FIELD_NOTHING, "a", "b"), 0);
}
