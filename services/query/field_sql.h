/*
 * field_sql - how the value of a field is written in SQL, for sorting and filtering alike.
 *
 * The row of the call is `c` (callboard.call), the attempt is `l` (callboard.attempt).
 */
#ifndef CALLBOARD_QUERY_FIELD_SQL_H
#define CALLBOARD_QUERY_FIELD_SQL_H

#include "field.h"
#include "sql_text.h"

/* The attempt's column: "call_status". NULL for a field that is not of an attempt. */
const char *field_sql_attempt_column(enum field_kind kind);

/* An expression that names the value any number of times: a column, or, for a dynamic field, jsonb
 * looked up by names that are parameters. Not for FIELD_ARRIVAL and FIELD_LACKING. */
struct field_sql {
    char text[64]; /* of a column */
    struct field field;
    int names_param; /* dynamic: text[] of the whole name and of its parts */
    int parts;       /* dynamic: 0 where the name holds no dots */
};

/* Adds what parameters the expression needs. */
struct field_sql field_sql_prepare(struct sql_text *sql, const struct field *field);
void field_sql_append(struct sql_text *sql, const struct field_sql *value);
/* The same, but a dynamic field's value as json: its text as it is stored. */
void field_sql_append_as_stored(struct sql_text *sql, const struct field_sql *value);

#endif
