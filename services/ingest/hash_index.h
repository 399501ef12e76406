/*
 * hash_index - finds an entry by its key: a hash table of pointers that knows nothing of either.
 *
 * Open addressing, at most half full. The caller compares keys, and owns the entries (an arena
 * does, mostly).
 */
#ifndef CALLBOARD_INGEST_HASH_INDEX_H
#define CALLBOARD_INGEST_HASH_INDEX_H

#include "object_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hash_slot {
    uint64_t hash;
    void *entry; /* NULL: free */
};

struct hash_index {
    struct hash_slot *slots;
    size_t slot_count; /* a power of two */
    size_t used;
};

typedef bool hash_match_fn(const void *entry, const void *key);

void hash_index_init(struct hash_index *index);
void hash_index_done(struct hash_index *index);
/* Empties it, keeps its memory. */
void hash_index_reset(struct hash_index *index);
size_t hash_index_bytes(const struct hash_index *index);

/* The entry of the key, or NULL. */
void *hash_index_find(const struct hash_index *index, uint64_t hash, hash_match_fn *match,
                      const void *key);
/* The slot of the key, or the free one where hash_index_put() is to put its entry. Valid until the
 * next call of this. */
struct hash_slot *hash_index_slot(struct hash_index *index, uint64_t hash, hash_match_fn *match,
                                  const void *key);
/* Into a free slot, or in the place of the entry that is there. */
void hash_index_put(struct hash_index *index, struct hash_slot *slot, void *entry);
/* Takes the entry of the key out, and returns it; NULL: there is none. */
void *hash_index_remove(struct hash_index *index, uint64_t hash, hash_match_fn *match,
                        const void *key);

/* Every input bit reaches every output bit: the finisher of splitmix64 (Steele, Lea, Flood 2014).
 */
static inline uint64_t hash_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static inline uint64_t hash_object_id(const struct object_id *id, uint64_t seed)
{
    uint64_t head;
    uint32_t tail;
    memcpy(&head, id->bytes, sizeof head);
    memcpy(&tail, id->bytes + sizeof head, sizeof tail);
    return hash_mix(hash_mix(head + seed) + tail);
}

#endif
