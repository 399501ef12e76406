#include "payload.h"

#include <criterion/criterion.h>

static bool read_payload(const char *text, struct payload *payload)
{
    struct jsonscan scan;
    jsonscan_init(&scan, slice_of(text), 4);
    bool ok = payload_read(&scan, payload);
    return jsonscan_finish(&scan) && ok;
}

Test(payload, finds_every_member_by_its_name)
{
    static const char text[] =
        "{\"batchId\":0,\"callId\":1,\"attempt\":2,\"ownerId\":3,\"batchName\":4,\"batchStatus\":5,"
        "\"phoneNumber\":6,\"fields\":7,\"callStatus\":8,\"callDuration\":9,\"recordingUrl\":10,"
        "\"transcript\":11,\"createdAt\":12}";
    static const char *const numbers[PAYLOAD_MEMBER_COUNT] = {"0", "1", "2", "3",  "4",  "5", "6",
                                                              "7", "8", "9", "10", "11", "12"};
    struct payload payload;
    cr_assert(read_payload(text, &payload));
    cr_expect_eq(payload.type, JSONSCAN_OBJECT);
    for (enum payload_member i = 0; i < PAYLOAD_MEMBER_COUNT; i++)
        cr_expect(slice_equal(payload.members[i].raw, slice_of(numbers[i])), "%s",
                  payload_member_name(i));
}

Test(payload, ignores_other_members_and_lets_the_last_of_a_name_stand)
{
    static const struct {
        const char *text;
        const char *attempt; /* NULL: missing */
        bool is_absent;
    } rows[] = {
        {"{}", NULL, true},
        {"{\"Attempt\":1,\"attempt \":2,\"attemp\":3,\"x\":{\"attempt\":4}}", NULL, true},
        {"{\"attempt\":1,\"attempt\":\"two\"}", "two", false},
        {"{\"attempt\":1,\"\\u0061ttemp\\u0074\":[2]}", "[2]", false},
        {"{\"\\u0061\\u0074\\u0074\\u0065\\u006D\\u0070\\u0074\":3}", "3", false},
        {"{\"attempt\":1,\"attempt\\u0000\":2}", "1", false},
        {"{\"attempt\":1,\"attempt\":null}", "null", true},
        {"{\"attempt\":null,\"attempt\":1}", "1", false},
        {"{\"a very long key with \\\"escapes\\\" that is longer than any name could ever be, even "
         "if each of its characters were escaped\":1}",
         NULL, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct payload payload;
        cr_assert(read_payload(rows[i].text, &payload), "%s", rows[i].text);
        cr_expect(slice_equal(payload.members[PAYLOAD_ATTEMPT].raw, slice_of(rows[i].attempt)),
                  "%s", rows[i].text);
        cr_expect_eq(payload_is_absent(&payload, PAYLOAD_ATTEMPT), rows[i].is_absent, "%s",
                     rows[i].text);
    }
}

Test(payload, gives_the_type_of_what_is_no_object)
{
    static const struct {
        const char *text;
        enum jsonscan_type type;
    } rows[] = {
        {"null", JSONSCAN_NULL},     {"true", JSONSCAN_TRUE},         {"1", JSONSCAN_NUMBER},
        {"\"{}\"", JSONSCAN_STRING}, {"[{\"a\":1}]", JSONSCAN_ARRAY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct payload payload;
        cr_assert(read_payload(rows[i].text, &payload), "%s", rows[i].text);
        cr_expect_eq(payload.type, rows[i].type, "%s", rows[i].text);
    }
}

Test(payload, refuses_what_is_not_json)
{
    static const char *const rows[] = {
        "", "{", "{\"attempt\"}", "{\"attempt\":01}", "[1,]", "{\"a\":[[[[1]]]]}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct payload payload;
        cr_expect(!read_payload(rows[i], &payload), "%s", rows[i]);
    }
}
