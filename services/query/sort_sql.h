/*
 * sort_sql - the total order of the contract as columns to sort by.
 *
 * Each sort field has up to three key columns k1 .. k3; ties go by position. Missing comes first;
 * of a dynamic field: missing and null, numbers, strings, false, true, objects, arrays. Ascending
 * is the order proper; descending its exact reverse.
 *
 * A call's key can be carried elsewhere as one text (NULL where the field is missing), and made
 * columns again: so a cursor is compared by what it carries, by the same expressions.
 */
#ifndef CALLBOARD_QUERY_SORT_SQL_H
#define CALLBOARD_QUERY_SORT_SQL_H

#include "field.h"
#include "sql_text.h"

#include <stdbool.h>

/* "SELECT position, <keys> FROM" all calls of the batch, up to conditions on `c`, which follow;
 * then comes sort_sql_end_source(). $1 is the batch's id. */
void sort_sql_begin_source(struct sql_text *sql, const struct field *field);
void sort_sql_end_source(struct sql_text *sql, const struct field *field);

/* A join that the keys need beside `c`, where `c` is few calls; "" for some. */
void sort_sql_append_join(struct sql_text *sql, const struct field *field);

/* The value itself, for sort_key: ", <expression>", and the join that it needs; "" where calls are
 * not sorted by a value. */
void sort_sql_append_value(struct sql_text *sql, const struct field *field);
void sort_sql_append_value_join(struct sql_text *sql, const struct field *field,
                                enum sql_scope scope);
/* ", <expression> AS k1, ..." of a row with that join. */
void sort_sql_append_keys(struct sql_text *sql, const struct field *field);
/* The key as one text, from columns k1 .. k3. */
void sort_sql_append_key_text(struct sql_text *sql, const struct field *field);
/* "SELECT $n::int8 AS position, ... AS k1, ..." from such a text, parameter `key`, and a position.
 */
void sort_sql_append_mark(struct sql_text *sql, const struct field *field, int position, int key);
/* What follows ORDER BY. */
void sort_sql_append_order(struct sql_text *sql, const struct field *field, bool descending);
/* Whether row `m` stands before row `b` in the order, or, if `or_same`, in its place. */
void sort_sql_append_precedes(struct sql_text *sql, const struct field *field, bool descending,
                              bool or_same);

#endif
