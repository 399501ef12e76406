#include "call_script.h"

#include "macros.h"
#include "rng.h"

#include <stddef.h>

enum { STREAM_SCRIPT = 16 };

/* A quarter of an hour to four hours. */
#define RETRY_MIN_S 900
#define RETRY_MAX_S 14400

static const char *const status_names[DIAL_STATUS_COUNT] = {
    [DIAL_QUEUED] = "queued",       [DIAL_INITIATED] = "initiated",
    [DIAL_RINGING] = "ringing",     [DIAL_IN_PROGRESS] = "in-progress",
    [DIAL_COMPLETED] = "completed", [DIAL_NO_ANSWER] = "no-answer",
    [DIAL_BUSY] = "busy",           [DIAL_FAILED] = "failed",
    [DIAL_VOICEMAIL] = "voicemail", [DIAL_CANCELED] = "canceled",
};

const char *dial_status_name(enum dial_status status)
{
    return status_names[status];
}

/* A step comes this long after the one before it. */
struct step {
    enum dial_status status;
    int32_t min_ms, max_ms;
};

struct path {
    uint32_t weight; /* of 100 attempts */
    uint32_t retry_ppm;
    struct step steps[CALL_SCRIPT_STEPS_MAX];
    int step_count;
};

/* The step that ends a conversation has no range: its length is drawn from a distribution. */
static const struct path paths[] = {
    {35,
     0,
     {{DIAL_QUEUED, 0, 0},
      {DIAL_INITIATED, 40, 2500},
      {DIAL_RINGING, 300, 2400},
      {DIAL_IN_PROGRESS, 2000, 24000},
      {DIAL_COMPLETED, 0, 0}},
     5},
    {30,
     750000,
     {{DIAL_QUEUED, 0, 0},
      {DIAL_INITIATED, 40, 2500},
      {DIAL_RINGING, 300, 2400},
      {DIAL_NO_ANSWER, 25000, 45000}},
     4},
    {20,
     0,
     {{DIAL_QUEUED, 0, 0},
      {DIAL_INITIATED, 40, 2500},
      {DIAL_RINGING, 300, 2400},
      {DIAL_IN_PROGRESS, 15000, 28000},
      {DIAL_VOICEMAIL, 0, 0}},
     5},
    {8, 850000, {{DIAL_QUEUED, 0, 0}, {DIAL_INITIATED, 40, 2500}, {DIAL_BUSY, 700, 4000}}, 3},
    {5, 0, {{DIAL_QUEUED, 0, 0}, {DIAL_INITIATED, 40, 2500}, {DIAL_FAILED, 200, 6000}}, 3},
    {2, 0, {{DIAL_QUEUED, 0, 0}, {DIAL_CANCELED, 1000, 90000}}, 2},
};

/* Milliseconds. Quantiles, at 0, 1/32, ... 1, of a log-normal distribution with median 78 s and
 * sigma 0.95, cut at 5 s and 15 min. */
static const int32_t talk_quantiles[] = {
    5000,   13291,  18161,  22300,  26150,  29880,  33579,  37304,  41097,  44994,  49027,
    53227,  57627,  62262,  67172,  72400,  78000,  84032,  90572,  97714,  105574, 114302,
    124094, 135217, 148038, 163091, 181181, 203608, 232651, 272821, 334997, 457741, 900000,
};
static const int32_t voicemail_quantiles[] = {5000, 11000, 15500, 19000, 23000, 30000, 58000};

static const struct path *draw_path(struct rng *rng)
{
    uint32_t weights[ARRAY_LEN(paths)];
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        weights[i] = paths[i].weight;
    return &paths[rng_weighted(rng, weights, ARRAY_LEN(weights))];
}

static int64_t draw_duration_ms(enum dial_status outcome, struct rng *rng)
{
    if (outcome == DIAL_COMPLETED)
        return rng_quantile(rng, talk_quantiles, ARRAY_LEN(talk_quantiles));
    if (outcome == DIAL_VOICEMAIL)
        return rng_quantile(rng, voicemail_quantiles, ARRAY_LEN(voicemail_quantiles));
    return 0;
}

static void lay_out_steps(struct call_script *script, const struct path *path, struct rng *rng)
{
    int64_t after_us = 0;
    for (int i = 0; i < path->step_count; i++) {
        const struct step *step = &path->steps[i];
        if (i > 0)
            after_us +=
                rng_between(rng, step->min_ms * INT64_C(1000), step->max_ms * INT64_C(1000));
        if (step->status == path->steps[path->step_count - 1].status)
            after_us += script->duration_ms * 1000;
        script->steps[i].status = step->status;
        script->steps[i].after_us = after_us;
    }
    script->step_count = path->step_count;
}

void call_script_init(struct call_script *script, uint64_t seed, uint32_t call, int attempt,
                      int attempts_max)
{
    struct rng rng;
    rng_init(&rng, seed, STREAM_SCRIPT + (uint64_t)attempt, call);
    const struct path *path = draw_path(&rng);
    *script = (struct call_script){.outcome = path->steps[path->step_count - 1].status};
    script->duration_ms = draw_duration_ms(script->outcome, &rng);
    script->is_recorded = script->duration_ms > 0;
    lay_out_steps(script, path, &rng);
    int64_t end_us = script->steps[script->step_count - 1].after_us;
    script->transcript_after_us = end_us + rng_between(&rng, 2000000, 20000000);
    script->is_retried = attempt < attempts_max && rng_chance(&rng, path->retry_ppm);
    script->retry_after_us = rng_between(&rng, RETRY_MIN_S, RETRY_MAX_S) * INT64_C(1000000);
}
