#include "rng.h"

#include "macros.h"

#include <criterion/criterion.h>

/* A generator of its own, from the state alone: the reference implementation of xoshiro256**
 * (https://prng.di.unimi.it/xoshiro256starstar.c) gives these for the state 1, 2, 3, 4. */
Test(rng, is_xoshiro256_starstar)
{
    static const uint64_t expected[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
    };
    struct rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        cr_expect_eq(rng_next(&rng), expected[i], "number %zu", i);
}

Test(rng, repeats_itself_from_the_same_seed)
{
    struct rng a, b;
    rng_init(&a, 7, 8, 9);
    rng_init(&b, 7, 8, 9);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(rng_next(&a), rng_next(&b));
}

Test(rng, differs_by_seed_stream_and_item)
{
    static const uint64_t seeds[][3] = {{1, 2, 3}, {2, 2, 3}, {1, 3, 3}, {1, 2, 4}, {3, 2, 1}};
    for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
        for (size_t j = i + 1; j < ARRAY_LEN(seeds); j++) {
            struct rng a, b;
            rng_init(&a, seeds[i][0], seeds[i][1], seeds[i][2]);
            rng_init(&b, seeds[j][0], seeds[j][1], seeds[j][2]);
            cr_expect_neq(rng_next(&a), rng_next(&b), "%zu and %zu", i, j);
        }
    }
}

Test(rng, stays_below_its_bound_and_reaches_everything_below)
{
    bool seen[10] = {false};
    struct rng rng;
    rng_init(&rng, 1, 1, 1);
    for (int i = 0; i < 1000; i++) {
        uint32_t drawn = rng_below(&rng, 10);
        cr_assert_lt(drawn, 10);
        seen[drawn] = true;
    }
    for (int i = 0; i < 10; i++)
        cr_expect(seen[i], "%d never came", i);
}

Test(rng, draws_between_two_numbers_both_included)
{
    bool low = false;
    bool high = false;
    struct rng rng;
    rng_init(&rng, 1, 1, 2);
    for (int i = 0; i < 1000; i++) {
        int64_t drawn = rng_between(&rng, -2, 2);
        cr_assert(drawn >= -2 && drawn <= 2);
        low |= drawn == -2;
        high |= drawn == 2;
    }
    cr_expect(low && high);
}

Test(rng, takes_a_chance_as_often_as_asked)
{
    struct rng rng;
    int taken = 0;
    rng_init(&rng, 1, 1, 3);
    for (int i = 0; i < 100000; i++) {
        cr_assert(rng_chance(&rng, RNG_CERTAIN));
        cr_assert_not(rng_chance(&rng, 0));
        taken += rng_chance(&rng, 250000);
    }
    /* Four standard deviations are 548. */
    cr_expect(abs(taken - 25000) < 600, "%d of 100000", taken);
}

Test(rng, weighs)
{
    static const uint32_t weights[] = {1, 0, 3, 6};
    int drawn[4] = {0};
    struct rng rng;
    rng_init(&rng, 1, 1, 4);
    for (int i = 0; i < 100000; i++)
        drawn[rng_weighted(&rng, weights, 4)]++;
    cr_expect(abs(drawn[0] - 10000) < 400, "%d", drawn[0]);
    cr_expect_eq(drawn[1], 0);
    cr_expect(abs(drawn[2] - 30000) < 600, "%d", drawn[2]);
    cr_expect(abs(drawn[3] - 60000) < 650, "%d", drawn[3]);
}

Test(rng, follows_quantiles)
{
    static const int32_t quantiles[] = {0, 10, 1000};
    int below = 0;
    int64_t greatest = 0;
    struct rng rng;
    rng_init(&rng, 1, 1, 5);
    for (int i = 0; i < 100000; i++) {
        int64_t drawn = rng_quantile(&rng, quantiles, ARRAY_LEN(quantiles));
        cr_assert(drawn >= 0 && drawn <= 1000);
        below += drawn < 10;
        greatest = drawn > greatest ? drawn : greatest;
    }
    cr_expect(abs(below - 50000) < 700, "%d below the median", below);
    cr_expect_gt(greatest, 990);
}
