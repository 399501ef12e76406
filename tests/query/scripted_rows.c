#include "scripted_rows.h"

#include "rfc3339.h"
#include "store.h"

#include <criterion/criterion.h>
#include <endian.h>
#include <string.h>

static void set(PGresult *result, int row, int column, const void *bytes, size_t len)
{
    /* libpq only reads it. */
    char copy[4096];
    cr_assert(len <= sizeof(copy));
    if (bytes) {
        memcpy(copy, bytes, len);
    }
    cr_assert(PQsetvalue(result, row, column, bytes ? copy : NULL, bytes ? (int)len : -1));
}

static void set_int4(PGresult *result, int row, int column, int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    set(result, row, column, &wire, sizeof(wire));
}

static void set_int8(PGresult *result, int row, int column, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    set(result, row, column, &wire, sizeof(wire));
}

static void set_text(PGresult *result, int row, int column, const char *text)
{
    set(result, row, column, text, text ? strlen(text) : 0);
}

static void set_row(PGresult *result, int row, const struct scripted_row *values)
{
    set_int4(result, row, COLUMN_KIND, values->kind);
    set_int4(result, row, COLUMN_ASK, values->ask);
    set_int8(result, row, COLUMN_PLACE, values->place);
    set(result, row, COLUMN_ID, values->id, 12);
    set(result, row, COLUMN_CREATED_AT, NULL, 0);
    set(result, row, COLUMN_NUMBER, NULL, 0);
    if (values->kind == ROW_CALL) { /* as in arrival order */
        set_int8(result, row, COLUMN_NUMBER, values->place);
    }
    if (values->created_at_ms) {
        set_int8(result, row, COLUMN_CREATED_AT,
                 values->created_at_ms * 1000 - RFC3339_POSTGRES_EPOCH_US);
    }
    if (values->duration_plus_one) {
        set_int8(result, row, COLUMN_NUMBER, values->duration_plus_one - 1);
    }
    if (values->version) {
        set_int8(result, row, COLUMN_NUMBER, values->version);
    }
    set_text(result, row, COLUMN_TEXT_A, values->a);
    set_text(result, row, COLUMN_TEXT_B, values->b);
    set_text(result, row, COLUMN_TEXT_C, values->c);
}

static PGresult *binary_result(int column_count)
{
    static char names[STORE_COLUMN_COUNT][8];
    PGresAttDesc columns[STORE_COLUMN_COUNT];
    memset(columns, 0, sizeof(columns));
    for (int i = 0; i < column_count; i++) {
        columns[i].name = names[i];
        columns[i].format = 1;
    }
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    cr_assert(PQsetResultAttrs(result, column_count, columns));
    return result;
}

PGresult *scripted_rows(const struct scripted_row *rows, size_t count)
{
    PGresult *result = binary_result(STORE_COLUMN_COUNT);
    for (size_t i = 0; i < count; i++) {
        set_row(result, (int)i, &rows[i]);
    }
    return result;
}

PGresult *scripted_versions(const int64_t *versions, size_t count)
{
    PGresult *result = binary_result(2);
    for (size_t i = 0; i < count; i++) {
        int row = PQntuples(result);
        if (versions[i]) {
            set_int4(result, row, 0, (int32_t)i);
            set_int8(result, row, 1, versions[i]);
        }
    }
    return result;
}
