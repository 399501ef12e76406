#include "dynamic_fields.h"

#include "buf.h"

#include <criterion/criterion.h>

Test(dynamic_fields, keeps_any_object_in_order_and_to_the_digit)
{
    static const struct {
        const char *text;
        const char *expected;
        uint64_t nuls;
    } rows[] = {
        {"{}", "{}", 0},
        {"{ }", "{}", 0},
        {"{\"name\" : \"Emily Davis\", \"account_id\" : \"ACC-5678\"}",
         "{\"name\":\"Emily Davis\",\"account_id\":\"ACC-5678\"}", 0},
        {"{\"z\":0.10,\"a\":1e400,\"m\":-0,\"i\":12345678901234567890}",
         "{\"z\":0.10,\"a\":1e400,\"m\":-0,\"i\":12345678901234567890}", 0},
        {"{\"a\":1e9999,\"b\":1e-9999,\"c\":1E+0009999}",
         "{\"a\":1e9999,\"b\":1e-9999,\"c\":1E+0009999}", 0},
        {"{\"a\":1,\"b\":2,\"a\":null}", "{\"a\":null,\"b\":2}", 0},
        {"{\"a\\u0000\":\"\\u0000\"}", "{\"a\xEF\xBF\xBD\":\"\xEF\xBF\xBD\"}", 2},
        /* reserved only at top level, and only exactly so */
        {"{\"a\":{\"_id\":1,\"phoneNumber\":2,\"phoneLogs\":3,\"createdAt\":4}}",
         "{\"a\":{\"_id\":1,\"phoneNumber\":2,\"phoneLogs\":3,\"createdAt\":4}}", 0},
        {"{\"_ID\":1,\"id\":2,\"phonenumber\":3,\"createdAt \":4,\"callStatus\":5}",
         "{\"_ID\":1,\"id\":2,\"phonenumber\":3,\"createdAt \":4,\"callStatus\":5}", 0},
        {"{\"Acct. No\":\"x\",\"\":1}", "{\"Acct. No\":\"x\",\"\":1}", 0},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice out;
        struct rejection rejection;
        uint64_t nuls = 0;
        cr_assert(dynamic_fields_rewrite(slice_of(rows[i].text), &arena, &out, &rejection, &nuls),
                  "%s", rows[i].text);
        cr_expect(slice_equal(out, slice_of(rows[i].expected)), "%s became %.*s", rows[i].text,
                  (int)out.len, out.data);
        cr_expect_eq(nuls, rows[i].nuls, "%s", rows[i].text);
    }
    arena_done(&arena);
}

static enum reject_reason reason_of(struct slice text)
{
    struct arena arena;
    struct slice out;
    struct rejection rejection = {.reason = REJECT_REASON_COUNT};
    uint64_t nuls = 0;
    arena_init(&arena);
    bool ok = dynamic_fields_rewrite(text, &arena, &out, &rejection, &nuls);
    arena_done(&arena);
    cr_expect_eq(ok, rejection.reason == REJECT_REASON_COUNT);
    cr_expect_eq(nuls, 0);
    return rejection.reason;
}

Test(dynamic_fields, refuses_reserved_keys_and_numbers_out_of_bounds)
{
    static const struct {
        const char *text;
        enum reject_reason reason;
    } rows[] = {
        {"{\"_id\":1}", REJECT_RESERVED_KEY},
        {"{\"a\":1,\"phoneNumber\":\"1\"}", REJECT_RESERVED_KEY},
        {"{\"phoneLogs\":[],\"a\\u0000\":1}", REJECT_RESERVED_KEY},
        {"{\"createdAt\":null}", REJECT_RESERVED_KEY},
        {"{\"\\u005fid\":1}", REJECT_RESERVED_KEY},
        {"{\"createdA\\u0074\":1}", REJECT_RESERVED_KEY},
        {"{\"a\":1e10000}", REJECT_BAD_FIELD},
        {"{\"a\":1e-10000}", REJECT_BAD_FIELD},
        {"{\"a\":0E+10000}", REJECT_BAD_FIELD},
        {"{\"a\":[[{\"b\":1e99999999999999999999}]]}", REJECT_BAD_FIELD},
        {"{\"a\":1e10000,\"a\":1}", REJECT_BAD_FIELD},
        {"{\"_id\":1e10000}", REJECT_BAD_FIELD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(reason_of(slice_of(rows[i].text)), rows[i].reason, "%s", rows[i].text);
}

Test(dynamic_fields, takes_numbers_of_a_thousand_characters_and_no_more)
{
    struct buf text;
    buf_init(&text, 4096);
    for (int len = 999; len <= 1002; len++) {
        buf_reset(&text);
        buf_append_text(&text, "{\"a\":[-");
        for (int i = 1; i < len; i++)
            buf_append_char(&text, '7');
        buf_append_text(&text, "]}");
        cr_expect_eq(reason_of(buf_slice(&text)),
                     len <= 1000 ? REJECT_REASON_COUNT : REJECT_BAD_FIELD, "%d characters", len);
    }
    buf_done(&text);
}
