#include "ranking.h"

#include "alloc.h"
#include "key_sort.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Calls of a block: a change moves half of it at most, a look-up passes over one pointer for each
 * block. */
#define BLOCK_MAX 2048
#define BLOCK_FILL 1536 /* at first */
#define CHUNK_BYTES ((size_t)1 << 20)
#define UNIT 4 /* entries lie at multiples of this */
#define UNITS_PER_CHUNK (CHUNK_BYTES / UNIT)
#define WORD_BITS 64
#define STEP_WORDS 1024 /* looked at in one step: less than a millisecond */
#define WASTE_DIVISOR 2 /* entries given up, before the rest is moved together */

/* A call with its key, in a chunk. */
struct entry {
    int32_t position;
    uint16_t key_len;
    unsigned char key[];
};

/* How a call is named here: without keys its position; else where its entry lies, in units from the
 * first chunk's beginning. 0: none. */
typedef uint32_t call_ref;

struct block {
    size_t count;
    call_ref refs[BLOCK_MAX];
};

/* A bit for each call, by position: however they come, they come out once and in order. */
struct call_set {
    uint64_t *words;
    size_t cap;
    size_t taken; /* so many words have been looked at */
};

struct ranking {
    bool has_keys;
    size_t count;
    struct block **blocks;
    size_t block_count;
    size_t block_cap;
    unsigned char **chunks;
    size_t chunk_count;
    size_t chunk_cap;
    size_t chunk_fill; /* units of the last chunk */
    size_t wasted;     /* units of all */
    call_ref *by_position;
    size_t by_position_cap;
    struct key_sort sort; /* while it is made: with keys ... */
    struct call_set set;  /* ... and without */
};

/* --- entries ---------------------------------------------------------------------------- */

static struct entry *entry_at(const struct ranking *ranking, call_ref ref)
{
    unsigned char *chunk = ranking->chunks[ref / UNITS_PER_CHUNK];
    return (struct entry *)(void *)(chunk + ref % UNITS_PER_CHUNK * UNIT);
}

static size_t entry_units(size_t key_len)
{
    return (offsetof(struct entry, key) + key_len + UNIT - 1) / UNIT;
}

static void add_chunk(struct ranking *ranking)
{
    if (ranking->chunk_count == ranking->chunk_cap) {
        ranking->chunk_cap = 2 * ranking->chunk_cap + 1;
        ranking->chunks =
            alloc_resize(ranking->chunks, ranking->chunk_cap, sizeof(*ranking->chunks));
    }
    /* Unit 0 is nobody's: its number means none. */
    ranking->chunk_fill = ranking->chunk_count == 0 ? 1 : 0;
    ranking->chunks[ranking->chunk_count++] = alloc_resize(NULL, CHUNK_BYTES, 1);
}

static call_ref add_entry(struct ranking *ranking, int32_t position, struct slice key)
{
    size_t units = entry_units(key.len);
    if (ranking->chunk_count == 0 || ranking->chunk_fill + units > UNITS_PER_CHUNK) {
        add_chunk(ranking);
    }
    call_ref ref = (call_ref)((ranking->chunk_count - 1) * UNITS_PER_CHUNK + ranking->chunk_fill);
    ranking->chunk_fill += units;
    struct entry *entry = entry_at(ranking, ref);
    entry->position = position;
    entry->key_len = (uint16_t)key.len;
    if (key.len > 0) {
        memcpy(entry->key, key.data, key.len);
    }
    return ref;
}

/* Where the call's entry is looked up. */
static call_ref *slot_of(struct ranking *ranking, int32_t position)
{
    size_t index = (size_t)position;
    if (index >= ranking->by_position_cap) {
        size_t cap = index + index / 8 + 1024;
        ranking->by_position = alloc_resize(ranking->by_position, cap, sizeof(call_ref));
        memset(ranking->by_position + ranking->by_position_cap, 0,
               (cap - ranking->by_position_cap) * sizeof(call_ref));
        ranking->by_position_cap = cap;
    }
    return &ranking->by_position[index];
}

static int32_t position_of(const struct ranking *ranking, call_ref ref)
{
    return ranking->has_keys ? entry_at(ranking, ref)->position : (int32_t)ref;
}

static struct slice key_of(const struct ranking *ranking, call_ref ref)
{
    const struct entry *entry = entry_at(ranking, ref);
    return (struct slice){(const char *)entry->key, entry->key_len};
}

/* --- order ------------------------------------------------------------------------------ */

static int compare_keys(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_positions(int32_t a, int32_t b)
{
    return (a > b) - (a < b);
}

static int compare_with(const struct ranking *ranking, call_ref ref, int32_t position,
                        struct slice key)
{
    int order = ranking->has_keys ? compare_keys(key_of(ranking, ref), key) : 0;
    return order != 0 ? order : compare_positions(position_of(ranking, ref), position);
}

static bool is_long_key_before(const struct key_sort_item *a, const struct key_sort_item *b,
                               const void *arg)
{
    const struct ranking *ranking = arg;
    return compare_with(ranking, a->ref, b->position, key_of(ranking, b->ref)) < 0;
}

/* --- blocks ----------------------------------------------------------------------------- */

static struct block *insert_block(struct ranking *ranking, size_t index)
{
    if (ranking->block_count == ranking->block_cap) {
        ranking->block_cap = 2 * ranking->block_cap + 4;
        ranking->blocks = alloc_resize(ranking->blocks, ranking->block_cap, sizeof(struct block *));
    }
    memmove(ranking->blocks + index + 1, ranking->blocks + index,
            (ranking->block_count - index) * sizeof(struct block *));
    ranking->block_count++;
    ranking->blocks[index] = alloc_zeroed(1, sizeof(struct block));
    return ranking->blocks[index];
}

static void remove_block(struct ranking *ranking, size_t index)
{
    free(ranking->blocks[index]);
    ranking->block_count--;
    memmove(ranking->blocks + index, ranking->blocks + index + 1,
            (ranking->block_count - index) * sizeof(struct block *));
}

/* Behind all others. */
static void append_ref(struct ranking *ranking, call_ref ref)
{
    struct block *block = ranking->count % BLOCK_FILL == 0
                              ? insert_block(ranking, ranking->block_count)
                              : ranking->blocks[ranking->block_count - 1];
    block->refs[block->count++] = ref;
    ranking->count++;
}

static void take_sorted(struct ranking *ranking)
{
    for (size_t i = 0; i < ranking->sort.count; i++) {
        append_ref(ranking, ranking->sort.items[i].ref);
    }
    key_sort_done(&ranking->sort);
}

/* The calls of up to `budget` words; true when these were the last. */
static bool take_some_of_set(struct ranking *ranking, size_t budget)
{
    struct call_set *set = &ranking->set;
    for (; budget > 0 && set->taken < set->cap; budget--, set->taken++) {
        for (uint64_t left = set->words[set->taken]; left != 0; left &= left - 1) {
            append_ref(ranking,
                       (call_ref)(set->taken * WORD_BITS) + (call_ref)__builtin_ctzll(left));
        }
    }
    return set->taken == set->cap;
}

static void done_set(struct call_set *set)
{
    free(set->words);
    *set = (struct call_set){0};
}

/* Whether the whole block stands before (position, key). */
static bool is_block_before(const struct ranking *ranking, const struct block *block,
                            int32_t position, struct slice key)
{
    return compare_with(ranking, block->refs[block->count - 1], position, key) < 0;
}

/* The first block that does not end before (position, key): there it belongs. The last one, where
 * all end before; 0 without a block. */
static size_t find_block(const struct ranking *ranking, int32_t position, struct slice key)
{
    size_t low = 0;
    size_t high = ranking->block_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_block_before(ranking, ranking->blocks[middle], position, key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && low == ranking->block_count ? low - 1 : low;
}

/* How many of the block stand before (position, key). */
static size_t count_before(const struct ranking *ranking, const struct block *block,
                           int32_t position, struct slice key)
{
    size_t low = 0;
    size_t high = block->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_with(ranking, block->refs[middle], position, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void split_block(struct ranking *ranking, size_t index)
{
    struct block *behind = insert_block(ranking, index + 1);
    struct block *block = ranking->blocks[index];
    behind->count = block->count / 2;
    block->count -= behind->count;
    memcpy(behind->refs, block->refs + block->count, behind->count * sizeof(call_ref));
}

static void insert_ref(struct ranking *ranking, call_ref ref, int32_t position, struct slice key)
{
    if (ranking->block_count == 0) {
        insert_block(ranking, 0);
    }
    size_t index = find_block(ranking, position, key);
    if (ranking->blocks[index]->count == BLOCK_MAX) {
        split_block(ranking, index);
        index = find_block(ranking, position, key);
    }
    struct block *block = ranking->blocks[index];
    size_t at = count_before(ranking, block, position, key);
    memmove(block->refs + at + 1, block->refs + at, (block->count - at) * sizeof(call_ref));
    block->refs[at] = ref;
    block->count++;
    ranking->count++;
}

/* True when (position, key) was there. */
static bool remove_ref(struct ranking *ranking, int32_t position, struct slice key)
{
    size_t index = find_block(ranking, position, key);
    if (index >= ranking->block_count) {
        return false;
    }
    struct block *block = ranking->blocks[index];
    size_t at = count_before(ranking, block, position, key);
    if (at == block->count || compare_with(ranking, block->refs[at], position, key) != 0) {
        return false;
    }
    block->count--;
    memmove(block->refs + at, block->refs + at + 1, (block->count - at) * sizeof(call_ref));
    ranking->count--;
    if (block->count == 0) {
        remove_block(ranking, index);
    }
    return true;
}

/* --- changes ---------------------------------------------------------------------------- */

/* Entries that were given up lie between the others: when they are too many, those in use are moved
 * to chunks of their own. */
static void compact(struct ranking *ranking)
{
    struct ranking moved = {.has_keys = true};
    for (size_t i = 0; i < ranking->block_count; i++) {
        struct block *block = ranking->blocks[i];
        for (size_t at = 0; at < block->count; at++) {
            int32_t position = position_of(ranking, block->refs[at]);
            block->refs[at] = add_entry(&moved, position, key_of(ranking, block->refs[at]));
            ranking->by_position[position] = block->refs[at];
        }
    }
    for (size_t i = 0; i < ranking->chunk_count; i++) {
        free(ranking->chunks[i]);
    }
    free(ranking->chunks);
    ranking->chunks = moved.chunks;
    ranking->chunk_count = moved.chunk_count;
    ranking->chunk_cap = moved.chunk_cap;
    ranking->chunk_fill = moved.chunk_fill;
    ranking->wasted = 0;
}

static void give_up_entry(struct ranking *ranking, call_ref ref)
{
    ranking->wasted += entry_units(entry_at(ranking, ref)->key_len);
    if (ranking->wasted > UNITS_PER_CHUNK &&
        ranking->wasted > ranking->chunk_count * UNITS_PER_CHUNK / WASTE_DIVISOR) {
        compact(ranking);
    }
}

static void remove_keyed(struct ranking *ranking, int32_t position)
{
    call_ref ref = *slot_of(ranking, position);
    if (ref == 0) {
        return;
    }
    bool was_there = remove_ref(ranking, position, key_of(ranking, ref));
    assert(was_there);
    (void)was_there;
    *slot_of(ranking, position) = 0;
    give_up_entry(ranking, ref);
}

static void put_keyed(struct ranking *ranking, int32_t position, struct slice key)
{
    call_ref ref = *slot_of(ranking, position);
    if (ref != 0 && slice_equal(key_of(ranking, ref), key)) {
        return;
    }
    remove_keyed(ranking, position);
    ref = add_entry(ranking, position, key);
    *slot_of(ranking, position) = ref;
    insert_ref(ranking, ref, position, key);
}

void ranking_put(struct ranking *ranking, int32_t position, struct slice key)
{
    if (ranking->has_keys) {
        put_keyed(ranking, position, key);
    } else if (ranking_count_before(ranking, position, key, true) ==
               ranking_count_before(ranking, position, key, false)) {
        insert_ref(ranking, (call_ref)position, position, key);
    }
}

void ranking_remove(struct ranking *ranking, int32_t position)
{
    if (ranking->has_keys) {
        remove_keyed(ranking, position);
    } else {
        (void)remove_ref(ranking, position, SLICE_NONE);
    }
}

/* --- making and reading ----------------------------------------------------------------- */

static void add_to_set(struct call_set *set, int32_t position)
{
    size_t word = (size_t)position / WORD_BITS;
    if (word >= set->cap) {
        size_t cap = word + word / 8 + 64;
        set->words = alloc_resize(set->words, cap, sizeof(*set->words));
        memset(set->words + set->cap, 0, (cap - set->cap) * sizeof(*set->words));
        set->cap = cap;
    }
    set->words[word] |= UINT64_C(1) << position % WORD_BITS;
}

void ranking_append(struct ranking *ranking, int32_t position, struct slice key)
{
    assert(position > 0 && key.len <= RANKING_KEY_MAX_BYTES);
    if (!ranking->has_keys) {
        add_to_set(&ranking->set, position);
        return;
    }
    call_ref ref = add_entry(ranking, position, key);
    *slot_of(ranking, position) = ref;
    key_sort_add(&ranking->sort, ref, position, key);
}

bool ranking_sort_step(struct ranking *ranking)
{
    if (!ranking->has_keys) {
        if (!take_some_of_set(ranking, STEP_WORDS)) {
            return false;
        }
        done_set(&ranking->set);
        return true;
    }
    if (!key_sort_step(&ranking->sort)) {
        return false;
    }
    take_sorted(ranking);
    return true;
}

size_t ranking_count(const struct ranking *ranking)
{
    return ranking->count;
}

void ranking_read(const struct ranking *ranking, size_t rank, size_t count, int32_t *out_positions)
{
    assert(rank + count <= ranking->count);
    size_t index = 0;
    while (count > 0 && rank >= ranking->blocks[index]->count) {
        rank -= ranking->blocks[index++]->count;
    }
    for (size_t i = 0; i < count; i++) {
        const struct block *block = ranking->blocks[index];
        out_positions[i] = position_of(ranking, block->refs[rank]);
        if (++rank == block->count) {
            rank = 0;
            index++;
        }
    }
}

size_t ranking_count_before(const struct ranking *ranking, int32_t position, struct slice key,
                            bool or_same)
{
    size_t before = 0;
    size_t index = find_block(ranking, position, key);
    if (index >= ranking->block_count) {
        return 0;
    }
    for (size_t i = 0; i < index; i++) {
        before += ranking->blocks[i]->count;
    }
    const struct block *block = ranking->blocks[index];
    size_t at = count_before(ranking, block, position, key);
    bool is_there = at < block->count && compare_with(ranking, block->refs[at], position, key) == 0;
    return before + at + (or_same && is_there ? 1 : 0);
}

size_t ranking_bytes(const struct ranking *ranking)
{
    return sizeof(*ranking) + ranking->block_count * sizeof(struct block) +
           ranking->block_cap * sizeof(struct block *) + ranking->chunk_count * CHUNK_BYTES +
           ranking->by_position_cap * sizeof(call_ref) +
           ranking->set.cap * sizeof(*ranking->set.words) + key_sort_bytes(&ranking->sort);
}

struct ranking *ranking_new(bool has_keys)
{
    struct ranking *ranking = alloc_zeroed(1, sizeof(*ranking));
    ranking->has_keys = has_keys;
    key_sort_init(&ranking->sort, is_long_key_before, ranking);
    return ranking;
}

void ranking_free(struct ranking **ranking)
{
    struct ranking *gone = *ranking;
    if (!gone) {
        return;
    }
    for (size_t i = 0; i < gone->block_count; i++) {
        free(gone->blocks[i]);
    }
    for (size_t i = 0; i < gone->chunk_count; i++) {
        free(gone->chunks[i]);
    }
    free(gone->blocks);
    free(gone->chunks);
    free(gone->by_position);
    key_sort_done(&gone->sort);
    done_set(&gone->set);
    free(gone);
    *ranking = NULL;
}
