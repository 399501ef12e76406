#include "fold.h"

#include "alloc.h"
#include "arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_SLOTS_MIN 64 /* a power of two */

/* --- an index: from a key to an entry of the arena ----------------------------------------- */

/* Open addressing, at most half full, nothing is ever removed. */
struct index_slot {
    uint64_t hash;
    void *entry; /* NULL: free */
};

struct index {
    struct index_slot *slots;
    size_t slot_count; /* a power of two */
    size_t used;
};

typedef bool index_match_fn(const void *entry, const void *key);

/* The finisher of splitmix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit.
 */
static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint64_t hash_object_id(const struct object_id *id, uint64_t seed)
{
    uint64_t head;
    uint32_t tail;
    memcpy(&head, id->bytes, sizeof head);
    memcpy(&tail, id->bytes + sizeof head, sizeof tail);
    return mix(mix(head + seed) + tail);
}

static void index_init(struct index *index)
{
    index->slot_count = INDEX_SLOTS_MIN;
    index->slots = alloc_zeroed(index->slot_count, sizeof *index->slots);
    index->used = 0;
}

static void index_reset(struct index *index)
{
    memset(index->slots, 0, index->slot_count * sizeof *index->slots);
    index->used = 0;
}

static void index_grow(struct index *index)
{
    struct index old = *index;
    index->slot_count = 2 * old.slot_count;
    index->slots = alloc_zeroed(index->slot_count, sizeof *index->slots);
    for (size_t i = 0; i < old.slot_count; i++) {
        if (!old.slots[i].entry)
            continue;
        size_t at = old.slots[i].hash & (index->slot_count - 1);
        while (index->slots[at].entry)
            at = (at + 1) & (index->slot_count - 1);
        index->slots[at] = old.slots[i];
    }
    free(old.slots);
}

/* The slot of the key, or the free one where its entry is to be put, with the hash filled in. */
static struct index_slot *index_slot_of(struct index *index, uint64_t hash, index_match_fn *match,
                                        const void *key)
{
    if (2 * (index->used + 1) > index->slot_count)
        index_grow(index);
    size_t at = hash & (index->slot_count - 1);
    while (index->slots[at].entry &&
           (index->slots[at].hash != hash || !match(index->slots[at].entry, key)))
        at = (at + 1) & (index->slot_count - 1);
    index->slots[at].hash = hash;
    return &index->slots[at];
}

static void index_put(struct index *index, struct index_slot *slot, void *entry)
{
    slot->entry = entry;
    index->used++;
}

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
    struct index batch_index;
    struct index call_index;
    struct index attempt_index;
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
    index_init(&fold->batch_index);
    index_init(&fold->call_index);
    index_init(&fold->attempt_index);
    return fold;
}

void fold_free(struct fold **fold)
{
    if (!*fold)
        return;
    arena_done(&(*fold)->arena);
    free((*fold)->batch_index.slots);
    free((*fold)->call_index.slots);
    free((*fold)->attempt_index.slots);
    free((*fold)->batches);
    free(*fold);
    *fold = NULL;
}

void fold_reset(struct fold *fold)
{
    arena_reset(&fold->arena);
    index_reset(&fold->batch_index);
    index_reset(&fold->call_index);
    index_reset(&fold->attempt_index);
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
    struct index_slot *slot =
        index_slot_of(&fold->batch_index, hash_object_id(batch_id, 0), batch_matches, batch_id);
    if (slot->entry)
        return slot->entry;

    struct batch_entry *entry = arena_alloc_zeroed(&fold->arena, sizeof *entry);
    entry->batch.batch_id = *batch_id;
    entry->batch.entity.kind = ENTITY_BATCH;
    index_put(&fold->batch_index, slot, entry);
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
    struct index_slot *slot = index_slot_of(
        &fold->call_index, hash_object_id(call_id, (uintptr_t)batch), call_matches, &key);
    if (slot->entry)
        return slot->entry;

    struct call_entry *entry = arena_alloc_zeroed(&fold->arena, sizeof *entry);
    entry->batch = batch;
    entry->call.call_id = *call_id;
    entry->call.entity.kind = ENTITY_CALL;
    entry->call.arrival = fold->next_arrival++;
    index_put(&fold->call_index, slot, entry);
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
    struct index_slot *slot = index_slot_of(
        &fold->attempt_index, mix((uintptr_t)call + mix((uint64_t)attempt)), attempt_matches, &key);
    if (slot->entry)
        return &((struct attempt_entry *)slot->entry)->attempt;

    struct attempt_entry *entry = arena_alloc_zeroed(&fold->arena, sizeof *entry);
    entry->call = call;
    entry->attempt.attempt = attempt;
    entry->attempt.entity.kind = ENTITY_ATTEMPT;
    entry->attempt.next = call->call.attempts;
    index_put(&fold->attempt_index, slot, entry);
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

struct fold_batch *fold_batch_at(const struct fold *fold, size_t index)
{
    assert(index < fold->batch_count);
    return &fold->batches[index]->batch;
}
