/*
 * db_value - reads fields of a binary PGresult.
 *
 * Ownership: slices point into the result and die with it.
 * The column's type is the caller's business: the statement is ours, so a wrong length is a
 * programming error and asserted.
 */
#ifndef CALLBOARD_DB_VALUE_H
#define CALLBOARD_DB_VALUE_H

#include "slice.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

bool db_value_is_null(const PGresult *result, int row, int column);
bool db_value_bool(const PGresult *result, int row, int column);
int16_t db_value_int2(const PGresult *result, int row, int column);
int32_t db_value_int4(const PGresult *result, int row, int column);
int64_t db_value_int8(const PGresult *result, int row, int column);
/* Microseconds since the Unix epoch, from a timestamptz. */
int64_t db_value_time(const PGresult *result, int row, int column);
/* Text or bytea; SLICE_NONE for NULL. */
struct slice db_value_bytes(const PGresult *result, int row, int column);

#endif
