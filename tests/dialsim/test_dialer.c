#include "dialer.h"

#include "alloc.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* 2025-05-15T07:30:00Z */
#define START_US INT64_C(1747294200000000)
#define US_PER_HOUR INT64_C(3600000000)

static const char *const owners[] = {"acme"};

static struct dialer_setup setup_of(uint32_t calls)
{
    return (struct dialer_setup){
        .campaign = {.seed = 3, .calls = calls, .owners = owners, .owner_count = 1},
        .batches = 1,
        .batches_at_once = 4,
        .lines = 20,
        .attempts_max = 4,
        .transcripts = true,
        .start_us = START_US,
    };
}

/* What has been seen of a call. */
struct call_state {
    bool uploaded;
    int attempt; /* the latest */
    int step;    /* of it; -1: none */
    bool ended;
    bool may_retry;
};

struct observer {
    const struct dialer_setup *setup;
    struct call_state *calls;
    int batch_step;
    int on_line; /* attempts begun and not ended */
    int most_on_line;
    int transcripts, recorded;
    uint64_t occurrences;
};

static void observe_step(struct observer *observer, const struct occurrence *seen)
{
    struct call_state *call = &observer->calls[seen->call];
    cr_assert(call->uploaded, "a call is dialed before it was uploaded");
    if (seen->step == 0) {
        cr_assert_eq(seen->attempt, call->attempt + 1, "attempts count up by one");
        cr_assert(call->attempt == 0 || (call->ended && call->may_retry));
        *call = (struct call_state){.uploaded = true, .attempt = seen->attempt, .step = -1};
        observer->on_line++;
        cr_assert_eq(seen->created_us, seen->at_us);
    }
    cr_assert_eq(seen->attempt, call->attempt);
    cr_assert_eq(seen->step, ++call->step, "no step is left out or repeated");
    call->ended = seen->step == seen->script.step_count - 1;
    call->may_retry = seen->script.is_retried;
    observer->on_line -= call->ended;
    observer->recorded += call->ended && seen->script.is_recorded;
    if (observer->on_line > observer->most_on_line)
        observer->most_on_line = observer->on_line;
}

static void observe(struct observer *observer, const struct occurrence *seen)
{
    observer->occurrences++;
    switch (seen->kind) {
    case OCCURRENCE_BATCH:
        cr_assert_eq(seen->step, observer->batch_step++);
        break;
    case OCCURRENCE_CALL:
        cr_assert_not(observer->calls[seen->call].uploaded);
        observer->calls[seen->call].uploaded = true;
        break;
    case OCCURRENCE_STEP:
        observe_step(observer, seen);
        break;
    case OCCURRENCE_TRANSCRIPT:
    default:
        cr_assert_eq(seen->attempt, observer->calls[seen->call].attempt);
        cr_assert(observer->calls[seen->call].ended, "a transcript before the end");
        observer->transcripts++;
        break;
    }
}

static struct observer observe_all(const struct dialer_setup *setup)
{
    struct observer observer = {.setup = setup};
    struct occurrence seen = {.kind = OCCURRENCE_BATCH};
    observer.calls = alloc_zeroed(setup->campaign.calls + 1, sizeof(*observer.calls));
    struct dialer *dialer = dialer_new(setup);
    while (dialer_next(dialer, &seen))
        observe(&observer, &seen);
    dialer_free(&dialer);
    return observer;
}

static void assert_all_calls_ended(const struct observer *observer)
{
    for (uint32_t i = 0; i < observer->setup->campaign.calls; i++) {
        const struct call_state *call = &observer->calls[i];
        cr_assert(call->ended, "call %u has not ended", i);
        cr_assert_not(call->may_retry, "call %u was to be tried again", i);
    }
    cr_assert_eq(observer->batch_step, 3, "scheduled, active, completed");
}

Test(dialer, lives_through_every_call_to_its_end)
{
    struct dialer_setup setup = setup_of(2000);
    struct observer observer = observe_all(&setup);
    assert_all_calls_ended(&observer);
    cr_expect_eq(observer.on_line, 0);
    cr_expect_eq(observer.most_on_line, 20, "all lines are busy at some time, none dials twice");
    cr_expect_eq(observer.transcripts, observer.recorded);
    free(observer.calls);
}

Test(dialer, lives_through_one_call_after_the_other)
{
    struct dialer_setup setup = setup_of(500);
    setup.one_by_one = true;
    struct observer observer = observe_all(&setup);
    assert_all_calls_ended(&observer);
    cr_expect_eq(observer.most_on_line, 1);
    free(observer.calls);
}

Test(dialer, says_the_same_one_by_one_as_interleaved)
{
    struct dialer_setup setup = setup_of(500);
    struct observer interleaved = observe_all(&setup);
    setup.one_by_one = true;
    struct observer one_by_one = observe_all(&setup);
    cr_expect_eq(interleaved.occurrences, one_by_one.occurrences);
    free(interleaved.calls);
    free(one_by_one.calls);
}

Test(dialer, leaves_transcripts_out_when_told)
{
    struct dialer_setup setup = setup_of(200);
    setup.transcripts = false;
    struct observer observer = observe_all(&setup);
    cr_expect_eq(observer.transcripts, 0);
    cr_expect_gt(observer.recorded, 0);
    assert_all_calls_ended(&observer);
    free(observer.calls);
}

Test(dialer, creates_a_batch_without_calls)
{
    struct dialer_setup setup = setup_of(0);
    struct observer observer = observe_all(&setup);
    cr_expect_eq(observer.occurrences, 3);
    free(observer.calls);
}

Test(dialer, never_runs_its_clock_backwards)
{
    struct dialer_setup setup = setup_of(300);
    setup.batches = 9;
    setup.batches_at_once = 3;
    int64_t last_us = 0;
    struct occurrence seen = {.kind = OCCURRENCE_BATCH};
    struct dialer *dialer = dialer_new(&setup);
    while (dialer_next(dialer, &seen)) {
        cr_assert_geq(seen.at_us, last_us);
        last_us = seen.at_us;
    }
    dialer_free(&dialer);
}

Test(dialer, dials_in_the_daytime_only)
{
    struct dialer_setup setup = setup_of(3000);
    setup.lines = 2; /* three thousand calls on two lines take some weeks */
    int64_t last_us = 0;
    struct occurrence seen = {.kind = OCCURRENCE_BATCH};
    struct dialer *dialer = dialer_new(&setup);
    while (dialer_next(dialer, &seen)) {
        last_us = seen.at_us;
        if (seen.kind != OCCURRENCE_STEP || seen.step > 0)
            continue;
        int64_t offset_us = seen.campaign->region->utc_offset_minutes * INT64_C(60000000);
        int64_t of_day_us = (seen.at_us + offset_us) % (24 * US_PER_HOUR);
        cr_assert(of_day_us >= 9 * US_PER_HOUR && of_day_us < 20 * US_PER_HOUR, "at %lld h",
                  (long long)(of_day_us / US_PER_HOUR));
    }
    cr_expect_gt(last_us - START_US, 48 * US_PER_HOUR);
    dialer_free(&dialer);
}

Test(dialer, dials_at_any_hour_when_it_never_sleeps)
{
    struct dialer_setup setup = setup_of(1);
    setup.start_us = START_US + 17 * US_PER_HOUR; /* half past midnight, UTC */
    setup.never_sleeps = true;
    struct occurrence seen = {.kind = OCCURRENCE_BATCH};
    struct dialer *dialer = dialer_new(&setup);
    while (dialer_next(dialer, &seen) && seen.kind != OCCURRENCE_STEP)
        continue;
    cr_expect_eq(seen.kind, OCCURRENCE_STEP);
    cr_expect_lt(seen.at_us - setup.start_us, INT64_C(60000000));
    dialer_free(&dialer);
}

Test(dialer, runs_as_many_batches_as_asked_and_no_more_at_once)
{
    struct dialer_setup setup = setup_of(50);
    setup.batches = 10;
    setup.batches_at_once = 3;
    int begun = 0, completed = 0, most = 0;
    struct occurrence seen = {.kind = OCCURRENCE_BATCH};
    struct dialer *dialer = dialer_new(&setup);
    while (dialer_next(dialer, &seen)) {
        begun += seen.kind == OCCURRENCE_BATCH && seen.step == 0;
        completed += seen.kind == OCCURRENCE_BATCH && seen.step == 2;
        most = begun - completed > most ? begun - completed : most;
    }
    cr_expect_eq(begun, 10);
    cr_expect_eq(completed, 10);
    cr_expect_eq(most, 3);
    dialer_free(&dialer);
}

Test(dialer, goes_on_with_new_batches_without_end)
{
    struct dialer_setup setup = setup_of(5);
    setup.batches = 0;
    uint32_t last = 0;
    struct occurrence seen = {.kind = OCCURRENCE_BATCH};
    struct dialer *dialer = dialer_new(&setup);
    while (last < 500 && dialer_next(dialer, &seen))
        last = seen.campaign->number > last ? seen.campaign->number : last;
    cr_expect_eq(last, 500);
    dialer_free(&dialer);
}
