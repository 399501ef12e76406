#include "db_value.h"

#include "rfc3339.h"

#include <assert.h>
#include <stddef.h>

/* A field of exactly `len` bytes, NULL excluded. */
static const uint8_t *fixed_field(const PGresult *result, int row, int column, int len)
{
    assert(PQfformat(result, column) == 1);
    assert(!PQgetisnull(result, row, column));
    assert(PQgetlength(result, row, column) == len);
    (void)len; /* with NDEBUG */
    return (const uint8_t *)PQgetvalue(result, row, column);
}

static uint64_t big_endian(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

bool db_value_is_null(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column);
}

bool db_value_bool(const PGresult *result, int row, int column)
{
    return *fixed_field(result, row, column, 1) != 0;
}

int16_t db_value_int2(const PGresult *result, int row, int column)
{
    return (int16_t)big_endian(fixed_field(result, row, column, 2), 2);
}

int32_t db_value_int4(const PGresult *result, int row, int column)
{
    return (int32_t)big_endian(fixed_field(result, row, column, 4), 4);
}

int64_t db_value_int8(const PGresult *result, int row, int column)
{
    return (int64_t)big_endian(fixed_field(result, row, column, 8), 8);
}

int64_t db_value_time(const PGresult *result, int row, int column)
{
    int64_t us;
    /* Only `infinity` lies so far ahead. */
    return __builtin_add_overflow(db_value_int8(result, row, column), RFC3339_POSTGRES_EPOCH_US,
                                  &us)
               ? INT64_MAX
               : us;
}

struct slice db_value_bytes(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column)) {
        return SLICE_NONE;
    }
    return (struct slice){PQgetvalue(result, row, column),
                          (size_t)PQgetlength(result, row, column)};
}
