#include "log.h"

#include "buf.h"
#include "jsontext.h"
#include "rfc3339.h"
#include "utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A line is cut before it gets longer than what a pipe takes in one piece on Linux by default. */
#define CONTEXT_BYTES_MAX ((size_t)48 * 1024)
#define LINE_BYTES_MAX ((size_t)64 * 1024)

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

/* Set once before threads start, read by all. */
static struct {
    const char *program;
    enum log_level level;
    enum log_format format;
} config = {"callboard", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT};

void log_configure(const char *program, enum log_level level, enum log_format format)
{
    config.program = program;
    config.level = level;
    config.format = format;
}

bool log_is_enabled(enum log_level level)
{
    return level <= config.level;
}

/* --- escaping ---------------------------------------------------------------------------- */

/* Escapes as JSON does; what is not UTF-8 becomes U+FFFD, so that a line is always text. */
static void append_escaped(struct buf *out, struct slice text)
{
    while (text.len > 0) {
        size_t valid = utf8_valid_prefix(text);
        jsontext_append_escaped(out, (struct slice){text.data, valid});
        if (valid == text.len) {
            return;
        }
        buf_append_text(out, UTF8_REPLACEMENT);
        text = (struct slice){text.data + valid + 1, text.len - valid - 1};
    }
}

static void append_quoted(struct buf *out, struct slice text)
{
    buf_append_char(out, '"');
    append_escaped(out, text);
    buf_append_char(out, '"');
}

/* Cuts `escaped` to at most `max` bytes, neither within a character nor within an escape. */
static size_t whole_escapes(const char *escaped, size_t len, size_t max)
{
    size_t at = 0;
    size_t cut = 0;
    while (at < len && at <= max) {
        cut = at;
        if (escaped[at] == '\\') {
            at += escaped[at + 1] == 'u' ? 6 : 2;
        } else {
            at++;
            while (at < len && ((uint8_t)escaped[at] & 0xC0) == 0x80) {
                at++;
            }
        }
    }
    return at <= max ? at : cut;
}

struct log_quoted log_quote(const char *text)
{
    struct log_quoted quoted;
    struct buf escaped;
    buf_init(&escaped, (size_t)6 * LOG_QUOTE_MAX);
    struct slice given = slice_of(text ? text : "");
    given.len = utf8_cut(given, LOG_QUOTE_MAX);
    append_escaped(&escaped, given);
    size_t len = whole_escapes(buf_text(&escaped), escaped.len, sizeof(quoted.text) - 3);
    quoted.text[0] = '"';
    memcpy(quoted.text + 1, buf_text(&escaped), len);
    memcpy(quoted.text + 1 + len, "\"", 2);
    buf_done(&escaped);
    return quoted;
}

/* --- reading a context back, for JSON ---------------------------------------------------- */

struct pair {
    struct slice key;
    struct slice value; /* what stands between the quotes, still escaped, where `quoted` */
    bool quoted;
};

static const char *find_any(const char *at, const char *end, const char *stops)
{
    while (at < end && !strchr(stops, *at)) {
        at++;
    }
    return at;
}

/* The closing quote of a value whose first byte behind the opening one is `at`, or `end`. */
static const char *find_closing_quote(const char *at, const char *end)
{
    while (at < end && *at != '"') {
        at += *at == '\\' && at + 1 < end ? 2 : 1;
    }
    return at;
}

/* Takes the next `key=value` off the front of `rest`. */
static bool next_pair(struct slice *rest, struct pair *out)
{
    const char *end = rest->data + rest->len;
    const char *at = rest->data;
    while (at < end && *at == ' ') {
        at++;
    }
    const char *key_end = find_any(at, end, "= ");
    *out = (struct pair){.key = {at, (size_t)(key_end - at)}, .value = SLICE("")};
    if (key_end < end && *key_end == '=') {
        const char *value = key_end + 1;
        out->quoted = value < end && *value == '"';
        value += out->quoted;
        key_end = out->quoted ? find_closing_quote(value, end) : find_any(value, end, " ");
        out->value = (struct slice){value, (size_t)(key_end - value)};
        key_end += out->quoted && key_end < end;
    }
    *rest = (struct slice){key_end, (size_t)(end - key_end)};
    return key_end > at;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

/* One digit or more, or NULL. */
static const char *expect_digits(const char *at, const char *end)
{
    const char *behind = skip_digits(at, end);
    return behind > at ? behind : NULL;
}

/* "12" and "0", but not "012". */
static const char *expect_integer(const char *at, const char *end)
{
    return at < end && *at == '0' ? at + 1 : expect_digits(at, end);
}

static const char *expect_fraction(const char *at, const char *end)
{
    return at && at < end && *at == '.' ? expect_digits(at + 1, end) : at;
}

static const char *expect_exponent(const char *at, const char *end)
{
    if (!at || at == end || (*at | 0x20) != 'e') {
        return at;
    }
    at++;
    at += at < end && (*at == '+' || *at == '-');
    return expect_digits(at, end);
}

/* RFC 8259, section 6. */
static bool is_json_number(struct slice text)
{
    const char *end = text.data + text.len;
    const char *at = text.data;
    at += at < end && *at == '-';
    at = expect_exponent(expect_fraction(expect_integer(at, end), end), end);
    return at == end;
}

static char unescaped(char letter)
{
    static const char letters[] = "nrtbf";
    static const char bytes[] = "\n\r\t\b\f";
    const char *found = letter ? strchr(letters, letter) : NULL;
    return found ? bytes[found - letters] : letter;
}

static int hex_digit(char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = byte ? strchr(digits, byte | 0x20) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* The byte that "\u00xx" stands for, the only such escapes that log_quote() writes; -1 for anything
 * else. */
static int parse_control_escape(const char *at, const char *end)
{
    if (end - at < 6 || memcmp(at, "\\u00", 4) != 0) {
        return -1;
    }
    int high = hex_digit(at[4]);
    int low = hex_digit(at[5]);
    int byte = high * 16 + low;
    return high >= 0 && low >= 0 && byte < 0x80 ? byte : -1;
}

static void append_unescaped(struct buf *out, struct slice text)
{
    const char *at = text.data;
    const char *end = at + text.len;
    while (at < end) {
        int control = parse_control_escape(at, end);
        if (control >= 0) {
            buf_append_char(out, (char)control);
            at += 6;
        } else if (*at == '\\' && at + 1 < end && at[1] != 'u') {
            buf_append_char(out, unescaped(at[1]));
            at += 2;
        } else {
            buf_append_char(out, *at++);
        }
    }
}

static void append_json_value(struct buf *out, const struct pair *pair)
{
    if (!pair->quoted && is_json_number(pair->value)) {
        buf_append_slice(out, pair->value);
        return;
    }
    if (!pair->quoted) {
        append_quoted(out, pair->value);
        return;
    }
    struct buf raw;
    buf_init(&raw, CONTEXT_BYTES_MAX);
    append_unescaped(&raw, pair->value);
    append_quoted(out, buf_slice(&raw));
    buf_done(&raw);
}

/* --- lines ------------------------------------------------------------------------------- */

struct line {
    const char *time; /* RFC3339_MILLIS_LEN bytes */
    const char *level;
    const char *message;
    struct slice context;
};

static void format_json(struct buf *out, const struct line *line)
{
    buf_append_format(out, "{\"ts\":\"%.*s\",\"level\":\"%s\",\"prog\":", RFC3339_MILLIS_LEN,
                      line->time, line->level);
    append_quoted(out, slice_of(config.program));
    buf_append_text(out, ",\"msg\":");
    append_quoted(out, slice_of(line->message));
    struct slice rest = line->context;
    struct pair pair;
    while (next_pair(&rest, &pair)) {
        buf_append_char(out, ',');
        append_quoted(out, pair.key);
        buf_append_char(out, ':');
        append_json_value(out, &pair);
    }
    buf_append_char(out, '}');
}

static bool is_control(char byte)
{
    return (uint8_t)byte < 0x20 || byte == 0x7F;
}

/* As it stands, but for bytes that would end the line or steer a terminal. */
static void append_printable(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        buf_append_char(out, is_control(text.data[i]) ? '?' : text.data[i]);
    }
}

static void format_logfmt(struct buf *out, const struct line *line)
{
    buf_append_format(out, "ts=%.*s level=%s prog=%s msg=", RFC3339_MILLIS_LEN, line->time,
                      line->level, config.program);
    append_quoted(out, slice_of(line->message));
    if (line->context.len > 0) {
        buf_append_char(out, ' ');
        append_printable(out, line->context);
    }
}

/* A log that cannot be written has nobody to tell; the line is dropped. */
static void write_line(struct slice line)
{
    while (line.len > 0) {
        ssize_t written = write(STDERR_FILENO, line.data, line.len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        line = (struct slice){line.data + written, line.len - (size_t)written};
    }
}

static void format_line(struct buf *out, const struct line *line)
{
    if (config.format == LOG_FORMAT_JSON) {
        format_json(out, line);
    } else {
        format_logfmt(out, line);
    }
    buf_append_char(out, '\n');
}

static void now_text(char out[RFC3339_MILLIS_LEN])
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    rfc3339_format_millis((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, out);
}

static void write_formatted(enum log_level level, const char *message, struct slice context)
{
    char time[RFC3339_MILLIS_LEN];
    now_text(time);
    struct line line = {time, level_names[level], message, context};
    struct buf out;
    buf_init(&out, LINE_BYTES_MAX);
    format_line(&out, &line);
    if (out.overflow) { /* escapes made it too long: the fact itself must not be lost */
        buf_reset(&out);
        line.context = SLICE("context_too_long=true");
        format_line(&out, &line);
    }
    write_line(buf_slice(&out));
    buf_done(&out);
}

void log_write(enum log_level level, const char *message, const char *context, ...)
{
    assert((size_t)level < ARRAY_LEN(level_names));
    if (!log_is_enabled(level)) {
        return;
    }
    int saved_errno = errno;
    struct buf pairs;
    buf_init(&pairs, CONTEXT_BYTES_MAX);
    va_list args;
    va_start(args, context);
    buf_append_vformat(&pairs, context, args);
    va_end(args);
    write_formatted(level, message,
                    pairs.overflow ? SLICE("context_too_long=true") : buf_slice(&pairs));
    buf_done(&pairs);
    errno = saved_errno;
}
