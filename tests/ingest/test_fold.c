#include "fold.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct object_id id_of(unsigned number)
{
    struct object_id id = {{0}};
    id.bytes[0] = (uint8_t)(number >> 16);
    id.bytes[1] = (uint8_t)(number >> 8);
    id.bytes[OBJECT_ID_BYTES - 1] = (uint8_t)number;
    return id;
}

/* An event about (batch, call, attempt) that sets one text; `time_us` is its version. */
static void make_event(struct event *event, enum entity_kind kind, const unsigned key[3],
                       int64_t time_us, const char *text)
{
    *event = (struct event){
        .batch_id = id_of(key[0]),
        .call_id = id_of(key[1]),
        .attempt = (int32_t)key[2],
        .version = {time_us, SLICE_NONE, SLICE("s"), SLICE("i")},
        .entity = {.kind = kind},
    };
    event->entity.fields[1].version = &event->version;
    event->entity.fields[1].text = slice_of(text);
}

static const struct field *field_of(const struct entity *entity)
{
    return &entity->fields[1];
}

#define KEY(batch, call, attempt) ((const unsigned[]){batch, call, attempt})

Test(fold, is_empty_at_first)
{
    struct fold *fold = fold_new();
    fold_finish(fold);
    cr_expect_eq(fold_event_count(fold), 0);
    cr_expect_eq(fold_batch_count(fold), 0);
    fold_free(&fold);
    cr_expect_null(fold);
    fold_free(&fold);
}

Test(fold, makes_one_row_of_many_updates)
{
    struct event events[5];
    make_event(&events[0], ENTITY_ATTEMPT, KEY(1, 1, 1), 2, "second");
    make_event(&events[1], ENTITY_ATTEMPT, KEY(1, 1, 1), 3, "third");
    make_event(&events[2], ENTITY_ATTEMPT, KEY(1, 1, 1), 1, "first");
    make_event(&events[3], ENTITY_CALL, KEY(1, 1, 0), 1, "call");
    make_event(&events[4], ENTITY_BATCH, KEY(1, 0, 0), 1, "batch");
    struct fold *fold = fold_new();
    for (int i = 0; i < 5; i++)
        fold_add(fold, &events[i]);
    fold_finish(fold);

    cr_expect_eq(fold_event_count(fold), 5);
    cr_assert_eq(fold_batch_count(fold), 1);
    const struct fold_batch *batch = fold_batch_at(fold, 0);
    cr_expect(slice_equal(field_of(&batch->entity)->text, SLICE("batch")));
    cr_assert_eq(batch->call_count, 1);
    const struct fold_call *call = batch->calls[0];
    cr_expect(call->has_call_event);
    cr_expect(slice_equal(field_of(&call->entity)->text, SLICE("call")));
    cr_assert_eq(call->attempt_count, 1);
    cr_expect(slice_equal(field_of(&call->attempts->entity)->text, SLICE("third")));
    cr_expect_eq(call->attempts->entity.kind, ENTITY_ATTEMPT);
    cr_expect_null(call->attempts->next);
    fold_free(&fold);
}

Test(fold, knows_a_call_without_call_event_and_a_batch_without_batch_event)
{
    struct event event;
    make_event(&event, ENTITY_ATTEMPT, KEY(1, 2, 3), 1, "x");
    struct fold *fold = fold_new();
    fold_add(fold, &event);
    fold_finish(fold);
    const struct fold_batch *batch = fold_batch_at(fold, 0);
    cr_expect_eq(batch->entity.kind, ENTITY_BATCH);
    cr_expect_null(field_of(&batch->entity)->version);
    cr_expect(!batch->calls[0]->has_call_event);
    cr_expect_eq(batch->calls[0]->entity.kind, ENTITY_CALL);
    cr_expect_null(field_of(&batch->calls[0]->entity)->version);
    cr_expect_eq(batch->calls[0]->attempts->attempt, 3);
    fold_free(&fold);
}

Test(fold, keeps_the_same_call_id_in_two_batches_apart)
{
    struct event events[4];
    make_event(&events[0], ENTITY_CALL, KEY(1, 7, 0), 1, "one");
    make_event(&events[1], ENTITY_CALL, KEY(2, 7, 0), 1, "two");
    make_event(&events[2], ENTITY_ATTEMPT, KEY(1, 7, 1), 1, "a");
    make_event(&events[3], ENTITY_ATTEMPT, KEY(2, 7, 1), 1, "b");
    struct fold *fold = fold_new();
    for (int i = 0; i < 4; i++)
        fold_add(fold, &events[i]);
    fold_finish(fold);
    cr_assert_eq(fold_batch_count(fold), 2);
    static const char *const calls[] = {"one", "two"};
    static const char *const attempts[] = {"a", "b"};
    for (size_t i = 0; i < 2; i++) {
        const struct fold_batch *batch = fold_batch_at(fold, i);
        cr_assert_eq(batch->call_count, 1);
        cr_expect(slice_equal(field_of(&batch->calls[0]->entity)->text, slice_of(calls[i])));
        cr_expect(
            slice_equal(field_of(&batch->calls[0]->attempts->entity)->text, slice_of(attempts[i])));
    }
    fold_free(&fold);
}

Test(fold, sorts_batches_by_id_calls_by_arrival_and_attempts_by_number)
{
    static const unsigned keys[][3] = {{9, 5, 3}, {2, 8, 1}, {9, 5, 1}, {9, 4, 1},
                                       {5, 1, 1}, {9, 5, 2}, {9, 3, 7}};
    struct event events[7];
    struct fold *fold = fold_new();
    for (int i = 0; i < 7; i++) {
        make_event(&events[i], ENTITY_ATTEMPT, keys[i], 1, "x");
        fold_add(fold, &events[i]);
    }
    fold_finish(fold);
    cr_assert_eq(fold_batch_count(fold), 3);
    static const unsigned batches[] = {2, 5, 9};
    for (size_t i = 0; i < 3; i++) {
        struct object_id id = id_of(batches[i]);
        cr_expect_eq(object_id_compare(&fold_batch_at(fold, i)->batch_id, &id), 0, "%zu", i);
    }
    const struct fold_batch *batch = fold_batch_at(fold, 2);
    static const unsigned calls[] = {5, 4, 3};
    cr_assert_eq(batch->call_count, 3);
    for (size_t i = 0; i < 3; i++) {
        struct object_id id = id_of(calls[i]);
        cr_expect_eq(object_id_compare(&batch->calls[i]->call_id, &id), 0, "%zu", i);
    }
    int32_t number = 1;
    for (const struct fold_attempt *at = batch->calls[0]->attempts; at; at = at->next)
        cr_expect_eq(at->attempt, number++);
    cr_expect_eq(number, 4);
    fold_free(&fold);
}

Test(fold, orders_calls_by_their_first_call_event)
{
    static const struct {
        enum entity_kind kind;
        unsigned call;
    } rows[] = {
        {ENTITY_ATTEMPT, 1}, /* announced first, but its call event comes last */
        {ENTITY_CALL, 2},    {ENTITY_ATTEMPT, 3}, {ENTITY_CALL, 4},
        {ENTITY_CALL, 1},    {ENTITY_CALL, 2},    {ENTITY_CALL, 1},
    };
    static const unsigned expected[] = {2, 3, 4, 1};
    struct event events[7];
    struct fold *fold = fold_new();
    for (int i = 0; i < 7; i++) {
        make_event(&events[i], rows[i].kind, KEY(1, rows[i].call, 1), 1, "x");
        fold_add(fold, &events[i]);
    }
    fold_finish(fold);
    const struct fold_batch *batch = fold_batch_at(fold, 0);
    cr_assert_eq(batch->call_count, 4);
    for (size_t i = 0; i < 4; i++) {
        struct object_id id = id_of(expected[i]);
        cr_expect_eq(object_id_compare(&batch->calls[i]->call_id, &id), 0, "place %zu", i);
        cr_expect(i == 0 || batch->calls[i]->arrival > batch->calls[i - 1]->arrival);
    }
    fold_free(&fold);
}

Test(fold, can_be_added_to_and_finished_again)
{
    struct event events[4];
    make_event(&events[0], ENTITY_ATTEMPT, KEY(2, 1, 2), 1, "x");
    make_event(&events[1], ENTITY_ATTEMPT, KEY(1, 1, 1), 1, "x");
    make_event(&events[2], ENTITY_ATTEMPT, KEY(2, 1, 1), 1, "x");
    make_event(&events[3], ENTITY_CALL, KEY(0, 1, 0), 1, "x");
    struct fold *fold = fold_new();
    for (int i = 0; i < 4; i++) {
        fold_add(fold, &events[i]);
        fold_finish(fold);
    }
    cr_assert_eq(fold_batch_count(fold), 3);
    const struct fold_call *call = fold_batch_at(fold, 2)->calls[0];
    cr_expect_eq(call->attempt_count, 2);
    cr_expect_eq(call->attempts->attempt, 1);
    cr_expect_eq(call->attempts->next->attempt, 2);
    fold_free(&fold);
}

Test(fold, forgets_everything_on_reset)
{
    struct event events[2];
    make_event(&events[0], ENTITY_ATTEMPT, KEY(1, 1, 1), 5, "old");
    make_event(&events[1], ENTITY_ATTEMPT, KEY(1, 1, 1), 1, "new");
    struct fold *fold = fold_new();
    fold_add(fold, &events[0]);
    fold_finish(fold);
    fold_reset(fold);
    cr_expect_eq(fold_event_count(fold), 0);
    cr_expect_eq(fold_batch_count(fold), 0);
    fold_add(fold, &events[1]);
    fold_finish(fold);
    const struct fold_call *call = fold_batch_at(fold, 0)->calls[0];
    cr_expect_eq(call->arrival, 0);
    cr_expect(slice_equal(field_of(&call->attempts->entity)->text, SLICE("new")));
    fold_free(&fold);
}

/* --- against merging one by one ------------------------------------------------------------ */

#define EVENTS 4000
#define BATCHES 5
#define CALLS 40
#define ATTEMPTS 12

struct model {
    struct entity batches[BATCHES];
    struct entity calls[BATCHES][CALLS];
    struct entity attempts[BATCHES][CALLS][ATTEMPTS];
    bool has_call_event[BATCHES][CALLS];
    bool has_attempt[BATCHES][CALLS][ATTEMPTS];
};

static void make_model(struct model *model)
{
    *model = (struct model){0};
    for (int i = 0; i < BATCHES; i++) {
        model->batches[i].kind = ENTITY_BATCH;
        for (int j = 0; j < CALLS; j++) {
            model->calls[i][j].kind = ENTITY_CALL;
            for (int k = 0; k < ATTEMPTS; k++)
                model->attempts[i][j][k].kind = ENTITY_ATTEMPT;
        }
    }
}

static void apply(struct model *model, const struct event *event, const unsigned key[3])
{
    if (event->entity.kind == ENTITY_BATCH) {
        entity_merge(&model->batches[key[0]], &event->entity);
    } else if (event->entity.kind == ENTITY_CALL) {
        model->has_call_event[key[0]][key[1]] = true;
        entity_merge(&model->calls[key[0]][key[1]], &event->entity);
    } else {
        model->has_attempt[key[0]][key[1]][key[2]] = true;
        entity_merge(&model->attempts[key[0]][key[1]][key[2]], &event->entity);
    }
}

static bool is_same(const struct entity *a, const struct entity *b)
{
    return a->kind == b->kind && field_of(a)->version == field_of(b)->version &&
           slice_equal(field_of(a)->text, field_of(b)->text);
}

static size_t expect_call(const struct model *model, const struct fold_call *call, unsigned batch)
{
    unsigned number = call->call_id.bytes[OBJECT_ID_BYTES - 1];
    cr_assert(is_same(&call->entity, &model->calls[batch][number]));
    cr_assert_eq(call->has_call_event, model->has_call_event[batch][number]);
    size_t count = 0;
    int32_t last = 0;
    for (const struct fold_attempt *at = call->attempts; at; at = at->next) {
        cr_assert(count == 0 || at->attempt > last);
        cr_assert(model->has_attempt[batch][number][at->attempt]);
        cr_assert(is_same(&at->entity, &model->attempts[batch][number][at->attempt]));
        last = at->attempt;
        count++;
    }
    cr_assert_eq(count, call->attempt_count);
    return count;
}

static size_t count_attempts(const struct model *model)
{
    size_t count = 0;
    for (int i = 0; i < BATCHES; i++)
        for (int j = 0; j < CALLS; j++)
            for (int k = 0; k < ATTEMPTS; k++)
                count += model->has_attempt[i][j][k];
    return count;
}

static void expect_same_as_model(const struct fold *fold, const struct model *model)
{
    size_t attempts = 0;
    for (size_t i = 0; i < fold_batch_count(fold); i++) {
        const struct fold_batch *batch = fold_batch_at(fold, i);
        unsigned number = batch->batch_id.bytes[OBJECT_ID_BYTES - 1];
        cr_assert(is_same(&batch->entity, &model->batches[number]));
        for (size_t j = 0; j < batch->call_count; j++)
            attempts += expect_call(model, batch->calls[j], number);
    }
    cr_assert_eq(attempts, count_attempts(model));
}

/* Statuses and names of events as a dialer would set them, in random order, some of them twice. */
Test(fold, equals_merging_the_events_one_by_one_in_another_order)
{
    static const char *const texts[] = {"queued", "ringing", "completed", "a", "b", "c"};
    static struct event events[EVENTS];
    static unsigned keys[EVENTS][3];
    static struct model model;
    unsigned seed = (unsigned)time(NULL);
    (void)fprintf(stderr, "fold: seed %u\n", seed);
    srand(seed);
    struct fold *fold = fold_new();
    for (int round = 0; round < 10; round++) {
        fold_reset(fold);
        make_model(&model);
        for (int i = 0; i < EVENTS; i++) {
            keys[i][0] = (unsigned)rand() % BATCHES;
            keys[i][1] = (unsigned)rand() % CALLS;
            keys[i][2] = (unsigned)rand() % ATTEMPTS;
            make_event(&events[i], (enum entity_kind)(rand() % 3), keys[i], i, texts[rand() % 6]);
        }
        for (int i = 0; i < EVENTS + EVENTS / 4; i++)
            fold_add(fold, &events[i < EVENTS ? EVENTS - 1 - i : rand() % EVENTS]);
        for (int i = 0; i < EVENTS; i++)
            apply(&model, &events[i], keys[i]);
        fold_finish(fold);
        expect_same_as_model(fold, &model);
    }
    fold_free(&fold);
}

Test(fold, holds_many_batches_calls_and_attempts)
{
    enum { COUNT = 3000 };
    static struct event events[3 * COUNT];
    struct fold *fold = fold_new();
    for (unsigned i = 0; i < COUNT; i++) {
        make_event(&events[i], ENTITY_BATCH, KEY(i, 0, 0), 1, "b");
        make_event(&events[COUNT + i], ENTITY_CALL, KEY(1, i, 0), 1, "c");
        make_event(&events[2 * COUNT + i], ENTITY_ATTEMPT, KEY(1, 1, COUNT - i), 1, "a");
    }
    for (int i = 0; i < 3 * COUNT; i++)
        fold_add(fold, &events[i]);
    fold_finish(fold);
    cr_expect_eq(fold_event_count(fold), 3 * COUNT);
    cr_assert_eq(fold_batch_count(fold), COUNT);
    cr_expect_eq(fold_batch_at(fold, 1)->call_count, COUNT);
    cr_expect_eq(fold_batch_at(fold, 1)->calls[1]->attempt_count, COUNT);
    fold_free(&fold);
}
