/*
 * store_plan - what one transaction reads and writes, worked out before it is sent.
 *
 *   recall  what the last transactions left of its batches and calls goes into the snapshot
 *           - the store reads what is not known -
 *   write   reconcile(), and the statements that follow from it, with their parameters
 *
 * A plan knows of no connection.
 *
 * Ownership: a plan owns its memory and is used again and again; it borrows from the transaction.
 */
#ifndef CALLBOARD_INGEST_STORE_PLAN_H
#define CALLBOARD_INGEST_STORE_PLAN_H

#include "arena.h"
#include "db_params.h"
#include "error.h"
#include "macros.h"
#include "recent_calls.h"
#include "reconcile.h"
#include "store.h"
#include "store_sql.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PLAN_STATEMENTS_MAX 11

struct planned_statement {
    enum store_statement statement;
    struct db_params params;
};

struct store_plan {
    const struct store_transaction *txn; /* NULL: nothing is planned */
    struct arena arena;                  /* what was read and what is to be written */
    int64_t *recalled_version; /* of each of the fold's batches; -1: nothing is known of it */
    bool *is_unknown;          /* of the fold's calls: to be read */
    size_t calls_recalled;
    struct snapshot snapshot;
    struct write_set writes;
    struct planned_statement statements[STORE_PLAN_STATEMENTS_MAX]; /* in the order of sending */
    size_t statement_count;
    bool is_prepared; /* ahead of its time */
    bool is_noted;    /* `recent` has what this transaction leaves */
};

void store_plan_init(struct store_plan *plan);
void store_plan_done(struct store_plan *plan);

/* Plans `txn` from here on, and recalls what is known of it. */
void store_plan_begin(struct store_plan *plan, const struct store_transaction *txn,
                      const struct recent_calls *recent);
/* Nothing is known of call number `n` of the fold: it is to be read, its attempts where the fold
 * touches any. */
void store_plan_expect_call(struct store_plan *plan, size_t n, const struct fold_call *call);
/* Whether anything in the snapshot was recalled, and whether all is that is needed for writing. */
bool store_plan_has_recalled(const struct store_plan *plan);
bool store_plan_is_all_known(const struct store_plan *plan);

/* With the snapshot complete: what is to be written. False as reconcile(). */
NODISCARD bool store_plan_write(struct store_plan *plan, const char *group_id, struct error *err);
/* Rows of calls and attempts, pending ones included, that it changes. */
size_t store_plan_rows(const struct store_plan *plan);
/* `recent` is to know what this transaction leaves; once. */
void store_plan_note(struct store_plan *plan, struct recent_calls *recent);

#endif
