#include "dialer.h"

#include "alloc.h"
#include "heap.h"

#include <assert.h>
#include <stdlib.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR (60 * US_PER_MINUTE)
#define US_PER_DAY (24 * US_PER_HOUR)
#define OPENS_US (9 * US_PER_HOUR)
#define CLOSES_US (20 * US_PER_HOUR)

/* A list of calls is uploaded at 200 calls a second, beginning a second after its batch. */
#define UPLOAD_BEGINS_US US_PER_SECOND
#define UPLOAD_INTERVAL_US INT64_C(5000)
#define ACTIVATION_US (2 * US_PER_SECOND)
/* What a line needs between two calls. */
#define WRAP_UP_US (1500 * INT64_C(1000))
/* Batches that run side by side begin this far apart. */
#define BATCH_INTERVAL_US (20 * US_PER_SECOND)

enum batch_step { BATCH_SCHEDULED, BATCH_ACTIVE, BATCH_COMPLETED };

static const char *const batch_status_names[] = {"scheduled", "active", "completed"};

const char *batch_status_name(int step)
{
    return batch_status_names[step];
}

/* What is to happen at its time; `call`, `attempt` and `step` as the kind needs them. */
enum turn_kind { TURN_BATCH, TURN_UPLOAD, TURN_LINE, TURN_STEP, TURN_TRANSCRIPT };

struct turn {
    enum turn_kind kind;
    uint32_t call;
    int attempt;
    int step;
    int64_t began_us; /* the attempt */
};

struct retry {
    uint32_t call;
    int attempt;
};

enum run_phase { RUN_IDLE, RUN_DIALING, RUN_COMPLETED };

/* One batch under way. */
struct run {
    struct campaign campaign;
    enum run_phase phase;
    struct heap turns;   /* of struct turn */
    struct heap retries; /* of struct retry, by when they are due */
    uint32_t uploaded;
    uint32_t dialed; /* first attempts begun */
    int64_t clock_us;
};

struct dialer {
    const struct dialer_setup *setup;
    struct run *runs;
    uint32_t run_count;
    uint32_t begun; /* batches */
};

/* The first moment from `at_us` on at which people may be called. */
static int64_t next_dialing_time(const struct dialer *dialer, const struct run *run, int64_t at_us)
{
    if (dialer->setup->never_sleeps)
        return at_us;
    int64_t offset_us = run->campaign.region->utc_offset_minutes * US_PER_MINUTE;
    int64_t of_day_us = (at_us + offset_us) % US_PER_DAY;
    if (of_day_us < 0)
        of_day_us += US_PER_DAY;
    if (of_day_us < OPENS_US)
        return at_us + OPENS_US - of_day_us;
    return of_day_us < CLOSES_US ? at_us : at_us + US_PER_DAY + OPENS_US - of_day_us;
}

static void add_turn(struct run *run, int64_t at_us, struct turn turn)
{
    heap_push(&run->turns, at_us, &turn);
}

static int64_t upload_time(const struct run *run, uint32_t call)
{
    return run->campaign.start_us + UPLOAD_BEGINS_US + call * UPLOAD_INTERVAL_US;
}

static void begin_batch(struct dialer *dialer, struct run *run, int64_t start_us)
{
    const struct dialer_setup *setup = dialer->setup;
    campaign_init(&run->campaign, &setup->campaign, dialer->begun++);
    campaign_schedule(&run->campaign, start_us);
    run->phase = RUN_DIALING;
    run->uploaded = 0;
    run->dialed = 0;
    run->clock_us = start_us;
    add_turn(run, start_us, (struct turn){.kind = TURN_BATCH, .step = BATCH_SCHEDULED});
    add_turn(run, start_us + ACTIVATION_US,
             (struct turn){.kind = TURN_BATCH, .step = BATCH_ACTIVE});
    if (setup->campaign.calls > 0)
        add_turn(run, upload_time(run, 0), (struct turn){.kind = TURN_UPLOAD});
    uint32_t lines = setup->one_by_one ? 0 : setup->lines;
    for (uint32_t i = 0; i < lines && i < setup->campaign.calls; i++)
        add_turn(run, start_us + ACTIVATION_US + i * INT64_C(37000),
                 (struct turn){.kind = TURN_LINE});
}

static bool may_begin_another(const struct dialer *dialer)
{
    return dialer->setup->batches == 0 || dialer->begun < dialer->setup->batches;
}

struct dialer *dialer_new(const struct dialer_setup *setup)
{
    assert(setup->lines > 0 && setup->batches_at_once > 0);
    struct dialer *dialer = alloc_zeroed(1, sizeof(*dialer));
    dialer->setup = setup;
    dialer->run_count = setup->batches_at_once;
    dialer->runs = alloc_zeroed(dialer->run_count, sizeof(*dialer->runs));
    for (uint32_t i = 0; i < dialer->run_count; i++) {
        struct run *run = &dialer->runs[i];
        heap_init(&run->turns, sizeof(struct turn));
        heap_init(&run->retries, sizeof(struct retry));
        if (may_begin_another(dialer))
            begin_batch(dialer, run, setup->start_us + i * BATCH_INTERVAL_US);
    }
    return dialer;
}

void dialer_free(struct dialer **dialer)
{
    if (!*dialer)
        return;
    for (uint32_t i = 0; i < (*dialer)->run_count; i++) {
        heap_done(&(*dialer)->runs[i].turns);
        heap_done(&(*dialer)->runs[i].retries);
    }
    free((*dialer)->runs);
    free(*dialer);
    *dialer = NULL;
}

/* A line takes what waits longest: a call to be tried again, else the next new one. False: nothing
 * waits. */
static bool take_call(struct run *run, int64_t now_us, struct retry *out)
{
    if (!heap_is_empty(&run->retries) && heap_first_key(&run->retries) <= now_us) {
        heap_pop(&run->retries, out);
        return true;
    }
    if (run->dialed == run->uploaded)
        return false;
    *out = (struct retry){.call = run->dialed++, .attempt = 1};
    return true;
}

/* When a line that found nothing should look again; false: never, the line is done. A call that is
 * tried again later is left to the line that dialed it. */
static bool next_look(const struct run *run, int64_t *out_us)
{
    bool uploads = run->uploaded < run->campaign.calls;
    bool retries = !heap_is_empty(&run->retries);
    int64_t upload_us = upload_time(run, run->uploaded);
    *out_us = retries ? heap_first_key(&run->retries) : upload_us;
    if (uploads && upload_us < *out_us)
        *out_us = upload_us;
    return uploads || retries;
}

static void on_line_free(struct dialer *dialer, struct run *run, int64_t now_us)
{
    int64_t opens_us = next_dialing_time(dialer, run, now_us);
    int64_t look_us;
    struct retry next;
    if (opens_us > now_us)
        add_turn(run, opens_us, (struct turn){.kind = TURN_LINE});
    else if (take_call(run, now_us, &next))
        add_turn(
            run, now_us,
            (struct turn){
                .kind = TURN_STEP, .call = next.call, .attempt = next.attempt, .began_us = now_us});
    else if (next_look(run, &look_us))
        add_turn(run, look_us, (struct turn){.kind = TURN_LINE});
}

static void on_upload(struct dialer *dialer, struct run *run, int64_t now_us)
{
    uint32_t call = run->uploaded++;
    if (dialer->setup->one_by_one) {
        int64_t began_us = next_dialing_time(dialer, run, now_us + ACTIVATION_US);
        add_turn(
            run, began_us,
            (struct turn){.kind = TURN_STEP, .call = call, .attempt = 1, .began_us = began_us});
    } else if (run->uploaded < run->campaign.calls)
        add_turn(run, upload_time(run, run->uploaded), (struct turn){.kind = TURN_UPLOAD});
}

/* With one_by_one, the next call is uploaded once this one's story is told. */
static void tell_next_call(struct dialer *dialer, struct run *run)
{
    if (dialer->setup->one_by_one && heap_is_empty(&run->turns) &&
        run->uploaded < run->campaign.calls)
        add_turn(run, upload_time(run, run->uploaded), (struct turn){.kind = TURN_UPLOAD});
}

static void on_attempt_end(struct dialer *dialer, struct run *run, const struct turn *turn,
                           const struct call_script *script, int64_t now_us)
{
    int64_t due_us = now_us + script->retry_after_us;
    if (dialer->setup->one_by_one) {
        due_us = next_dialing_time(dialer, run, due_us);
        if (script->is_retried)
            add_turn(run, due_us,
                     (struct turn){.kind = TURN_STEP,
                                   .call = turn->call,
                                   .attempt = turn->attempt + 1,
                                   .began_us = due_us});
        return;
    }
    if (script->is_retried)
        heap_push(&run->retries, due_us,
                  &(struct retry){.call = turn->call, .attempt = turn->attempt + 1});
    add_turn(run, now_us + WRAP_UP_US, (struct turn){.kind = TURN_LINE});
}

static void on_step(struct dialer *dialer, struct run *run, const struct turn *turn,
                    const struct call_script *script, int64_t now_us)
{
    struct turn next = *turn;
    if (turn->step + 1 < script->step_count) {
        next.step++;
        add_turn(run, turn->began_us + script->steps[next.step].after_us, next);
        return;
    }
    if (script->is_recorded && dialer->setup->transcripts) {
        next.kind = TURN_TRANSCRIPT;
        add_turn(run, turn->began_us + script->transcript_after_us, next);
    }
    on_attempt_end(dialer, run, turn, script, now_us);
}

static const enum occurrence_kind occurrence_kinds[] = {
    [TURN_BATCH] = OCCURRENCE_BATCH,
    [TURN_UPLOAD] = OCCURRENCE_CALL,
    [TURN_STEP] = OCCURRENCE_STEP,
    [TURN_TRANSCRIPT] = OCCURRENCE_TRANSCRIPT,
};

static void describe(const struct dialer *dialer, const struct run *run, const struct turn *turn,
                     int64_t now_us, struct occurrence *out)
{
    out->kind = occurrence_kinds[turn->kind];
    out->campaign = &run->campaign;
    out->call = turn->kind == TURN_UPLOAD ? run->uploaded : turn->call;
    out->attempt = turn->attempt;
    out->step = turn->step;
    out->at_us = now_us;
    out->created_us = turn->kind == TURN_BATCH    ? run->campaign.start_us
                      : turn->kind == TURN_UPLOAD ? now_us
                                                  : turn->began_us;
    if (turn->attempt > 0)
        call_script_init(&out->script, run->campaign.seed, turn->call, turn->attempt,
                         dialer->setup->attempts_max);
}

/* Lives through one turn. False when nothing came of it that anybody could see. */
static bool take_turn(struct dialer *dialer, struct run *run, struct occurrence *out)
{
    struct turn turn;
    int64_t now_us = heap_first_key(&run->turns);
    heap_pop(&run->turns, &turn);
    if (now_us > run->clock_us)
        run->clock_us = now_us;
    if (turn.kind == TURN_LINE) {
        on_line_free(dialer, run, now_us);
        return false;
    }
    describe(dialer, run, &turn, now_us, out);
    if (turn.kind == TURN_UPLOAD)
        on_upload(dialer, run, now_us);
    if (turn.kind == TURN_STEP)
        on_step(dialer, run, &turn, &out->script, now_us);
    tell_next_call(dialer, run);
    return true;
}

static struct run *earliest_run(struct dialer *dialer)
{
    struct run *earliest = NULL;
    for (uint32_t i = 0; i < dialer->run_count; i++) {
        struct run *run = &dialer->runs[i];
        if (run->phase != RUN_IDLE &&
            (!earliest || heap_first_key(&run->turns) < heap_first_key(&earliest->turns)))
            earliest = run;
    }
    return earliest;
}

/* Nothing is left to happen: the batch is completed, or was, and makes room for the next one. */
static void move_on(struct dialer *dialer, struct run *run)
{
    if (run->phase == RUN_DIALING) {
        run->phase = RUN_COMPLETED;
        add_turn(run, run->clock_us + US_PER_SECOND,
                 (struct turn){.kind = TURN_BATCH, .step = BATCH_COMPLETED});
        return;
    }
    run->phase = RUN_IDLE;
    if (may_begin_another(dialer))
        begin_batch(dialer, run, run->clock_us + BATCH_INTERVAL_US);
}

bool dialer_next(struct dialer *dialer, struct occurrence *out)
{
    for (;;) {
        for (uint32_t i = 0; i < dialer->run_count; i++)
            if (dialer->runs[i].phase != RUN_IDLE && heap_is_empty(&dialer->runs[i].turns))
                move_on(dialer, &dialer->runs[i]);
        struct run *run = earliest_run(dialer);
        if (!run)
            return false;
        if (take_turn(dialer, run, out))
            return true;
    }
}
