/*
 * selection_sql - the statements that filter, search and sort, each written for what was asked.
 *
 * All of them are put together from the same expressions (field_sql, match_sql, sort_sql), so that
 * what is remembered, what is brought up to date and what is asked at once obey the same rules.
 * What callers gave stands in parameters alone. $1 is the batch's id.
 */
#ifndef CALLBOARD_QUERY_SELECTION_SQL_H
#define CALLBOARD_QUERY_SELECTION_SQL_H

#include "buf.h"
#include "db_params.h"
#include "error.h"
#include "macros.h"
#include "object_id.h"
#include "page.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The statement being written; reused by every one. */
struct selection_sql {
    struct buf text;
    struct db_params params;
};

void selection_sql_init(struct selection_sql *sql);
void selection_sql_done(struct selection_sql *sql);

/* All below: false (ERR_REJECT) when the statement would be too large. */

/* One statement that answers the whole question from one snapshot: token, owner, batch, total and
 * page. Its rows are as enum store_column has them, the question's index is 0. */
NODISCARD bool selection_sql_write_page(struct selection_sql *sql,
                                        const struct page_question *question, struct error *err);

/* Fails with invalid_regular_expression (2201B) when a pattern does not compile; no columns. */
NODISCARD bool selection_sql_write_check(struct selection_sql *sql,
                                         const struct page_selection *selection, struct error *err);

/* Every call that matches, in no order: position (int4), then the value that it is sorted by, if it
 * is (see sort_key.h). A call that is not sorted by a value may come more than once. */
NODISCARD bool selection_sql_write_members(struct selection_sql *sql,
                                           const struct object_id *batch_id,
                                           const struct page_selection *selection,
                                           struct error *err);

struct position_list {
    const int32_t *positions;
    size_t count;
};

/* Of these calls, which are in ascending order: position (int4), whether it matches (bool), then
 * the value. */
NODISCARD bool selection_sql_write_changed(struct selection_sql *sql,
                                           const struct object_id *batch_id,
                                           const struct page_selection *selection,
                                           struct position_list changed, struct error *err);

/* The page of these calls, which are in ascending order; rows as enum store_column has them. The
 * batch has `total` matching calls, of which the first one here is the `first_place`-th, from 1. */
NODISCARD bool selection_sql_write_rows(struct selection_sql *sql, const struct object_id *batch_id,
                                        const struct page_selection *selection,
                                        struct position_list calls, int64_t first_place,
                                        int64_t total, struct error *err);

#endif
