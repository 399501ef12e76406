#include "rejection.h"

#include "utf8.h"

#include <criterion/criterion.h>

Test(rejection, reasons_are_spelled_as_the_contract_has_them)
{
    static const char *const names[REJECT_REASON_COUNT] = {
        "empty",  "too-large", "not-utf8",  "not-json",     "bad-envelope",    "unknown-type",
        "bad-id", "bad-time",  "bad-field", "reserved-key", "database-refused"};
    for (int i = 0; i < REJECT_REASON_COUNT; i++)
        cr_expect_str_eq(reject_reason_name((enum reject_reason)i), names[i]);
}

Test(rejection, is_false_and_says_why)
{
    struct rejection rejection;
    cr_expect(!reject(&rejection, REJECT_BAD_ID, "%s is %d", "it", 3));
    cr_expect_eq(rejection.reason, REJECT_BAD_ID);
    cr_expect_str_eq(rejection.detail, "it is 3");
}

#define TEN "0123456789"
#define EURO "\xE2\x82\xAC"

Test(rejection, quotes_a_peer_briefly_and_without_control_characters)
{
    static const struct {
        const char *text;
        const char *quoted;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"a\nb\x01"
         "c\x7f\"d",
         "a?b?c??d"},
        {TEN TEN TEN TEN, TEN TEN TEN TEN},
        {TEN TEN TEN TEN "0", TEN TEN TEN TEN "..."},
        {TEN TEN TEN "01234567" EURO, TEN TEN TEN "01234567..."},
        {TEN TEN TEN "0123456" EURO, TEN TEN TEN "0123456" EURO},
        {TEN TEN TEN "012345678" EURO, TEN TEN TEN "012345678..."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reject_quoted quoted = reject_quote(slice_of(rows[i].text));
        cr_expect_str_eq(quoted.text, rows[i].quoted, "row %zu: %s", i, quoted.text);
        cr_expect(utf8_is_valid(slice_of(quoted.text)));
    }
}

Test(rejection, quotes_nothing_as_nothing)
{
    cr_expect_str_eq(reject_quote(SLICE_NONE).text, "");
}
