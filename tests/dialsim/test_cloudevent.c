#include "record_stream.h"

#include "macros.h"
#include "object_id.h"
#include "rfc3339.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL SIZE_MAX

/*
 * What the same seed gave when these were recorded. They change only with what is generated;
 * whoever changes that on purpose records them anew, in the same commit.
 */
static const struct {
    const char *name;
    uint64_t seed;
    enum cloudevent_mode mode;
    enum cloudevent_key key;
    bool varied_spellings, one_by_one;
    uint64_t hash;
} recorded[] = {
    {"structured", 1, CLOUDEVENT_STRUCTURED, CLOUDEVENT_KEY_BATCH, false, false,
     UINT64_C(0x093f3e39896293c1)},
    {"binary", 1, CLOUDEVENT_BINARY, CLOUDEVENT_KEY_CALL, false, false,
     UINT64_C(0xa177d8dd3c6be56f)},
    {"mixed", 2, CLOUDEVENT_MIXED, CLOUDEVENT_KEY_NONE, true, true, UINT64_C(0x128809f5b0e86cae)},
};

Test(cloudevent, gives_the_same_bytes_for_the_same_seed_on_every_machine)
{
    for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
        struct record_stream stream = {0};
        struct dialer_setup dialer = test_dialer_setup(200);
        struct cloudevent_setup cloudevent = test_cloudevent_setup();
        dialer.campaign.seed = recorded[i].seed;
        dialer.batches = 6;
        dialer.one_by_one = recorded[i].one_by_one;
        cloudevent.mode = recorded[i].mode;
        cloudevent.key = recorded[i].key;
        cloudevent.varied_spellings = recorded[i].varied_spellings;
        record_stream_generate(&stream, &dialer, &cloudevent, ALL);
        uint64_t hash = record_stream_hash(&stream);
        cr_expect_eq(hash, recorded[i].hash, "%s: 0x%016" PRIx64, recorded[i].name, hash);
        record_stream_done(&stream);
    }
}

Test(cloudevent, gives_other_bytes_for_another_seed)
{
    uint64_t hashes[2];
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct record_stream stream = {0};
        struct dialer_setup dialer = test_dialer_setup(10);
        struct cloudevent_setup cloudevent = test_cloudevent_setup();
        dialer.campaign.seed = seed;
        record_stream_generate(&stream, &dialer, &cloudevent, ALL);
        hashes[seed - 1] = record_stream_hash(&stream);
        record_stream_done(&stream);
    }
    cr_expect_neq(hashes[0], hashes[1]);
}

static void assert_is_time(const char *text)
{
    int64_t at_us;
    cr_assert(rfc3339_parse(slice_of(text), &at_us), "%s", text);
}

static void assert_envelope(const struct record *record, struct json_object *value)
{
    char text[256];
    cr_assert(record_attribute(record, value, "specversion", text, sizeof(text)));
    cr_assert_str_eq(text, "1.0");
    cr_assert(record_attribute(record, value, "id", text, sizeof(text)) && text[0]);
    cr_assert(record_attribute(record, value, "source", text, sizeof(text)) && text[0]);
    cr_assert(record_attribute(record, value, "time", text, sizeof(text)));
    assert_is_time(text);
    cr_assert(record_attribute(record, value, "type", text, sizeof(text)));
}

static const char *text_member(struct json_object *data, const char *name)
{
    struct json_object *member = NULL;
    cr_assert(json_object_object_get_ex(data, name, &member), "no %s in %s", name,
              json_object_to_json_string(data));
    cr_assert(json_object_is_type(member, json_type_string), "%s", name);
    return json_object_get_string(member);
}

static void assert_id(struct json_object *data, const char *name)
{
    struct object_id id;
    cr_assert(object_id_parse(slice_of(text_member(data, name)), &id), "%s", name);
}

static void assert_optional_number(struct json_object *data, const char *name)
{
    struct json_object *member = NULL;
    if (json_object_object_get_ex(data, name, &member) && member)
        cr_assert(json_object_get_double(member) >= 5 && json_object_get_double(member) <= 900);
}

static void assert_batch_data(const struct record *record, struct json_object *data)
{
    text_member(data, "batchStatus");
    if (record->tag.status > 0)
        return;
    cr_assert_str_eq(text_member(data, "ownerId"), "acme");
    cr_assert_gt(strlen(text_member(data, "batchName")), 10);
    assert_is_time(text_member(data, "createdAt"));
}

static void assert_call_data(struct json_object *data)
{
    struct json_object *fields = NULL;
    assert_id(data, "callId");
    cr_assert_geq(strlen(text_member(data, "phoneNumber")), 10);
    cr_assert(json_object_object_get_ex(data, "fields", &fields));
    cr_assert(json_object_is_type(fields, json_type_object));
    assert_is_time(text_member(data, "createdAt"));
}

static void assert_attempt_data(const struct record *record, struct json_object *data)
{
    struct json_object *attempt = NULL;
    assert_id(data, "callId");
    cr_assert(json_object_object_get_ex(data, "attempt", &attempt));
    cr_assert(json_object_is_type(attempt, json_type_int));
    cr_assert_geq(json_object_get_int(attempt), 1);
    assert_optional_number(data, "callDuration");
    if (record->tag.subject == SUBJECT_TRANSCRIPT) {
        cr_assert_gt(strlen(text_member(data, "transcript")), 100);
        return;
    }
    cr_assert_str_eq(text_member(data, "callStatus"),
                     dial_status_name((enum dial_status)record->tag.status));
    assert_is_time(text_member(data, "createdAt"));
}

static const struct {
    const char *type, *topic;
} types[] = {
    [SUBJECT_BATCH] = {"dialer.batch.upserted", "dialer.batches"},
    [SUBJECT_CALL] = {"dialer.call.upserted", "dialer.calls"},
    [SUBJECT_STATUS] = {"dialer.phone-log.upserted", "dialer.phone-logs"},
    [SUBJECT_TRANSCRIPT] = {"dialer.phone-log.upserted", "dialer.phone-logs"},
};

static void assert_event(const struct record *record)
{
    char type[64];
    struct json_object *value = record_parse_value(record);
    struct json_object *data = record_data(record, value);
    assert_envelope(record, value);
    cr_assert(record_attribute(record, value, "type", type, sizeof(type)));
    cr_assert_str_eq(type, types[record->tag.subject].type);
    cr_assert_str_eq(record->topic, types[record->tag.subject].topic);
    assert_id(data, "batchId");
    if (record->tag.subject == SUBJECT_BATCH)
        assert_batch_data(record, data);
    else if (record->tag.subject == SUBJECT_CALL)
        assert_call_data(data);
    else
        assert_attempt_data(record, data);
    json_object_put(value);
}

Test(cloudevent, has_everything_that_the_contract_requires_in_every_mode)
{
    static const enum cloudevent_mode modes[] = {CLOUDEVENT_STRUCTURED, CLOUDEVENT_BINARY,
                                                 CLOUDEVENT_MIXED};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct record_stream stream = {0};
        struct dialer_setup dialer = test_dialer_setup(300);
        struct cloudevent_setup cloudevent = test_cloudevent_setup();
        size_t binary = 0;
        dialer.batches = 4;
        cloudevent.mode = modes[i];
        record_stream_generate(&stream, &dialer, &cloudevent, ALL);
        for (size_t j = 0; j < stream.count; j++) {
            assert_event(stream.records[j]);
            binary += stream.records[j]->is_binary;
        }
        bool is_right = modes[i] == CLOUDEVENT_STRUCTURED ? binary == 0
                        : modes[i] == CLOUDEVENT_BINARY   ? binary == stream.count
                                                          : binary > 0 && binary < stream.count;
        cr_expect(is_right, "%zu of %zu in binary mode", binary, stream.count);
        record_stream_done(&stream);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Two events with the same source and id are the same event. */
Test(cloudevent, never_gives_two_events_one_identity)
{
    struct record_stream stream = {0};
    struct dialer_setup dialer = test_dialer_setup(2000);
    struct cloudevent_setup cloudevent = test_cloudevent_setup();
    dialer.batches = 3;
    record_stream_generate(&stream, &dialer, &cloudevent, ALL);
    char **identities = calloc(stream.count, sizeof(char *));
    for (size_t i = 0; i < stream.count; i++) {
        char id[256], source[256];
        struct json_object *value = record_parse_value(stream.records[i]);
        record_attribute(stream.records[i], value, "id", id, sizeof(id));
        record_attribute(stream.records[i], value, "source", source, sizeof(source));
        cr_assert_geq(asprintf(&identities[i], "%s %s", source, id), 0);
        json_object_put(value);
    }
    qsort(identities, stream.count, sizeof(char *), compare_texts);
    for (size_t i = 1; i < stream.count; i++)
        cr_assert_str_neq(identities[i - 1], identities[i]);
    for (size_t i = 0; i < stream.count; i++)
        free(identities[i]);
    free(identities);
    record_stream_done(&stream);
}

Test(cloudevent, tells_some_events_a_sequence_and_others_none)
{
    struct record_stream stream = {0};
    struct dialer_setup dialer = test_dialer_setup(200);
    struct cloudevent_setup cloudevent = test_cloudevent_setup();
    size_t with_sequence = 0;
    record_stream_generate(&stream, &dialer, &cloudevent, ALL);
    for (size_t i = 0; i < stream.count; i++) {
        char sequence[256];
        struct json_object *value = record_parse_value(stream.records[i]);
        with_sequence +=
            record_attribute(stream.records[i], value, "sequence", sequence, sizeof(sequence));
        json_object_put(value);
    }
    cr_expect(with_sequence > stream.count / 4 && with_sequence < stream.count * 3 / 4,
              "%zu of %zu", with_sequence, stream.count);
    record_stream_done(&stream);
}

/* The statuses of an attempt, in the order of their times, never go back in rank. */
Test(cloudevent, never_takes_a_status_back)
{
    struct record_stream stream = {0};
    struct dialer_setup dialer = test_dialer_setup(2000);
    struct cloudevent_setup cloudevent = test_cloudevent_setup();
    static struct {
        int attempt, status;
        int64_t time_us;
    } latest[2000];
    record_stream_generate(&stream, &dialer, &cloudevent, ALL);
    for (size_t i = 0; i < stream.count; i++) {
        const struct record_tag *tag = &stream.records[i]->tag;
        if (tag->subject != SUBJECT_STATUS)
            continue;
        if (tag->attempt == latest[tag->call].attempt) {
            cr_assert_gt(tag->status, latest[tag->call].status);
            cr_assert_lt(latest[tag->call].status, DIAL_COMPLETED, "something follows the end");
        }
        cr_assert_gt(tag->time_us, latest[tag->call].time_us, "later events have later times");
        latest[tag->call].attempt = tag->attempt;
        latest[tag->call].status = tag->status;
        latest[tag->call].time_us = tag->time_us;
    }
    record_stream_done(&stream);
}

static const struct {
    enum cloudevent_key key;
    bool has_key, is_call;
} keys[] = {
    {CLOUDEVENT_KEY_BATCH, true, false},
    {CLOUDEVENT_KEY_CALL, true, true},
    {CLOUDEVENT_KEY_NONE, false, false},
};

Test(cloudevent, is_keyed_as_asked)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct record_stream stream = {0};
        struct dialer_setup dialer = test_dialer_setup(20);
        struct cloudevent_setup cloudevent = test_cloudevent_setup();
        cloudevent.key = keys[i].key;
        record_stream_generate(&stream, &dialer, &cloudevent, ALL);
        for (size_t j = 0; j < stream.count; j++) {
            const struct record *record = stream.records[j];
            struct json_object *value = record_parse_value(record);
            struct json_object *data = record_data(record, value);
            bool by_call = keys[i].is_call && record->tag.subject != SUBJECT_BATCH;
            cr_assert_eq(slice_is_set(record->key), keys[i].has_key);
            if (keys[i].has_key)
                cr_assert(slice_equal(record->key,
                                      slice_of(text_member(data, by_call ? "callId" : "batchId"))));
            json_object_put(value);
        }
        record_stream_done(&stream);
    }
}

Test(cloudevent, spells_statuses_as_dialers_do_when_asked)
{
    struct record_stream stream = {0};
    struct dialer_setup dialer = test_dialer_setup(300);
    struct cloudevent_setup cloudevent = test_cloudevent_setup();
    size_t statuses = 0, other = 0;
    cloudevent.varied_spellings = true;
    record_stream_generate(&stream, &dialer, &cloudevent, ALL);
    for (size_t i = 0; i < stream.count; i++) {
        const struct record *record = stream.records[i];
        if (record->tag.subject != SUBJECT_STATUS)
            continue;
        struct json_object *value = record_parse_value(record);
        const char *status = text_member(record_data(record, value), "callStatus");
        statuses++;
        other += strcmp(status, dial_status_name((enum dial_status)record->tag.status)) != 0;
        json_object_put(value);
    }
    cr_expect(other > statuses / 2 && other < statuses, "%zu of %zu", other, statuses);
    record_stream_done(&stream);
}
