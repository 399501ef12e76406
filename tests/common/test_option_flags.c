#include "option_flags.h"

#include "buf.h"
#include "macros.h"

#include <criterion/criterion.h>

static const struct option options[] = {
    {.flag = "limit", .type = OPTION_INT, .min = 1, .max = 9, .help = ""},
    {.env = "DATABASE_URL", .type = OPTION_TEXT, .secret = true, .help = ""},
    {.flag = "verbose", .type = OPTION_BOOL, .help = ""},
    {.flag = "X", .type = OPTION_LIST, .help = ""},
};

static const struct option_table table = {
    .program = "callboard-test", .options = options, .count = ARRAY_LEN(options)};

#define ARGS_MAX 8

/* A copy of argv that option_flags_read() may reorder. */
struct command_line {
    char *argv[ARGS_MAX + 2];
    int argc;
};

static struct command_line command_line(const char *const args[])
{
    static char program[] = "callboard-test";
    struct command_line line = {.argv = {program}, .argc = 1};
    for (size_t i = 0; i < ARGS_MAX && args[i]; i++) {
        line.argv[line.argc++] = (char *)(uintptr_t)args[i];
    }
    return line;
}

static void dump(struct buf *out, const struct option_flags *flags, char *const argv[])
{
    for (size_t i = 0; i < flags->count; i++) {
        const struct option_setting *setting = &flags->settings[i];
        buf_append_text(out, i > 0 ? " | " : "");
        for (size_t j = 0; j < setting->count; j++) {
            buf_append_format(out, "[%s]", setting->values[j]);
        }
        if (setting->file) {
            buf_append_format(out, "file=%s", setting->file);
        }
    }
    buf_append_text(out, " |");
    for (int i = 1; i < flags->kept; i++) {
        buf_append_format(out, " %s", argv[i]);
    }
}

/* limit | database-url | verbose | X | what is kept */
static const struct {
    const char *name;
    const char *args[ARGS_MAX];
    const char *expected;
} accepted[] = {
    {"nothing", {NULL}, " |  |  |  |"},
    {"behind a blank", {"--limit", "20"}, "[20] |  |  |  |"},
    {"behind =", {"--limit=20"}, "[20] |  |  |  |"},
    {"nothing behind =", {"--limit="}, "[] |  |  |  |"},
    {"= within", {"--limit=a=b"}, "[a=b] |  |  |  |"},
    {"values are not looked at", {"--limit", "many"}, "[many] |  |  |  |"},
    {"a value that begins with one dash", {"--limit", "-5"}, "[-5] |  |  |  |"},
    {"a dash for a value", {"--limit", "-"}, "[-] |  |  |  |"},
    {"all of several", {"--limit=20", "--limit", "21"}, "[20][21] |  |  |  |"},
    {"a bare flag", {"--verbose", "x"}, " |  | [true] |  | x"},
    {"short flags, all ways", {"-X", "a=b", "-Xc=d,e", "-X=f"}, " |  |  | [a=b][c=d,e][=f] |"},
    {"made from the variable", {"--database-url=x"}, " | [x] |  |  |"},
    {"a file", {"--database-url-file", "/x"}, " | file=/x |  |  |"},
    {"the last of several files",
     {"--database-url-file=/x", "--database-url-file=/y"},
     " | file=/y |  |  |"},
    {"a value and a file", {"--database-url=x", "--database-url-file=/y"}, " | [x]file=/y |  |  |"},
    {"arguments that are no flags, in order",
     {"one", "--verbose", "-", "two", "--", "--limit", "--"},
     " |  | [true] |  | one - two --limit --"},
};

Test(option_flags, are_told_from_arguments)
{
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct command_line line = command_line(accepted[i].args);
        struct option_flags flags;
        struct error err = {0};
        struct buf out;
        buf_init(&out, 1000);
        cr_expect(option_flags_read(&table, line.argc, line.argv, &flags, &err) == OPTIONS_OK,
                  "%s: %s", accepted[i].name, err.text);
        dump(&out, &flags, line.argv);
        cr_expect_str_eq(buf_text(&out), accepted[i].expected, "%s", accepted[i].name);
        option_flags_done(&flags);
        buf_done(&out);
    }
}

#define UNKNOWN "is not an option of this program (--help lists them)"

static const struct {
    const char *name;
    const char *args[ARGS_MAX];
    const char *message;
} refused[] = {
    {"unknown", {"--limits=3"}, "--limits " UNKNOWN},
    {"the beginning of a name", {"--limi=3"}, "--limi " UNKNOWN},
    {"the value of an unknown flag is not shown",
     {"--databaseurl=postgres://u:p@h"},
     "--databaseurl " UNKNOWN},
    {"unknown and short", {"-Yab"}, "-Y " UNKNOWN},
    {"a long name behind one dash", {"-limit=3"}, "-l " UNKNOWN},
    {"a short name behind two dashes", {"--X", "a=b"}, "--X " UNKNOWN},
    {"--limit-file, for what is no secret", {"--limit-file=x"}, "--limit-file " UNKNOWN},
    {"no value", {"--limit"}, "--limit needs a value"},
    {"another flag for a value", {"--limit", "--verbose"}, "--limit needs a value"},
    {"no value behind a short flag", {"-X"}, "-X needs a value"},
    {"no file", {"--database-url-file"}, "--database-url-file needs the name of a file"},
    {"a stray value", {"--verbose=true"}, "--verbose takes no value"},
    {"help with a value", {"--help=limit"}, "--help takes no value"},
    {"version with a value", {"--version=1"}, "--version takes no value"},
    {"behind what was allocated", {"-Xa=b", "--limit"}, "--limit needs a value"},
};

Test(option_flags, say_in_one_line_what_is_wrong)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct command_line line = command_line(refused[i].args);
        struct option_flags flags;
        struct error err = {0};
        cr_expect(option_flags_read(&table, line.argc, line.argv, &flags, &err) == OPTIONS_BAD,
                  "%s", refused[i].name);
        cr_expect(err.kind == ERR_FATAL, "%s", refused[i].name);
        cr_expect_str_eq(err.text, refused[i].message, "%s", refused[i].name);
        option_flags_done(&flags);
    }
}
