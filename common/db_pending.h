/*
 * db_pending - what a connection has sent and the server has not answered yet, in order.
 *
 * Statements and the ends of groups; libpq answers them first in, first out.
 */
#ifndef CALLBOARD_DB_PENDING_H
#define CALLBOARD_DB_PENDING_H

#include "db_conn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A statement or, without `fn`, the end of a group. */
struct db_pending {
    db_result_fn *fn;
    db_row_fn *on_row; /* NULL: the rows come together, in the result */
    void *arg;
    int64_t deadline_ms; /* of a group's end, by the monotonic clock */
};

struct db_pending_queue {
    struct db_pending *items; /* a ring */
    size_t cap;
    size_t head;
    size_t count;
    size_t statements; /* of the count */
};

void db_pending_init(struct db_pending_queue *queue, size_t cap);
void db_pending_done(struct db_pending_queue *queue);

/* The caller keeps to the capacity. */
void db_pending_push(struct db_pending_queue *queue, struct db_pending pending);
struct db_pending db_pending_pop(struct db_pending_queue *queue);
/* Whether the first is a group's end; the queue is not empty. */
bool db_pending_is_group_end(const struct db_pending_queue *queue);
/* The first one; NULL for none. */
const struct db_pending *db_pending_first(const struct db_pending_queue *queue);
/* The end of the group that is answered first; NULL when none was sent whole. */
const struct db_pending *db_pending_first_group_end(const struct db_pending_queue *queue);

#endif
