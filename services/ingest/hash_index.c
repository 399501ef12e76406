#include "hash_index.h"

#include "alloc.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64 /* a power of two */

void hash_index_init(struct hash_index *index)
{
    index->slot_count = SLOTS_MIN;
    index->slots = alloc_zeroed(index->slot_count, sizeof *index->slots);
    index->used = 0;
}

void hash_index_done(struct hash_index *index)
{
    free(index->slots);
    *index = (struct hash_index){0};
}

void hash_index_reset(struct hash_index *index)
{
    memset(index->slots, 0, index->slot_count * sizeof *index->slots);
    index->used = 0;
}

size_t hash_index_bytes(const struct hash_index *index)
{
    return index->slot_count * sizeof *index->slots;
}

static void grow(struct hash_index *index)
{
    struct hash_index old = *index;
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

static struct hash_slot *slot_of(const struct hash_index *index, uint64_t hash,
                                 hash_match_fn *match, const void *key)
{
    size_t at = hash & (index->slot_count - 1);
    while (index->slots[at].entry &&
           (index->slots[at].hash != hash || !match(index->slots[at].entry, key)))
        at = (at + 1) & (index->slot_count - 1);
    return &index->slots[at];
}

void *hash_index_find(const struct hash_index *index, uint64_t hash, hash_match_fn *match,
                      const void *key)
{
    return slot_of(index, hash, match, key)->entry;
}

struct hash_slot *hash_index_slot(struct hash_index *index, uint64_t hash, hash_match_fn *match,
                                  const void *key)
{
    if (2 * (index->used + 1) > index->slot_count)
        grow(index);
    struct hash_slot *slot = slot_of(index, hash, match, key);
    slot->hash = hash;
    return slot;
}

void hash_index_put(struct hash_index *index, struct hash_slot *slot, void *entry)
{
    index->used += slot->entry == NULL;
    slot->entry = entry;
}

/* Into the gap comes the next entry that may stand there, into its gap the next, up to a free slot:
 * so whoever probes finds no gap on its way. */
void *hash_index_remove(struct hash_index *index, uint64_t hash, hash_match_fn *match,
                        const void *key)
{
    const size_t mask = index->slot_count - 1;
    struct hash_slot *slot = slot_of(index, hash, match, key);
    void *removed = slot->entry;
    if (!removed)
        return NULL;
    size_t gap = (size_t)(slot - index->slots);
    for (size_t at = (gap + 1) & mask; index->slots[at].entry; at = (at + 1) & mask) {
        size_t from_home = (at - index->slots[at].hash) & mask;
        if (from_home < ((at - gap) & mask))
            continue; /* its place is behind the gap */
        index->slots[gap] = index->slots[at];
        gap = at;
    }
    index->slots[gap].entry = NULL;
    index->used--;
    return removed;
}
