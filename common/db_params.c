#include "db_params.h"

#include "rfc3339.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <string.h>

/* The server reads no message of 1 GiB or more; what is left covers everything but the values. */
#define MAX_BYTES ((size_t)1000000000)

/* An array begins with five 32-bit numbers: dimensions, has-null flag, the element type's oid, and
 * for the one dimension its size and lower bound. An array without elements has no dimension, so
 * only the first three (src/backend/utils/adt/arrayfuncs.c, array_recv()). */
#define HEADER_BYTES 20
#define EMPTY_HEADER_BYTES 12
#define NULL_LENGTH UINT32_MAX /* -1 */

static void put_be32(char *at, uint32_t value)
{
    const uint32_t big_endian = htobe32(value);
    memcpy(at, &big_endian, sizeof(big_endian));
}

static void put_be64(char *at, uint64_t value)
{
    const uint64_t big_endian = htobe64(value);
    memcpy(at, &big_endian, sizeof(big_endian));
}

/* Towards PostgreSQL's epoch. A time that far in the past is its -infinity. */
static uint64_t wire_time(int64_t unix_us)
{
    int64_t us;
    return __builtin_sub_overflow(unix_us, RFC3339_POSTGRES_EPOCH_US, &us) ? (uint64_t)INT64_MIN
                                                                           : (uint64_t)us;
}

void db_params_init(struct db_params *params)
{
    *params = (struct db_params){.count = 0};
    buf_init(&params->bytes, MAX_BYTES);
}

void db_params_done(struct db_params *params)
{
    buf_done(&params->bytes);
    params->count = 0;
}

void db_params_reset(struct db_params *params)
{
    buf_reset(&params->bytes);
    params->count = 0;
}

/* --- single values ----------------------------------------------------------------------- */

/* The next parameter begins where the buffer ends now. */
static void add_param(struct db_params *params, int length)
{
    assert(params->count < DB_PARAMS_MAX);
    params->offset[params->count] = params->bytes.len;
    params->length[params->count] = length;
    params->count++;
}

void db_params_add_null(struct db_params *params)
{
    add_param(params, -1);
}

void db_params_add_bool(struct db_params *params, bool value)
{
    add_param(params, 1);
    buf_append_char(&params->bytes, (char)value);
}

void db_params_add_int4(struct db_params *params, int32_t value)
{
    add_param(params, sizeof(value));
    buf_append_be32(&params->bytes, (uint32_t)value);
}

void db_params_add_int8(struct db_params *params, int64_t value)
{
    add_param(params, sizeof(value));
    buf_append_be64(&params->bytes, (uint64_t)value);
}

void db_params_add_bytes(struct db_params *params, struct slice value)
{
    if (!slice_is_set(value)) {
        db_params_add_null(params);
        return;
    }
    /* One that does not fit an int does not fit the buffer either, and is never sent. */
    add_param(params, value.len <= INT_MAX ? (int)value.len : 0);
    buf_append_slice(&params->bytes, value);
}

void db_params_add_time(struct db_params *params, int64_t unix_us)
{
    add_param(params, sizeof(unix_us));
    buf_append_be64(&params->bytes, wire_time(unix_us));
}

/* --- arrays ------------------------------------------------------------------------------ */

void db_params_array_begin(struct db_params *params, enum db_type type)
{
    add_param(params, 0);
    params->array_start = params->bytes.len;
    params->array_elements = 0;
    params->array_has_null = false;
    char *at = buf_reserve(&params->bytes, HEADER_BYTES);
    if (at) {
        put_be32(at, 1);
        put_be32(at + 4, 0);
        put_be32(at + 8, type);
        put_be32(at + 12, 0);
        put_be32(at + 16, 1);
        buf_commit(&params->bytes, HEADER_BYTES);
    }
}

/* Room for an element's length, already written, and its value. NULL when the buffer is full. */
static char *add_element(struct db_params *params, size_t len)
{
    char *at = buf_reserve(&params->bytes, sizeof(uint32_t) + len);
    if (!at) {
        return NULL;
    }
    put_be32(at, (uint32_t)len);
    buf_commit(&params->bytes, sizeof(uint32_t) + len);
    params->array_elements++;
    return at + sizeof(uint32_t);
}

void db_params_array_null(struct db_params *params)
{
    buf_append_be32(&params->bytes, NULL_LENGTH);
    params->array_elements++;
    params->array_has_null = true;
}

void db_params_array_bool(struct db_params *params, bool value)
{
    char *at = add_element(params, 1);
    if (at) {
        *at = (char)value;
    }
}

void db_params_array_int4(struct db_params *params, int32_t value)
{
    char *at = add_element(params, sizeof(value));
    if (at) {
        put_be32(at, (uint32_t)value);
    }
}

void db_params_array_int8(struct db_params *params, int64_t value)
{
    char *at = add_element(params, sizeof(value));
    if (at) {
        put_be64(at, (uint64_t)value);
    }
}

void db_params_array_bytes(struct db_params *params, struct slice value)
{
    if (!slice_is_set(value)) {
        db_params_array_null(params);
        return;
    }
    char *at = add_element(params, value.len);
    if (at && value.len > 0) {
        memcpy(at, value.data, value.len);
    }
}

void db_params_array_time(struct db_params *params, int64_t unix_us)
{
    char *at = add_element(params, sizeof(unix_us));
    if (at) {
        put_be64(at, wire_time(unix_us));
    }
}

/* What was not known at the beginning: how many elements, and whether one is NULL. */
static void finish_header(struct db_params *params)
{
    char *header = params->bytes.data + params->array_start;
    if (params->array_elements == 0) {
        put_be32(header, 0);
        params->bytes.len = params->array_start + EMPTY_HEADER_BYTES;
        return;
    }
    put_be32(header + 4, params->array_has_null);
    put_be32(header + 12, params->array_elements);
}

void db_params_array_end(struct db_params *params)
{
    assert(params->count > 0);
    if (params->bytes.overflow) {
        return;
    }
    finish_header(params);
    params->length[params->count - 1] = (int)(params->bytes.len - params->array_start);
}
