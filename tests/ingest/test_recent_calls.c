#include "memory_tables.h"
#include "recent_calls.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROOMY ((size_t)1 << 20)
/* Of which calls have two thirds: beside the table's 64 slots there is room for one, or a few. */
#define TIGHT 1720
#define SMALL 2500

static struct object_id id_of(uint8_t number)
{
    struct object_id id = {{0}};
    id.bytes[OBJECT_ID_BYTES - 1] = number;
    return id;
}

struct fixture {
    struct arena arena;
    struct memory_tables tables;
    struct recent_calls *recent;
    struct fold *fold;
};

static void setup(struct fixture *fixture, size_t max_bytes)
{
    arena_init(&fixture->arena);
    memory_tables_init(&fixture->tables);
    fixture->recent = recent_calls_new(max_bytes);
    fixture->tables.recent = fixture->recent;
    fixture->fold = fold_new();
}

static void done(struct fixture *fixture)
{
    fold_free(&fixture->fold);
    recent_calls_free(&fixture->recent);
    memory_tables_done(&fixture->tables);
    arena_done(&fixture->arena);
}

static struct event *event_of(struct fixture *fixture, enum entity_kind kind, uint8_t call,
                              int64_t time_us)
{
    struct event *event = arena_alloc_zeroed(&fixture->arena, sizeof *event);
    event->batch_id = id_of(1);
    event->call_id = id_of(call);
    event->attempt = 1;
    event->version = (struct version){time_us, SLICE_NONE, SLICE("s"), SLICE("i")};
    event->entity.kind = kind;
    return event;
}

static void store(struct fixture *fixture, const struct event *event)
{
    fold_reset(fixture->fold);
    fold_add(fixture->fold, event);
    memory_tables_store(&fixture->tables, fixture->fold);
}

static void store_call(struct fixture *fixture, uint8_t call)
{
    store(fixture, event_of(fixture, ENTITY_CALL, call, 1));
}

static void store_status(struct fixture *fixture, uint8_t call, int64_t time_us, const char *status)
{
    struct event *event = event_of(fixture, ENTITY_ATTEMPT, call, time_us);
    event->entity.fields[ATTEMPT_STATUS] =
        (struct field){.version = &event->version, .text = slice_of(status)};
    store(fixture, event);
}

/* Whether the call is known; `is_stored` then. */
static bool is_known(const struct fixture *fixture, uint8_t call, bool *is_stored)
{
    struct object_id batch_id = id_of(1);
    struct object_id call_id = id_of(call);
    struct call_snapshot found = {0};
    struct arena arena;
    arena_init(&arena);
    const struct recent_batch *batch = recent_calls_batch(fixture->recent, &batch_id);
    bool is_known = batch && recent_calls_find(fixture->recent, batch, &call_id, &arena, &found);
    if (is_known)
        *is_stored = found.call != NULL;
    arena_done(&arena);
    return is_known;
}

static void expect_known(const struct fixture *fixture, uint8_t call, bool should_be_stored)
{
    bool is_stored = !should_be_stored;
    cr_assert(is_known(fixture, call, &is_stored), "call %d is not known", call);
    cr_assert_eq(is_stored, should_be_stored);
}

static void expect_unknown(const struct fixture *fixture, uint8_t call)
{
    bool is_stored;
    cr_assert_not(is_known(fixture, call, &is_stored), "call %d is known", call);
}

Test(recent_calls, knows_which_calls_a_batch_has_that_began_under_its_eyes)
{
    struct fixture fixture;
    setup(&fixture, ROOMY);
    expect_unknown(&fixture, 1);
    store_call(&fixture, 1);
    expect_known(&fixture, 1, true);
    expect_known(&fixture, 2, false);
    store_call(&fixture, 2);
    expect_known(&fixture, 2, true);
    done(&fixture);
}

Test(recent_calls, does_not_know_what_a_batch_lacks_whose_beginning_it_has_not_seen)
{
    struct fixture fixture;
    setup(&fixture, ROOMY);
    fixture.tables.recent = NULL; /* another process */
    store_call(&fixture, 1);
    fixture.tables.recent = fixture.recent;
    store_call(&fixture, 2);
    expect_known(&fixture, 2, true);
    expect_unknown(&fixture, 1);
    expect_unknown(&fixture, 3);
    done(&fixture);
}

Test(recent_calls, begins_anew_when_another_process_has_written)
{
    struct fixture fixture;
    setup(&fixture, ROOMY);
    store_call(&fixture, 1);
    fixture.tables.recent = NULL;
    store_status(&fixture, 1, 2, "ringing");
    fixture.tables.recent = fixture.recent;
    store_call(&fixture, 2);
    expect_unknown(&fixture, 1);
    expect_known(&fixture, 2, true);
    expect_unknown(&fixture, 3);
    done(&fixture);
}

Test(recent_calls, does_not_keep_a_call_that_has_ended)
{
    struct fixture fixture;
    setup(&fixture, ROOMY);
    store_call(&fixture, 1);
    store_status(&fixture, 1, 2, "ringing");
    expect_known(&fixture, 1, true);
    store_status(&fixture, 1, 3, "completed");
    expect_unknown(&fixture, 1);
    done(&fixture);
}

Test(recent_calls, knows_a_call_again_that_is_tried_again)
{
    struct fixture fixture;
    setup(&fixture, ROOMY);
    store_call(&fixture, 1);
    store_status(&fixture, 1, 2, "busy");
    struct event *event = event_of(&fixture, ENTITY_ATTEMPT, 1, 3);
    event->attempt = 2;
    store(&fixture, event);
    expect_known(&fixture, 1, true);
    done(&fixture);
}

Test(recent_calls, forgets_the_calls_that_were_not_touched_for_longest)
{
    struct fixture fixture;
    setup(&fixture, TIGHT);
    store_call(&fixture, 1);
    expect_known(&fixture, 1, true);
    store_call(&fixture, 2);
    expect_unknown(&fixture, 1);
    expect_known(&fixture, 2, true);
    expect_unknown(&fixture, 3);
    done(&fixture);
}

Test(recent_calls, forgets_all_when_it_is_told_to)
{
    struct fixture fixture;
    setup(&fixture, ROOMY);
    store_call(&fixture, 1);
    recent_calls_forget(fixture.recent);
    expect_unknown(&fixture, 1);
    expect_unknown(&fixture, 2);
    store_call(&fixture, 2);
    expect_unknown(&fixture, 3);
    done(&fixture);
}

Test(recent_calls, keeps_nothing_without_memory)
{
    struct fixture fixture;
    setup(&fixture, 0);
    store_call(&fixture, 1);
    expect_unknown(&fixture, 1);
    expect_unknown(&fixture, 2);
    done(&fixture);
}

Test(recent_calls, knows_only_so_many_batches)
{
    struct recent_calls *recent = recent_calls_new(ROOMY);
    struct fold *fold = fold_new();
    struct stored_batch before = {0};
    struct stored_batch after = {.version = 1, .versions = SLICE("")};
    const struct snapshot found = {.batches = &before};
    const struct snapshot left = {.batches = &after};
    struct event event = {.entity.kind = ENTITY_BATCH};
    size_t most = 0;
    for (uint16_t i = 0; i < 2000; i++) {
        event.batch_id.bytes[0] = (uint8_t)(i >> 8);
        event.batch_id.bytes[1] = (uint8_t)i;
        fold_reset(fold);
        fold_add(fold, &event);
        fold_finish(fold);
        recent_calls_note(recent, fold, &found, &left);
        most += recent_calls_batch(recent, &event.batch_id) != NULL;
    }
    struct object_id first = {{0}};
    cr_assert_null(recent_calls_batch(recent, &first), "the first one was forgotten");
    cr_assert_eq(most, 1999, "all but the one that was too many are known");
    fold_free(&fold);
    recent_calls_free(&recent);
}

/* --- random transactions --------------------------------------------------------------------- */

#define EVENTS 120
static const char *const statuses[] = {"queued", "ringing", "in-progress", "busy", "completed"};

static const struct event *random_event(struct fixture *fixture, int number)
{
    struct event *event =
        event_of(fixture, (enum entity_kind)(rand() % 3), (uint8_t)(1 + rand() % 6), rand() % 30);
    char *id = arena_alloc(&fixture->arena, 16);
    (void)snprintf(id, 16, "%d", number);
    event->version.id = slice_of(id);
    event->batch_id = id_of((uint8_t)(1 + rand() % 3));
    event->attempt = 1 + rand() % 2;
    for (int i = 0; i < entity_field_count(event->entity.kind); i++) {
        if (rand() % 2)
            continue;
        event->entity.fields[i] =
            (struct field){.version = &event->version, .text = SLICE("text"), .number = rand() % 5};
        if (event->entity.kind == ENTITY_ATTEMPT && i == ATTEMPT_STATUS)
            event->entity.fields[i].text = slice_of(statuses[(size_t)rand() % ARRAY_LEN(statuses)]);
    }
    return event;
}

/* memory_tables asserts that what is known is what is stored. */
Test(recent_calls, never_differs_from_what_is_stored)
{
    unsigned first = (unsigned)time(NULL);
    size_t recalled = 0;
    size_t recalled_pending = 0;
    (void)printf("recent_calls: seed %u\n", first);
    for (unsigned seed = first; seed < first + 200; seed++) {
        static struct fixture fixture;
        srand(seed);
        setup(&fixture, seed % 2 ? ROOMY : SMALL);
        for (int i = 0; i < EVENTS;) {
            fold_reset(fixture.fold);
            for (int size = 1 + rand() % 6; size > 0 && i < EVENTS; size--, i++)
                fold_add(fixture.fold, random_event(&fixture, i));
            fixture.tables.recent = rand() % 16 ? fixture.recent : NULL;
            memory_tables_store(&fixture.tables, fixture.fold);
            if (rand() % 64 == 0)
                recent_calls_forget(fixture.recent);
        }
        recalled += fixture.tables.recalled;
        recalled_pending += fixture.tables.recalled_pending;
        done(&fixture);
    }
    cr_assert_gt(recalled, 1000, "%zu calls were known: nothing was shown", recalled);
    cr_assert_gt(recalled_pending, 100, "%zu of calls that others wait for", recalled_pending);
}
