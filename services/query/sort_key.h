/*
 * sort_key - the total order of the contract as bytes to be compared with memcmp().
 *
 * A key is made of the value that a call is sorted by, such that order by bytes, a prefix before
 * what it begins, is the order of the contract, ascending and without ties: missing and null,
 * numbers by exact value, strings by code point, false, true, objects, arrays. It is the order of
 * sort_sql_append_order(), by other means.
 */
#ifndef CALLBOARD_QUERY_SORT_KEY_H
#define CALLBOARD_QUERY_SORT_KEY_H

#include "buf.h"
#include "field.h"
#include "slice.h"

#include <libpq-fe.h>

/* Appends the key of the value in the column that sort_sql_append_value() wrote; nothing for
 * FIELD_NOTHING. */
void sort_key_append(struct buf *out, enum field_type type, const PGresult *result, int row,
                     int column);
/* The same of a value as text, as sort_sql_append_key_text() writes it and cursors carry it;
 * SLICE_NONE: missing. */
void sort_key_append_text(struct buf *out, enum field_type type, struct slice text);

#endif
