/*
 * log - one line per fact on standard error: `ts=... level=info prog=callboard-query msg="..."
 * key=value`, or the same members as one JSON object.
 *
 * Threads: safe from any thread; a line is written by one write(2). Only services log; common/
 * returns errors instead (the exceptions log state changes of long-lived objects they own).
 * Bodies, tokens and passwords are never logged.
 */
#ifndef CALLBOARD_LOG_H
#define CALLBOARD_LOG_H

#include "macros.h"

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* Called once before threads start. `program` must outlive the process. */
void log_configure(const char *program, enum log_level level, enum log_format format);
bool log_is_enabled(enum log_level level);

/*
 * Writes a line: `message` is a fixed lower-case text; `context` is a printf format that yields
 * `key=value` pairs separated by single spaces, values with spaces or quotes in double quotes with
 * '\' escapes (log_quote() makes them), or "" for none. In JSON each pair becomes a member
 * (numbers bare, everything else a string).
 */
void log_write(enum log_level level, const char *message, const char *context, ...)
    PRINTF_LIKE(3, 4);

/* What a level that is not enabled would print is not even computed. */
#define log_at(level, message, ...)                                                                \
    (log_is_enabled(level) ? log_write(level, message, __VA_ARGS__) : (void)0)
#define log_error(message, ...) log_at(LOG_LEVEL_ERROR, message, __VA_ARGS__)
#define log_warn(message, ...) log_at(LOG_LEVEL_WARN, message, __VA_ARGS__)
#define log_info(message, ...) log_at(LOG_LEVEL_INFO, message, __VA_ARGS__)
#define log_debug(message, ...) log_at(LOG_LEVEL_DEBUG, message, __VA_ARGS__)

#define LOG_QUOTE_MAX 512
struct log_quoted {
    char text[LOG_QUOTE_MAX];
};
/* `text` (NULL is "") in double quotes with escapes, cut to fit: for use as `error=%s` with
 * `log_quote(err.text).text`. */
struct log_quoted log_quote(const char *text);

#endif
