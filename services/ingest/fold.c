#include "fold.h"

#include "alloc.h"
#include "arena.h"
#include "hash_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- the fold ------------------------------------------------------------------------------ */

/* What the fold knows of a batch, a call and an attempt besides what its user sees. */
struct batch_entry {
    struct fold_batch batch;
    size_t call_cap;
};

struct call_entry {
    struct fold_call call;
    const struct batch_entry *batch;
};

struct attempt_entry {
    struct fold_attempt attempt;
    const struct call_entry *call;
};

struct call_key {
    const struct batch_entry *batch;
    const struct object_id *call_id;
};

struct attempt_key {
    const struct call_entry *call;
    int32_t attempt;
};

struct fold {
    struct arena arena;
    struct hash_index batch_index;
    struct hash_index call_index;
    struct hash_index attempt_index;
    struct batch_entry **batches; /* ascending by id once finished */
    size_t batch_count;
    size_t batch_cap;
    size_t event_count;
    uint32_t next_arrival;
};

struct fold *fold_new(void)
{
    struct fold *fold = alloc_zeroed(1, sizeof *fold);
    arena_init(&fold->arena);
    hash_index_init(&fold->batch_index);
    hash_index_init(&fold->call_index);
    hash_index_init(&fold->attempt_index);
    return fold;
}

void fold_free(struct fold **fold)
{
    if (!*fold)
        return;
    arena_done(&(*fold)->arena);
    hash_index_done(&(*fold)->batch_index);
    hash_index_done(&(*fold)->call_index);
    hash_index_done(&(*fold)->attempt_index);
    free((*fold)->batches);
    free(*fold);
    *fold = NULL;
}

void fold_reset(struct fold *fold)
{
    arena_reset(&fold->arena);
    hash_index_reset(&fold->batch_index);
    hash_index_reset(&fold->call_index);
    hash_index_reset(&fold->attempt_index);
    fold->batch_count = 0;
    fold->event_count = 0;
    fold->next_arrival = 0;
}

/* --- adding -------------------------------------------------------------------------------- */

static bool batch_matches(const void *entry, const void *key)
{
    return object_id_compare(&((const struct batch_entry *)entry)->batch.batch_id, key) == 0;
}

static struct batch_entry *batch_of(struct fold *fold, const struct object_id *batch_id)
{
    struct hash_slot *slot =
        hash_index_slot(&fold->batch_index, hash_object_id(batch_id, 0), batch_matches, batch_id);
    if (slot->entry)
        return slot->entry;

    struct batch_entry *entry = arena_alloc_zeroed(&fold->arena, sizeof *entry);
    entry->batch.batch_id = *batch_id;
    entry->batch.entity.kind = ENTITY_BATCH;
    hash_index_put(&fold->batch_index, slot, entry);
    if (fold->batch_count == fold->batch_cap) {
        fold->batch_cap = fold->batch_cap ? 2 * fold->batch_cap : 16;
        fold->batches = alloc_resize(fold->batches, fold->batch_cap, sizeof(struct batch_entry *));
    }
    fold->batches[fold->batch_count++] = entry;
    return entry;
}

static void append_call(struct fold *fold, struct batch_entry *entry, struct fold_call *call)
{
    struct fold_batch *batch = &entry->batch;
    if (batch->call_count == entry->call_cap) {
        entry->call_cap = entry->call_cap ? 2 * entry->call_cap : 8;
        struct fold_call **calls =
            arena_alloc(&fold->arena, entry->call_cap * sizeof(struct fold_call *));
        if (batch->call_count)
            memcpy(calls, batch->calls, batch->call_count * sizeof(struct fold_call *));
        batch->calls = calls;
    }
    batch->calls[batch->call_count++] = call;
}

static bool call_matches(const void *entry, const void *key)
{
    const struct call_entry *call = entry;
    const struct call_key *wanted = key;
    return call->batch == wanted->batch &&
           object_id_compare(&call->call.call_id, wanted->call_id) == 0;
}

static struct call_entry *call_of(struct fold *fold, struct batch_entry *batch,
                                  const struct object_id *call_id)
{
    struct call_key key = {batch, call_id};
    struct hash_slot *slot = hash_index_slot(
        &fold->call_index, hash_object_id(call_id, (uintptr_t)batch), call_matches, &key);
    if (slot->entry)
        return slot->entry;

    struct call_entry *entry = arena_alloc_zeroed(&fold->arena, sizeof *entry);
    entry->batch = batch;
    entry->call.call_id = *call_id;
    entry->call.entity.kind = ENTITY_CALL;
    entry->call.arrival = fold->next_arrival++;
    hash_index_put(&fold->call_index, slot, entry);
    append_call(fold, batch, &entry->call);
    return entry;
}

static bool attempt_matches(const void *entry, const void *key)
{
    const struct attempt_entry *attempt = entry;
    const struct attempt_key *wanted = key;
    return attempt->call == wanted->call && attempt->attempt.attempt == wanted->attempt;
}

static struct fold_attempt *attempt_of(struct fold *fold, struct call_entry *call, int32_t attempt)
{
    struct attempt_key key = {call, attempt};
    struct hash_slot *slot = hash_index_slot(
        &fold->attempt_index, hash_mix((uintptr_t)call + hash_mix((uint64_t)attempt)),
        attempt_matches, &key);
    if (slot->entry)
        return &((struct attempt_entry *)slot->entry)->attempt;

    struct attempt_entry *entry = arena_alloc_zeroed(&fold->arena, sizeof *entry);
    entry->call = call;
    entry->attempt.attempt = attempt;
    entry->attempt.entity.kind = ENTITY_ATTEMPT;
    entry->attempt.next = call->call.attempts;
    hash_index_put(&fold->attempt_index, slot, entry);
    call->call.attempts = &entry->attempt;
    call->call.attempt_count++;
    return &entry->attempt;
}

static void add_call_event(struct fold *fold, struct fold_call *call, const struct event *event)
{
    /* A call arrives with its first call event; attempts seen before only announced it. */
    if (!call->has_call_event)
        call->arrival = fold->next_arrival++;
    call->has_call_event = true;
    entity_merge(&call->entity, &event->entity);
}

void fold_add(struct fold *fold, const struct event *event)
{
    fold->event_count++;
    struct batch_entry *batch = batch_of(fold, &event->batch_id);
    if (event->entity.kind == ENTITY_BATCH) {
        entity_merge(&batch->batch.entity, &event->entity);
        return;
    }
    struct call_entry *call = call_of(fold, batch, &event->call_id);
    if (event->entity.kind == ENTITY_CALL) {
        add_call_event(fold, &call->call, event);
        return;
    }
    entity_merge(&attempt_of(fold, call, event->attempt)->entity, &event->entity);
}

/* --- finishing ----------------------------------------------------------------------------- */

static int compare_batches(const void *a, const void *b)
{
    return object_id_compare(&(*(struct batch_entry *const *)a)->batch.batch_id,
                             &(*(struct batch_entry *const *)b)->batch.batch_id);
}

static int compare_calls(const void *a, const void *b)
{
    uint32_t left = (*(struct fold_call *const *)a)->arrival;
    uint32_t right = (*(struct fold_call *const *)b)->arrival;
    return (left > right) - (left < right);
}

static int compare_attempts(const void *a, const void *b)
{
    int32_t left = (*(struct fold_attempt *const *)a)->attempt;
    int32_t right = (*(struct fold_attempt *const *)b)->attempt;
    return (left > right) - (left < right);
}

static void sort_attempts(struct fold *fold, struct fold_call *call)
{
    if (call->attempt_count < 2)
        return;
    struct fold_attempt **sorted =
        arena_alloc(&fold->arena, call->attempt_count * sizeof(struct fold_attempt *));
    size_t count = 0;
    for (struct fold_attempt *at = call->attempts; at; at = at->next)
        sorted[count++] = at;
    qsort(sorted, count, sizeof(struct fold_attempt *), compare_attempts);

    struct fold_attempt **link = &call->attempts;
    for (size_t i = 0; i < count; i++) {
        *link = sorted[i];
        link = &sorted[i]->next;
    }
    *link = NULL;
}

static void sort_calls(struct fold *fold, struct fold_batch *batch)
{
    if (batch->call_count > 1)
        qsort(batch->calls, batch->call_count, sizeof(struct fold_call *), compare_calls);
    for (size_t i = 0; i < batch->call_count; i++)
        sort_attempts(fold, batch->calls[i]);
}

void fold_finish(struct fold *fold)
{
    if (fold->batch_count > 1)
        qsort(fold->batches, fold->batch_count, sizeof(struct batch_entry *), compare_batches);
    for (size_t i = 0; i < fold->batch_count; i++)
        sort_calls(fold, &fold->batches[i]->batch);
}

/* --- reading ------------------------------------------------------------------------------- */

size_t fold_event_count(const struct fold *fold)
{
    return fold->event_count;
}

size_t fold_batch_count(const struct fold *fold)
{
    return fold->batch_count;
}

size_t fold_call_count(const struct fold *fold)
{
    size_t count = 0;
    for (size_t i = 0; i < fold_batch_count(fold); i++)
        count += fold_batch_at(fold, i)->call_count;
    return count;
}

struct fold_batch *fold_batch_at(const struct fold *fold, size_t index)
{
    assert(index < fold->batch_count);
    return &fold->batches[index]->batch;
}
