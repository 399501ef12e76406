/*
 * sql_text - a statement being written: its text, and the parameters that the text names.
 *
 * What callers gave goes into parameters, never into the text.
 *
 * Ownership: text and parameters belong to the caller of sql_text_init().
 */
#ifndef CALLBOARD_QUERY_SQL_TEXT_H
#define CALLBOARD_QUERY_SQL_TEXT_H

#include "buf.h"
#include "db_params.h"
#include "macros.h"
#include "slice.h"

/* Which calls a statement reads: it decides how their attempts are found. */
enum sql_scope { SQL_WHOLE_BATCH, SQL_FEW_CALLS };

struct sql_text {
    struct buf *text;
    struct db_params *params;
};

void sql_append(struct sql_text *sql, const char *text);
void sql_append_format(struct sql_text *sql, const char *format, ...) PRINTF_LIKE(2, 3);

/* Each adds a parameter and returns its number, from 1. An array is built by the caller with
 * db_params_array_begin() and its companions; sql_last_param() then is its number. */
int sql_param_text(struct sql_text *sql, struct slice text);
int sql_param_time(struct sql_text *sql, int64_t unix_us);
int sql_last_param(const struct sql_text *sql);

#endif
