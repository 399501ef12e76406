#include "log.h"

#include "capture.h"
#include "rfc3339.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct capture capture;

static void start(enum log_level level, enum log_format format)
{
    log_configure("callboard-test", level, format);
    capture_start(&capture, STDERR_FILENO);
}

static void stop(void)
{
    capture_stop(&capture);
}

static const struct {
    const char *name;
    const char *message;
    const char *context;
    const char *logfmt; /* behind the time */
    const char *json;   /* behind the time */
} lines[] = {
    {"no context", "started", "", "level=info prog=callboard-test msg=\"started\"\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"started\"}\n"},
    {"pairs", "assigned", "topic=dialer.calls partition=3 lag=0",
     "level=info prog=callboard-test msg=\"assigned\" topic=dialer.calls partition=3 lag=0\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"assigned\",\"topic\":\"dialer."
     "calls\","
     "\"partition\":3,\"lag\":0}\n"},
    {"a quoted value", "lost", "error=\"can't: \\\"x\\\" \\\\ y=z\" conn=1",
     "level=info prog=callboard-test msg=\"lost\" error=\"can't: \\\"x\\\" \\\\ y=z\" conn=1\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"lost\","
     "\"error\":\"can't: \\\"x\\\" \\\\ y=z\",\"conn\":1}\n"},
    {"escapes of a quoted value", "x",
     "v=\"a\\nb\\tc\\r\\b\\f\\u001b\\u0000\\u0001\\u00e9\\u00zz\\/\\q\"",
     "level=info prog=callboard-test msg=\"x\" "
     "v=\"a\\nb\\tc\\r\\b\\f\\u001b\\u0000\\u0001\\u00e9\\u00zz\\/\\q\"\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"x\","
     "\"v\":\"a\\nb\\tc\\r\\b\\f\\u001b\\u0000\\u0001\\\\u00e9\\\\u00zz/q\"}\n"},
    {"a message with quotes and line feeds", "say \"hi\"\nlevel=error", "",
     "level=info prog=callboard-test msg=\"say \\\"hi\\\"\\nlevel=error\"\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"say \\\"hi\\\"\\nlevel=error\"}\n"},
    {"a line feed in the context cannot forge a line", "x", "v=a\nlevel=error\x1b[0m w=b",
     "level=info prog=callboard-test msg=\"x\" v=a?level=error?[0m w=b\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"x\","
     "\"v\":\"a\\nlevel=error\\u001b[0m\",\"w\":\"b\"}\n"},
    {"numbers are bare", "x", "a=-1 b=0.25 c=1e9 d=2.5E-3 e=0 f=-0 g=10 h=100.05 i=1e10",
     "level=info prog=callboard-test msg=\"x\" a=-1 b=0.25 c=1e9 d=2.5E-3 e=0 f=-0 g=10 h=100.05 "
     "i=1e10\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"x\","
     "\"a\":-1,\"b\":0.25,\"c\":1e9,\"d\":2.5E-3,\"e\":0,\"f\":-0,\"g\":10,\"h\":100.05,\"i\":1e10}"
     "\n"},
    {"what only looks like a number is not", "x",
     "a=007 b=+1 c=1. d=.5 e=1e f=0x10 g=- h=nan i=1s j=\"5\" k=1e+ l=--1 m=1.e5",
     "level=info prog=callboard-test msg=\"x\" a=007 b=+1 c=1. d=.5 e=1e f=0x10 g=- h=nan i=1s "
     "j=\"5\" k=1e+ l=--1 m=1.e5\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"x\",\"a\":\"007\",\"b\":\"+1\","
     "\"c\":\"1.\",\"d\":\".5\",\"e\":\"1e\",\"f\":\"0x10\",\"g\":\"-\",\"h\":\"nan\","
     "\"i\":\"1s\",\"j\":\"5\",\"k\":\"1e+\",\"l\":\"--1\",\"m\":\"1.e5\"}\n"},
    {"empty values and words alone", "x", "a= b=\"\" c  d=1",
     "level=info prog=callboard-test msg=\"x\" a= b=\"\" c  d=1\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"x\","
     "\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":1}\n"},
    {"an equals sign within a value", "x", "q=a=b",
     "level=info prog=callboard-test msg=\"x\" q=a=b\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"x\",\"q\":\"a=b\"}\n"},
    {"a quote that is never closed", "x", "a=\"b c=1",
     "level=info prog=callboard-test msg=\"x\" a=\"b c=1\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"x\",\"a\":\"b c=1\"}\n"},
    {"a backslash at the end", "x", "a=\"b\\", "level=info prog=callboard-test msg=\"x\" a=\"b\\\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"x\",\"a\":\"b\\\\\"}\n"},
    {"no key", "x", "=5", "level=info prog=callboard-test msg=\"x\" =5\n",
     "\"level\":\"info\",\"prog\":\"callboard-test\",\"msg\":\"x\",\"\":5}\n"},
};

static const char *behind_time(const char *line, const char *before)
{
    size_t len = strlen(before);
    cr_assert(strncmp(line, before, len) == 0, "%s", line);
    return line + len + RFC3339_MILLIS_LEN;
}

Test(log, writes_logfmt)
{
    start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        log_info(lines[i].message, "%s", lines[i].context);
        const char *line = behind_time(capture_next(&capture), "ts=");
        cr_expect_str_eq(line + 1, lines[i].logfmt, "%s", lines[i].name);
    }
    stop();
}

Test(log, writes_JSON_that_another_parser_reads)
{
    start(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        log_info(lines[i].message, "%s", lines[i].context);
        const char *line = capture_next(&capture);
        struct json_object *read = json_tokener_parse(line);
        cr_expect(json_object_is_type(read, json_type_object), "%s: %s", lines[i].name, line);
        json_object_put(read);
        cr_expect_str_eq(behind_time(line, "{\"ts\":\"") + 2, lines[i].json, "%s", lines[i].name);
    }
    stop();
}

/* Not time(2): it reads a coarser clock, which lags behind. */
static int64_t now_ms(void)
{
    struct timespec now;
    cr_assert_eq(clock_gettime(CLOCK_REALTIME, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

Test(log, gives_the_time_in_UTC_with_milliseconds)
{
    int64_t us;
    start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    int64_t before = now_ms();
    log_info("now", "%s", "");
    int64_t after = now_ms();
    const char *line = capture_next(&capture);
    cr_assert(rfc3339_parse((struct slice){line + 3, RFC3339_MILLIS_LEN}, &us), "%s", line);
    cr_expect(us >= before * 1000 && us <= after * 1000, "%s", line);
    stop();
}

static void write_every_level(void)
{
    log_error("message", "n=%d", 0);
    log_warn("message", "n=%d", 1);
    log_info("message", "n=%d", 2);
    log_debug("message", "n=%d", 3);
}

Test(log, writes_what_is_at_or_below_the_level)
{
    static const char *const names[] = {"level=error", "level=warn", "level=info", "level=debug"};
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        start((enum log_level)level, LOG_FORMAT_LOGFMT);
        write_every_level();
        for (int i = 0; i <= LOG_LEVEL_DEBUG; i++) {
            cr_expect(log_is_enabled((enum log_level)i) == (i <= level));
            const char *line = capture_next(&capture);
            cr_expect(i <= level ? strstr(line, names[i]) != NULL : line[0] == '\0',
                      "level %d, line %d: %s", level, i, line);
        }
        stop();
    }
}

static int evaluations;

static int evaluated(void)
{
    return ++evaluations;
}

Test(log, computes_nothing_for_a_level_that_is_not_enabled)
{
    start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    log_debug("message", "n=%d", evaluated());
    cr_expect(evaluations == 0);
    log_info("message", "n=%d", evaluated());
    cr_expect(evaluations == 1);
    stop();
}

Test(log, writes_a_long_line_with_one_write)
{
    char value[30001];
    start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    log_info("long", "value=%s", value);
    const char *line = capture_next(&capture);
    cr_expect(strlen(line) > 30000 && line[strlen(line) - 1] == '\n');
    stop();
}

static const struct {
    const char *name;
    size_t bytes;
    char fill;
} too_long[] = {
    {"too long as it comes", 100000, 'v'},
    {"too long once escaped", 20000, '\x01'},
};

Test(log, keeps_the_message_of_a_line_that_is_too_long)
{
    for (size_t i = 0; i < ARRAY_LEN(too_long); i++) {
        char *value = calloc(1, too_long[i].bytes + 1);
        cr_assert_not_null(value);
        memset(value, too_long[i].fill, too_long[i].bytes);
        start(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        log_info("long", "value=%s", value);
        const char *line = capture_next(&capture);
        cr_expect(strstr(line, "\"msg\":\"long\",\"context_too_long\":\"true\"}\n"), "%s: %.300s",
                  too_long[i].name, line);
        stop();
        free(value);
    }
}

Test(log, leaves_errno_alone)
{
    start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    cr_assert(close(STDERR_FILENO) == 0);
    errno = ENOENT;
    log_info("nobody reads this", "%s", "");
    cr_expect(errno == ENOENT);
    stop();
}

static const struct {
    const char *name;
    const char *text;
    const char *quoted;
} quotes[] = {
    {"NULL", NULL, "\"\""},
    {"empty", "", "\"\""},
    {"plain", "no such table", "\"no such table\""},
    {"quotes and backslashes", "a \"b\" \\c", "\"a \\\"b\\\" \\\\c\""},
    {"control characters", "a\nb\r\x1b[31m", "\"a\\nb\\r\\u001b[31m\""},
    {"UTF-8", "\xC3\xA9t\xC3\xA9", "\"\xC3\xA9t\xC3\xA9\""},
    {"not UTF-8", "a\xFFz\xC3", "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\""},
};

Test(log, quotes_text)
{
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        struct log_quoted quoted = log_quote(quotes[i].text);
        cr_expect_str_eq(quoted.text, quotes[i].quoted, "%s", quotes[i].name);
    }
}

/* Texts of every length around the limit, of pieces that take one to six bytes when quoted. */
static const char *const quote_pieces[] = {
    "a", "\"", "\n", "\x01", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xFF"};

Test(log, cuts_a_long_quote_between_characters)
{
    for (size_t piece = 0; piece < ARRAY_LEN(quote_pieces); piece++) {
        for (size_t shift = 0; shift < 8; shift++) {
            char text[2000] = "";
            memset(text, 'x', shift);
            while (strlen(text) + 5 < sizeof(text)) {
                strcat(text, quote_pieces[piece]);
            }
            struct log_quoted quoted = log_quote(text);
            struct json_object *read = json_tokener_parse(quoted.text);
            size_t len = strlen(quoted.text);
            cr_assert(json_object_is_type(read, json_type_string), "piece %zu: %s", piece,
                      quoted.text);
            cr_assert(len < LOG_QUOTE_MAX && len > LOG_QUOTE_MAX - 8, "piece %zu: %zu bytes", piece,
                      len);
            const char *value = json_object_get_string(read);
            size_t kept = strlen(value);
            cr_assert(piece == 7 || strncmp(value, text, kept) == 0, "piece %zu: %s", piece, value);
            cr_assert(piece == 7 || (kept - shift) % strlen(quote_pieces[piece]) == 0,
                      "piece %zu ends within a character: %s", piece, value);
            json_object_put(read);
        }
    }
}

enum { WRITERS = 4, LINES_EACH = 300 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES_EACH; i++) {
        log_info("from a thread", "writer=%d line=%d", *(int *)arg, i);
    }
    return NULL;
}

static void run_writers(void)
{
    static int ids[WRITERS] = {0, 1, 2, 3};
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        cr_assert(pthread_create(&threads[i], NULL, write_lines, &ids[i]) == 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        cr_assert(pthread_join(threads[i], NULL) == 0);
    }
}

Test(log, keeps_lines_of_several_threads_apart)
{
    FILE *file = tmpfile();
    char line[256];
    int next[WRITERS] = {0};
    log_configure("callboard-test", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    cr_assert_not_null(file);
    int saved = dup(STDERR_FILENO);
    cr_assert(dup2(fileno(file), STDERR_FILENO) == STDERR_FILENO);
    run_writers();
    cr_assert(dup2(saved, STDERR_FILENO) == STDERR_FILENO && close(saved) == 0);
    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        int writer = -1;
        int number = -1;
        const char *rest = behind_time(line, "ts=");
        cr_assert(sscanf(rest,
                         " level=info prog=callboard-test msg=\"from a thread\" writer=%d line=%d",
                         &writer, &number) == 2,
                  "%s", line);
        cr_assert(writer >= 0 && writer < WRITERS && number == next[writer]++, "%s", line);
    }
    for (int i = 0; i < WRITERS; i++) {
        cr_expect(next[i] == LINES_EACH, "writer %d: %d lines", i, next[i]);
    }
    (void)fclose(file);
}
