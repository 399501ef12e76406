/*
 * key_sort - sorts calls by key, then position, while they come: a merge sort whose runs are merged
 * as soon as two are about as long, some milliseconds' work at a time. When the last call has come,
 * two passes over all are left at most; none when they came in order.
 *
 * Ownership: keys are not kept. `arg` is the caller's and must outlive the sort.
 * Threads:   none of its own; one at a time.
 */
#ifndef CALLBOARD_QUERY_KEY_SORT_H
#define CALLBOARD_QUERY_KEY_SORT_H

#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A call: a name that the caller gave it, and what most comparisons can do with: the first 15 bytes
 * of its key, and in the last byte how long the key is, 16 for all longer ones. As numbers these
 * have the order of the keys, and are the same only for the same key, or for two longer ones.
 */
struct key_sort_item {
    uint64_t high;
    uint64_t low;
    uint32_t ref;
    int32_t position;
};

/* Whether `a` comes before `b`, two calls with long keys that begin alike. */
typedef bool key_sort_fn(const struct key_sort_item *a, const struct key_sort_item *b,
                         const void *arg);

#define KEY_SORT_RUNS_MAX 256

struct key_sort {
    key_sort_fn *is_before;
    const void *arg;
    struct key_sort_item *items;
    struct key_sort_item *merged; /* as many; where the runs being merged go */
    size_t count;
    size_t cap;
    /* Sorted ones; the first begins at 0, each other where one ends. None: so far each item came
     * behind the one before. */
    size_t run_ends[KEY_SORT_RUNS_MAX];
    size_t run_count;
    /* Two runs, from `pair` on, are merged, then copied back. */
    bool is_merging;
    size_t pair;
    size_t left;
    size_t left_end;
    size_t right;
    size_t right_end;
    size_t out;
    size_t copied;
};

void key_sort_init(struct key_sort *sort, key_sort_fn *is_before, const void *arg);
/* What it holds is freed; it is empty then. */
void key_sort_done(struct key_sort *sort);

/* Positions differ. */
void key_sort_add(struct key_sort *sort, uint32_t ref, int32_t position, struct slice key);
/* After the last call was added: does some milliseconds' work. True when all are in order. */
NODISCARD bool key_sort_step(struct key_sort *sort);
/* Memory held, or soon to be. */
size_t key_sort_bytes(const struct key_sort *sort);

#endif
