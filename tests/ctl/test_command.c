#include "command.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

/* Each returns a number of its own plus how many arguments were left to it. */
static int run_one(int argc, char **argv)
{
    cr_expect_str_eq(argv[0], "one");
    return 100 + argc - 1;
}

static int run_one_more(int argc, char **argv)
{
    cr_expect_str_eq(argv[0], "more");
    return 200 + argc - 1;
}

static int run_two_three(int argc, char **argv)
{
    cr_expect_str_eq(argv[0], "three");
    return 300 + argc - 1;
}

static const struct command commands[] = {
    {"one", "the first", run_one},
    {"one more", "the longer", run_one_more},
    {"two three", "in a group", run_two_three},
};
static const struct command_table table = {"For the test.", commands, ARRAY_LEN(commands)};

static const struct {
    const char *words[6]; /* behind the program's name */
    int status;
} cases[] = {
    {{"one"}, 100},
    {{"one", "--flag"}, 101},
    {{"one", "two", "three"}, 102},
    {{"one", "more"}, 200},
    {{"one", "more", "x"}, 201},
    {{"one", "moree"}, 101},
    {{"two", "three", "--a", "b"}, 302},
    {{"--help"}, COMMAND_DONE},
    {{"-h"}, COMMAND_DONE},
    {{"help"}, COMMAND_DONE},
    {{"--version"}, COMMAND_DONE},
    {{"two", "--help"}, COMMAND_DONE},
    {{NULL}, COMMAND_MISUSED},
    {{"two"}, COMMAND_MISUSED},
    {{"two", "four"}, COMMAND_MISUSED},
    {{"tw"}, COMMAND_MISUSED},
    {{"three"}, COMMAND_MISUSED},
    {{""}, COMMAND_MISUSED},
    {{"--unknown"}, COMMAND_MISUSED},
};

static int dispatch(const char *const *words)
{
    char text[7][32] = {"callboard-ctl"};
    char *argv[8] = {text[0]};
    int argc = 1;
    for (; words[argc - 1]; argc++) {
        snprintf(text[argc], sizeof(text[argc]), "%s", words[argc - 1]);
        argv[argc] = text[argc];
    }
    return command_dispatch(&table, argc, argv);
}

Test(command, finds_the_longest_match)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *first = cases[i].words[0] ? cases[i].words[0] : "(nothing)";
        int status = dispatch(cases[i].words);
        cr_expect(status == cases[i].status, "row %zu, %s: %d", i, first, status);
    }
}

Test(command, lists_only_the_group_that_was_asked_for, .init = cr_redirect_stdout)
{
    static const char *const words[6] = {"two", "--help"};
    char shown[4096] = "";
    cr_assert_eq(dispatch(words), COMMAND_DONE);
    FILE *out = cr_get_redirected_stdout();
    size_t len = fread(shown, 1, sizeof(shown) - 1, out);
    shown[len] = '\0';
    cr_expect(strstr(shown, "two three"), "%s", shown);
    cr_expect_not(strstr(shown, "one more"), "%s", shown);
}

Test(command, prints_one_line_on_misuse, .init = cr_redirect_stderr)
{
    static const char *const words[6] = {"unknown"};
    cr_assert_eq(dispatch(words), COMMAND_MISUSED);
    fflush(stderr);
    cr_assert_stderr_eq_str(
        "callboard-ctl: unknown command \"unknown\": see callboard-ctl --help\n");
}
