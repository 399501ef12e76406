/*
 * reconcile - what has to be written so that the stored rows include a folded micro-batch.
 *
 * A pure function: (fold, the stored rows it touches) -> (rows to insert and update, counter
 * differences, change log, the rows as they stand then). It knows nothing of SQL or connections;
 * entity_merge() decides every field. The caller holds the locks of the batches concerned, so what
 * it read is what is there.
 *
 * Ownership: everything returned lives in the arena given and borrows from the fold and the
 * snapshot.
 */
#ifndef CALLBOARD_INGEST_RECONCILE_H
#define CALLBOARD_INGEST_RECONCILE_H

#include "arena.h"
#include "error.h"
#include "fold.h"
#include "macros.h"
#include "object_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- what is stored ---------------------------------------------------------------------- */

struct stored_batch {
    struct slice versions;
    int64_t version;
    int32_t calls;
    int32_t pending_attempts;
    bool created_in_order;
    bool has_last_created_at;
    int64_t last_created_at_us;
};

/* An attempt as far as merging needs it; a pending one with all its values, because it may have to
 * move. */
struct stored_attempt {
    int32_t attempt;
    struct slice status; /* SLICE_NONE when not known */
    struct slice versions;
    const struct entity *values; /* pending attempts only: texts and numbers, without versions */
    struct stored_attempt *next;
};

struct stored_call {
    int32_t position;
    bool has_created_at;
    int64_t created_at_us;
    struct slice versions;
};

/* One for each call of the fold, in the fold's order. */
struct call_snapshot {
    const struct stored_call *call; /* NULL: not stored */
    struct stored_attempt *attempts;
    bool has_attempts;              /* `attempts` are all of the stored call; needed when the fold
                                       touches any */
    struct stored_attempt *pending; /* all pending of this call; */
    bool has_pending;               /* without looking for any, where this says so */
};

/* Aligned with the finished fold: batches[i] is of fold_batch_at(i); calls are those of its batches
 * one behind the other. */
struct snapshot {
    struct stored_batch *batches;
    struct call_snapshot *calls;
};

/* --- what is to be written --------------------------------------------------------------- */

struct row_write {
    const struct object_id *batch_id;
    const struct object_id *call_id; /* calls and pending attempts */
    int32_t position;                /* calls and attempts */
    int32_t attempt;                 /* attempts and pending attempts */
    unsigned mask;                   /* updates: the fields to be replaced */
    const struct entity *entity;     /* their values; NULL where only the key matters */
    struct slice versions;           /* encoded, of all fields */
};

struct row_writes {
    struct row_write *rows;
    size_t count;
};

struct status_write {
    const struct object_id *batch_id;
    struct slice status;
    int32_t any; /* differences */
    int32_t latest;
};

struct batch_write {
    const struct object_id *batch_id;
    int64_t version; /* the new one */
    unsigned mask;
    struct entity entity;
    struct slice versions;
    int32_t calls_before;
    int32_t calls_after;
    int32_t finished;         /* difference */
    int32_t pending_attempts; /* difference */
    bool created_in_order;
    bool has_last_created_at;
    int64_t last_created_at_us;
    int32_t *changed; /* positions of earlier calls that changed, ascending */
    size_t changed_count;
};

struct write_set {
    struct batch_write *batches; /* only those of which anything changed */
    size_t batch_count;
    struct row_writes new_calls;
    struct row_writes changed_calls;
    struct row_writes new_attempts;
    struct row_writes changed_attempts;
    struct row_writes new_pending;
    struct row_writes changed_pending;
    struct row_writes gone_pending; /* keys only */
    struct status_write *statuses;  /* ascending by batch, then status; no zero differences */
    size_t status_count;
    struct snapshot after; /* how the fold's batches and calls stand once all this is written */
};

/* False (ERR_FATAL) only when a stored `versions` cannot be read: the row was not written by this
 * program. */
NODISCARD bool reconcile(const struct fold *fold, const struct snapshot *snapshot,
                         struct arena *arena, struct write_set *out, struct error *err);

#endif
