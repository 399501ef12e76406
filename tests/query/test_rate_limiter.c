#include "rate_limiter.h"

#include <criterion/criterion.h>
#include <string.h>

#define QUOTA 3
#define WINDOW_S 60
#define COST_US INT64_C(20000000)
#define START_US INT64_C(1000000000)

static struct rate_limiter *limiter;
static uint8_t token[API_TOKEN_HASH_BYTES];
static struct rate_state state;

static void set_up(void)
{
    limiter = rate_limiter_new(QUOTA, WINDOW_S);
    memset(token, 7, sizeof(token));
}

static void tear_down(void)
{
    rate_limiter_free(&limiter);
}

TestSuite(rate_limiter, .init = set_up, .fini = tear_down);

static bool take_at(int64_t after_us)
{
    return rate_limiter_take(limiter, token, START_US + after_us, &state);
}

static void use_up(void)
{
    for (int i = 0; i < QUOTA; i++) {
        cr_assert(take_at(0), "request %d", i);
    }
    cr_assert_not(take_at(0));
}

/* Quotas whose share of the window is no whole number of microseconds. */
static const struct {
    int64_t quota;
    int64_t window_s;
} uneven_quotas[] = {{1500, 1}, {300000, 1}, {600000, 1}, {7, 60}};

static int64_t count_at_once(int64_t most)
{
    int64_t taken = 0;
    while (taken <= most && take_at(0)) {
        taken++;
    }
    return taken;
}

Test(rate_limiter, lets_no_more_than_the_quota_through_however_the_window_divides)
{
    for (size_t i = 0; i < sizeof(uneven_quotas) / sizeof(*uneven_quotas); i++) {
        rate_limiter_free(&limiter);
        limiter = rate_limiter_new(uneven_quotas[i].quota, uneven_quotas[i].window_s);
        cr_expect_eq(count_at_once(uneven_quotas[i].quota), uneven_quotas[i].quota, "quota %lld",
                     (long long)uneven_quotas[i].quota);
    }
}

/* Of the same set, since that is told by what stands behind the first 16 bytes. */
static void name_token(int number)
{
    memset(token, 7, sizeof(token));
    token[0] = (uint8_t)number;
    token[1] = (uint8_t)(number >> 8);
}

Test(rate_limiter, is_none_without_a_quota)
{
    cr_assert_null(rate_limiter_new(0, WINDOW_S));
}

Test(rate_limiter, lets_the_quota_through_at_once_and_then_no_more)
{
    for (int64_t left = QUOTA - 1; left >= 0; left--) {
        cr_assert(take_at(0));
        cr_expect_eq(state.remaining, left);
        cr_expect_eq(state.full_in_us, COST_US * (QUOTA - left));
        cr_expect_eq(state.retry_in_us, 0);
    }
    cr_assert_not(take_at(0));
    cr_expect_eq(state.remaining, 0);
    cr_expect_eq(state.retry_in_us, COST_US);
}

Test(rate_limiter, gives_requests_back_one_by_one)
{
    use_up();
    cr_expect_not(take_at(COST_US - 1));
    cr_expect_eq(state.retry_in_us, 1);
    cr_expect(take_at(COST_US));
    cr_expect_not(take_at(COST_US));
}

Test(rate_limiter, never_gives_back_more_than_the_quota)
{
    cr_assert(take_at(0));
    for (int i = 0; i < QUOTA; i++) {
        cr_assert(take_at(100 * WINDOW_S * INT64_C(1000000)), "request %d", i);
        cr_expect_eq(state.remaining, QUOTA - 1 - i);
    }
    cr_expect_not(take_at(100 * WINDOW_S * INT64_C(1000000)));
}

Test(rate_limiter, refused_requests_cost_nothing)
{
    use_up();
    for (int i = 0; i < 100; i++) {
        cr_assert_not(take_at(COST_US / 2));
    }
    cr_expect(take_at(COST_US));
}

Test(rate_limiter, counts_each_token_by_itself)
{
    use_up();
    token[0]++;
    cr_expect(take_at(0));
    cr_expect_eq(state.remaining, QUOTA - 1);
}

Test(rate_limiter, forgets_a_token_that_is_not_valid)
{
    use_up();
    rate_limiter_confirm(limiter, token, false);
    cr_expect(take_at(0));
    cr_expect_eq(state.remaining, QUOTA - 1);
}

Test(rate_limiter, remembers_a_valid_token_among_any_number_of_others)
{
    name_token(0);
    use_up();
    rate_limiter_confirm(limiter, token, true);
    for (int i = 1; i < 1000; i++) {
        name_token(i);
        cr_assert(take_at(i));
    }
    name_token(0);
    cr_expect_not(take_at(1000));
}

Test(rate_limiter, makes_room_where_all_tokens_are_valid)
{
    for (int i = 0; i < 100; i++) {
        name_token(i);
        cr_assert(take_at(i));
        rate_limiter_confirm(limiter, token, true);
    }
    cr_expect(take_at(100));
    cr_expect_eq(state.remaining, QUOTA - 2, "the latest one is still there");
}

struct header_case {
    struct rate_state state;
    const char *lines;
};

static const struct header_case headers[] = {
    {{2, 20000000, 0}, "RateLimit-Policy: \"token\";q=3;w=60\r\nRateLimit: \"token\";r=2;t=20\r\n"},
    {{0, 40000001, 1},
     "RateLimit-Policy: \"token\";q=3;w=60\r\nRateLimit: \"token\";r=0;t=41\r\nRetry-After: 1\r\n"},
};

Test(rate_limiter, tells_policy_rest_and_when_to_retry)
{
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct buf lines;
        buf_init(&lines, 4096);
        rate_limiter_append_headers(limiter, &headers[i].state, &lines);
        cr_expect_str_eq(buf_text(&lines), headers[i].lines);
        buf_done(&lines);
    }
}
