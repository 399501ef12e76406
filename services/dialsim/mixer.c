#include "mixer.h"

#include "alloc.h"
#include "heap.h"
#include "poison.h"
#include "rng.h"

#include <stdlib.h>

/* Streams of random numbers: poison does not shift what is sent twice or late. */
enum { STREAM_DUPLICATE = 96, STREAM_REORDER, STREAM_POISON };

struct mixer {
    struct mixer_setup setup;
    mixer_emit_fn *emit;
    void *arg;
    struct poison_writer *poison;
    struct rng duplicate_rng;
    struct rng reorder_rng;
    struct rng poison_rng;
    enum poison last_poison;
    size_t forms_used[POISON_COUNT];
    int64_t passed;   /* records put */
    struct heap held; /* of struct record *, by the value of `passed` that lets them go */
};

struct mixer *mixer_new(const struct mixer_setup *setup, mixer_emit_fn *emit, void *arg)
{
    struct mixer *mixer = alloc_zeroed(1, sizeof(*mixer));
    mixer->setup = *setup;
    mixer->emit = emit;
    mixer->arg = arg;
    mixer->poison = poison_writer_new(setup->max_event_bytes);
    rng_init(&mixer->duplicate_rng, setup->seed, STREAM_DUPLICATE, 0);
    rng_init(&mixer->reorder_rng, setup->seed, STREAM_REORDER, 0);
    rng_init(&mixer->poison_rng, setup->seed, STREAM_POISON, 0);
    heap_init(&mixer->held, sizeof(struct record *));
    return mixer;
}

static struct record *take_held(struct mixer *mixer)
{
    struct record *record;
    heap_pop(&mixer->held, &record);
    return record;
}

void mixer_free(struct mixer **mixer)
{
    if (!*mixer)
        return;
    while (!heap_is_empty(&(*mixer)->held))
        free(take_held(*mixer));
    heap_done(&(*mixer)->held);
    poison_writer_free(&(*mixer)->poison);
    free(*mixer);
    *mixer = NULL;
}

static void hold_back(struct mixer *mixer, const struct record *record, struct rng *rng)
{
    struct record *clone = record_clone(record);
    heap_push(&mixer->held, mixer->passed + 1 + rng_below(rng, mixer->setup.reorder_window),
              &clone);
}

static bool emit_or_hold(struct mixer *mixer, const struct record *record)
{
    if (rng_chance(&mixer->reorder_rng, mixer->setup.reorder_ppm)) {
        hold_back(mixer, record, &mixer->reorder_rng);
        return true;
    }
    return mixer->emit(record, mixer->arg);
}

/* A second one comes right behind the first, or, as often, later. */
static bool emit_duplicate(struct mixer *mixer, const struct record *record)
{
    if (!rng_chance(&mixer->duplicate_rng, mixer->setup.duplicate_ppm))
        return true;
    if (rng_below(&mixer->duplicate_rng, 2) == 0)
        return mixer->emit(record, mixer->arg);
    hold_back(mixer, record, &mixer->duplicate_rng);
    return true;
}

/* The kinds take turns, and the forms of a kind too: a short run meets them all. */
static bool emit_poison(struct mixer *mixer, const struct record *near)
{
    if (!rng_chance(&mixer->poison_rng, mixer->setup.poison_ppm))
        return true;
    struct record record;
    enum poison poison = mixer->last_poison;
    do {
        poison = poison + 1 < POISON_COUNT ? poison + 1 : POISON_NONE + 1;
    } while (!(mixer->setup.poison_kinds & (1U << poison)));
    mixer->last_poison = poison;
    poison_write(mixer->poison, poison, mixer->forms_used[poison]++, near, &mixer->poison_rng,
                 &record);
    return emit_or_hold(mixer, &record);
}

bool mixer_put(struct mixer *mixer, const struct record *record)
{
    mixer->passed++;
    if (!emit_or_hold(mixer, record) || !emit_duplicate(mixer, record) ||
        !emit_poison(mixer, record))
        return false;
    bool go_on = true;
    while (go_on && !heap_is_empty(&mixer->held) && heap_first_key(&mixer->held) <= mixer->passed) {
        struct record *held = take_held(mixer);
        go_on = mixer->emit(held, mixer->arg);
        free(held);
    }
    return go_on;
}

bool mixer_flush(struct mixer *mixer)
{
    bool go_on = true;
    while (go_on && !heap_is_empty(&mixer->held)) {
        struct record *held = take_held(mixer);
        go_on = mixer->emit(held, mixer->arg);
        free(held);
    }
    return go_on;
}
