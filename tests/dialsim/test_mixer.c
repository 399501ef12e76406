#include "mixer.h"

#include "macros.h"
#include "record_stream.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>

static struct mixer_setup setup_of(uint32_t duplicate_ppm, uint32_t reorder_ppm,
                                   uint32_t poison_ppm)
{
    return (struct mixer_setup){
        .seed = 11,
        .duplicate_ppm = duplicate_ppm,
        .reorder_ppm = reorder_ppm,
        .reorder_window = 50,
        .poison_ppm = poison_ppm,
        .poison_kinds = (1U << POISON_COUNT) - 2,
        .max_event_bytes = 2048,
    };
}

/* Each test's input: the events of 500 calls. */
static void generate(struct record_stream *stream)
{
    struct dialer_setup dialer = test_dialer_setup(500);
    struct cloudevent_setup cloudevent = test_cloudevent_setup();
    cloudevent.mode = CLOUDEVENT_MIXED;
    record_stream_generate(stream, &dialer, &cloudevent, SIZE_MAX);
}

static void mix(const struct mixer_setup *setup, const struct record_stream *in,
                struct record_stream *out)
{
    struct mixer *mixer = mixer_new(setup, record_stream_add, out);
    for (size_t i = 0; i < in->count; i++)
        cr_assert(mixer_put(mixer, in->records[i]));
    cr_assert(mixer_flush(mixer));
    mixer_free(&mixer);
}

static int compare_records(const void *a, const void *b)
{
    const struct record *left = *(struct record *const *)a;
    const struct record *right = *(struct record *const *)b;
    int order = slice_compare(left->value, right->value);
    for (size_t i = 0; order == 0 && i < left->header_count && i < right->header_count; i++)
        order = slice_compare(left->headers[i].value, right->headers[i].value);
    return order;
}

/* How many of the records of `out` (both are sorted) are in `in`, each counted once; the number of
 * those that are there more than once in `*doubled`. */
static size_t count_distinct(const struct record_stream *in, const struct record_stream *out,
                             size_t *doubled)
{
    size_t at = 0, distinct = 0;
    *doubled = 0;
    for (size_t i = 0; i < in->count; i++) {
        size_t found = 0;
        while (at < out->count && record_is_equal(in->records[i], out->records[at])) {
            at++;
            found++;
        }
        distinct += found > 0;
        *doubled += found > 1;
        cr_assert_leq(found, 2);
    }
    cr_assert_eq(at, out->count, "something came out that had not been put in");
    return distinct;
}

Test(mixer, passes_everything_on_when_asked_for_nothing)
{
    struct record_stream in = {0}, out = {0};
    struct mixer_setup setup = setup_of(0, 0, 0);
    generate(&in);
    mix(&setup, &in, &out);
    cr_assert_eq(out.count, in.count);
    for (size_t i = 0; i < in.count; i++)
        cr_assert(record_is_equal(in.records[i], out.records[i]));
    record_stream_done(&in);
    record_stream_done(&out);
}

Test(mixer, keeps_the_set_of_records_when_it_reorders)
{
    struct record_stream in = {0}, out = {0};
    struct mixer_setup setup = setup_of(0, 300000, 0);
    size_t moved = 0, doubled;
    generate(&in);
    mix(&setup, &in, &out);
    cr_assert_eq(out.count, in.count);
    for (size_t i = 0; i < in.count; i++)
        moved += !record_is_equal(in.records[i], out.records[i]);
    cr_expect_gt(moved, in.count / 4);
    qsort(in.records, in.count, sizeof(*in.records), compare_records);
    qsort(out.records, out.count, sizeof(*out.records), compare_records);
    cr_expect_eq(count_distinct(&in, &out, &doubled), in.count);
    cr_expect_eq(doubled, 0);
    record_stream_done(&in);
    record_stream_done(&out);
}

/* Each numbered: none comes later than its window allows. */
Test(mixer, lets_no_more_records_overtake_than_its_window)
{
    struct record_stream out = {0};
    struct mixer_setup setup = setup_of(0, 100000, 0);
    struct mixer *mixer = mixer_new(&setup, record_stream_add, &out);
    int late = 0;
    for (int i = 0; i < 20000; i++) {
        struct record record = {.topic = "t", .value = SLICE("x"), .tag = {.call = (uint32_t)i}};
        cr_assert(mixer_put(mixer, &record));
    }
    cr_assert(mixer_flush(mixer));
    int furthest = 0;
    for (size_t i = 0; i < out.count; i++) {
        int number = (int)out.records[i]->tag.call;
        int overtaken = furthest - number;
        furthest = number > furthest ? number : furthest;
        late += overtaken > 0;
        cr_assert_leq(overtaken, 50);
    }
    cr_expect(abs(late - 2000) < 200, "%d of 20000 were late", late);
    mixer_free(&mixer);
    record_stream_done(&out);
}

Test(mixer, doubles_records_byte_for_byte)
{
    struct record_stream in = {0}, out = {0};
    struct mixer_setup setup = setup_of(200000, 100000, 0);
    size_t doubled;
    generate(&in);
    mix(&setup, &in, &out);
    qsort(in.records, in.count, sizeof(*in.records), compare_records);
    qsort(out.records, out.count, sizeof(*out.records), compare_records);
    cr_expect_eq(count_distinct(&in, &out, &doubled), in.count, "nothing is lost");
    cr_expect_eq(in.count + doubled, out.count);
    cr_expect(doubled > in.count * 17 / 100 && doubled < in.count * 23 / 100, "%zu of %zu", doubled,
              in.count);
    record_stream_done(&in);
    record_stream_done(&out);
}

Test(mixer, adds_every_kind_of_poison_and_leaves_the_rest_alone)
{
    struct record_stream in = {0}, out = {0};
    struct mixer_setup setup = setup_of(0, 0, 50000);
    size_t counts[POISON_COUNT] = {0};
    size_t at = 0;
    generate(&in);
    mix(&setup, &in, &out);
    for (size_t i = 0; i < out.count; i++) {
        counts[out.records[i]->tag.poison]++;
        if (out.records[i]->tag.poison == POISON_NONE)
            cr_assert(record_is_equal(in.records[at++], out.records[i]));
    }
    cr_expect_eq(at, in.count);
    for (size_t kind = 1; kind < POISON_COUNT; kind++)
        cr_expect(counts[kind] >= in.count / 20 / POISON_COUNT / 2, "%s: %zu",
                  poison_name((enum poison)kind), counts[kind]);
    record_stream_done(&in);
    record_stream_done(&out);
}

Test(mixer, adds_only_the_poison_asked_for)
{
    struct record_stream in = {0}, out = {0};
    struct mixer_setup setup = setup_of(0, 0, 100000);
    setup.poison_kinds = 1U << POISON_BAD_ID | 1U << POISON_EMPTY;
    size_t counts[POISON_COUNT] = {0};
    generate(&in);
    mix(&setup, &in, &out);
    for (size_t i = 0; i < out.count; i++)
        counts[out.records[i]->tag.poison]++;
    cr_expect_gt(counts[POISON_BAD_ID], 0);
    cr_expect_gt(counts[POISON_EMPTY], 0);
    cr_expect_eq(counts[POISON_BAD_ID] + counts[POISON_EMPTY] + in.count, out.count);
    record_stream_done(&in);
    record_stream_done(&out);
}

Test(mixer, mixes_the_same_way_from_the_same_seed)
{
    struct record_stream in = {0}, first = {0}, second = {0}, other = {0};
    struct mixer_setup setup = setup_of(100000, 100000, 20000);
    generate(&in);
    mix(&setup, &in, &first);
    mix(&setup, &in, &second);
    setup.seed++;
    mix(&setup, &in, &other);
    cr_expect_eq(record_stream_hash(&first), record_stream_hash(&second));
    cr_expect_neq(record_stream_hash(&first), record_stream_hash(&other));
    record_stream_done(&in);
    record_stream_done(&first);
    record_stream_done(&second);
    record_stream_done(&other);
}

static bool refuse(const struct record *record, void *arg)
{
    (void)record;
    (*(int *)arg)++;
    return false;
}

Test(mixer, stops_when_it_is_refused)
{
    int offered = 0;
    struct record record = {.topic = "t", .value = SLICE("x")};
    struct mixer_setup setup = setup_of(RNG_CERTAIN, 0, RNG_CERTAIN);
    struct mixer *mixer = mixer_new(&setup, refuse, &offered);
    cr_expect_not(mixer_put(mixer, &record));
    cr_expect_eq(offered, 1);
    mixer_free(&mixer);
}
