#include "db_params.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#define HEX_MAX 512

typedef void build_fn(struct db_params *params);

static void build_null(struct db_params *params)
{
    db_params_add_null(params);
}

static void build_bools(struct db_params *params)
{
    db_params_add_bool(params, true);
    db_params_add_bool(params, false);
}

static void build_ints(struct db_params *params)
{
    db_params_add_int4(params, -2);
    db_params_add_int8(params, INT64_C(0x0123456789abcdef));
}

static void build_bytes(struct db_params *params)
{
    db_params_add_bytes(params, SLICE("a\0b"));
    db_params_add_bytes(params, SLICE(""));
    db_params_add_bytes(params, SLICE_NONE);
}

static void build_times(struct db_params *params)
{
    db_params_add_time(params, INT64_C(946684800000001));
    db_params_add_time(params, 0);
    db_params_add_time(params, INT64_MIN);
}

static void build_bool_array(struct db_params *params)
{
    db_params_array_begin(params, DB_BOOL);
    db_params_array_bool(params, true);
    db_params_array_bool(params, false);
    db_params_array_end(params);
}

static void build_int4_array(struct db_params *params)
{
    db_params_array_begin(params, DB_INT4);
    db_params_array_int4(params, 1);
    db_params_array_null(params);
    db_params_array_int4(params, INT32_MIN);
    db_params_array_end(params);
}

static void build_int8_array(struct db_params *params)
{
    db_params_array_begin(params, DB_INT8);
    db_params_array_int8(params, -1);
    db_params_array_end(params);
}

static void build_text_array(struct db_params *params)
{
    db_params_array_begin(params, DB_TEXT);
    db_params_array_bytes(params, SLICE("ab"));
    db_params_array_bytes(params, SLICE(""));
    db_params_array_bytes(params, SLICE_NONE);
    db_params_array_end(params);
}

static void build_time_array(struct db_params *params)
{
    db_params_array_begin(params, DB_TIMESTAMPTZ);
    db_params_array_time(params, INT64_C(946684800000000));
    db_params_array_end(params);
}

static void build_empty_array(struct db_params *params)
{
    db_params_array_begin(params, DB_BYTEA);
    db_params_array_end(params);
}

/* What one array leaves behind must not reach the next one. */
static void build_two_arrays(struct db_params *params)
{
    db_params_array_begin(params, DB_INT4);
    db_params_array_null(params);
    db_params_array_end(params);
    db_params_array_begin(params, DB_INT4);
    db_params_array_int4(params, 7);
    db_params_array_end(params);
}

/* Expected: each parameter in hex, separated by '|'. */
static const struct {
    const char *name;
    build_fn *build;
    const char *expected;
} rows[] = {
    {"null", build_null, "NULL|"},
    {"bools", build_bools, "01|00|"},
    {"ints", build_ints, "fffffffe|0123456789abcdef|"},
    {"bytes", build_bytes, "610062||NULL|"},
    {"times", build_times, "0000000000000001|fffca2fec4c82000|8000000000000000|"},
    {"bool array", build_bool_array,
     "00000001"
     "00000000"
     "00000010"
     "00000002"
     "00000001"
     "0000000101"
     "0000000100|"},
    {"int4 array with a null", build_int4_array,
     "00000001"
     "00000001"
     "00000017"
     "00000003"
     "00000001"
     "0000000400000001"
     "ffffffff"
     "0000000480000000|"},
    {"int8 array", build_int8_array,
     "00000001"
     "00000000"
     "00000014"
     "00000001"
     "00000001"
     "00000008ffffffffffffffff|"},
    {"text array", build_text_array,
     "00000001"
     "00000001"
     "00000019"
     "00000003"
     "00000001"
     "000000026162"
     "00000000"
     "ffffffff|"},
    {"time array", build_time_array,
     "00000001"
     "00000000"
     "000004a0"
     "00000001"
     "00000001"
     "000000080000000000000000|"},
    {"empty array", build_empty_array,
     "00000000"
     "00000000"
     "00000011|"},
    {"two arrays", build_two_arrays,
     "0000000100000001000000170000000100000001"
     "ffffffff|"
     "0000000100000000000000170000000100000001"
     "0000000400000007|"},
};

static void format_params(const struct db_params *params, struct buf *out)
{
    for (int i = 0; i < params->count; i++) {
        if (params->length[i] < 0) {
            buf_append_text(out, "NULL");
        }
        for (int j = 0; j < params->length[i]; j++) {
            size_t at = params->offset[i] + (size_t)j;
            cr_assert_lt(at, params->bytes.len);
            buf_append_format(out, "%02x", (unsigned char)params->bytes.data[at]);
        }
        buf_append_char(out, '|');
    }
}

Test(db_params, writes_the_servers_binary_format)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct db_params params;
        db_params_init(&params);
        rows[i].build(&params);
        struct buf hex;
        buf_init(&hex, HEX_MAX);
        format_params(&params, &hex);
        cr_expect_str_eq(buf_text(&hex), rows[i].expected, "%s: %s", rows[i].name, buf_text(&hex));
        buf_done(&hex);
        db_params_done(&params);
    }
}

Test(db_params, is_built_again_after_a_reset)
{
    struct db_params params;
    db_params_init(&params);
    struct buf hex;
    buf_init(&hex, HEX_MAX);
    build_bytes(&params);
    build_int4_array(&params);
    db_params_reset(&params);
    build_ints(&params);
    format_params(&params, &hex);
    cr_expect_str_eq(buf_text(&hex), "fffffffe|0123456789abcdef|");
    buf_done(&hex);
    db_params_done(&params);
}

static void build_int4(struct db_params *params)
{
    db_params_add_int4(params, 1);
}

static void build_text(struct db_params *params)
{
    db_params_add_bytes(params, SLICE("12345678901234567890"));
}

static build_fn *const overflowing[] = {build_int4,       build_text,       build_bool_array,
                                        build_int4_array, build_int8_array, build_text_array,
                                        build_time_array, build_empty_array};

Test(db_params, overflows_at_every_length_without_harm)
{
    for (size_t i = 0; i < ARRAY_LEN(overflowing); i++) {
        struct db_params whole;
        db_params_init(&whole);
        overflowing[i](&whole);
        for (size_t max = 0; max < whole.bytes.len; max++) {
            struct db_params params;
            db_params_init(&params);
            params.bytes.max = max;
            overflowing[i](&params);
            cr_expect(params.bytes.overflow, "row %zu with %zu bytes", i, max);
            db_params_reset(&params);
            cr_expect_not(params.bytes.overflow);
            db_params_done(&params);
        }
        db_params_done(&whole);
    }
}

Test(db_params, holds_thirty_two_and_no_more, .signal = SIGABRT)
{
    struct db_params params;
    db_params_init(&params);
    for (int i = 0; i < DB_PARAMS_MAX; i++) {
        db_params_add_null(&params);
    }
    cr_assert_eq(params.count, DB_PARAMS_MAX);
    db_params_add_null(&params);
}
