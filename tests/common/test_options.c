#include "options.h"

#include "buf.h"
#include "capture.h"
#include "log.h"
#include "program_version.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct config {
    struct log_options log;
    const char *database_url;
    int64_t limit;
    int64_t bytes;
    bool verbose;
    struct option_list properties;
    struct option_list topics;
    const char *listen;
    int mode;
};

static const char *const modes[] = {"structured", "binary", NULL};

static const struct option options[] = {
    OPTIONS_LOG(struct config, log),
    OPTIONS_DATABASE(struct config, database_url),
    {.flag = "limit",
     .env = "HTTP_MAX_LIMIT",
     .type = OPTION_INT,
     .offset = offsetof(struct config, limit),
     .default_text = "10",
     .min = -5,
     .max = 1000,
     .value_name = "N",
     .help = "largest page"},
    {.env = "MAX_BYTES",
     .type = OPTION_BYTES,
     .offset = offsetof(struct config, bytes),
     .default_text = "1MiB",
     .min = 1024,
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "largest event"},
    {.flag = "verbose",
     .env = "VERBOSE",
     .type = OPTION_BOOL,
     .offset = offsetof(struct config, verbose),
     .help = "say more"},
    {.flag = "X",
     .type = OPTION_LIST,
     .offset = offsetof(struct config, properties),
     .value_name = "PROP=VALUE",
     .help = "any property"},
    {.env = "KAFKA_TOPICS",
     .type = OPTION_LIST,
     .offset = offsetof(struct config, topics),
     .default_text = "calls,logs",
     .value_name = "TOPICS",
     .help = "topics, or a|b"},
    {.env = "HTTP_LISTEN",
     .type = OPTION_TEXT,
     .offset = offsetof(struct config, listen),
     .value_name = "HOST:PORT",
     .help = "where to listen"},
    {.flag = "mode",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct config, mode),
     .default_text = "binary",
     .choices = modes,
     .value_name = "MODE",
     .help = "CloudEvents mode"},
};

static const struct option_table table = {
    .program = "callboard-test",
    .synopsis = "[OPTION]... [NAME]...",
    .summary = "Tests options.",
    .options = options,
    .count = ARRAY_LEN(options),
    .footer = "That is all.",
};

#define ARGS_MAX 8

/* A copy of argv that options_parse() may reorder. */
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

static void set_environment(const char *const env[], bool set)
{
    for (size_t i = 0; i < ARGS_MAX && env[i]; i++) {
        char name[64] = "";
        memcpy(name, env[i], strcspn(env[i], "="));
        cr_assert((set ? setenv(name, strchr(env[i], '=') + 1, 1) : unsetenv(name)) == 0);
    }
}

static void dump_list(struct buf *out, const char *name, const struct option_list *list)
{
    buf_append_format(out, " %s=", name);
    for (size_t i = 0; i < list->count; i++) {
        buf_append_format(out, "[%s]", list->items[i]);
    }
}

/* What differs from this is written in the rows. */
#define DEFAULTS "level=2 format=0 url= limit=10 bytes=1048576 verbose=0 X= topics=[calls][logs]"

static void dump(struct buf *out, const struct config *config, const struct command_line *line)
{
    buf_append_format(out, "level=%d format=%d url=%s limit=%lld bytes=%lld verbose=%d",
                      config->log.level, config->log.format, config->database_url,
                      (long long)config->limit, (long long)config->bytes, config->verbose);
    dump_list(out, "X", &config->properties);
    dump_list(out, "topics", &config->topics);
    buf_append_format(out, " listen=%s:", config->listen ? config->listen : "none");
    for (int i = 1; i < line->argc; i++) {
        buf_append_format(out, " %s", line->argv[i]);
    }
}

static const struct {
    const char *name;
    const char *args[ARGS_MAX];
    const char *env[ARGS_MAX];
    const char *expected;
} accepted[] = {
    {"nothing given", {NULL}, {NULL}, DEFAULTS " listen=none:"},
    {"a value behind a blank",
     {"--limit", "20"},
     {NULL},
     "level=2 format=0 url= limit=20 bytes=1048576 verbose=0 X= topics=[calls][logs] listen=none:"},
    {"a value behind =",
     {"--limit=20"},
     {NULL},
     "level=2 format=0 url= limit=20 bytes=1048576 verbose=0 X= topics=[calls][logs] listen=none:"},
    {"the environment over the default",
     {NULL},
     {"HTTP_MAX_LIMIT=30"},
     "level=2 format=0 url= limit=30 bytes=1048576 verbose=0 X= topics=[calls][logs] listen=none:"},
    {"the flag over the environment",
     {"--limit=20"},
     {"HTTP_MAX_LIMIT=30"},
     "level=2 format=0 url= limit=20 bytes=1048576 verbose=0 X= topics=[calls][logs] listen=none:"},
    {"the flag over a bad environment",
     {"--limit=20"},
     {"HTTP_MAX_LIMIT=many"},
     "level=2 format=0 url= limit=20 bytes=1048576 verbose=0 X= topics=[calls][logs] listen=none:"},
    {"the last of several flags",
     {"--limit=20", "--limit=21"},
     {NULL},
     "level=2 format=0 url= limit=21 bytes=1048576 verbose=0 X= topics=[calls][logs] listen=none:"},
    {"nothing but the last of several flags",
     {"--limit=many", "--limit=21"},
     {NULL},
     "level=2 format=0 url= limit=21 bytes=1048576 verbose=0 X= topics=[calls][logs] listen=none:"},
    {"an empty variable is not given",
     {NULL},
     {"HTTP_MAX_LIMIT=", "VERBOSE=", "KAFKA_TOPICS=", "DATABASE_URL=", "LOG_LEVEL="},
     DEFAULTS " listen=none:"},
    {"KiB",
     {"--max-bytes=2KiB"},
     {NULL},
     "level=2 format=0 url= limit=10 bytes=2048 verbose=0 X= topics=[calls][logs] listen=none:"},
    {"a bare flag",
     {"--verbose"},
     {NULL},
     "level=2 format=0 url= limit=10 bytes=1048576 verbose=1 X= topics=[calls][logs] listen=none:"},
    {"yes",
     {NULL},
     {"VERBOSE=Yes"},
     "level=2 format=0 url= limit=10 bytes=1048576 verbose=1 X= topics=[calls][logs] listen=none:"},
    {"choices",
     {"--log-level", "error", "--log-format=json"},
     {NULL},
     "level=0 format=1 url= limit=10 bytes=1048576 verbose=0 X= topics=[calls][logs] listen=none:"},
    {"short flags, both ways",
     {"-X", "a=b", "-Xc=d,e", "-X=f"},
     {NULL},
     "level=2 format=0 url= limit=10 bytes=1048576 verbose=0 X=[a=b][c=d,e][=f] "
     "topics=[calls][logs] listen=none:"},
    {"a list from the environment",
     {NULL},
     {"KAFKA_TOPICS=a, b ,c"},
     "level=2 format=0 url= limit=10 bytes=1048576 verbose=0 X= topics=[a][b][c] listen=none:"},
    {"a list's flag replaces the environment and repeats",
     {"--kafka-topics=u", "--kafka-topics", "v,w"},
     {"KAFKA_TOPICS=a,b"},
     "level=2 format=0 url= limit=10 bytes=1048576 verbose=0 X= topics=[u][v][w] listen=none:"},
    {"a text", {"--http-listen", "[::1]:80"}, {NULL}, DEFAULTS " listen=[::1]:80:"},
    {"a text with =", {"--http-listen=a=b"}, {NULL}, DEFAULTS " listen=a=b:"},
    {"an empty text over the environment",
     {"--http-listen="},
     {"HTTP_LISTEN=x"},
     DEFAULTS " listen=:"},
    {"arguments that are no flags, in order",
     {"one", "--verbose", "-", "two", "--", "--limit", "--"},
     {NULL},
     "level=2 format=0 url= limit=10 bytes=1048576 verbose=1 X= topics=[calls][logs] listen=none: "
     "one - two --limit --"},
    {"a secret",
     {NULL},
     {"DATABASE_URL=postgres://u:p@h/d"},
     "level=2 format=0 url=postgres://u:p@h/d limit=10 bytes=1048576 verbose=0 X= "
     "topics=[calls][logs] listen=none:"},
    {"the flag of a secret over the variable of its file",
     {"--database-url=x"},
     {"DATABASE_URL_FILE=/nowhere"},
     "level=2 format=0 url=x limit=10 bytes=1048576 verbose=0 X= topics=[calls][logs] "
     "listen=none:"},
};

Test(options, fill_the_configuration)
{
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct config config = {0};
        struct error err = {0};
        struct buf out;
        buf_init(&out, 10000);
        struct command_line line = command_line(accepted[i].args);
        set_environment(accepted[i].env, true);
        cr_expect(options_parse(&table, &line.argc, line.argv, &config, &err) == OPTIONS_OK,
                  "%s: %s", accepted[i].name, err.text);
        cr_expect_null(line.argv[line.argc], "%s", accepted[i].name);
        dump(&out, &config, &line);
        cr_expect_str_eq(buf_text(&out), accepted[i].expected, "%s", accepted[i].name);
        set_environment(accepted[i].env, false);
        options_done(&table, &config);
        buf_done(&out);
    }
}

#define NOT_A_LIMIT "is not an integer from -5 to 1000"
#define UNKNOWN "is not an option of this program (--help lists them)"

static const struct {
    const char *name;
    const char *args[ARGS_MAX];
    const char *env[ARGS_MAX];
    const char *expected;
} refused[] = {
    {"unknown", {"--limits=3"}, {NULL}, "--limits " UNKNOWN},
    {"no value", {"--limit"}, {NULL}, "--limit needs a value"},
    {"empty", {"--limit="}, {NULL}, "--limit: \"\" " NOT_A_LIMIT},
    {"the variable is named",
     {NULL},
     {"HTTP_MAX_LIMIT=0x10"},
     "HTTP_MAX_LIMIT: \"0x10\" " NOT_A_LIMIT},
    {"a secret and its file, as flags",
     {"--database-url=a", "--database-url-file=b"},
     {NULL},
     "--database-url and --database-url-file are both given: leave one of them out"},
    {"a secret and its file, as variables",
     {NULL},
     {"DATABASE_URL=a", "DATABASE_URL_FILE=b"},
     "DATABASE_URL and DATABASE_URL_FILE are both given: leave one of them out"},
    {"a file that is not there",
     {NULL},
     {"DATABASE_URL_FILE=/nowhere/x"},
     "DATABASE_URL_FILE: cannot read \"/nowhere/x\": No such file or directory"},
    {"a folder",
     {"--database-url-file", "/"},
     {NULL},
     "--database-url-file: cannot read \"/\": Is a directory"},
    {"a file without an end",
     {"--database-url-file", "/dev/zero"},
     {NULL},
     "--database-url-file: the file must be a text of at most 65536 bytes"},
    {"an error behind what was allocated",
     {"--http-listen=x", "-Xa=b", "--limit=x"},
     {NULL},
     "--limit: \"x\" " NOT_A_LIMIT},
};

Test(options, say_in_one_line_what_is_wrong)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct config config = {0};
        struct error err = {0};
        struct command_line line = command_line(refused[i].args);
        set_environment(refused[i].env, true);
        cr_expect(options_parse(&table, &line.argc, line.argv, &config, &err) == OPTIONS_BAD, "%s",
                  refused[i].name);
        cr_expect_str_eq(err.text, refused[i].expected, "%s", refused[i].name);
        set_environment(refused[i].env, false);
    }
}

static const struct {
    const char *name;
    struct slice content;
    const char *expected; /* NULL: refused */
} files[] = {
    {"plain", SLICE("host=x"), "host=x"},
    {"a line end", SLICE("host=x\n"), "host=x"},
    {"several line ends", SLICE("host=x\r\n\n"), "host=x"},
    {"line ends within", SLICE("\na\nb\n"), "\na\nb"},
    {"blanks stay", SLICE(" a \n"), " a "},
    {"empty", SLICE(""), ""},
    {"line ends alone", SLICE("\n\n"), ""},
    {"a NUL", SLICE("a\0b"), NULL},
};

static void write_file(const char *path, struct slice content)
{
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    cr_assert(fwrite(content.data, 1, content.len, file) == content.len);
    cr_assert(fclose(file) == 0);
}

Test(options, read_secrets_from_files)
{
    char path[] = "/tmp/test_options_XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && close(fd) == 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const char *const args[ARGS_MAX] = {"--database-url-file", path};
        struct command_line line = command_line(args);
        struct config config = {0};
        struct error err = {0};
        write_file(path, files[i].content);
        bool ok = options_parse(&table, &line.argc, line.argv, &config, &err) == OPTIONS_OK;
        cr_expect(ok == (files[i].expected != NULL), "%s: %s", files[i].name, err.text);
        if (ok && files[i].expected) {
            cr_expect_str_eq(config.database_url, files[i].expected, "%s", files[i].name);
        }
        options_done(&table, &config);
    }
    cr_assert(setenv("DATABASE_URL_FILE", path, 1) == 0);
    write_file(path, SLICE("from the environment\n"));
    struct config config = {0};
    struct command_line line = command_line((const char *const[ARGS_MAX]){NULL});
    cr_assert(options_parse(&table, &line.argc, line.argv, &config, NULL) == OPTIONS_OK);
    cr_expect_str_eq(config.database_url, "from the environment");
    options_done(&table, &config);
    cr_assert(unlink(path) == 0);
}

static const struct option bad_default[] = {
    {.flag = "n", .type = OPTION_INT, .default_text = "many", .min = 1, .max = 2048, .help = ""},
};

Test(options, refuse_a_default_that_the_option_itself_would_not_accept)
{
    const struct option_table bad = {.program = "x", .options = bad_default, .count = 1};
    struct command_line line = command_line((const char *const[ARGS_MAX]){NULL});
    struct error err = {0};
    int64_t config = 0;
    cr_expect(options_parse(&bad, &line.argc, line.argv, &config, &err) == OPTIONS_BAD);
    cr_expect_str_eq(err.text, "-n's default: \"many\" is not an integer from 1 to 2048");
}

/* --- what is printed --------------------------------------------------------------------- */

static const char expected_help[] =
    "Usage: callboard-test [OPTION]... [NAME]...\n"
    "Tests options.\n"
    "\n"
    "Options, the variables that stand for them, and what they mean:\n"
    "  --log-level LEVEL         LOG_LEVEL          error, warn, info or debug (default info)\n"
    "  --log-format FORMAT       LOG_FORMAT         logfmt or json (default logfmt)\n"
    "  --database-url URL        DATABASE_URL       PostgreSQL connection string or URL; empty: "
    "libpq's own PG* variables\n"
    "  --database-url-file FILE  DATABASE_URL_FILE  the same, read from a file\n"
    "  --limit N                 HTTP_MAX_LIMIT     largest page (-5 to 1000; default 10)\n"
    "  --max-bytes BYTES         MAX_BYTES          largest event (1 KiB or more; default 1MiB)\n"
    "  --verbose                 VERBOSE            say more\n"
    "  -X PROP=VALUE                                any property (may be repeated)\n"
    "  --kafka-topics TOPICS     KAFKA_TOPICS       topics, or a|b (comma separated; default "
    "calls,logs)\n"
    "  --http-listen HOST:PORT   HTTP_LISTEN        where to listen\n"
    "  --mode MODE                                  CloudEvents mode (one of structured, binary; "
    "default binary)\n"
    "  --help                                       print this and exit\n"
    "  --version                                    print the version and exit\n"
    "\n"
    "That is all.\n";

static const char expected_markdown[] =
    "| `LOG_LEVEL` | `info` | error, warn, info or debug |\n"
    "| `LOG_FORMAT` | `logfmt` | logfmt or json |\n"
    "| `DATABASE_URL` |  | PostgreSQL connection string or URL; empty: libpq's own PG* variables "
    "|\n"
    "| `HTTP_MAX_LIMIT` | `10` | largest page (-5 to 1000) |\n"
    "| `MAX_BYTES` | `1MiB` | largest event (1 KiB or more) |\n"
    "| `VERBOSE` |  | say more |\n"
    "| `-X PROP=VALUE` |  | any property (may be repeated) |\n"
    "| `KAFKA_TOPICS` | `calls,logs` | topics, or a\\|b (comma separated) |\n"
    "| `HTTP_LISTEN` |  | where to listen |\n"
    "| `--mode MODE` | `binary` | CloudEvents mode (one of structured, binary) |\n";

static const struct {
    const char *name;
    void (*print)(const struct option_table *table, FILE *out);
    const char *expected;
} printers[] = {
    {"help", options_print_help, expected_help},
    {"markdown", options_print_markdown, expected_markdown},
};

Test(options, are_printed_from_the_table)
{
    for (size_t i = 0; i < ARRAY_LEN(printers); i++) {
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        cr_assert_not_null(out);
        printers[i].print(&table, out);
        cr_assert(fclose(out) == 0);
        cr_expect_str_eq(text, printers[i].expected, "%s", printers[i].name);
        free(text);
    }
}

static const struct {
    const char *args[ARGS_MAX];
    const char *expected;
} printing[] = {
    {{"--help"}, expected_help},
    {{"--verbose", "--help", "--limit=bad"}, expected_help},
    {{"--version"}, "callboard-test " CALLBOARD_VERSION "\n"},
};

Test(options, print_help_and_version_and_end_there)
{
    static struct capture capture;
    for (size_t i = 0; i < ARRAY_LEN(printing); i++) {
        struct command_line line = command_line(printing[i].args);
        struct config config = {0};
        cr_assert(setenv("LOG_LEVEL", "a bad value is no reason not to help", 1) == 0);
        (void)fflush(stdout);
        capture_start(&capture, STDOUT_FILENO);
        cr_expect(options_parse(&table, &line.argc, line.argv, &config, NULL) == OPTIONS_EXIT);
        (void)fflush(stdout);
        cr_expect_str_eq(capture_next(&capture), printing[i].expected, "row %zu", i);
        capture_stop(&capture);
    }
}

static const struct {
    const char *arg;
    int fd; /* where something is printed */
    const char *printed;
    int status;
} endings[] = {
    {"--limit=bad", STDERR_FILENO, "callboard-test: --limit: \"bad\" " NOT_A_LIMIT "\n", 2},
    {"--version", STDOUT_FILENO, "callboard-test " CALLBOARD_VERSION "\n", 0},
};

/* Ends the process before the memory of the test framework, which has other threads, is looked at.
 */
static void end_at_once(int status, void *arg)
{
    (void)arg;
    (void)fflush(NULL);
    _exit(status);
}

/* In a process of its own; returns its exit status. */
static int parse_or_exit(const char *arg)
{
    int status = -1;
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        const char *const args[ARGS_MAX] = {arg};
        struct command_line line = command_line(args);
        struct config config = {0};
        (void)on_exit(end_at_once, NULL);
        options_parse_or_exit(&table, &line.argc, line.argv, &config);
        _exit(99);
    }
    cr_assert(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(options, end_the_process_on_misuse_and_after_help)
{
    static struct capture capture;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        (void)fflush(NULL);
        capture_start(&capture, endings[i].fd);
        int status = parse_or_exit(endings[i].arg);
        cr_expect(status == endings[i].status, "%s: %d", endings[i].arg, status);
        cr_expect_str_eq(capture_next(&capture), endings[i].printed, "%s", endings[i].arg);
        capture_stop(&capture);
    }
}

Test(options, let_the_program_go_on_when_all_is_well)
{
    const char *const args[ARGS_MAX] = {"--limit=7"};
    struct command_line line = command_line(args);
    struct config config = {0};
    options_parse_or_exit(&table, &line.argc, line.argv, &config);
    cr_expect(config.limit == 7);
    options_done(&table, &config);
}

/* --- the start-up line ------------------------------------------------------------------- */

static void expect_log(const char *name, const char *const args[], const char *expected)
{
    static struct capture capture;
    struct command_line line = command_line(args);
    struct config config = {0};
    cr_assert(options_parse(&table, &line.argc, line.argv, &config, NULL) == OPTIONS_OK);
    log_configure("callboard-test", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    capture_start(&capture, STDERR_FILENO);
    options_log(&table, &config);
    const char *text = strstr(capture_next(&capture), "msg=");
    cr_expect_str_eq(text ? text : "nothing", expected, "%s", name);
    capture_stop(&capture);
    options_done(&table, &config);
}

Test(options, are_logged_on_one_line)
{
    const char *const args[ARGS_MAX] = {"--verbose", "-Xa=b", "-X", "c=d", "--max-bytes=2k"};
    expect_log("defaults", (const char *const[ARGS_MAX]){NULL},
               "msg=\"configuration\" version=" CALLBOARD_VERSION
               " log_level=info log_format=logfmt database_url=\"\" limit=10 max_bytes=1048576 "
               "verbose=false X=\"\" kafka_topics=calls,logs http_listen=\"\" mode=binary\n");
    expect_log("given", args,
               "msg=\"configuration\" version=" CALLBOARD_VERSION
               " log_level=info log_format=logfmt database_url=\"\" limit=10 max_bytes=2048 "
               "verbose=true X=\"a=b,c=d\" kafka_topics=calls,logs http_listen=\"\" mode=binary\n");
}

static const struct {
    const char *flag;
    const char *value;
    const char *logged;
} secrets[] = {
    {"--database-url", "postgres://user:secret@host/db", " database_url=***"},
    {"--database-url", "anything at all", " database_url=***"},
    {"--http-listen", "postgres://user:hunter2@host:5432/db",
     " http_listen=postgres://user:***@host:5432/db mode="},
    {"--http-listen", "postgres://h/d?user=u&password=hunter2&x=y",
     " http_listen=\"postgres://h/d?user=u&password=***&x=y\" mode="},
    {"--http-listen", "host=h password=hunter2 port=1",
     " http_listen=\"host=h password=*** port=1\" mode="},
    {"--http-listen", "password='hun ter\\'2' port=1",
     " http_listen=\"password=*** port=1\" mode="},
    {"--http-listen", "=x", " http_listen=\"=x\" mode="},
    {"-X", "sasl.password=hun ter2,x", " X=\"sasl.password=***\" "},
    {"-X", "security.protocol=sasl_ssl", " X=\"security.protocol=sasl_ssl\" "},
};

Test(options, never_log_a_secret)
{
    static struct capture capture;
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        const char *const args[ARGS_MAX] = {secrets[i].flag, secrets[i].value};
        struct command_line line = command_line(args);
        struct config config = {0};
        cr_assert(options_parse(&table, &line.argc, line.argv, &config, NULL) == OPTIONS_OK);
        capture_start(&capture, STDERR_FILENO);
        options_log(&table, &config);
        const char *text = capture_next(&capture);
        cr_expect(strstr(text, secrets[i].logged), "%s: %s", secrets[i].value, text);
        cr_expect_not(strstr(text, "ter2"), "%s: %s", secrets[i].value, text);
        capture_stop(&capture);
        options_done(&table, &config);
    }
}

Test(options, may_be_done_twice)
{
    struct config config = {0};
    struct command_line line = command_line((const char *const[ARGS_MAX]){NULL});
    cr_assert(options_parse(&table, &line.argc, line.argv, &config, NULL) == OPTIONS_OK);
    options_done(&table, &config);
    cr_expect_null(config.database_url);
    cr_expect(config.topics.count == 0);
    options_done(&table, &config);
}
