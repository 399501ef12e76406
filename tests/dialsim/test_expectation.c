#include "expectation.h"

#include "macros.h"
#include "record_stream.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct json_object *expectation_json(const struct expectation *expectation)
{
    struct buf text;
    buf_init(&text, 64 << 20);
    expectation_append_json(expectation, &text);
    struct json_object *json = json_tokener_parse(buf_text(&text));
    cr_assert_not_null(json, "%s", buf_text(&text));
    buf_done(&text);
    return json;
}

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    cr_assert(json_object_object_get_ex(object, name, &value), "no %s", name);
    return value;
}

static int number(struct json_object *object, const char *name)
{
    return json_object_get_int(member(object, name));
}

static void shuffle(struct record_stream *stream)
{
    struct rng rng;
    rng_init(&rng, 1, 1, 1);
    for (size_t i = stream->count; i > 1; i--) {
        size_t other = rng_below(&rng, (uint32_t)i);
        struct record *moved = stream->records[i - 1];
        stream->records[i - 1] = stream->records[other];
        stream->records[other] = moved;
    }
}

/* The same count by another way: from the scripts of the calls. */
struct count {
    int attempts, any[DIAL_STATUS_COUNT], latest[DIAL_STATUS_COUNT];
};

static struct count count_by_scripts(const struct dialer_setup *setup, uint32_t batch)
{
    struct campaign campaign;
    struct count count = {0};
    campaign_init(&campaign, &setup->campaign, batch);
    for (uint32_t call = 0; call < setup->campaign.calls; call++) {
        bool has[DIAL_STATUS_COUNT] = {false};
        struct call_script script = {.is_retried = true};
        for (int attempt = 1; script.is_retried; attempt++) {
            call_script_init(&script, campaign.seed, call, attempt, setup->attempts_max);
            count.attempts++;
            has[script.outcome] = true;
        }
        count.latest[script.outcome]++;
        for (size_t i = 0; i < DIAL_STATUS_COUNT; i++)
            count.any[i] += has[i];
    }
    return count;
}

static void assert_outcomes(struct json_object *counts, const int expected[DIAL_STATUS_COUNT])
{
    for (size_t i = 0; i < DIAL_STATUS_COUNT; i++) {
        struct json_object *value = NULL;
        const char *name = dial_status_name((enum dial_status)i);
        json_object_object_get_ex(counts, name, &value);
        cr_expect_eq(json_object_get_int(value), expected[i], "%s", name);
    }
}

Test(expectation, counts_what_the_scripts_say_in_any_order_and_twice)
{
    struct record_stream stream = {0};
    struct dialer_setup setup = test_dialer_setup(1000);
    struct cloudevent_setup cloudevent = test_cloudevent_setup();
    setup.batches = 2;
    record_stream_generate(&stream, &setup, &cloudevent, SIZE_MAX);
    shuffle(&stream);
    struct expectation *expectation = expectation_new(&setup.campaign);
    for (size_t i = 0; i < stream.count; i++) {
        expectation_add(expectation, &stream.records[i]->tag);
        if (i % 3 == 0)
            expectation_add(expectation, &stream.records[i / 2]->tag);
    }
    struct json_object *json = expectation_json(expectation);
    struct json_object *batches = member(json, "batches");
    cr_assert_eq(json_object_array_length(batches), 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct count count = count_by_scripts(&setup, i);
        struct json_object *batch = json_object_array_get_idx(batches, i);
        cr_expect_eq(number(batch, "calls"), 1000);
        cr_expect_eq(number(batch, "attempts"), count.attempts);
        cr_expect_eq(number(batch, "withoutAttempt"), 0);
        cr_expect_str_eq(json_object_get_string(member(batch, "ownerId")), "acme");
        cr_expect_str_eq(json_object_get_string(member(batch, "batchStatus")), "completed");
        assert_outcomes(member(batch, "any"), count.any);
        assert_outcomes(member(batch, "latest"), count.latest);
    }
    json_object_put(json);
    expectation_free(&expectation);
    record_stream_done(&stream);
}

/* A call of which only some events were acknowledged. */
static const struct {
    const char *name;
    struct record_tag tags[3];
    size_t count;
    const char *expected; /* a part of the text */
} cases[] = {
    {"a call alone",
     {{.subject = SUBJECT_CALL}},
     1,
     "\"calls\":1,\"attempts\":0,\"transcripts\":0,\"withoutAttempt\":1,\"any\":{},\"latest\":{}"},
    {"an attempt without its call",
     {{.subject = SUBJECT_STATUS, .attempt = 1, .status = DIAL_BUSY}},
     1,
     "\"calls\":0,\"attempts\":0,\"transcripts\":0,\"withoutAttempt\":0,\"any\":{},\"latest\":{}"},
    {"a transcript alone",
     {{.subject = SUBJECT_CALL}, {.subject = SUBJECT_TRANSCRIPT, .attempt = 2}},
     2,
     "\"attempts\":1,\"transcripts\":1,\"withoutAttempt\":0,\"any\":{\"unknown\":1},"
     "\"latest\":{\"unknown\":1}"},
    {"a late lower status",
     {{.subject = SUBJECT_CALL},
      {.subject = SUBJECT_STATUS, .attempt = 1, .status = DIAL_FAILED},
      {.subject = SUBJECT_STATUS, .attempt = 1, .status = DIAL_RINGING}},
     3,
     "\"any\":{\"failed\":1},\"latest\":{\"failed\":1}"},
    {"the latest of two attempts",
     {{.subject = SUBJECT_CALL},
      {.subject = SUBJECT_STATUS, .attempt = 2, .status = DIAL_QUEUED},
      {.subject = SUBJECT_STATUS, .attempt = 1, .status = DIAL_BUSY}},
     3,
     "\"any\":{\"queued\":1,\"busy\":1},\"latest\":{\"queued\":1}"},
    {"a batch that was not named",
     {{.subject = SUBJECT_BATCH, .status = 1}},
     1,
     "\"ownerId\":null,\"batchName\":null,\"batchStatus\":\"active\",\"createdAt\":null"},
    {"a batch that was named last",
     {{.subject = SUBJECT_BATCH, .status = 1}, {.subject = SUBJECT_BATCH, .status = 0}},
     2,
     "\"ownerId\":\"acme\""},
    {"poison",
     {{.poison = POISON_BAD_ID}, {.poison = POISON_BAD_ID}, {.poison = POISON_EMPTY}},
     3,
     "{\"batches\":[],\"deadLetters\":{\"empty\":1,\"bad-id\":2},\"deadLettersTotal\":3}"},
    {"what was read from a file", {{.subject = SUBJECT_UNKNOWN}}, 1, "{\"batches\":[],"},
};

Test(expectation, knows_what_comes_of_a_part)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dialer_setup setup = test_dialer_setup(10);
        struct expectation *expectation = expectation_new(&setup.campaign);
        struct buf text;
        buf_init(&text, 10000);
        for (size_t j = 0; j < cases[i].count; j++)
            expectation_add(expectation, &cases[i].tags[j]);
        expectation_append_json(expectation, &text);
        cr_expect_not_null(strstr(buf_text(&text), cases[i].expected), "%s: %s", cases[i].name,
                           buf_text(&text));
        buf_done(&text);
        expectation_free(&expectation);
    }
}
