#include "db_value.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <libpq-fe.h>
#include <signal.h>

/* One binary value in row 0, column 0; a length of -1 is NULL. */
static PGresult *one_value(const char *bytes, int len)
{
    static char name[] = "value";
    PGresAttDesc column = {.name = name, .format = 1, .typlen = -1, .atttypmod = -1};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    cr_assert(PQsetResultAttrs(result, 1, &column));
    char copy[16] = {0};
    for (int i = 0; i < len; i++) {
        copy[i] = bytes[i];
    }
    cr_assert(PQsetvalue(result, 0, 0, copy, len));
    return result;
}

static int64_t read_bool(const PGresult *result)
{
    return db_value_bool(result, 0, 0);
}

static int64_t read_int2(const PGresult *result)
{
    return db_value_int2(result, 0, 0);
}

static int64_t read_int4(const PGresult *result)
{
    return db_value_int4(result, 0, 0);
}

static int64_t read_int8(const PGresult *result)
{
    return db_value_int8(result, 0, 0);
}

static int64_t read_time(const PGresult *result)
{
    return db_value_time(result, 0, 0);
}

static const struct {
    const char *name;
    struct slice bytes;
    int64_t (*read)(const PGresult *result);
    int64_t expected;
} number_rows[] = {
    {"false", {"\0", 1}, read_bool, 0},
    {"true", {"\1", 1}, read_bool, 1},
    {"int2", {"\x01\x02", 2}, read_int2, 0x0102},
    {"int2, negative", {"\xff\xfe", 2}, read_int2, -2},
    {"int4", {"\x01\x02\x03\x84", 4}, read_int4, 0x01020384},
    {"int4, least", {"\x80\0\0\0", 4}, read_int4, INT32_MIN},
    {"int8", {"\x01\x02\x03\x04\x05\x06\x07\x88", 8}, read_int8, INT64_C(0x0102030405060788)},
    {"int8, negative", {"\xff\xff\xff\xff\xff\xff\xff\xff", 8}, read_int8, -1},
    {"int8, least", {"\x80\0\0\0\0\0\0\0", 8}, read_int8, INT64_MIN},
    {"time, server's epoch", {"\0\0\0\0\0\0\0\0", 8}, read_time, INT64_C(946684800000000)},
    {"time, Unix epoch", {"\xff\xfc\xa2\xfe\xc4\xc8\x20\x00", 8}, read_time, 0},
    {"time, infinity", {"\x7f\xff\xff\xff\xff\xff\xff\xff", 8}, read_time, INT64_MAX},
};

Test(db_value, reads_numbers_of_every_width)
{
    for (size_t i = 0; i < ARRAY_LEN(number_rows); i++) {
        PGresult *result = one_value(number_rows[i].bytes.data, (int)number_rows[i].bytes.len);
        int64_t value = number_rows[i].read(result);
        cr_expect_eq(value, number_rows[i].expected, "%s: %lld", number_rows[i].name,
                     (long long)value);
        PQclear(result);
    }
}

Test(db_value, lends_bytes_and_tells_null_from_empty)
{
    PGresult *text = one_value("a\0b", 3);
    cr_expect(slice_equal(db_value_bytes(text, 0, 0), SLICE("a\0b")));
    cr_expect_not(db_value_is_null(text, 0, 0));
    PQclear(text);

    PGresult *empty = one_value("", 0);
    cr_expect(slice_is_set(db_value_bytes(empty, 0, 0)));
    cr_expect_eq(db_value_bytes(empty, 0, 0).len, 0);
    cr_expect_not(db_value_is_null(empty, 0, 0));
    PQclear(empty);

    PGresult *null = one_value(NULL, -1);
    cr_expect_not(slice_is_set(db_value_bytes(null, 0, 0)));
    cr_expect(db_value_is_null(null, 0, 0));
    PQclear(null);
}

Test(db_value, asserts_the_width, .signal = SIGABRT)
{
    (void)db_value_int4(one_value("\0\0\0\0\0\0\0\1", 8), 0, 0);
}

Test(db_value, asserts_that_a_number_is_not_null, .signal = SIGABRT)
{
    (void)db_value_int8(one_value(NULL, -1), 0, 0);
}
