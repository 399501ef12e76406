#include "hash_index.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define ENTRIES 1000

struct entry {
    uint64_t key;
    int value;
};

static bool matches(const void *entry, const void *key)
{
    return ((const struct entry *)entry)->key == *(const uint64_t *)key;
}

/* Few hashes, so that entries stand in each other's way. */
static uint64_t poor_hash(uint64_t key)
{
    return key % 7;
}

static void put(struct hash_index *index, struct entry *entry)
{
    struct hash_slot *slot = hash_index_slot(index, poor_hash(entry->key), matches, &entry->key);
    hash_index_put(index, slot, entry);
}

static struct entry *find(const struct hash_index *index, uint64_t key)
{
    return hash_index_find(index, poor_hash(key), matches, &key);
}

Test(hash_index, finds_what_was_put_however_many_share_a_hash)
{
    struct hash_index index;
    static struct entry entries[ENTRIES];
    hash_index_init(&index);
    for (int i = 0; i < ENTRIES; i++) {
        entries[i] = (struct entry){(uint64_t)i, i};
        put(&index, &entries[i]);
    }
    for (uint64_t i = 0; i < ENTRIES; i++)
        cr_assert_eq(find(&index, i), &entries[i]);
    cr_assert_null(find(&index, ENTRIES));
    cr_assert_eq(index.used, ENTRIES);
    cr_assert_geq(index.slot_count, 2 * ENTRIES, "at most half full");
    cr_assert_eq(hash_index_bytes(&index), index.slot_count * sizeof(struct hash_slot));
    hash_index_done(&index);
}

Test(hash_index, replaces_an_entry_in_its_place)
{
    struct hash_index index;
    struct entry first = {5, 1};
    struct entry second = {5, 2};
    hash_index_init(&index);
    put(&index, &first);
    put(&index, &second);
    cr_assert_eq(find(&index, 5), &second);
    cr_assert_eq(index.used, 1);
    hash_index_reset(&index);
    cr_assert_null(find(&index, 5));
    cr_assert_eq(index.used, 0);
    hash_index_done(&index);
}

Test(hash_index, finds_the_others_after_one_was_removed)
{
    struct hash_index index;
    static struct entry entries[ENTRIES];
    static bool is_in[ENTRIES];
    size_t count = 0;
    hash_index_init(&index);
    srand(1);
    for (int round = 0; round < 20 * ENTRIES; round++) {
        uint64_t key = (uint64_t)rand() % ENTRIES;
        if (is_in[key]) {
            cr_assert_eq(hash_index_remove(&index, poor_hash(key), matches, &key), &entries[key]);
        } else {
            cr_assert_null(hash_index_remove(&index, poor_hash(key), matches, &key));
            entries[key] = (struct entry){key, 0};
            put(&index, &entries[key]);
        }
        is_in[key] = !is_in[key];
        count = is_in[key] ? count + 1 : count - 1;
        cr_assert_eq(index.used, count);
        if (round % 100 == 0)
            for (uint64_t i = 0; i < ENTRIES; i++)
                cr_assert_eq(find(&index, i), is_in[i] ? &entries[i] : NULL);
    }
    hash_index_done(&index);
}
