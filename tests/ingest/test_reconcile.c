#include "memory_tables.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- events ------------------------------------------------------------------------------ */

static struct object_id id_of(uint8_t number)
{
    struct object_id id = {{0}};
    id.bytes[OBJECT_ID_BYTES - 1] = number;
    return id;
}

static struct event *event_new(struct arena *arena, enum entity_kind kind, int64_t time_us)
{
    struct event *event = arena_alloc_zeroed(arena, sizeof *event);
    event->batch_id = id_of(1);
    event->call_id = id_of(2);
    event->attempt = 1;
    event->version = (struct version){time_us, SLICE_NONE, SLICE("s"), SLICE("i")};
    event->entity.kind = kind;
    return event;
}

static struct event *with_text(struct event *event, int field, const char *text)
{
    event->entity.fields[field] =
        (struct field){.version = &event->version, .text = slice_of(text)};
    return event;
}

static struct event *with_number(struct event *event, int field, int64_t number)
{
    event->entity.fields[field] = (struct field){.version = &event->version, .number = number};
    return event;
}

static struct event *phone_log(struct arena *arena, int32_t attempt, int64_t time_us,
                               const char *status)
{
    struct event *event =
        with_text(event_new(arena, ENTITY_ATTEMPT, time_us), ATTEMPT_STATUS, status);
    event->attempt = attempt;
    return event;
}

struct fixture {
    struct arena arena;
    struct memory_tables tables;
    struct fold *fold;
};

static void setup(struct fixture *fixture)
{
    arena_init(&fixture->arena);
    memory_tables_init(&fixture->tables);
    fixture->fold = fold_new();
}

static void done(struct fixture *fixture)
{
    fold_free(&fixture->fold);
    memory_tables_done(&fixture->tables);
    arena_done(&fixture->arena);
}

/* One transaction with one event. */
static void store(struct fixture *fixture, const struct event *event)
{
    fold_reset(fixture->fold);
    fold_add(fixture->fold, event);
    memory_tables_store(&fixture->tables, fixture->fold);
    memory_tables_recount(&fixture->tables, &event->batch_id);
}

static struct memory_batch *the_batch(struct fixture *fixture)
{
    struct object_id id = id_of(1);
    return memory_batch_find(&fixture->tables, &id);
}

/* --- one rule each ----------------------------------------------------------------------- */

Test(reconcile, numbers_calls_in_the_order_of_their_arrival)
{
    struct fixture fixture;
    setup(&fixture);
    static const uint8_t arrivals[] = {9, 3, 7};
    for (size_t i = 0; i < ARRAY_LEN(arrivals); i++) {
        struct event *event = event_new(&fixture.arena, ENTITY_CALL, 1);
        event->call_id = id_of(arrivals[i]);
        fold_add(fixture.fold, event);
    }
    memory_tables_store(&fixture.tables, fixture.fold);
    struct object_id batch = id_of(1);
    for (size_t i = 0; i < ARRAY_LEN(arrivals); i++) {
        struct object_id call = id_of(arrivals[i]);
        struct memory_row *row = memory_row_find(&fixture.tables.calls, &batch, &call, 0, 0);
        cr_assert_eq(row->position, (int32_t)i + 1);
    }
    done(&fixture);
}

Test(reconcile, changes_nothing_when_an_event_comes_again)
{
    struct fixture fixture;
    setup(&fixture);
    struct event *call =
        with_text(event_new(&fixture.arena, ENTITY_CALL, 1), CALL_PHONE_NUMBER, "1");
    struct event *log = phone_log(&fixture.arena, 1, 2, "completed");
    store(&fixture, call);
    store(&fixture, log);
    int64_t version = the_batch(&fixture)->stored.version;
    fold_reset(fixture.fold);
    fold_add(fixture.fold, phone_log(&fixture.arena, 1, 1, "ringing"));
    memory_tables_store(&fixture.tables, fixture.fold);
    cr_assert_eq(the_batch(&fixture)->stored.version, version,
                 "an older event that says nothing new must not make a new version");
    done(&fixture);
}

Test(reconcile, keeps_attempts_until_their_call_arrives)
{
    struct fixture fixture;
    setup(&fixture);
    store(&fixture,
          with_text(phone_log(&fixture.arena, 1, 1, "ringing"), ATTEMPT_TRANSCRIPT, "hello"));
    cr_assert_eq(the_batch(&fixture)->stored.pending_attempts, 1);
    store(&fixture, phone_log(&fixture.arena, 2, 2, "busy"));
    store(&fixture, phone_log(&fixture.arena, 1, 3, "completed"));
    cr_assert_eq(the_batch(&fixture)->stored.pending_attempts, 2);
    cr_assert_eq(the_batch(&fixture)->finished, 0, "a call that is not there is not finished");

    store(&fixture, event_new(&fixture.arena, ENTITY_CALL, 4));
    cr_assert_eq(the_batch(&fixture)->stored.pending_attempts, 0);
    cr_assert_eq(the_batch(&fixture)->finished, 1);
    struct object_id batch = id_of(1);
    struct memory_row *row = memory_row_find(&fixture.tables.attempts, &batch, NULL, 1, 1);
    cr_assert(slice_equal(row->values.fields[ATTEMPT_STATUS].text, SLICE("completed")));
    cr_assert(slice_equal(row->values.fields[ATTEMPT_TRANSCRIPT].text, SLICE("hello")));
    done(&fixture);
}

Test(reconcile, merges_a_waiting_attempt_with_one_that_comes_with_its_call)
{
    struct fixture fixture;
    setup(&fixture);
    store(&fixture,
          with_number(phone_log(&fixture.arena, 1, 5, "completed"), ATTEMPT_DURATION, 7250));
    fold_reset(fixture.fold);
    fold_add(fixture.fold, phone_log(&fixture.arena, 1, 9, "ringing"));
    fold_add(fixture.fold, event_new(&fixture.arena, ENTITY_CALL, 6));
    memory_tables_store(&fixture.tables, fixture.fold);
    struct object_id batch = id_of(1);
    memory_tables_recount(&fixture.tables, &batch);
    struct memory_row *row = memory_row_find(&fixture.tables.attempts, &batch, NULL, 1, 1);
    cr_assert(slice_equal(row->values.fields[ATTEMPT_STATUS].text, SLICE("completed")));
    cr_assert_eq(row->values.fields[ATTEMPT_DURATION].number, 7250);
    done(&fixture);
}

Test(reconcile, knows_whether_created_at_ever_ran_backwards)
{
    static const struct {
        const char *name;
        int64_t times[3]; /* 0: none */
        bool in_order;
    } rows[] = {
        {"ascending", {10, 20, 30}, true},     {"equal", {10, 10, 10}, true},
        {"backwards", {10, 30, 20}, false},    {"missing first", {0, 0, 30}, true},
        {"missing after", {10, 0, 30}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        setup(&fixture);
        for (uint8_t j = 0; j < 3; j++) {
            struct event *event = event_new(&fixture.arena, ENTITY_CALL, 1);
            event->call_id = id_of((uint8_t)(j + 1));
            if (rows[i].times[j])
                with_number(event, CALL_CREATED_AT, rows[i].times[j]);
            store(&fixture, event);
        }
        cr_expect_eq(the_batch(&fixture)->stored.created_in_order, rows[i].in_order, "%s",
                     rows[i].name);
        done(&fixture);
    }
}

Test(reconcile, forgets_the_order_when_created_at_is_corrected)
{
    struct fixture fixture;
    setup(&fixture);
    store(&fixture, with_number(event_new(&fixture.arena, ENTITY_CALL, 1), CALL_CREATED_AT, 10));
    store(&fixture, with_number(event_new(&fixture.arena, ENTITY_CALL, 2), CALL_CREATED_AT, 10));
    cr_assert(the_batch(&fixture)->stored.created_in_order, "the same value again is no change");
    store(&fixture, with_number(event_new(&fixture.arena, ENTITY_CALL, 3), CALL_CREATED_AT, 11));
    cr_assert_not(the_batch(&fixture)->stored.created_in_order);
    done(&fixture);
}

Test(reconcile, refuses_rows_it_did_not_write)
{
    struct fixture fixture;
    struct write_set writes;
    struct error err = {0};
    setup(&fixture);
    fold_add(fixture.fold, event_new(&fixture.arena, ENTITY_CALL, 1));
    fold_finish(fixture.fold);
    struct stored_batch batch = {.versions = SLICE("\xff")};
    struct call_snapshot call = {0};
    struct snapshot snapshot = {&batch, &call};
    cr_assert_not(reconcile(fixture.fold, &snapshot, &fixture.arena, &writes, &err));
    cr_assert_eq(err.kind, ERR_FATAL);
    done(&fixture);
}

/* --- any order, any grouping ------------------------------------------------------------- */

#define EVENTS 60
static const char *const statuses[] = {"queued", "initiated", "ringing",  "in-progress",
                                       "busy",   "completed", "no-answer"};

static const struct event *random_event(struct arena *arena, int number)
{
    static const char *const values[] = {"a", "b", "c"};
    struct event *event = event_new(arena, (enum entity_kind)(rand() % 3), rand() % 20);
    char *id = arena_alloc(arena, 16);
    snprintf(id, 16, "%d", number);
    event->version.id = slice_of(id);
    event->batch_id = id_of((uint8_t)(1 + rand() % 2));
    event->call_id = id_of((uint8_t)(1 + rand() % 4));
    event->attempt = 1 + rand() % 3;
    for (int i = 0; i < entity_field_count(event->entity.kind); i++) {
        if (rand() % 2)
            continue;
        with_text(event, i, values[rand() % 3]);
        event->entity.fields[i].number = rand() % 5;
        if (event->entity.kind == ENTITY_ATTEMPT && i == ATTEMPT_STATUS)
            with_text(event, i, statuses[(size_t)rand() % ARRAY_LEN(statuses)]);
    }
    return event;
}

static void shuffle(const struct event **events, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)rand() % i;
        const struct event *kept = events[i - 1];
        events[i - 1] = events[other];
        events[other] = kept;
    }
}

/* Stores the events in random transactions, some of them again. */
static void store_all(struct memory_tables *tables, const struct event **events, size_t count)
{
    struct fold *fold = fold_new();
    for (size_t i = 0; i < count;) {
        fold_reset(fold);
        for (size_t size = 1 + (size_t)rand() % 9; size > 0 && i < count; size--, i++) {
            fold_add(fold, events[i]);
            if (rand() % 4 == 0)
                fold_add(fold, events[(size_t)rand() % count]);
        }
        memory_tables_store(tables, fold);
    }
    fold_free(&fold);
}

static void expect_same_row(const struct memory_row *a, const struct memory_row *b, unsigned seed)
{
    cr_assert_not_null(b, "seed %u: a row is missing", seed);
    cr_assert(slice_equal(a->versions, b->versions), "seed %u: versions differ", seed);
    for (int i = 0; i < ENTITY_FIELDS_MAX; i++) {
        const struct field *left = &a->values.fields[i];
        const struct field *right = &b->values.fields[i];
        cr_assert_eq(left->version == NULL, right->version == NULL, "seed %u: field %d", seed, i);
        cr_assert(slice_equal(left->text, right->text) && left->number == right->number,
                  "seed %u: field %d differs", seed, i);
    }
}

static int32_t position_in(struct memory_tables *tables, const struct memory_row *call)
{
    return memory_row_find(&tables->calls, &call->batch_id, &call->call_id, 0, 0)->position;
}

static void expect_same_tables(struct memory_tables *a, struct memory_tables *b, unsigned seed)
{
    for (size_t i = 0; i < a->calls.count; i++) {
        const struct memory_row *call = &a->calls.rows[i];
        expect_same_row(call, memory_row_find(&b->calls, &call->batch_id, &call->call_id, 0, 0),
                        seed);
        for (size_t j = 0; j < a->attempts.count; j++) {
            const struct memory_row *row = &a->attempts.rows[j];
            if (row->position == call->position &&
                object_id_compare(&row->batch_id, &call->batch_id) == 0)
                expect_same_row(row,
                                memory_row_find(&b->attempts, &row->batch_id, NULL,
                                                position_in(b, call), row->attempt),
                                seed);
        }
    }
    cr_assert_eq(a->calls.count, b->calls.count, "seed %u", seed);
    cr_assert_eq(a->attempts.count, b->attempts.count, "seed %u", seed);
    for (size_t i = 0; i < a->pending.count; i++) {
        const struct memory_row *row = &a->pending.rows[i];
        if (!row->is_gone)
            expect_same_row(
                row, memory_row_find(&b->pending, &row->batch_id, &row->call_id, 0, row->attempt),
                seed);
    }
    for (size_t i = 0; i < a->batch_count; i++) {
        struct memory_batch *other = memory_batch_find(b, &a->batches[i].batch_id);
        cr_assert_not_null(other, "seed %u: a batch is missing", seed);
        cr_assert(slice_equal(a->batches[i].stored.versions, other->stored.versions), "seed %u",
                  seed);
        cr_assert_eq(a->batches[i].stored.pending_attempts, other->stored.pending_attempts,
                     "seed %u", seed);
    }
}

Test(reconcile, ends_in_the_same_rows_whatever_the_order_and_grouping)
{
    unsigned first = (unsigned)time(NULL);
    for (unsigned seed = first; seed < first + 200; seed++) {
        struct arena arena;
        const struct event *events[EVENTS];
        static struct memory_tables once;
        static struct memory_tables again;
        srand(seed);
        arena_init(&arena);
        memory_tables_init(&once);
        memory_tables_init(&again);
        for (int i = 0; i < EVENTS; i++)
            events[i] = random_event(&arena, i);
        store_all(&once, events, EVENTS);
        shuffle(events, EVENTS);
        store_all(&again, events, EVENTS);
        expect_same_tables(&once, &again, seed);
        for (size_t i = 0; i < again.batch_count; i++) {
            memory_tables_recount(&once, &again.batches[i].batch_id);
            memory_tables_recount(&again, &again.batches[i].batch_id);
        }
        memory_tables_done(&once);
        memory_tables_done(&again);
        arena_done(&arena);
    }
}
