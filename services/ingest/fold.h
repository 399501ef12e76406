/*
 * fold - many events become the few rows they amount to.
 *
 * A fold collects the events of one micro-batch: for each batch, the calls mentioned; for each
 * call, its attempts. Adding costs a hash look-up; nothing is copied but the field pointers.
 * Sorting happens once, at the end.
 *
 * Ownership: lives in its own arena; entities borrow from the events given, which must outlive the
 * fold.
 */
#ifndef CALLBOARD_INGEST_FOLD_H
#define CALLBOARD_INGEST_FOLD_H

#include "entity.h"
#include "event.h"
#include "object_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fold_attempt {
    int32_t attempt;
    struct entity entity;
    struct fold_attempt *next; /* of the same call, ascending by attempt once finished */
};

struct fold_call {
    struct object_id call_id;
    bool has_call_event; /* a call event was among them, so the call exists; else only attempts were
                            seen */
    uint32_t
        arrival; /* ascending by the first call event, or the first attempt where there was none */
    struct entity entity;
    struct fold_attempt *attempts;
    size_t attempt_count;
};

struct fold_batch {
    struct object_id batch_id;
    struct entity entity;     /* without any field when no batch event was among them */
    struct fold_call **calls; /* ascending by arrival once finished */
    size_t call_count;
};

struct fold;

struct fold *fold_new(void);
void fold_free(struct fold **fold);
/* Empties the fold, keeps memory for reuse. */
void fold_reset(struct fold *fold);

void fold_add(struct fold *fold, const struct event *event);
/* Sorts: batches ascending by id, calls by arrival, attempts by number. Adding afterwards is
 * allowed; finish again then. */
void fold_finish(struct fold *fold);

size_t fold_event_count(const struct fold *fold);
size_t fold_batch_count(const struct fold *fold);
size_t fold_call_count(const struct fold *fold);
/* After fold_finish(). */
struct fold_batch *fold_batch_at(const struct fold *fold, size_t index);

#endif
