/*
 * recent_calls - what the last transactions left of batches and calls, so that the next ones need
 * not read it.
 *
 * Whoever changes anything of a batch raises its version, under the lock of its row. So what is
 * known of a batch and its calls at version v is what is stored, as long as the version is v; the
 * transaction that relies on it compares the two after it has locked the row. Whoever loses the
 * connection forgets all: a server that came back may have lost versions and given them again.
 *
 * Kept are the calls that were read or written last, those that are not stored with the attempts
 * that wait for them: as long as all that wait in a batch are kept, a call of which nothing is kept
 * has none. A call whose latest attempt has its final status is not kept, since hardly anything
 * more will be said of it. Of a batch that began under our eyes a call_filter tells, besides, which
 * calls it does not have.
 */
#ifndef CALLBOARD_INGEST_RECENT_CALLS_H
#define CALLBOARD_INGEST_RECENT_CALLS_H

#include "fold.h"
#include "object_id.h"
#include "reconcile.h"

#include <stdbool.h>
#include <stddef.h>

struct recent_calls;
/* What is known of a batch. */
struct recent_batch;

/* Holds at most about `max_bytes`; 0: remembers nothing. */
struct recent_calls *recent_calls_new(size_t max_bytes);
void recent_calls_free(struct recent_calls **recent);
void recent_calls_forget(struct recent_calls *recent);

/* NULL: nothing is known. Valid until the next change. */
const struct recent_batch *recent_calls_batch(const struct recent_calls *recent,
                                              const struct object_id *batch_id);
/* As it was last seen. */
const struct stored_batch *recent_batch_stored(const struct recent_batch *batch);
/* Whether it is known how a call of the batch is stored. If so `found` tells, with all its
 * attempts, from the arena; its `call` is NULL when it is not stored. Of that one `has_pending`
 * tells whether its pending attempts are known, too. */
bool recent_calls_find(const struct recent_calls *recent, const struct recent_batch *batch,
                       const struct object_id *call_id, struct arena *arena,
                       struct call_snapshot *found);

/* A transaction has been committed: what it found under its locks, and what it left, both aligned
 * with the fold. Copies. */
void recent_calls_note(struct recent_calls *recent, const struct fold *fold,
                       const struct snapshot *before, const struct snapshot *after);

#endif
