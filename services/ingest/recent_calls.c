#include "recent_calls.h"

#include "alloc.h"
#include "buf.h"
#include "call_filter.h"
#include "hash_index.h"
#include "packed_call.h"

#include <stdlib.h>

/* Of so many batches at once something is known; with one more, all is forgotten. */
#define BATCHES_MAX 1024
/* The largest call that is kept. */
#define PACKED_BYTES_MAX (1 << 20)
/* What malloc needs for itself. */
#define MALLOC_BYTES 16

/* What is kept of a batch goes by its life: another one when what was known did not hold. */
struct recent_batch {
    struct object_id batch_id;
    uint64_t life;
    struct stored_batch stored;
    char *versions;             /* those of `stored` */
    struct call_filter *filter; /* NULL: not all of its calls are known */
    int32_t waiting;            /* so many of its pending attempts are kept */
    uint64_t used;              /* the tick of the last use */
};

/* In a list by the time of their last use. */
struct recent_call {
    struct recent_call *older;
    struct recent_call *newer;
    struct recent_batch *batch;
    uint64_t life; /* of the batch when this was kept */
    struct object_id call_id;
    int32_t waiting; /* its pending attempts */
    size_t packed_len;
    char packed[];
};

struct recent_calls {
    size_t filter_bytes_max;
    size_t filter_bytes;
    size_t call_bytes_max; /* 0: nothing is kept */
    size_t call_bytes;
    struct hash_index batches;
    struct hash_index calls;
    struct recent_call *oldest;
    struct recent_call *newest;
    struct buf scratch;
    uint64_t last_life;
    uint64_t tick;
};

/* --- finding ------------------------------------------------------------------------------- */

static bool batch_matches(const void *entry, const void *key)
{
    return object_id_compare(&((const struct recent_batch *)entry)->batch_id, key) == 0;
}

const struct recent_batch *recent_calls_batch(const struct recent_calls *recent,
                                              const struct object_id *batch_id)
{
    return hash_index_find(&recent->batches, hash_object_id(batch_id, 0), batch_matches, batch_id);
}

const struct stored_batch *recent_batch_stored(const struct recent_batch *batch)
{
    return &batch->stored;
}

struct call_key {
    uint64_t life;
    const struct object_id *call_id;
};

static bool call_matches(const void *entry, const void *key)
{
    const struct recent_call *call = entry;
    const struct call_key *wanted = key;
    return call->life == wanted->life && object_id_compare(&call->call_id, wanted->call_id) == 0;
}

static uint64_t hash_call(const struct call_key *key)
{
    return hash_object_id(key->call_id, key->life);
}

bool recent_calls_find(const struct recent_calls *recent, const struct recent_batch *batch,
                       const struct object_id *call_id, struct arena *arena,
                       struct call_snapshot *found)
{
    const struct call_key key = {batch->life, call_id};
    bool is_absent = batch->filter && !call_filter_may_have(batch->filter, call_id);
    /* Of a call that is absent only attempts that wait for it can be kept. */
    bool may_be_kept = !is_absent || batch->waiting > 0;
    const struct recent_call *call =
        may_be_kept ? hash_index_find(&recent->calls, hash_call(&key), call_matches, &key) : NULL;
    if (call) {
        packed_call_read((struct slice){call->packed, call->packed_len}, arena, found);
        return true;
    }
    *found =
        (struct call_snapshot){.has_pending = batch->waiting == batch->stored.pending_attempts};
    return is_absent;
}

/* --- noting calls -------------------------------------------------------------------------- */

static size_t bytes_of(const struct recent_call *call)
{
    return sizeof *call + call->packed_len + MALLOC_BYTES;
}

static void link_newest(struct recent_calls *recent, struct recent_call *call)
{
    call->older = recent->newest;
    call->newer = NULL;
    if (recent->newest)
        recent->newest->newer = call;
    else
        recent->oldest = call;
    recent->newest = call;
}

static void unlink_call(struct recent_calls *recent, const struct recent_call *call)
{
    if (call->older)
        call->older->newer = call->newer;
    else
        recent->oldest = call->newer;
    if (call->newer)
        call->newer->older = call->older;
    else
        recent->newest = call->older;
}

static void drop_call(struct recent_calls *recent, const struct call_key *key)
{
    struct recent_call *call = hash_index_remove(&recent->calls, hash_call(key), call_matches, key);
    if (!call)
        return;
    if (call->life == call->batch->life)
        call->batch->waiting -= call->waiting;
    recent->call_bytes -= bytes_of(call);
    unlink_call(recent, call);
    free(call);
}

static int32_t count_pending(const struct call_snapshot *call)
{
    int32_t count = 0;
    for (const struct stored_attempt *at = call->pending; at; at = at->next)
        count++;
    return count;
}

/* What is kept of the call under `key` must have been dropped. */
static void keep_call(struct recent_calls *recent, struct recent_batch *batch,
                      const struct call_key *key, const struct call_snapshot *after)
{
    buf_reset(&recent->scratch);
    packed_call_write(after, &recent->scratch);
    if (recent->scratch.overflow)
        return;
    struct slice packed = buf_slice(&recent->scratch);
    struct recent_call *call = alloc_zeroed(1, sizeof *call + packed.len);
    call->batch = batch;
    call->life = key->life;
    call->call_id = *key->call_id;
    call->waiting = count_pending(after);
    call->packed_len = packed.len;
    memcpy(call->packed, packed.data, packed.len);
    batch->waiting += call->waiting;
    recent->call_bytes += bytes_of(call);
    link_newest(recent, call);
    hash_index_put(&recent->calls,
                   hash_index_slot(&recent->calls, hash_call(key), call_matches, key), call);
}

static bool is_finished(const struct call_snapshot *call)
{
    const struct stored_attempt *latest = NULL;
    for (const struct stored_attempt *at = call->attempts; at; at = at->next)
        if (!latest || at->attempt > latest->attempt)
            latest = at;
    return latest && slice_is_set(latest->status) &&
           status_rank(latest->status) == STATUS_RANK_FINAL;
}

static void note_call(struct recent_calls *recent, struct recent_batch *batch,
                      const struct object_id *call_id, const struct call_snapshot *before,
                      const struct call_snapshot *after)
{
    const struct call_key key = {batch->life, call_id};
    bool is_wanted =
        after->call ? after->has_attempts && !is_finished(after) : after->pending != NULL;
    if (batch->filter && !before->call && after->call)
        call_filter_add(batch->filter, call_id);
    if (before->call || before->pending)
        drop_call(recent, &key);
    if (is_wanted)
        keep_call(recent, batch, &key, after);
}

/* --- noting batches ------------------------------------------------------------------------ */

static void drop_filter(struct recent_calls *recent, struct recent_batch *batch)
{
    if (!batch->filter)
        return;
    recent->filter_bytes -= call_filter_bytes(batch->filter);
    call_filter_free(&batch->filter);
}

static struct recent_batch *batch_of(struct recent_calls *recent, const struct object_id *batch_id)
{
    struct hash_slot *slot =
        hash_index_slot(&recent->batches, hash_object_id(batch_id, 0), batch_matches, batch_id);
    if (slot->entry)
        return slot->entry;
    struct recent_batch *batch = alloc_zeroed(1, sizeof *batch);
    batch->batch_id = *batch_id;
    batch->stored.version = -1; /* what no stored one is */
    hash_index_put(&recent->batches, slot, batch);
    return batch;
}

/* What is known of it does not hold, or nothing is. Its calls go as they grow old. */
static void begin_life(struct recent_calls *recent, struct recent_batch *batch,
                       const struct stored_batch *before)
{
    batch->life = ++recent->last_life;
    batch->waiting = 0;
    drop_filter(recent, batch);
    if (before->calls > 0)
        return;
    batch->filter = call_filter_new();
    recent->filter_bytes += call_filter_bytes(batch->filter);
}

static void keep_batch(struct recent_batch *batch, const struct stored_batch *after)
{
    if (after->versions.data != batch->stored.versions.data) {
        free(batch->versions);
        batch->versions = alloc_bytes(after->versions.data, after->versions.len);
    }
    batch->stored = *after;
    batch->stored.versions = (struct slice){batch->versions, after->versions.len};
}

/* --- the bounds ---------------------------------------------------------------------------- */

/* That of the batch that was not used for longest; false when there is none. */
static bool drop_oldest_filter(struct recent_calls *recent)
{
    struct recent_batch *oldest = NULL;
    for (size_t i = 0; i < recent->batches.slot_count; i++) {
        struct recent_batch *batch = recent->batches.slots[i].entry;
        if (batch && batch->filter && (!oldest || batch->used < oldest->used))
            oldest = batch;
    }
    if (!oldest)
        return false;
    drop_filter(recent, oldest);
    return true;
}

static void bound_filters(struct recent_calls *recent)
{
    while (recent->filter_bytes > recent->filter_bytes_max && drop_oldest_filter(recent))
        ;
}

static void bound_calls(struct recent_calls *recent)
{
    while (recent->oldest &&
           recent->call_bytes + hash_index_bytes(&recent->calls) > recent->call_bytes_max) {
        const struct call_key key = {recent->oldest->life, &recent->oldest->call_id};
        drop_call(recent, &key);
    }
}

void recent_calls_note(struct recent_calls *recent, const struct fold *fold,
                       const struct snapshot *before, const struct snapshot *after)
{
    if (!recent->call_bytes_max)
        return;
    size_t n = 0;
    recent->tick++;
    for (size_t i = 0; i < fold_batch_count(fold); i++) {
        const struct fold_batch *folded = fold_batch_at(fold, i);
        struct recent_batch *batch = batch_of(recent, &folded->batch_id);
        if (batch->stored.version != before->batches[i].version)
            begin_life(recent, batch, &before->batches[i]);
        batch->used = recent->tick;
        recent->filter_bytes -= batch->filter ? call_filter_bytes(batch->filter) : 0;
        for (size_t j = 0; j < folded->call_count; j++, n++)
            note_call(recent, batch, &folded->calls[j]->call_id, &before->calls[n],
                      &after->calls[n]);
        recent->filter_bytes += batch->filter ? call_filter_bytes(batch->filter) : 0;
        keep_batch(batch, &after->batches[i]);
    }
    bound_filters(recent);
    bound_calls(recent);
    if (recent->batches.used > BATCHES_MAX)
        recent_calls_forget(recent);
}

/* --- life ---------------------------------------------------------------------------------- */

struct recent_calls *recent_calls_new(size_t max_bytes)
{
    struct recent_calls *recent = alloc_zeroed(1, sizeof *recent);
    recent->filter_bytes_max = max_bytes / 3;
    recent->call_bytes_max = max_bytes - max_bytes / 3;
    hash_index_init(&recent->batches);
    hash_index_init(&recent->calls);
    buf_init(&recent->scratch, PACKED_BYTES_MAX);
    return recent;
}

static void free_calls(struct recent_calls *recent)
{
    struct recent_call *call = recent->oldest;
    while (call) {
        struct recent_call *newer = call->newer;
        free(call);
        call = newer;
    }
    recent->oldest = recent->newest = NULL;
    recent->call_bytes = 0;
}

static void free_batches(struct recent_calls *recent)
{
    for (size_t i = 0; i < recent->batches.slot_count; i++) {
        struct recent_batch *batch = recent->batches.slots[i].entry;
        if (!batch)
            continue;
        drop_filter(recent, batch);
        free(batch->versions);
        free(batch);
    }
}

void recent_calls_forget(struct recent_calls *recent)
{
    free_calls(recent);
    free_batches(recent);
    hash_index_reset(&recent->batches);
    /* Made anew, so that what was once large need not stay so. */
    hash_index_done(&recent->calls);
    hash_index_init(&recent->calls);
}

void recent_calls_free(struct recent_calls **recent)
{
    struct recent_calls *self = *recent;
    if (!self)
        return;
    *recent = NULL;
    free_calls(self);
    free_batches(self);
    hash_index_done(&self->batches);
    hash_index_done(&self->calls);
    buf_done(&self->scratch);
    free(self);
}
