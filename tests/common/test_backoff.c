#include "backoff.h"

#include "macros.h"

#include <criterion/criterion.h>

#define FIRST_MS 100
#define MAX_MS 1000

/* The shortest and the longest wait after so many failures. */
static const struct {
    unsigned failures;
    int64_t least_ms;
    int64_t most_ms;
} rows[] = {
    {0, 50, 150},   {1, 100, 300},   {2, 200, 600},           {3, 400, 1000},
    {4, 500, 1000}, {10, 500, 1000}, {UINT32_MAX, 500, 1000},
};

/* `random` picks one of the step + 1 waits in order. */
Test(backoff, doubles_up_to_its_maximum_and_spreads_by_half)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t least = INT64_MAX;
        int64_t most = 0;
        for (uint32_t random = 0; random <= MAX_MS; random++) {
            int64_t wait = backoff_ms(rows[i].failures, FIRST_MS, MAX_MS, random);
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
        }
        cr_expect_eq(least, rows[i].least_ms, "after %u: %lld", rows[i].failures, (long long)least);
        cr_expect_eq(most, rows[i].most_ms, "after %u: %lld", rows[i].failures, (long long)most);
    }
}

Test(backoff, keeps_to_a_maximum_below_its_first_step)
{
    for (uint32_t random = 0; random < 10; random++) {
        cr_expect_leq(backoff_ms(3, FIRST_MS, 1, random), 1);
        cr_expect_eq(backoff_ms(3, FIRST_MS, 0, random), 0);
    }
}
