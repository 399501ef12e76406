#include "error.h"

#include <criterion/criterion.h>
#include <string.h>

Test(error, is_set_with_its_kind_and_text_and_returns_false)
{
    struct error err = {.sqlstate = "40001"};
    cr_expect_not(error_set(&err, ERR_REJECT, "attempt %d of %s", 3, "five"));
    cr_expect(err.kind == ERR_REJECT);
    cr_expect_str_eq(err.text, "attempt 3 of five");
    cr_expect_str_eq(err.sqlstate, "", "a state of an earlier error must not stay");
}

Test(error, may_be_nobodys)
{
    cr_expect_not(error_set(NULL, ERR_FATAL, "nobody reads %s", "this"));
}

Test(error, wraps_its_own_text)
{
    struct error err = {0};
    (void)error_set(&err, ERR_RETRY, "connection refused");
    (void)error_set(&err, ERR_RETRY, "connect: %s", err.text);
    cr_expect_str_eq(err.text, "connect: connection refused");
}

Test(error, leaves_nothing_of_an_earlier_text)
{
    struct error err = {0};
    (void)error_set(&err, ERR_RETRY, "connection refused");
    (void)error_set(&err, ERR_FATAL, "no");
    cr_expect_str_eq(err.text, "no");
    (void)error_set(&err, ERR_FATAL, "%s", "");
    cr_expect_str_eq(err.text, "");
}

Test(error, cuts_a_long_text)
{
    struct error err = {0};
    char text[2 * sizeof(err.text)];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    (void)error_set(&err, ERR_FATAL, "%s", text);
    cr_expect(strlen(err.text) == sizeof(err.text) - 1);
}

Test(error, cuts_between_characters)
{
    struct error err = {0};
    char text[2 * sizeof(err.text)] = "";
    for (size_t i = 0; i + 3 < sizeof(text); i += 2) {
        memcpy(text + i, "\xC3\xA9", 3); /* an e with an accent, two bytes */
    }
    (void)error_set(&err, ERR_FATAL, "%s", text);
    cr_expect(strlen(err.text) == sizeof(err.text) - 2, "255 bytes would end within a character");
    (void)error_set(&err, ERR_FATAL, "x%s", text);
    cr_expect(strlen(err.text) == sizeof(err.text) - 1);
}

static const struct {
    enum error_kind kind;
    const char *name;
} kinds[] = {
    {ERR_NONE, "none"},
    {ERR_RETRY, "retry"},
    {ERR_REJECT, "reject"},
    {ERR_BUSY, "busy"},
    {ERR_UNCERTAIN, "uncertain"},
    {ERR_FATAL, "fatal"},
    {(enum error_kind)99, "unknown"},
};

Test(error, names_every_kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        cr_expect_str_eq(error_kind_name(kinds[i].kind), kinds[i].name, "row %zu", i);
    }
}
