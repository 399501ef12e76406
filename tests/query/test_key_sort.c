#include "key_sort.h"

#include "alloc.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Many runs, so that some are merged while others come. */
#define ITEMS 60000
#define KEY_MAX 40

struct key {
    size_t len;
    char bytes[KEY_MAX];
};

static struct key *keys; /* by position, from 1 */
static struct key_sort sort;
static unsigned seed = 5;

static unsigned random_below(unsigned end)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % end;
}

static struct slice key_of(int32_t position)
{
    return (struct slice){keys[position].bytes, keys[position].len};
}

/* As the contract has it: byte by byte, a prefix before what it begins, then by position. */
static int compare(int32_t a, int32_t b)
{
    struct slice left = key_of(a);
    struct slice right = key_of(b);
    size_t len = left.len < right.len ? left.len : right.len;
    int order = memcmp(left.data, right.data, len);
    order = order != 0 ? order : (left.len > right.len) - (left.len < right.len);
    return order != 0 ? order : (a > b) - (a < b);
}

static bool is_before(const struct key_sort_item *a, const struct key_sort_item *b, const void *arg)
{
    cr_assert_eq(arg, &sort);
    cr_assert_gt(keys[a->position].len, 15);
    cr_assert_gt(keys[b->position].len, 15);
    return compare(a->position, b->position) < 0;
}

static void setup(void)
{
    keys = alloc_zeroed(ITEMS + 1, sizeof(*keys));
    key_sort_init(&sort, is_before, &sort);
}

static void teardown(void)
{
    key_sort_done(&sort);
    free(keys);
}

TestSuite(key_sort, .init = setup, .fini = teardown);

static void add(int32_t position, const char *bytes, size_t len)
{
    keys[position].len = len;
    memcpy(keys[position].bytes, bytes, len);
    key_sort_add(&sort, (uint32_t)position + 7, position, key_of(position));
}

static void finish(void)
{
    int steps = 0;
    while (!key_sort_step(&sort)) {
        cr_assert_lt(++steps, 1000);
    }
}

static void must_be_in_order(size_t count)
{
    cr_assert_eq(sort.count, count);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(sort.items[i].ref, (uint32_t)sort.items[i].position + 7);
        /* None is missing, since none is twice. */
        cr_assert(i == 0 || compare(sort.items[i - 1].position, sort.items[i].position) < 0, "%zu",
                  i);
    }
}

/* Of bytes that are rare in texts, too: a key may end in what another one is filled up with. */
static size_t choose(char bytes[KEY_MAX])
{
    static const char letters[] = {0, 1, 'a', 'b', (char)0xFF};
    size_t len = random_below(4) == 0 ? 12 + random_below(8) : random_below(5);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = len > 5 && i < 13 ? 'a' : letters[random_below(sizeof(letters))];
    }
    return len;
}

Test(key_sort, orders_by_bytes_then_position)
{
    for (int32_t i = 1; i <= ITEMS; i++) {
        char bytes[KEY_MAX];
        add((int32_t)((uint64_t)i * 7001 % (ITEMS + 1)), bytes, choose(bytes));
    }
    finish();
    must_be_in_order(ITEMS);
}

static void add_number(int32_t position, int number)
{
    char text[KEY_MAX];
    int len = snprintf(text, sizeof(text), "%08d", number);
    add(position, text, (size_t)len);
}

/* What came in order is a run of its own length, however the others follow. */
static void add_ordered_then_others(int32_t ordered, int32_t count)
{
    for (int32_t i = 1; i <= ordered; i++) {
        add_number(i, 2 * i);
    }
    for (int32_t i = ordered + 1; i <= count; i++) {
        add_number(i, (int)random_below(2 * (unsigned)count));
    }
}

Test(key_sort, takes_what_comes_in_order_as_it_is)
{
    add_ordered_then_others(ITEMS, ITEMS);
    cr_assert(key_sort_step(&sort));
    must_be_in_order(ITEMS);
}

Test(key_sort, goes_on_where_order_ends)
{
    static const int32_t orders[] = {1, 2, 5000, 30000, ITEMS - 1};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        add_ordered_then_others(orders[i], ITEMS);
        finish();
        must_be_in_order(ITEMS);
        key_sort_done(&sort);
    }
}

Test(key_sort, sorts_what_comes_backwards)
{
    for (int32_t i = 1; i <= ITEMS; i++) {
        add_number(i, ITEMS - i);
    }
    finish();
    must_be_in_order(ITEMS);
}

Test(key_sort, has_few_passes_left_when_the_last_has_come)
{
    for (int32_t i = 1; i <= ITEMS; i++) {
        add_number(i, (int)random_below(ITEMS));
    }
    size_t runs = sort.run_count;
    cr_assert_lt(runs, 6, "%zu runs are left", runs);
    finish();
    must_be_in_order(ITEMS);
}

Test(key_sort, of_nothing_and_of_one)
{
    cr_assert(key_sort_step(&sort));
    cr_assert_eq(sort.count, 0);
    add_number(1, 1);
    cr_assert(key_sort_step(&sort));
    must_be_in_order(1);
}
