/*
 * match_sql - filters and searches as conditions in SQL.
 *
 * Every condition written is true or false, never NULL, so that NOT is an exact negation. The names
 * of rows are those of field_sql.h; $1 is the batch's id.
 */
#ifndef CALLBOARD_QUERY_MATCH_SQL_H
#define CALLBOARD_QUERY_MATCH_SQL_H

#include "filter.h"
#include "pattern.h"
#include "sql_text.h"

#include <stdbool.h>

void match_sql_append_filter(struct sql_text *sql, const struct filter *filter,
                             enum sql_scope scope);
/* Whether a call matches if, and only if, it has an attempt that does: then calls need not be read.
 */
bool match_sql_is_of_attempts(const struct filter *filter);
/* What such an attempt must be like. */
void match_sql_append_attempt(struct sql_text *sql, const struct filter *filter);
void match_sql_append_search(struct sql_text *sql, const struct pattern *pattern);

/* " AND ..." for each pattern: holds if PostgreSQL compiles it, and fails with
 * invalid_regular_expression (2201B) while the statement is planned if not, whatever the batch
 * holds. */
void match_sql_append_pattern_checks(struct sql_text *sql, const struct filter *filter,
                                     const struct pattern *search);

#endif
