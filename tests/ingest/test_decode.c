#include "decode.h"

#include "buf.h"
#include "rfc3339.h"
#include "utf8.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define ACCEPTED REJECT_REASON_COUNT
#define MAX_BYTES ((size_t)1 << 20)

#define BATCH_ID "67def9053495307c718d9dfb"
#define CALL_ID "64e5f12345abcdef11111111"
#define ENVELOPE                                                                                   \
    "\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"/dialer\","                                \
    "\"time\":\"2025-05-15T14:30:00.123456789Z\""
#define EVENT(kind, data) "{" ENVELOPE ",\"type\":\"dialer." kind ".upserted\",\"data\":{" data "}}"
#define BATCH(data) EVENT("batch", "\"batchId\":\"" BATCH_ID "\"" data)
#define CALL(data) EVENT("call", "\"batchId\":\"" BATCH_ID "\",\"callId\":\"" CALL_ID "\"" data)
#define LOG_OF(attempt, data)                                                                      \
    EVENT("phone-log",                                                                             \
          "\"batchId\":\"" BATCH_ID "\",\"callId\":\"" CALL_ID "\",\"attempt\":" attempt data)
#define LOG(data) LOG_OF("1", data)

/* One decoder's memory, and what came of the last message. */
static struct arena arena;
static const struct event *event;
static struct rejection rejection;
static uint64_t nuls;

static void set_up(void)
{
    arena_init(&arena);
}

static void tear_down(void)
{
    arena_done(&arena);
}

TestSuite(decode, .init = set_up, .fini = tear_down);

static enum reject_reason decode_bytes(struct slice value)
{
    struct message message = {.value = value};
    nuls = 0;
    event = NULL;
    return decode_message(&message, MAX_BYTES, &arena, &event, &rejection, &nuls)
               ? ACCEPTED
               : rejection.reason;
}

static enum reject_reason decode_text(const char *text)
{
    return decode_bytes(slice_of(text));
}

static void expect_accepted(const char *text)
{
    enum reject_reason reason = decode_text(text);
    cr_assert_eq(reason, ACCEPTED, "%s: %s", text, rejection.detail);
}

static const struct field *field(int number)
{
    return &event->entity.fields[number];
}

static void expect_text(int number, const char *expected)
{
    cr_assert_eq(field(number)->version, &event->version, "field %d", number);
    cr_expect(slice_equal(field(number)->text, slice_of(expected)), "field %d: %.*s", number,
              (int)field(number)->text.len, field(number)->text.data);
}

static void expect_number(int number, int64_t expected)
{
    cr_assert_eq(field(number)->version, &event->version, "field %d", number);
    cr_expect_eq(field(number)->number, expected, "field %d: %lld", number,
                 (long long)field(number)->number);
}

static int64_t time_of(const char *text)
{
    int64_t us = 0;
    cr_assert(rfc3339_parse(slice_of(text), &us));
    return us;
}

/* --- what an event becomes ----------------------------------------------------------------- */

Test(decode, a_batch_event_gives_all_its_fields)
{
    expect_accepted(BATCH(",\"ownerId\":\"acme\",\"batchName\":\"May \\\"25\\\"\","
                          "\"batchStatus\":\"active\","
                          "\"createdAt\":\"2025-05-15T16:00:00.0009+02:00\""));
    struct object_id id;
    cr_assert(object_id_parse(SLICE(BATCH_ID), &id));
    cr_expect_eq(object_id_compare(&event->batch_id, &id), 0);
    cr_expect_eq(event->entity.kind, ENTITY_BATCH);
    expect_text(BATCH_OWNER_ID, "acme");
    expect_text(BATCH_NAME, "May \"25\"");
    expect_text(BATCH_STATUS, "active");
    expect_number(BATCH_CREATED_AT, time_of("2025-05-15T14:00:00Z"));
}

Test(decode, a_call_event_gives_all_its_fields)
{
    expect_accepted(CALL(",\"phoneNumber\":\"12125551234\",\"createdAt\":\"2025-05-15t14:00:00z\","
                         "\"fields\":{ \"name\" : \"Emily\", \"balance\" : 0.10 }"));
    struct object_id id;
    cr_assert(object_id_parse(SLICE(CALL_ID), &id));
    cr_expect_eq(object_id_compare(&event->call_id, &id), 0);
    cr_expect_eq(event->entity.kind, ENTITY_CALL);
    expect_text(CALL_PHONE_NUMBER, "12125551234");
    expect_text(CALL_FIELDS, "{\"name\":\"Emily\",\"balance\":0.10}");
    expect_number(CALL_CREATED_AT, time_of("2025-05-15T14:00:00Z"));
}

Test(decode, a_phone_log_gives_all_its_fields)
{
    expect_accepted(LOG_OF("3", ",\"callStatus\":\" In_Progress\",\"callDuration\":7.25,"
                                "\"recordingUrl\":\"https:\\/\\/example.com/r.mp3\","
                                "\"transcript\":\"Hello\\n\\u00e9\\uD83D\\uDE00\","
                                "\"createdAt\":\"1969-12-31T23:59:59.9999Z\""));
    cr_expect_eq(event->entity.kind, ENTITY_ATTEMPT);
    cr_expect_eq(event->attempt, 3);
    expect_text(ATTEMPT_STATUS, "in-progress");
    expect_number(ATTEMPT_DURATION, 7250);
    expect_text(ATTEMPT_RECORDING_URL, "https://example.com/r.mp3");
    expect_text(ATTEMPT_TRANSCRIPT, "Hello\n\xC3\xA9\xF0\x9F\x98\x80");
    expect_number(ATTEMPT_CREATED_AT, -1000);
}

Test(decode, the_version_is_time_sequence_source_and_id)
{
    expect_accepted(BATCH(""));
    cr_expect_eq(event->version.time_us, time_of("2025-05-15T14:30:00.123456Z"));
    cr_expect(!slice_is_set(event->version.sequence));
    cr_expect(slice_equal(event->version.source, SLICE("/dialer")));
    cr_expect(slice_equal(event->version.id, SLICE("e1")));

    expect_accepted("{" ENVELOPE ",\"sequence\":\"\",\"time\":\"2025-05-15T14:30:60+00:00\","
                    "\"type\":\"dialer.batch.upserted\",\"data\":{\"batchId\":\"" BATCH_ID "\"}}");
    cr_expect(slice_is_set(event->version.sequence));
    cr_expect_eq(event->version.time_us, time_of("2025-05-15T14:31:00Z"));
}

Test(decode, absent_and_null_fields_are_unknown)
{
    static const char *const rows[] = {
        BATCH(""),
        BATCH(",\"ownerId\":null,\"batchName\":null,\"batchStatus\":null,\"createdAt\":null"),
        CALL(""),
        CALL(",\"phoneNumber\":null,\"fields\":null,\"createdAt\":null"),
        LOG(""),
        LOG(",\"callStatus\":null,\"callDuration\":null,\"recordingUrl\":null,"
            "\"transcript\":null,\"createdAt\":null"),
        LOG(",\"callDuration\":1,\"callDuration\":null"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect_accepted(rows[i]);
        for (int j = 0; j < ENTITY_FIELDS_MAX; j++)
            cr_expect_null(field(j)->version, "%s: field %d", rows[i], j);
    }
}

Test(decode, members_that_the_type_does_not_name_are_ignored)
{
    expect_accepted(BATCH(",\"callId\":7,\"attempt\":\"x\",\"phoneNumber\":[],\"fields\":1,"
                          "\"callDuration\":-1,\"unknown\":{\"a\":[1e99999]}"));
    expect_accepted(CALL(",\"attempt\":-1,\"ownerId\":7,\"callStatus\":[],\"batchName\":{}"));
    expect_accepted(LOG(",\"ownerId\":7,\"phoneNumber\":\"\",\"fields\":{\"_id\":1}"));
}

Test(decode, ids_are_read_in_either_case_and_with_escapes)
{
    static const char *const rows[] = {
        EVENT("batch", "\"batchId\":\"67DEF9053495307C718D9DFB\""),
        EVENT("batch", "\"batchId\":\"\\u0036\\u0037def9053495307c718d9df\\u0042\""),
        EVENT("batch", "\"batchId\":7,\"b\\u0061tchId\":\"" BATCH_ID "\""),
    };
    struct object_id id;
    cr_assert(object_id_parse(SLICE(BATCH_ID), &id));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect_accepted(rows[i]);
        cr_expect_eq(object_id_compare(&event->batch_id, &id), 0, "%s", rows[i]);
    }
}

Test(decode, the_type_may_stand_behind_the_data)
{
    expect_accepted("{\"data\":{\"callStatus\":\"busy\",\"attempt\":2,\"callId\":\"" CALL_ID
                    "\",\"batchId\":\"" BATCH_ID "\"}," ENVELOPE
                    ",\"type\":\"dialer.phone-log.upserted\"}");
    expect_text(ATTEMPT_STATUS, "busy");
    cr_expect_eq(event->attempt, 2);
}

Test(decode, binary_mode_gives_the_same_event)
{
    static const struct message_header headers[] = {
        {SLICE("ce_specversion"), SLICE("1.0")},
        {SLICE("ce_type"), SLICE("dialer.phone-log.upserted")},
        {SLICE("ce_source"), SLICE("/dialer")},
        {SLICE("ce_id"), SLICE("e1")},
        {SLICE("ce_time"), SLICE("2025-05-15T14:30:00Z")},
        {SLICE("ce_sequence"), SLICE("7")},
        {SLICE("content-type"), SLICE("application/json")},
    };
    struct message message = {
        .value = SLICE("{\"batchId\":\"" BATCH_ID "\",\"callId\":\"" CALL_ID
                       "\",\"attempt\":1,\"callStatus\":\"BUSY\",\"callDuration\":0}"),
        .headers = headers,
        .header_count = sizeof headers / sizeof *headers,
    };
    cr_assert(decode_message(&message, MAX_BYTES, &arena, &event, &rejection, &nuls), "%s",
              rejection.detail);
    expect_text(ATTEMPT_STATUS, "busy");
    expect_number(ATTEMPT_DURATION, 0);
    cr_expect(slice_equal(event->version.sequence, SLICE("7")));
    cr_expect_eq(event->version.time_us, time_of("2025-05-15T14:30:00Z"));
}

/* --- why a message is rejected ------------------------------------------------------------- */

#define ID_DETAIL(name) name " must be 24 hex digits"
#define DURATION_DETAIL "callDuration must be a number from 0 to 2147483647"
#define ATTEMPT_DETAIL "attempt must be an integer from 1 to 1000000"
#define STATUS_DETAIL "callStatus must be a string of 1 to 64 bytes once trimmed"

Test(decode, rejects_with_a_reason_and_a_detail)
{
    static const struct {
        const char *text;
        enum reject_reason reason;
        const char *detail;
    } rows[] = {
        {"", REJECT_EMPTY, "the message has no value"},
        {"\xFF", REJECT_NOT_UTF8, "the value is not valid UTF-8"},
        {BATCH(",\"batchName\":\"\xED\xA0\x80\""), REJECT_NOT_UTF8, "the value is not valid UTF-8"},
        {BATCH(",\"batchName\":\"\xC0\x80\""), REJECT_NOT_UTF8, "the value is not valid UTF-8"},
        {"\xEF\xBB\xBF" BATCH(""), REJECT_NOT_JSON, "not JSON at byte 0: a value is expected"},
        {BATCH(",\"batchName\":\"a\nb\""), REJECT_NOT_JSON, NULL},
        {BATCH(",\"x\":1,"), REJECT_NOT_JSON, NULL},
        {"[]", REJECT_BAD_ENVELOPE, "the event must be a JSON object"},
        {"{}", REJECT_BAD_ENVELOPE, "id is missing"},
        {EVENT("lead", ""), REJECT_UNKNOWN_TYPE, "type \"dialer.lead.upserted\" is not known"},
        {EVENT("Batch", ""), REJECT_UNKNOWN_TYPE, "type \"dialer.Batch.upserted\" is not known"},
        {"{" ENVELOPE ",\"type\":\"\",\"data\":{}}", REJECT_UNKNOWN_TYPE, "type \"\" is not known"},
        /* ids */
        {EVENT("batch", ""), REJECT_BAD_ID, ID_DETAIL("batchId")},
        {EVENT("batch", "\"batchId\":null"), REJECT_BAD_ID, ID_DETAIL("batchId")},
        {EVENT("batch", "\"batchId\":7"), REJECT_BAD_ID, ID_DETAIL("batchId")},
        {EVENT("batch", "\"batchId\":\"\""), REJECT_BAD_ID, ID_DETAIL("batchId")},
        {EVENT("batch", "\"batchId\":\"" BATCH_ID "0\""), REJECT_BAD_ID, ID_DETAIL("batchId")},
        {EVENT("batch", "\"batchId\":\"67def9053495307c718d9dfg\""), REJECT_BAD_ID,
         ID_DETAIL("batchId")},
        {EVENT("batch", "\"batchId\":\" 7def9053495307c718d9dfb\""), REJECT_BAD_ID,
         ID_DETAIL("batchId")},
        {EVENT("call", "\"batchId\":\"" BATCH_ID "\""), REJECT_BAD_ID, ID_DETAIL("callId")},
        {EVENT("call", "\"callId\":\"" CALL_ID "\""), REJECT_BAD_ID, ID_DETAIL("batchId")},
        {EVENT("phone-log", "\"batchId\":\"" BATCH_ID "\",\"attempt\":1"), REJECT_BAD_ID,
         ID_DETAIL("callId")},
        {CALL(",\"callId\":null"), REJECT_BAD_ID, ID_DETAIL("callId")},
        /* times */
        {BATCH(",\"createdAt\":\"yesterday\""), REJECT_BAD_TIME,
         "createdAt must be an RFC 3339 time"},
        {CALL(",\"createdAt\":1747319400000"), REJECT_BAD_TIME,
         "createdAt must be an RFC 3339 time"},
        {LOG(",\"createdAt\":\"\""), REJECT_BAD_TIME, "createdAt must be an RFC 3339 time"},
        {LOG(",\"createdAt\":\"2025-05-15\""), REJECT_BAD_TIME,
         "createdAt must be an RFC 3339 time"},
        {LOG(",\"createdAt\":\"2025-05-15T14:30:00\""), REJECT_BAD_TIME, NULL},
        {LOG(",\"createdAt\":\"2025-02-29T14:30:00Z\""), REJECT_BAD_TIME, NULL},
        {LOG(",\"createdAt\":\"0000-12-31T23:59:59Z\""), REJECT_BAD_TIME, NULL},
        {"{" ENVELOPE ",\"time\":\"soon\",\"type\":\"dialer.batch.upserted\",\"data\":{\"batchId\":"
         "\"" BATCH_ID "\"}}",
         REJECT_BAD_TIME, "time must be an RFC 3339 time, not \"soon\""},
        /* data */
        {"{" ENVELOPE ",\"type\":\"dialer.call.upserted\"}", REJECT_BAD_FIELD,
         "data must be a JSON object"},
        {"{" ENVELOPE ",\"type\":\"dialer.call.upserted\",\"data\":null}", REJECT_BAD_FIELD,
         "data must be a JSON object"},
        {"{" ENVELOPE ",\"type\":\"dialer.call.upserted\",\"data\":[{}]}", REJECT_BAD_FIELD,
         "data must be a JSON object"},
        {"{" ENVELOPE ",\"type\":\"dialer.call.upserted\",\"data_base64\":\"e30=\"}",
         REJECT_BAD_FIELD, "data_base64 is not understood: give data as a JSON object"},
        /* attempts */
        {EVENT("phone-log", "\"batchId\":\"" BATCH_ID "\",\"callId\":\"" CALL_ID "\""),
         REJECT_BAD_FIELD, ATTEMPT_DETAIL},
        {LOG_OF("null", ""), REJECT_BAD_FIELD, ATTEMPT_DETAIL},
        {LOG_OF("\"1\"", ""), REJECT_BAD_FIELD, ATTEMPT_DETAIL},
        {LOG_OF("0", ""), REJECT_BAD_FIELD, ATTEMPT_DETAIL},
        /* texts */
        {BATCH(",\"ownerId\":\"\""), REJECT_BAD_FIELD,
         "ownerId must be a string of 1 to 128 bytes"},
        {BATCH(",\"ownerId\":7"), REJECT_BAD_FIELD, "ownerId must be a string of 1 to 128 bytes"},
        {BATCH(",\"batchName\":7"), REJECT_BAD_FIELD, "batchName must be a string"},
        {BATCH(",\"batchStatus\":false"), REJECT_BAD_FIELD, "batchStatus must be a string"},
        {CALL(",\"phoneNumber\":12125551234"), REJECT_BAD_FIELD,
         "phoneNumber must be a string of 1 to 64 bytes"},
        {CALL(",\"phoneNumber\":\"\""), REJECT_BAD_FIELD,
         "phoneNumber must be a string of 1 to 64 bytes"},
        {LOG(",\"recordingUrl\":{}"), REJECT_BAD_FIELD, "recordingUrl must be a string"},
        {LOG(",\"transcript\":[\"a\"]"), REJECT_BAD_FIELD, "transcript must be a string"},
        {LOG(",\"callStatus\":1"), REJECT_BAD_FIELD, STATUS_DETAIL},
        {LOG(",\"callStatus\":\"\""), REJECT_BAD_FIELD, STATUS_DETAIL},
        {LOG(",\"callStatus\":\" \\t\""), REJECT_BAD_FIELD, STATUS_DETAIL},
        {LOG(",\"callDuration\":\"120\""), REJECT_BAD_FIELD, DURATION_DETAIL},
        {LOG(",\"callDuration\":-1"), REJECT_BAD_FIELD, DURATION_DETAIL},
        /* dynamic fields */
        {CALL(",\"fields\":[]"), REJECT_BAD_FIELD, "fields must be an object"},
        {CALL(",\"fields\":\"{}\""), REJECT_BAD_FIELD, "fields must be an object"},
        {CALL(",\"fields\":{\"a\":[{\"b\":1e10000}]}"), REJECT_BAD_FIELD,
         "a number in fields has an exponent beyond 9999"},
        {CALL(",\"fields\":{\"phoneLogs\":1}"), REJECT_RESERVED_KEY,
         "fields may not have a key named phoneLogs"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum reject_reason reason = decode_text(rows[i].text);
        cr_expect_eq(reason, rows[i].reason, "%s: %s", rows[i].text, reject_reason_name(reason));
        if (rows[i].detail)
            cr_expect_str_eq(rejection.detail, rows[i].detail, "%s", rows[i].text);
        cr_expect_null(event, "%s", rows[i].text);
    }
}

/* Each row mends the first fault of the row before it. */
Test(decode, gives_the_first_reason_where_there_are_several)
{
    static const struct {
        const char *text;
        enum reject_reason reason;
    } rows[] = {
        {"{\"id\":1 \xFF", REJECT_NOT_UTF8},
        {"{\"id\":1 ", REJECT_NOT_JSON},
        {"{\"id\":1,\"type\":\"x\",\"data\":{\"batchId\":1}}", REJECT_BAD_ENVELOPE},
        {"{" ENVELOPE ",\"time\":\"x\",\"type\":\"x\",\"data\":{\"batchId\":1}}",
         REJECT_UNKNOWN_TYPE},
        {"{" ENVELOPE ",\"time\":\"x\",\"type\":\"dialer.call.upserted\",\"data\":{\"batchId\":1,"
         "\"createdAt\":1,\"phoneNumber\":1,\"fields\":{\"_id\":1}}}",
         REJECT_BAD_ID},
        {CALL(",\"createdAt\":1,\"phoneNumber\":1,\"fields\":{\"_id\":1}"), REJECT_BAD_TIME},
        {"{" ENVELOPE ",\"time\":\"x\",\"type\":\"dialer.call.upserted\"}", REJECT_BAD_TIME},
        {LOG_OF("0", ",\"createdAt\":1"), REJECT_BAD_TIME},
        {CALL(",\"phoneNumber\":1,\"fields\":{\"_id\":1}"), REJECT_BAD_FIELD},
        {CALL(",\"fields\":{\"_id\":1e10000}"), REJECT_BAD_FIELD},
        {CALL(",\"fields\":{\"_id\":1}"), REJECT_RESERVED_KEY},
        {CALL(",\"fields\":{\"id\":1}"), ACCEPTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(decode_text(rows[i].text), rows[i].reason, "row %zu: %s", i, rejection.detail);
}

Test(decode, a_value_may_be_as_long_as_allowed_and_no_longer)
{
    static const char text[] = BATCH("");
    struct message message = {.value = SLICE(text)};
    size_t len = sizeof text - 1;
    cr_expect(decode_message(&message, len, &arena, &event, &rejection, &nuls));
    cr_expect(!decode_message(&message, len - 1, &arena, &event, &rejection, &nuls));
    cr_expect_eq(rejection.reason, REJECT_TOO_LARGE);

    message.value = SLICE("\xFF{");
    cr_expect(!decode_message(&message, 1, &arena, &event, &rejection, &nuls));
    cr_expect_eq(rejection.reason, REJECT_TOO_LARGE, "too-large comes before not-utf8");
}

Test(decode, a_tombstone_is_empty_in_either_mode)
{
    static const struct message_header headers[] = {{SLICE("ce_specversion"), SLICE("1.0")}};
    struct message message = {.value = SLICE_NONE, .headers = headers, .header_count = 1};
    cr_expect(!decode_message(&message, MAX_BYTES, &arena, &event, &rejection, &nuls));
    cr_expect_eq(rejection.reason, REJECT_EMPTY);
    message.header_count = 0;
    cr_expect(!decode_message(&message, MAX_BYTES, &arena, &event, &rejection, &nuls));
    cr_expect_eq(rejection.reason, REJECT_EMPTY);
}

/* --- numbers, lengths, nesting ------------------------------------------------------------- */

Test(decode, durations_are_kept_to_the_millisecond_rounded_half_up)
{
    static const struct {
        const char *number;
        int64_t ms; /* -1: bad-field */
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"-0.0", 0},
        {"-0e-7", 0},
        {"0e99999999999999999999", 0},
        {"120", 120000},
        {"7.25", 7250},
        {"1.2e2", 120000},
        {"12000E-2", 120000},
        {"0.0004", 0},
        {"0.00049999999999999999999999", 0},
        {"0.0005", 1},
        {"1.0005", 1001},
        {"1.0015", 1002},
        {"1.9995", 2000},
        {"0.1e-3", 0},
        {"1e-99999999999999999999", 0},
        {"2147483647", 2147483647000},
        {"2147483647.0", 2147483647000},
        {"2147483646.9996", 2147483647000},
        {"2147483646.9994", 2147483646999},
        {"2.147483647e9", 2147483647000},
        {"2147483647.0001", -1},
        {"2147483647.4", -1},
        {"2147483648", -1},
        {"1e10", -1},
        {"1e400", -1},
        {"1e99999999999999999999", -1},
        {"99999999999999999999", -1},
        {"-1", -1},
        {"-0.0001", -1},
        {"-1e-400", -1},
        {"true", -1},
        {"[]", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, LOG(",\"callDuration\":%s"), rows[i].number);
        if (rows[i].ms < 0) {
            cr_expect_eq(decode_text(text), REJECT_BAD_FIELD, "%s", rows[i].number);
            cr_expect_str_eq(rejection.detail, DURATION_DETAIL, "%s", rows[i].number);
        } else {
            expect_accepted(text);
            expect_number(ATTEMPT_DURATION, rows[i].ms);
        }
    }
}

Test(decode, attempts_are_integers_by_value)
{
    static const struct {
        const char *number;
        int32_t attempt; /* 0: bad-field */
    } rows[] = {
        {"1", 1},
        {"1.0", 1},
        {"1e0", 1},
        {"10e-1", 1},
        {"0.00001e5", 1},
        {"1000000", 1000000},
        {"1e6", 1000000},
        {"100000000000000000000e-14", 1000000},
        {"0", 0},
        {"-0", 0},
        {"-1", 0},
        {"1.5", 0},
        {"0.9999999999999999999999", 0},
        {"1.0000000000000000000001", 0},
        {"1000000.1", 0},
        {"1000001", 0},
        {"1e7", 0},
        {"4294967297", 0},
        {"18446744073709551617", 0},
        {"1e99999999999999999999", 0},
        {"1e-99999999999999999999", 0},
        {"true", 0},
        {"{}", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, LOG_OF("%s", ""), rows[i].number);
        if (rows[i].attempt == 0) {
            cr_expect_eq(decode_text(text), REJECT_BAD_FIELD, "%s", rows[i].number);
            cr_expect_str_eq(rejection.detail, ATTEMPT_DETAIL, "%s", rows[i].number);
        } else {
            expect_accepted(text);
            cr_expect_eq(event->attempt, rows[i].attempt, "%s", rows[i].number);
        }
    }
}

Test(decode, statuses_are_normalised)
{
    static const struct {
        const char *given;
        const char *normal;
    } rows[] = {
        {"COMPLETED", "completed"},        {" answered\\n", "in-progress"},
        {"Cancelled", "canceled"},         {"No Answer", "no-answer"},
        {"noanswer", "no-answer"},         {"UNANSWERED", "no-answer"},
        {"started", "initiated"},          {"left_voice mail", "left-voice-mail"},
        {"\\u0041NSWERED", "in-progress"}, {"\\u0000", "\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, LOG(",\"callStatus\":\"%s\""), rows[i].given);
        expect_accepted(text);
        expect_text(ATTEMPT_STATUS, rows[i].normal);
    }
}

/* `pattern` has one %s, which gets `count` times `unit`. */
static enum reject_reason decode_repeated(const char *before, const char *unit, size_t count,
                                          const char *after)
{
    struct buf text;
    buf_init(&text, MAX_BYTES);
    buf_append_text(&text, before);
    for (size_t i = 0; i < count; i++)
        buf_append_text(&text, unit);
    buf_append_text(&text, after);
    cr_assert(!text.overflow);
    enum reject_reason reason = decode_bytes(buf_slice(&text));
    buf_done(&text);
    return reason;
}

Test(decode, limits_texts_in_bytes_once_unescaped)
{
    static const char call[] = EVENT("call", "\"batchId\":\"" BATCH_ID "\",\"callId\":\"" CALL_ID
                                             "\",\"phoneNumber\":\"\f");
    static const char batch[] = EVENT("batch", "\"batchId\":\"" BATCH_ID "\",\"ownerId\":\"\f");
    static const char phone_log[] =
        EVENT("phone-log", "\"batchId\":\"" BATCH_ID "\",\"callId\":\"" CALL_ID
                           "\",\"attempt\":1,\"callStatus\":\"  \f  ");
    static const struct {
        const char *pattern; /* '\f' stands for the text */
        const char *unit;
        size_t fits;
    } rows[] = {
        {call, "1", 64},
        {call, "\\u0031", 64},
        {call, "\xC3\xA9", 32},
        {call, "\\u00e9", 32},
        {call, "\\uD83D\\uDE00", 16},
        {batch, "x", 128},
        {batch, "\\ud800", 42},
        {batch, "\\u0000", 42},
        {phone_log, "x", 64},
        {phone_log, "\\u0058", 64},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *place = strchr(rows[i].pattern, '\f');
        char before[512];
        char after[64];
        (void)snprintf(before, sizeof before, "%.*s", (int)(place - rows[i].pattern),
                       rows[i].pattern);
        /* The macro closed data and event behind the text; the quote is missing. */
        size_t closing = strlen(place) - 1 - 2;
        (void)snprintf(after, sizeof after, "%.*s\"}}", (int)closing, place + 1);
        for (size_t extra = 0; extra <= 1; extra++)
            cr_expect_eq(decode_repeated(before, rows[i].unit, rows[i].fits + extra, after),
                         extra ? REJECT_BAD_FIELD : ACCEPTED, "row %zu: %zu times %s", i,
                         rows[i].fits + extra, rows[i].unit);
    }
}

Test(decode, texts_without_a_limit_may_be_long_and_empty)
{
    expect_accepted(LOG(",\"recordingUrl\":\"\",\"transcript\":\"\""));
    expect_text(ATTEMPT_RECORDING_URL, "");
    cr_expect(slice_is_set(field(ATTEMPT_RECORDING_URL)->text));
    expect_accepted(BATCH(",\"batchName\":\"\",\"batchStatus\":\"\""));
    expect_text(BATCH_NAME, "");

    cr_expect_eq(decode_repeated("{" ENVELOPE ",\"type\":\"dialer.phone-log.upserted\",\"data\":{"
                                 "\"batchId\":\"" BATCH_ID "\",\"callId\":\"" CALL_ID
                                 "\",\"attempt\":1,\"transcript\":\"",
                                 "word \\n", 100000, "\"}}"),
                 ACCEPTED);
    cr_expect_eq(field(ATTEMPT_TRANSCRIPT)->text.len, 600000);
}

/* In structured mode the envelope and data are two levels, fields is the third. */
Test(decode, the_whole_event_may_be_nested_64_deep)
{
    static const char before[] =
        "{" ENVELOPE ",\"type\":\"dialer.call.upserted\",\"data\":{\"batchId\":\"" BATCH_ID
        "\",\"callId\":\"" CALL_ID "\",\"fields\":{\"a\":";
    for (int depth = 60; depth <= 66; depth++) {
        char brackets[2 * 64 + 16];
        int inner = depth - 3;
        memset(brackets, '[', (size_t)inner);
        memset(brackets + inner, ']', (size_t)inner);
        brackets[2 * inner] = '\0';
        enum reject_reason reason = decode_repeated(before, brackets, 1, "}}}");
        cr_expect_eq(reason, depth <= 64 ? ACCEPTED : REJECT_NOT_JSON, "%d levels", depth);
        if (depth > 64)
            cr_expect(strstr(rejection.detail, "nested too deeply"), "%s", rejection.detail);
    }
    cr_expect_eq(decode_repeated("{" ENVELOPE ",\"ignored\":", "[", 64, ""), REJECT_NOT_JSON);
}

Test(decode, copes_with_a_mebibyte_of_members)
{
    static const char before[] =
        "{" ENVELOPE ",\"type\":\"dialer.call.upserted\",\"data\":{\"batchId\":\"" BATCH_ID
        "\",\"callId\":\"" CALL_ID "\",\"fields\":{";
    cr_expect_eq(decode_repeated(before, "\"a\":1,", 170000, "\"a\":2}}}"), ACCEPTED);
    expect_text(CALL_FIELDS, "{\"a\":2}");
    cr_expect_eq(
        decode_repeated("{", "\"id\":1,", 140000,
                        ENVELOPE
                        ",\"type\":\"dialer.batch.upserted\",\"data\":{\"batchId\":\"" BATCH_ID
                        "\"}}"),
        ACCEPTED);
    cr_expect_eq(decode_repeated("", "[", 1000000, ""), REJECT_NOT_JSON);
}

/* --- details that are easily lost ---------------------------------------------------------- */

Test(decode, counts_replaced_nuls_of_what_it_keeps)
{
    expect_accepted(LOG(",\"transcript\":\"a\\u0000b\",\"recordingUrl\":\"\\u0000\\u0000\""));
    cr_expect_eq(nuls, 3);
    expect_text(ATTEMPT_TRANSCRIPT, "a\xEF\xBF\xBD"
                                    "b");
    expect_accepted(CALL(",\"fields\":{\"k\\u0000\":\"\\u0000\",\"\\\\u0000\":1}"));
    cr_expect_eq(nuls, 2);
    expect_text(CALL_FIELDS, "{\"k\xEF\xBF\xBD\":\"\xEF\xBF\xBD\",\"\\\\u0000\":1}");
    cr_expect_eq(decode_text(LOG(",\"callStatus\":\"\\u0000\",\"transcript\":1")),
                 REJECT_BAD_FIELD);
    cr_expect_eq(nuls, 0);
}

Test(decode, fields_are_kept_exactly)
{
    static const struct {
        const char *fields;
        const char *expected;
    } rows[] = {
        {"{}", "{}"},
        {"{\"a\":0.10,\"b\":1e400,\"c\":-0,\"d\":12345678901234567890}",
         "{\"a\":0.10,\"b\":1e400,\"c\":-0,\"d\":12345678901234567890}"},
        {"{\"a\":1,\"b\":2,\"\\u0061\":3}", "{\"a\":3,\"b\":2}"},
        {"{\"a\":{\"b\":1,\"b\":2}}", "{\"a\":{\"b\":2}}"},
        {"{\"e\":\"\\u00e9\\uD83D\\uDE00\\uD800\\/\\u001F\"}",
         "{\"e\":\"\xC3\xA9\xF0\x9F\x98\x80\xEF\xBF\xBD/\\u001f\"}"},
        {"{\"x\":1},\"fields\":{\"y\":2}", "{\"y\":2}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, CALL(",\"fields\":%s"), rows[i].fields);
        expect_accepted(text);
        expect_text(CALL_FIELDS, rows[i].expected);
    }
}

/* Any prefix, in memory that ends where it does: AddressSanitizer sees every step too far. */
Test(decode, no_true_prefix_is_an_event)
{
    static const char text[] =
        LOG(",\"callStatus\":\"busy\",\"callDuration\":1.5e1,\"transcript\":\"\\u00e9\xC3\xA9\"");
    for (size_t len = 0; len < sizeof text - 1; len++) {
        char *copy = malloc(len ? len : 1);
        cr_assert(copy);
        memcpy(copy, text, len);
        enum reject_reason reason = decode_bytes((struct slice){copy, len});
        bool is_cut_inside_a_character = len > 0 && (unsigned char)text[len - 1] == 0xC3;
        cr_expect_eq(reason,
                     len == 0                    ? REJECT_EMPTY
                     : is_cut_inside_a_character ? REJECT_NOT_UTF8
                                                 : REJECT_NOT_JSON,
                     "the first %zu bytes", len);
        free(copy);
    }
}

/* Every byte of an event replaced by every other: no crash, and a detail that is fit to be shown.
 */
Test(decode, details_are_valid_text_whatever_comes)
{
    static const char text[] =
        LOG(",\"callStatus\":\"busy\",\"createdAt\":\"2025-05-15T14:30:00Z\"");
    static const char bytes[] = "\"\\{}[]:,0-e.uxn \x01\x7f\xC3\xA9";
    for (size_t at = 0; at < sizeof text - 1; at++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            char changed[sizeof text];
            memcpy(changed, text, sizeof text);
            changed[at] = bytes[i];
            if (decode_bytes((struct slice){changed, sizeof text - 1}) == ACCEPTED)
                continue;
            struct slice detail = slice_of(rejection.detail);
            cr_assert(detail.len > 0 && detail.len < sizeof rejection.detail - 1);
            cr_assert(utf8_is_valid(detail), "byte %zu as %02x", at, (unsigned char)bytes[i]);
        }
    }
}

Test(decode, echoes_little_of_the_peer)
{
    char type[2001];
    memset(type, 'T', sizeof type - 1);
    type[sizeof type - 1] = '\0';
    char text[4096];
    (void)snprintf(text, sizeof text, EVENT("%s", ""), type);
    cr_expect_eq(decode_text(text), REJECT_UNKNOWN_TYPE);
    cr_expect_lt(strlen(rejection.detail), 80, "%s", rejection.detail);
}
