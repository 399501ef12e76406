#include "ranking.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSITIONS 6000 /* several blocks, several runs */
#define KEY_BYTES 32

/* What a ranking should hold: the key of each position, or none. Slow, and plainly right. */
struct model {
    bool has_keys;
    bool is_there[POSITIONS + 1];
    char keys[POSITIONS + 1][KEY_BYTES];
    int32_t order[POSITIONS];
    size_t count;
};

static struct model model;
static struct ranking *ranking;
static unsigned seed;

static unsigned random_below(unsigned end)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % end;
}

/* Few enough for ties, some that begin others, some that differ in what comes late. */
static void choose_key(char key[KEY_BYTES])
{
    static const char *const tails[] = {"", "", "-a tail", "-a tail that is longer"};
    (void)snprintf(key, KEY_BYTES, "%u%s%u", random_below(40), tails[random_below(4)],
                   random_below(10));
}

static int compare(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    int order = model.has_keys ? strcmp(model.keys[left], model.keys[right]) : 0;
    return order != 0 ? order : (left > right) - (left < right);
}

static void order_model(void)
{
    model.count = 0;
    for (int32_t position = 1; position <= POSITIONS; position++) {
        if (model.is_there[position]) {
            model.order[model.count++] = position;
        }
    }
    qsort(model.order, model.count, sizeof(model.order[0]), compare);
}

static struct slice key_of(int32_t position)
{
    return model.has_keys ? slice_of(model.keys[position]) : SLICE_NONE;
}

static void make(bool has_keys, bool in_order)
{
    memset(&model, 0, sizeof(model));
    model.has_keys = has_keys;
    ranking = ranking_new(has_keys);
    for (int32_t i = 1; i <= POSITIONS; i++) {
        int32_t position = in_order ? i : (int32_t)((unsigned)i * 4001 % (POSITIONS + 1));
        model.is_there[position] = random_below(4) > 0;
        choose_key(model.keys[position]);
        if (model.is_there[position]) {
            ranking_append(ranking, position, key_of(position));
        }
        if (model.is_there[position] && !has_keys && random_below(3) == 0) {
            ranking_append(ranking, position, SLICE_NONE);
        }
    }
    int steps = 0;
    while (!ranking_sort_step(ranking)) {
        cr_assert_lt(++steps, 1000);
    }
    order_model();
}

static void must_agree(const char *when)
{
    int32_t positions[POSITIONS];
    cr_assert_eq(ranking_count(ranking), model.count, "%s", when);
    ranking_read(ranking, 0, model.count, positions);
    for (size_t i = 0; i < model.count; i++) {
        cr_assert_eq(positions[i], model.order[i], "%s: rank %zu", when, i);
    }
    for (int i = 0; i < 200; i++) {
        size_t rank = random_below((unsigned)model.count);
        size_t count = random_below((unsigned)(model.count - rank)) + 1;
        int32_t position = model.order[rank];
        ranking_read(ranking, rank, count, positions);
        cr_assert_eq(memcmp(positions, model.order + rank, count * sizeof(positions[0])), 0);
        cr_assert_eq(ranking_count_before(ranking, position, key_of(position), false), rank);
        cr_assert_eq(ranking_count_before(ranking, position, key_of(position), true), rank + 1);
    }
}

static void change_one(void)
{
    int32_t position = (int32_t)random_below(POSITIONS) + 1;
    model.is_there[position] = random_below(3) > 0;
    if (model.is_there[position]) {
        choose_key(model.keys[position]);
        ranking_put(ranking, position, key_of(position));
    } else {
        ranking_remove(ranking, position);
    }
}

static void check_life(bool has_keys, bool in_order)
{
    seed = 7 + 2 * has_keys + in_order;
    make(has_keys, in_order);
    must_agree("made");
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 2000; i++) {
            change_one();
        }
        order_model();
        must_agree("changed");
    }
    ranking_free(&ranking);
    cr_assert_null(ranking);
}

Test(ranking, holds_what_a_sorted_list_would_whatever_changes)
{
    for (int i = 0; i < 4; i++) {
        check_life(i & 1, i & 2);
    }
}

Test(ranking, begins_empty_and_may_become_empty_again)
{
    for (int has_keys = 0; has_keys < 2; has_keys++) {
        struct slice key = has_keys ? SLICE("k") : SLICE_NONE;
        ranking = ranking_new(has_keys);
        cr_assert(ranking_sort_step(ranking));
        cr_assert_eq(ranking_count(ranking), 0);
        cr_assert_eq(ranking_count_before(ranking, 5, key, true), 0);
        ranking_remove(ranking, 5);
        ranking_put(ranking, 5, key);
        ranking_put(ranking, 5, key);
        cr_assert_eq(ranking_count(ranking), 1);
        ranking_remove(ranking, 5);
        cr_assert_eq(ranking_count(ranking), 0);
        cr_assert_eq(ranking_count_before(ranking, 5, key, true), 0);
        ranking_free(&ranking);
    }
}

Test(ranking, tells_where_a_key_would_stand_that_is_not_there)
{
    ranking = ranking_new(true);
    ranking_append(ranking, 1, SLICE("b"));
    ranking_append(ranking, 2, SLICE("d"));
    while (!ranking_sort_step(ranking)) {
    }
    static const struct {
        const char *key;
        size_t before;
    } rows[] = {{"a", 0}, {"b\x01", 1}, {"c", 1}, {"e", 2}, {"", 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice key = slice_of(rows[i].key);
        cr_assert_eq(ranking_count_before(ranking, 9, key, false), rows[i].before, "%s",
                     rows[i].key);
        cr_assert_eq(ranking_count_before(ranking, 9, key, true), rows[i].before, "%s",
                     rows[i].key);
    }
    ranking_free(&ranking);
}

/* Keys that change again and again leave nothing behind for good. */
Test(ranking, does_not_grow_with_what_was_given_up)
{
    seed = 3;
    make(true, true);
    for (int i = 0; i < 60000; i++) {
        change_one();
    }
    size_t settled = ranking_bytes(ranking);
    for (int i = 0; i < 300000; i++) {
        change_one();
    }
    cr_assert_leq(ranking_bytes(ranking), settled + ((size_t)2 << 20));
    order_model();
    must_agree("much later");
    ranking_free(&ranking);
}
