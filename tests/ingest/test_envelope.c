#include "envelope.h"

#include "buf.h"

#include <criterion/criterion.h>

#define ACCEPTED REJECT_REASON_COUNT
#define DATA "\"data\":{\"attempt\":1}"

struct outcome {
    enum reject_reason reason; /* ACCEPTED */
    struct envelope envelope;
    struct rejection rejection;
    uint64_t nuls;
};

static struct outcome read_message(const struct message *message, struct arena *arena)
{
    struct outcome outcome = {.reason = ACCEPTED};
    if (!envelope_read(message, arena, &outcome.envelope, &outcome.rejection, &outcome.nuls))
        outcome.reason = outcome.rejection.reason;
    return outcome;
}

static struct outcome read_structured(const char *text, struct arena *arena)
{
    struct message message = {.value = slice_of(text)};
    return read_message(&message, arena);
}

/* --- structured mode ----------------------------------------------------------------------- */

#define WITH(members) "{" members "," DATA "}"
#define ID "\"id\":\"e1\""
#define SOURCE "\"source\":\"/dialer\""
#define TYPE "\"type\":\"t\""
#define TIME "\"time\":\"2025\""
#define SPEC "\"specversion\":\"1.0\""
#define ALL ID "," SOURCE "," TYPE "," TIME "," SPEC

Test(envelope, of_structured_mode_is_judged_attribute_by_attribute)
{
    static const struct {
        const char *text;
        enum reject_reason reason;
        const char *detail;
    } rows[] = {
        {WITH(ALL), ACCEPTED, NULL},
        {"  " WITH(ALL) "\n", ACCEPTED, NULL},
        /* required attributes */
        {WITH(SOURCE "," TYPE "," TIME "," SPEC), REJECT_BAD_ENVELOPE, "id is missing"},
        {WITH(ID "," TYPE "," TIME "," SPEC), REJECT_BAD_ENVELOPE, "source is missing"},
        {WITH(ID "," SOURCE "," TIME "," SPEC), REJECT_BAD_ENVELOPE, "type is missing"},
        {WITH(ID "," SOURCE "," TYPE "," SPEC), REJECT_BAD_ENVELOPE, "time is missing"},
        {WITH(ID "," SOURCE "," TYPE "," TIME), REJECT_BAD_ENVELOPE, "specversion is missing"},
        {WITH(ALL ",\"id\":null"), REJECT_BAD_ENVELOPE, "id is missing"},
        {"{}", REJECT_BAD_ENVELOPE, "id is missing"},
        /* names are case-sensitive */
        {WITH("\"ID\":\"e1\"," SOURCE "," TYPE "," TIME "," SPEC), REJECT_BAD_ENVELOPE,
         "id is missing"},
        /* wrong types */
        {WITH(ALL ",\"id\":1"), REJECT_BAD_ENVELOPE, "id must be a string"},
        {WITH(ALL ",\"source\":true"), REJECT_BAD_ENVELOPE, "source must be a string"},
        {WITH(ALL ",\"type\":[]"), REJECT_BAD_ENVELOPE, "type must be a string"},
        {WITH(ALL ",\"time\":1747319400"), REJECT_BAD_ENVELOPE, "time must be a string"},
        {WITH(ALL ",\"specversion\":1.0"), REJECT_BAD_ENVELOPE, "specversion must be a string"},
        {WITH(ALL ",\"sequence\":7"), REJECT_BAD_ENVELOPE, "sequence must be a string"},
        {WITH(ALL ",\"datacontenttype\":{}"), REJECT_BAD_ENVELOPE,
         "datacontenttype must be a string"},
        /* values */
        {WITH(ALL ",\"id\":\"\""), REJECT_BAD_ENVELOPE, "id must have 1 to 512 bytes"},
        {WITH(ALL ",\"source\":\"\""), REJECT_BAD_ENVELOPE, "source must have 1 to 512 bytes"},
        {WITH(ALL ",\"type\":\"\""), ACCEPTED, NULL},
        {WITH(ALL ",\"time\":\"\""), ACCEPTED, NULL},
        {WITH(ALL ",\"specversion\":\"1\""), REJECT_BAD_ENVELOPE,
         "specversion must be \"1.0\", not \"1\""},
        {WITH(ALL ",\"specversion\":\"0.3\""), REJECT_BAD_ENVELOPE,
         "specversion must be \"1.0\", not \"0.3\""},
        {WITH(ALL ",\"sequence\":\"\""), ACCEPTED, NULL},
        {WITH(ALL ",\"sequence\":null"), ACCEPTED, NULL},
        {WITH(ALL ",\"datacontenttype\":\"text/plain\""), REJECT_BAD_ENVELOPE,
         "datacontenttype must be JSON, not \"text/plain\""},
        {WITH(ALL ",\"datacontenttype\":null"), ACCEPTED, NULL},
        /* the last of repeated attributes stands; others are ignored */
        {WITH("\"id\":1," ALL), ACCEPTED, NULL},
        {WITH("\"specversion\":\"0.3\"," ALL), ACCEPTED, NULL},
        {WITH(ALL ",\"spec\\u0076ersion\":\"0.3\""), REJECT_BAD_ENVELOPE,
         "specversion must be \"1.0\", not \"0.3\""},
        {WITH(ALL ",\"subject\":1,\"dataschema\":{},\"traceparent\":[\"x\"],\"\":null"), ACCEPTED,
         NULL},
        /* not an object, not JSON */
        {"[]", REJECT_BAD_ENVELOPE, "the event must be a JSON object"},
        {"\"" ID "\"", REJECT_NOT_JSON, "not JSON at byte 2: there is more text behind the value"},
        {"null", REJECT_BAD_ENVELOPE, "the event must be a JSON object"},
        {"1", REJECT_BAD_ENVELOPE, "the event must be a JSON object"},
        {"[1,]", REJECT_NOT_JSON, "not JSON at byte 3: a value is expected"},
        {"{\"id\":1", REJECT_NOT_JSON, "not JSON at byte 7: the text ends too early"},
        {WITH(ALL) "x", REJECT_NOT_JSON, NULL},
        {WITH(ALL ",\"data\":{\"a\":tru}"), REJECT_NOT_JSON, NULL},
        {WITH(ALL ",\"x\":[01]"), REJECT_NOT_JSON, NULL},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct outcome outcome = read_structured(rows[i].text, &arena);
        cr_expect_eq(outcome.reason, rows[i].reason, "%s: %s", rows[i].text,
                     outcome.rejection.detail);
        if (rows[i].detail && outcome.reason != ACCEPTED)
            cr_expect_str_eq(outcome.rejection.detail, rows[i].detail, "%s", rows[i].text);
    }
    arena_done(&arena);
}

Test(envelope, gives_the_attributes_as_text)
{
    struct arena arena;
    arena_init(&arena);
    struct outcome outcome = read_structured(
        WITH(ALL ",\"sequence\":\"\",\"id\":\"\\u00e9\\u0000\",\"source\":\"a\\/b\""), &arena);
    cr_assert_eq(outcome.reason, ACCEPTED);
    cr_expect(slice_equal(outcome.envelope.id, SLICE("\xC3\xA9\xEF\xBF\xBD")));
    cr_expect(slice_equal(outcome.envelope.source, SLICE("a/b")));
    cr_expect(slice_equal(outcome.envelope.type, SLICE("t")));
    cr_expect(slice_equal(outcome.envelope.time, SLICE("2025")));
    cr_expect(slice_is_set(outcome.envelope.sequence));
    cr_expect_eq(outcome.envelope.sequence.len, 0);
    cr_expect_eq(outcome.nuls, 1);
    cr_expect(!outcome.envelope.has_data_base64);
    cr_expect_eq(outcome.envelope.payload.type, JSONSCAN_OBJECT);
    cr_expect(slice_equal(outcome.envelope.payload.members[PAYLOAD_ATTEMPT].raw, SLICE("1")));

    outcome = read_structured(WITH(ALL), &arena);
    cr_expect(!slice_is_set(outcome.envelope.sequence));
    arena_done(&arena);
}

Test(envelope, takes_the_last_data_whole)
{
    struct arena arena;
    arena_init(&arena);
    struct outcome outcome =
        read_structured("{" ALL "," DATA ",\"data\":{\"callId\":\"x\"}}", &arena);
    cr_assert_eq(outcome.reason, ACCEPTED);
    cr_expect(payload_is_absent(&outcome.envelope.payload, PAYLOAD_ATTEMPT));
    cr_expect(!payload_is_absent(&outcome.envelope.payload, PAYLOAD_CALL_ID));

    outcome = read_structured("{" ALL "," DATA ",\"data\":[]}", &arena);
    cr_expect_eq(outcome.envelope.payload.type, JSONSCAN_ARRAY);
    outcome = read_structured("{" ALL ",\"data_base64\":\"e30=\"}", &arena);
    cr_expect_eq(outcome.envelope.payload.type, JSONSCAN_NONE);
    cr_expect(outcome.envelope.has_data_base64);
    arena_done(&arena);
}

Test(envelope, limits_attributes_in_bytes_after_unescaping)
{
    static const struct {
        const char *name;
        size_t max_bytes;
    } rows[] = {{"id", 512}, {"source", 512}, {"sequence", 128}};
    static const struct {
        const char *text;
        size_t bytes;
    } units[] = {{"x", 1}, {"\\u0041", 1}, {"\xC3\xA9", 2}, {"\\u00e9", 2}, {"\\uD83D\\uDE00", 4}};
    struct arena arena;
    struct buf text;
    arena_init(&arena);
    buf_init(&text, 1 << 16);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t j = 0; j < sizeof units / sizeof *units; j++) {
            for (size_t extra = 0; extra <= 1; extra++) {
                buf_reset(&text);
                buf_append_format(&text, "{" ALL "," DATA ",\"%s\":\"", rows[i].name);
                for (size_t k = 0; k < rows[i].max_bytes / units[j].bytes + extra; k++)
                    buf_append_text(&text, units[j].text);
                buf_append_text(&text, "\"}");
                enum reject_reason reason = read_structured(buf_text(&text), &arena).reason;
                cr_expect_eq(reason, extra ? REJECT_BAD_ENVELOPE : ACCEPTED, "%s of %s, %zu over",
                             rows[i].name, units[j].text, extra);
            }
        }
    }
    buf_done(&text);
    arena_done(&arena);
}

Test(envelope, knows_media_types_of_json)
{
    static const struct {
        const char *media_type;
        bool is_json;
    } rows[] = {
        {"application/json", true},
        {"Application/JSON", true},
        {"application/json; charset=utf-8", true},
        {"application/json;charset=\\\"utf-8\\\"", true},
        {" application/json ; v=1", true},
        {"text/json", true},
        {"TEXT/JSON", true},
        {"application/cloudevents+json", true},
        {"application/vnd.dialer.v1+JSON;x=y", true},
        {"x/y+json", true},
        {"", false},
        {"json", false},
        {"application", false},
        {"application/", false},
        {"/json", false},
        {"/x+json", false},
        {"application/+json", false},
        {"application/x+json+xml", false},
        {"application/jsonp", false},
        {"application/x-json", false},
        {"application/json/x", false},
        {"application /x+json", false},
        {"application/x y+json", false},
        {"application/xml;x=+json", false},
        {"+json", false},
        {"text/plain", false},
    };
    struct arena arena;
    struct buf text;
    arena_init(&arena);
    buf_init(&text, 4096);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_reset(&text);
        buf_append_format(&text, WITH(ALL ",\"datacontenttype\":\"%s\""), rows[i].media_type);
        enum reject_reason reason = read_structured(buf_text(&text), &arena).reason;
        cr_expect_eq(reason, rows[i].is_json ? ACCEPTED : REJECT_BAD_ENVELOPE, "%s",
                     rows[i].media_type);
    }
    buf_done(&text);
    arena_done(&arena);
}

/* --- binary mode --------------------------------------------------------------------------- */

#define HEADERS_MAX 10

struct header_row {
    const char *name;
    const char *value; /* NULL: a header without a value */
};

static struct outcome read_binary(const struct header_row *rows, const char *value,
                                  struct arena *arena)
{
    struct message_header headers[HEADERS_MAX];
    struct message message = {.value = slice_of(value), .headers = headers};
    for (; rows[message.header_count].name; message.header_count++)
        headers[message.header_count] = (struct message_header){
            slice_of(rows[message.header_count].name), slice_of(rows[message.header_count].value)};
    return read_message(&message, arena);
}

#define FOUR                                                                                       \
    {"ce_id", "e1"}, {"ce_source", "/dialer"}, {"ce_type", "t"},                                   \
    {                                                                                              \
        "ce_time", "2025"                                                                          \
    }
#define FIVE {"ce_specversion", "1.0"}, FOUR

Test(envelope, of_binary_mode_is_judged_by_the_same_rules)
{
    static const struct {
        struct header_row headers[HEADERS_MAX];
        const char *value;
        enum reject_reason reason;
        const char *detail;
    } rows[] = {
        {{FIVE}, "{}", ACCEPTED, NULL},
        {{FIVE}, " {\"attempt\":1} ", ACCEPTED, NULL},
        {{FIVE}, "[]", ACCEPTED, NULL}, /* the data is the caller's to judge */
        {{FIVE, {"content-type", "application/json; charset=utf-8"}}, "{}", ACCEPTED, NULL},
        {{FIVE, {"Content-Type", NULL}}, "{}", ACCEPTED, NULL},
        {{{"CE_SpecVersion", "1.0"},
          {"Ce_Id", "e"},
          {"cE_source", "s"},
          {"CE_TYPE", "t"},
          {"ce_TIME", "x"}},
         "{}",
         ACCEPTED,
         NULL},
        {{FIVE, {"traceparent", "\xFF"}, {"ce_subject", "\xFF"}, {"ce_", "\xFF"}, {"", "\xFF"}},
         "{}",
         ACCEPTED,
         NULL},
        {{FIVE, {"ce_sequence", ""}}, "{}", ACCEPTED, NULL},
        {{FIVE, {"ce_sequence", NULL}}, "{}", ACCEPTED, NULL},
        {{{"ce_id", "\xFF"}, FIVE}, "{}", REJECT_NOT_UTF8, "the header ce_id is not valid UTF-8"},
        {{FIVE, {"content-type", "\xC3"}},
         "{}",
         REJECT_NOT_UTF8,
         "the header content-type is not valid UTF-8"},
        {{FIVE}, "{\"attempt\":1", REJECT_NOT_JSON, "not JSON at byte 12: the text ends too early"},
        {{FIVE},
         "{}{}",
         REJECT_NOT_JSON,
         "not JSON at byte 2: there is more text behind the value"},
        {{{"ce_specversion", "1.0"}}, "{}", REJECT_BAD_ENVELOPE, "ce_id is missing"},
        {{FOUR, {"ce_specversion", NULL}}, "{}", REJECT_BAD_ENVELOPE, "ce_specversion is missing"},
        {{FOUR, {"ce_specversion", "0.3"}},
         "{}",
         REJECT_BAD_ENVELOPE,
         "ce_specversion must be \"1.0\", not \"0.3\""},
        {{FIVE, {"ce_id", ""}}, "{}", REJECT_BAD_ENVELOPE, "ce_id must have 1 to 512 bytes"},
        {{FIVE, {"ce_time", NULL}}, "{}", REJECT_BAD_ENVELOPE, "ce_time is missing"},
        {{FIVE, {"content-type", "text/plain"}},
         "{}",
         REJECT_BAD_ENVELOPE,
         "content-type must be JSON, not \"text/plain\""},
        /* the last of repeated headers stands */
        {{{"ce_id", ""}, FIVE}, "{}", ACCEPTED, NULL},
        {{FIVE, {"CE_ID", ""}}, "{}", REJECT_BAD_ENVELOPE, "ce_id must have 1 to 512 bytes"},
        /* without ce_specversion it is structured mode, whatever else is there */
        {{FOUR, {"content-type", "text/plain"}}, WITH(ALL), ACCEPTED, NULL},
        {{FOUR, {"ce-specversion", "1.0"}}, "{}", REJECT_BAD_ENVELOPE, "id is missing"},
        /* with it, an envelope in the value is data */
        {{{"ce_specversion", "1.0"}}, WITH(ALL), REJECT_BAD_ENVELOPE, "ce_id is missing"},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct outcome outcome = read_binary(rows[i].headers, rows[i].value, &arena);
        cr_expect_eq(outcome.reason, rows[i].reason, "row %zu: %s", i, outcome.rejection.detail);
        if (rows[i].detail && outcome.reason != ACCEPTED)
            cr_expect_str_eq(outcome.rejection.detail, rows[i].detail, "row %zu", i);
    }
    arena_done(&arena);
}

Test(envelope, takes_header_values_as_they_are)
{
    static const struct header_row headers[] = {
        FIVE, {"ce_id", "a%20b\\u0041\xC3\xA9"}, {"ce_sequence", ""}, {NULL, NULL}};
    struct arena arena;
    arena_init(&arena);
    struct outcome outcome = read_binary(headers, "{\"attempt\":7}", &arena);
    cr_assert_eq(outcome.reason, ACCEPTED);
    cr_expect(slice_equal(outcome.envelope.id, SLICE("a%20b\\u0041\xC3\xA9")));
    cr_expect(slice_is_set(outcome.envelope.sequence));
    cr_expect(slice_equal(outcome.envelope.payload.members[PAYLOAD_ATTEMPT].raw, SLICE("7")));
    arena_done(&arena);
}
