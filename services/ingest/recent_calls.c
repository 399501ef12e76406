#include "recent_calls.h"

#include "alloc.h"
#include "arena.h"
#include "call_filter.h"
#include "hash_index.h"

#include <stdlib.h>

/* Of so many batches at once something is known; with one more, all is forgotten. */
#define BATCHES_MAX 1024

/* What is kept of a batch goes by its life: another one when what was known did not hold. */
struct recent_batch {
    struct object_id batch_id;
    uint64_t life;
    struct stored_batch stored;
    char *versions;             /* those of `stored` */
    struct call_filter *filter; /* NULL: not all of its calls are known */
    uint64_t used;              /* the tick of the last use */
};

struct recent_call {
    uint64_t life;
    struct object_id call_id;
    struct stored_call call;
    struct stored_attempt *attempts;
    bool is_gone; /* not known any more */
};

struct generation {
    struct arena arena;
    struct hash_index calls;
};

struct recent_calls {
    size_t generation_bytes; /* 0: nothing is kept */
    size_t filter_bytes_max;
    size_t filter_bytes;
    struct hash_index batches;
    struct generation generations[2];
    int young; /* which of them is */
    uint64_t last_life;
    uint64_t tick;
};

/* --- life ---------------------------------------------------------------------------------- */

struct recent_calls *recent_calls_new(size_t max_bytes)
{
    struct recent_calls *recent = alloc_zeroed(1, sizeof *recent);
    recent->filter_bytes_max = max_bytes / 2;
    recent->generation_bytes = max_bytes / 4;
    hash_index_init(&recent->batches);
    for (int i = 0; i < 2; i++) {
        arena_init(&recent->generations[i].arena);
        hash_index_init(&recent->generations[i].calls);
    }
    return recent;
}

static void drop_filter(struct recent_calls *recent, struct recent_batch *batch)
{
    if (!batch->filter)
        return;
    recent->filter_bytes -= call_filter_bytes(batch->filter);
    call_filter_free(&batch->filter);
}

static void forget_batches(struct recent_calls *recent)
{
    for (size_t i = 0; i < recent->batches.slot_count; i++) {
        struct recent_batch *batch = recent->batches.slots[i].entry;
        if (!batch)
            continue;
        drop_filter(recent, batch);
        free(batch->versions);
        free(batch);
    }
    hash_index_reset(&recent->batches);
}

static void empty(struct generation *generation)
{
    arena_reset(&generation->arena);
    /* Made anew, so that one large transaction does not leave its size to all that follow. */
    hash_index_done(&generation->calls);
    hash_index_init(&generation->calls);
}

void recent_calls_forget(struct recent_calls *recent)
{
    forget_batches(recent);
    empty(&recent->generations[0]);
    empty(&recent->generations[1]);
}

void recent_calls_free(struct recent_calls **recent)
{
    struct recent_calls *self = *recent;
    if (!self)
        return;
    *recent = NULL;
    forget_batches(self);
    hash_index_done(&self->batches);
    for (int i = 0; i < 2; i++) {
        arena_done(&self->generations[i].arena);
        hash_index_done(&self->generations[i].calls);
    }
    free(self);
}

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

static struct recent_call *find_call(const struct recent_calls *recent, int generation,
                                     const struct call_key *key)
{
    return hash_index_find(&recent->generations[generation].calls, hash_call(key), call_matches,
                           key);
}

bool recent_calls_find(const struct recent_calls *recent, const struct recent_batch *batch,
                       const struct object_id *call_id, struct call_snapshot *found)
{
    const struct call_key key = {batch->life, call_id};
    const struct recent_call *call = find_call(recent, recent->young, &key);
    if (!call)
        call = find_call(recent, !recent->young, &key);
    if (call && !call->is_gone) {
        *found = (struct call_snapshot){
            .call = &call->call, .attempts = call->attempts, .has_attempts = true};
        return true;
    }
    *found = (struct call_snapshot){0};
    return !call && batch->filter && !call_filter_may_have(batch->filter, call_id);
}

/* --- noting calls -------------------------------------------------------------------------- */

static void drop_call(struct recent_calls *recent, const struct call_key *key)
{
    for (int i = 0; i < 2; i++) {
        struct recent_call *call = find_call(recent, i, key);
        if (call)
            call->is_gone = true;
    }
}

static void keep_call(struct recent_calls *recent, const struct call_key *key,
                      const struct call_snapshot *after)
{
    struct generation *young = &recent->generations[recent->young];
    struct arena *arena = &young->arena;
    struct recent_call *call = arena_alloc(arena, sizeof *call);
    *call = (struct recent_call){.life = key->life, .call_id = *key->call_id, .call = *after->call};
    call->call.versions = arena_copy(arena, after->call->versions);
    for (const struct stored_attempt *at = after->attempts; at; at = at->next) {
        struct stored_attempt *attempt = arena_alloc(arena, sizeof *attempt);
        *attempt = (struct stored_attempt){.attempt = at->attempt,
                                           .status = arena_copy(arena, at->status),
                                           .versions = arena_copy(arena, at->versions),
                                           .next = call->attempts};
        call->attempts = attempt;
    }
    struct hash_slot *slot = hash_index_slot(&young->calls, hash_call(key), call_matches, key);
    hash_index_put(&young->calls, slot, call);
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
    if (!after->call)
        return;
    if (batch->filter && !before->call)
        call_filter_add(batch->filter, call_id);
    if (after->has_attempts && !is_finished(after))
        keep_call(recent, &key, after);
    else
        drop_call(recent, &key);
}

/* --- noting batches ------------------------------------------------------------------------ */

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

/* What is known of it does not hold, or nothing is. */
static void begin_life(struct recent_calls *recent, struct recent_batch *batch,
                       const struct stored_batch *before)
{
    batch->life = ++recent->last_life;
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

static void bound_generations(struct recent_calls *recent)
{
    struct generation *young = &recent->generations[recent->young];
    if (young->arena.total_bytes + hash_index_bytes(&young->calls) <= recent->generation_bytes)
        return;
    recent->young = !recent->young;
    empty(&recent->generations[recent->young]);
}

void recent_calls_note(struct recent_calls *recent, const struct fold *fold,
                       const struct snapshot *before, const struct snapshot *after)
{
    if (!recent->generation_bytes)
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
    /* Not before: what was found before, and is kept, may lie in what goes. */
    bound_filters(recent);
    bound_generations(recent);
    if (recent->batches.used > BATCHES_MAX)
        recent_calls_forget(recent);
}
