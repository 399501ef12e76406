#include "bisection.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MOST 5000

enum state { GOOD, AT_FAULT, FOUND };

static enum state messages[MOST];

/* As the database does: refuses a transaction with a message at fault. */
static bool is_refused(const struct bisection *window)
{
    for (size_t i = window->from; i < window->to; i++)
        if (messages[i] == AT_FAULT)
            return true;
    return false;
}

/* Stores all of it; how many transactions that took. Nothing may be skipped, stored twice, or
 * blamed without having been tried alone. */
static size_t store_all(size_t count)
{
    struct bisection window;
    size_t transactions = 0;
    bool is_done = false;
    bisection_open(&window, 0, count);
    while (!is_done) {
        size_t from = window.from;
        size_t to = window.to;
        cr_assert(from < to && to <= count, "the window is %zu to %zu of %zu", from, to, count);
        transactions++;
        if (!is_refused(&window)) {
            is_done = bisection_accept(&window);
            cr_assert_eq(window.from, to);
            continue;
        }
        bool is_found = bisection_refuse(&window);
        cr_assert_eq(window.from, from);
        cr_assert_eq(is_found, to - from == 1);
        if (is_found)
            messages[from] = FOUND;
    }
    return transactions;
}

/* So many of a thousand messages are at fault, as chance has it; how many. */
static size_t spoil(size_t count, long per_thousand)
{
    size_t spoilt = 0;
    for (size_t i = 0; i < count; i++) {
        messages[i] = random() % 1000 < per_thousand ? AT_FAULT : GOOD;
        spoilt += messages[i] == AT_FAULT;
    }
    return spoilt;
}

static size_t count_of(enum state state, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += messages[i] == state;
    return found;
}

Test(bisection, takes_everything_at_once_where_nothing_is_refused)
{
    (void)spoil(1000, 0);
    cr_expect_eq(store_all(1000), 1);
}

Test(bisection, finds_exactly_those_at_fault)
{
    static const long shares[] = {1, 10, 100, 300, 500, 900, 1000};
    srandom(1);
    for (size_t count = 1; count <= 64; count++)
        for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
            size_t spoilt = spoil(count, shares[i]);
            (void)store_all(count);
            cr_expect_eq(count_of(FOUND, count), spoilt, "%zu messages, %ld of 1000 at fault",
                         count, shares[i]);
            cr_expect_eq(count_of(AT_FAULT, count), 0);
        }
}

Test(bisection, finds_one_at_fault_wherever_it_stands)
{
    /* log2(1000) refusals and what is stored between them, the message alone, itself, the rest. */
    for (size_t place = 0; place < 1000; place++) {
        (void)spoil(1000, 0);
        messages[place] = AT_FAULT;
        size_t transactions = store_all(1000);
        cr_expect_leq(transactions, 22, "message %zu took %zu", place, transactions);
    }
}

static const struct {
    size_t count;
    long per_thousand;
    double most; /* transactions for each message at fault */
} costs[] = {
    {1000, 1, 15},     {1000, 10, 10},   {1000, 100, 6.5}, {1000, 300, 5},
    {1000, 1000, 2.1}, {5000, 100, 6.5}, {100, 100, 6.6},
};

Test(bisection, needs_few_transactions_for_each_at_fault)
{
    srandom(1);
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        size_t spoilt = 0;
        size_t transactions = 0;
        for (int round = 0; round < 50; round++) {
            spoilt += spoil(costs[i].count, costs[i].per_thousand);
            transactions += store_all(costs[i].count);
        }
        double each = (double)transactions / (double)spoilt;
        cr_expect_leq(each, costs[i].most,
                      "%zu messages, %ld of 1000 at fault: %.2f transactions each", costs[i].count,
                      costs[i].per_thousand, each);
    }
}

Test(bisection, goes_on_behind_what_is_stored)
{
    struct bisection window;
    bisection_open(&window, 3, 10);
    cr_expect_eq(window.from, 3);
    cr_expect_eq(window.to, 10);
    cr_expect_not(bisection_refuse(&window));
    cr_expect_eq(window.to, 6);
    cr_expect_not(bisection_accept(&window));
    cr_expect_eq(window.from, 6);
    cr_expect_eq(window.to, 8, "half of the four that are suspected");
}
