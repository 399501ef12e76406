#include "call_script.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

#define CALLS 20000

static int rank_of(enum dial_status status)
{
    return status < DIAL_COMPLETED ? (int)status : DIAL_COMPLETED;
}

/* Share of first attempts, in per mille. Four standard deviations at 20,000 are at most 14. */
static const struct {
    enum dial_status outcome;
    int share;
} shares[] = {
    {DIAL_COMPLETED, 350}, {DIAL_NO_ANSWER, 300}, {DIAL_VOICEMAIL, 200},
    {DIAL_BUSY, 80},       {DIAL_FAILED, 50},     {DIAL_CANCELED, 20},
};

Test(call_script, ends_in_the_proportions_of_outbound_dialing)
{
    int counts[DIAL_STATUS_COUNT] = {0};
    for (uint32_t call = 0; call < CALLS; call++) {
        struct call_script script;
        call_script_init(&script, 42, call, 1, 4);
        counts[script.outcome]++;
    }
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        int share = counts[shares[i].outcome] * 1000 / CALLS;
        cr_expect(abs(share - shares[i].share) <= 14, "%s: %d per mille",
                  dial_status_name(shares[i].outcome), share);
    }
}

Test(call_script, never_goes_back_and_ends_once)
{
    for (uint32_t call = 0; call < CALLS; call++) {
        struct call_script script;
        call_script_init(&script, 43, call, 1, 4);
        cr_assert_eq(script.steps[0].status, DIAL_QUEUED);
        cr_assert_eq(script.steps[0].after_us, 0);
        for (int i = 1; i < script.step_count; i++) {
            cr_assert_gt(script.steps[i].after_us, script.steps[i - 1].after_us);
            cr_assert_gt(rank_of(script.steps[i].status), rank_of(script.steps[i - 1].status));
        }
        cr_assert_eq(script.steps[script.step_count - 1].status, script.outcome);
        cr_assert_geq(script.outcome, DIAL_COMPLETED);
    }
}

Test(call_script, talks_as_long_as_people_do)
{
    int completed = 0;
    int64_t sum_ms = 0;
    for (uint32_t call = 0; call < CALLS; call++) {
        struct call_script script;
        call_script_init(&script, 44, call, 1, 4);
        bool speaks = script.outcome == DIAL_COMPLETED || script.outcome == DIAL_VOICEMAIL;
        cr_assert_eq(script.is_recorded, speaks);
        if (!speaks) {
            cr_assert_eq(script.duration_ms, 0);
            continue;
        }
        int last = script.step_count - 1;
        cr_assert(script.duration_ms >= 5000 && script.duration_ms <= 900000);
        cr_assert_eq(script.steps[last].after_us - script.steps[last - 1].after_us,
                     script.duration_ms * 1000, "a call is as long as it is said to be");
        cr_assert_gt(script.transcript_after_us, script.steps[last].after_us);
        if (script.outcome == DIAL_COMPLETED) {
            completed++;
            sum_ms += script.duration_ms;
        }
    }
    int64_t mean_ms = sum_ms / completed;
    cr_expect(mean_ms > 110000 && mean_ms < 135000, "%lld ms on average", (long long)mean_ms);
}

Test(call_script, tries_again_only_where_nobody_answered)
{
    int missed = 0;
    int retried = 0;
    for (uint32_t call = 0; call < CALLS; call++) {
        struct call_script script;
        call_script_init(&script, 45, call, 2, 4);
        bool is_missed = script.outcome == DIAL_NO_ANSWER || script.outcome == DIAL_BUSY;
        cr_assert(is_missed || !script.is_retried);
        missed += is_missed;
        retried += script.is_retried;
        cr_assert(script.retry_after_us >= INT64_C(900000000));
        cr_assert(script.retry_after_us <= INT64_C(14400000000));
    }
    int share = retried * 100 / missed;
    cr_expect(share > 73 && share < 81, "%d of 100 are tried again", share);
}

Test(call_script, gives_up_after_the_last_attempt)
{
    for (uint32_t call = 0; call < CALLS; call++) {
        struct call_script script;
        call_script_init(&script, 46, call, 3, 3);
        cr_assert_not(script.is_retried);
    }
}

Test(call_script, is_the_same_however_many_attempts_there_may_be)
{
    for (uint32_t call = 0; call < 1000; call++) {
        struct call_script a, b;
        call_script_init(&a, 47, call, 1, 1);
        call_script_init(&b, 47, call, 1, 10);
        cr_assert_eq(a.outcome, b.outcome);
        cr_assert_eq(a.duration_ms, b.duration_ms);
    }
}

Test(call_script, differs_from_attempt_to_attempt)
{
    int same = 0;
    for (uint32_t call = 0; call < 1000; call++) {
        struct call_script a, b;
        call_script_init(&a, 48, call, 1, 4);
        call_script_init(&b, 48, call, 2, 4);
        same += a.steps[1].after_us == b.steps[1].after_us;
    }
    cr_expect_lt(same, 5);
}
