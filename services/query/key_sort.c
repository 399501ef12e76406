#include "key_sort.h"

#include "alloc.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX_BYTES 15
#define RUN_ITEMS 4096 /* sorted at once */
/* Merged behind each run, or in a step, at most: less than a millisecond. Each item is merged once
 * for every doubling, and copied back at a quarter of the cost: it is enough up to RUN_ITEMS << 12
 * items. */
#define BUDGET ((size_t)16 * RUN_ITEMS)
#define COPIES 4 /* for one item merged */

/* --- order ------------------------------------------------------------------------------ */

static uint64_t read_bytes(struct slice key, size_t from, size_t end)
{
    uint64_t value = 0;
    for (size_t i = from; i < end; i++) {
        value = value << 8 | (i < key.len ? (unsigned char)key.data[i] : 0);
    }
    return value;
}

static struct key_sort_item item_of(uint32_t ref, int32_t position, struct slice key)
{
    size_t len = key.len > PREFIX_BYTES ? PREFIX_BYTES + 1 : key.len;
    return (struct key_sort_item){.high = read_bytes(key, 0, 8),
                                  .low = read_bytes(key, 8, PREFIX_BYTES) << 8 | len,
                                  .ref = ref,
                                  .position = position};
}

static bool is_before(const struct key_sort *sort, const struct key_sort_item *a,
                      const struct key_sort_item *b)
{
    if (a->high != b->high) {
        return a->high < b->high;
    }
    if (a->low != b->low) {
        return a->low < b->low;
    }
    bool is_whole_key = (a->low & 0xFF) <= PREFIX_BYTES;
    return is_whole_key ? a->position < b->position : sort->is_before(a, b, sort->arg);
}

/* --- runs ------------------------------------------------------------------------------- */

static size_t run_begin(const struct key_sort *sort, size_t run)
{
    return run == 0 ? 0 : sort->run_ends[run - 1];
}

static size_t run_items(const struct key_sort *sort, size_t run)
{
    return sort->run_ends[run] - run_begin(sort, run);
}

/* What came behind the last run. */
static size_t items_without_run(const struct key_sort *sort)
{
    return sort->count - run_begin(sort, sort->run_count);
}

static bool is_in_order(const struct key_sort *sort)
{
    return sort->run_count == 0;
}

static void end_run(struct key_sort *sort)
{
    sort->run_ends[sort->run_count++] = sort->count;
}

static int compare(const void *a, const void *b, void *sort)
{
    return is_before(sort, a, b) ? -1 : 1;
}

static void sort_run(struct key_sort *sort)
{
    qsort_r(sort->items + run_begin(sort, sort->run_count), items_without_run(sort),
            sizeof(*sort->items), compare, sort);
    end_run(sort);
}

/* --- merging ---------------------------------------------------------------------------- */

static void begin_merging(struct key_sort *sort, size_t pair)
{
    if (!sort->merged) {
        sort->merged = alloc_resize(NULL, sort->cap, sizeof(*sort->merged));
    }
    sort->is_merging = true;
    sort->pair = pair;
    sort->left = sort->out = sort->copied = run_begin(sort, pair);
    sort->left_end = sort->right = sort->run_ends[pair];
    sort->right_end = sort->run_ends[pair + 1];
}

/* Two neighbours, the left one less than twice as long: so the runs that are left alone become
 * half as long from each to the next. The last two, if need be. */
static bool find_pair(const struct key_sort *sort, bool takes_any, size_t *out_pair)
{
    for (size_t run = sort->run_count; run-- > 1;) {
        if (run_items(sort, run - 1) < 2 * run_items(sort, run)) {
            *out_pair = run - 1;
            return true;
        }
    }
    if (!takes_any || sort->run_count < 2) {
        return false;
    }
    *out_pair = sort->run_count - 2;
    return true;
}

/* As long as both runs have something left. Returns what is left of the budget. */
static size_t merge_both(struct key_sort *sort, size_t budget)
{
    const struct key_sort_item *left = sort->items + sort->left;
    const struct key_sort_item *left_end = sort->items + sort->left_end;
    const struct key_sort_item *right = sort->items + sort->right;
    const struct key_sort_item *right_end = sort->items + sort->right_end;
    struct key_sort_item *out = sort->merged + sort->out;
    while (budget > 0 && left < left_end && right < right_end) {
        bool takes_right = is_before(sort, right, left);
        *out++ = takes_right ? *right : *left;
        right += takes_right;
        left += !takes_right;
        budget--;
    }
    sort->left = (size_t)(left - sort->items);
    sort->right = (size_t)(right - sort->items);
    sort->out = (size_t)(out - sort->merged);
    return budget;
}

static size_t at_most(size_t value, size_t max)
{
    return value < max ? value : max;
}

/* Copies of [*at, end); returns what is left of the budget. */
static size_t copy_some(struct key_sort_item *to, const struct key_sort_item *from, size_t *at,
                        size_t end, size_t budget)
{
    size_t count = at_most(end - *at, budget * COPIES);
    memcpy(to, from, count * sizeof(*to));
    *at += count;
    return budget - at_most(budget, count / COPIES + 1);
}

/* What is left of one run. */
static size_t append_rest(struct key_sort *sort, size_t *at, size_t end, size_t budget)
{
    size_t before = *at;
    budget = copy_some(sort->merged + sort->out, sort->items + before, at, end, budget);
    sort->out += *at - before;
    return budget;
}

static void end_merging(struct key_sort *sort)
{
    sort->is_merging = false;
    sort->run_count--;
    memmove(sort->run_ends + sort->pair, sort->run_ends + sort->pair + 1,
            (sort->run_count - sort->pair) * sizeof(sort->run_ends[0]));
}

/* All of them need not be copied back. */
static void swap(struct key_sort *sort)
{
    struct key_sort_item *merged = sort->merged;
    sort->merged = sort->items;
    sort->items = merged;
    end_merging(sort);
}

static size_t copy_back(struct key_sort *sort, size_t budget)
{
    if (run_begin(sort, sort->pair) == 0 && sort->right_end == sort->count) {
        swap(sort);
        return budget;
    }
    budget = copy_some(sort->items + sort->copied, sort->merged + sort->copied, &sort->copied,
                       sort->right_end, budget);
    if (sort->copied == sort->right_end) {
        end_merging(sort);
    }
    return budget;
}

static size_t merge_pair(struct key_sort *sort, size_t budget)
{
    if (sort->out == sort->right_end) {
        return copy_back(sort, budget);
    }
    if (sort->right == sort->right_end) {
        return append_rest(sort, &sort->left, sort->left_end, budget);
    }
    if (sort->left == sort->left_end) {
        return append_rest(sort, &sort->right, sort->right_end, budget);
    }
    return merge_both(sort, budget);
}

static void merge_some(struct key_sort *sort, size_t budget, bool takes_any)
{
    size_t pair = 0;
    while (budget > 0 && (sort->is_merging || find_pair(sort, takes_any, &pair))) {
        if (!sort->is_merging) {
            begin_merging(sort, pair);
        }
        budget = merge_pair(sort, budget);
    }
}

/* --- life ------------------------------------------------------------------------------- */

void key_sort_init(struct key_sort *sort, key_sort_fn *before, const void *arg)
{
    *sort = (struct key_sort){.is_before = before, .arg = arg};
}

void key_sort_done(struct key_sort *sort)
{
    free(sort->items);
    free(sort->merged);
    key_sort_init(sort, sort->is_before, sort->arg);
}

static void grow(struct key_sort *sort)
{
    sort->cap = 2 * sort->cap + RUN_ITEMS;
    sort->items = alloc_resize(sort->items, sort->cap, sizeof(*sort->items));
    if (sort->merged) {
        sort->merged = alloc_resize(sort->merged, sort->cap, sizeof(*sort->merged));
    }
}

/* What came in order until now is a run. */
static void note_order(struct key_sort *sort, const struct key_sort_item *next)
{
    if (is_in_order(sort) && sort->count > 0 &&
        !is_before(sort, &sort->items[sort->count - 1], next)) {
        end_run(sort);
    }
}

void key_sort_add(struct key_sort *sort, uint32_t ref, int32_t position, struct slice key)
{
    if (sort->count == sort->cap) {
        grow(sort);
    }
    struct key_sort_item item = item_of(ref, position, key);
    note_order(sort, &item);
    sort->items[sort->count++] = item;
    if (!is_in_order(sort) && items_without_run(sort) == RUN_ITEMS) {
        sort_run(sort);
        /* One place is kept for the last run. */
        bool has_room = sort->run_count < KEY_SORT_RUNS_MAX - 1;
        merge_some(sort, has_room ? BUDGET : SIZE_MAX / COPIES, false);
    }
}

bool key_sort_step(struct key_sort *sort)
{
    if (is_in_order(sort)) {
        return true;
    }
    if (items_without_run(sort) > 0) {
        sort_run(sort);
    }
    merge_some(sort, BUDGET, true);
    return sort->run_count == 1;
}

size_t key_sort_bytes(const struct key_sort *sort)
{
    return (is_in_order(sort) ? 1 : 2) * sort->cap * sizeof(*sort->items);
}
