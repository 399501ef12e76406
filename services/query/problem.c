#include "problem.h"

#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct problem_def {
    int status;
    const char *message;
    const char *headers;
};

/* The challenges are those of RFC 6750, section 3: no error code where no credentials came. */
static const struct problem_def problems[PROBLEM_KIND_COUNT] = {
    [PROBLEM_BAD_BATCH_ID] = {400, "Invalid batch id", ""},
    [PROBLEM_BAD_PARAMETER] = {400, "Invalid query parameter", ""},
    [PROBLEM_NO_CREDENTIALS] = {401, "Authentication required",
                                "WWW-Authenticate: Bearer realm=\"callboard\"\r\n"},
    [PROBLEM_INVALID_TOKEN] = {401, "Invalid token",
                               "WWW-Authenticate: Bearer realm=\"callboard\", "
                               "error=\"invalid_token\"\r\n"},
    [PROBLEM_NO_ROUTE] = {404, "Not Found", ""},
    [PROBLEM_NO_BATCH] = {404, "Batch not found", ""},
    [PROBLEM_OTHER_PAGE] = {412, "Precondition Failed", ""},
    [PROBLEM_TOO_MANY_REQUESTS] = {429, "Too Many Requests", ""},
    [PROBLEM_QUERY_FAILED] = {500, "Failed to aggregate batch data", ""},
    [PROBLEM_UNAVAILABLE] = {503, "Service Unavailable", "Retry-After: 1\r\n"},
};

/* A text that was cut may end within a character: drop what is left of it. */
static void drop_cut_character(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && !utf8_is_valid((struct slice){text, len})) {
        text[--len] = '\0';
    }
}

bool problem_set(struct problem *problem, enum problem_kind kind, const char *format, ...)
{
    problem->kind = kind;
    va_list args;
    va_start(args, format);
    int written = vsnprintf(problem->detail, sizeof(problem->detail), format, args);
    va_end(args);
    if (written < 0) {
        problem->detail[0] = '\0';
    } else if ((size_t)written >= sizeof(problem->detail)) {
        drop_cut_character(problem->detail);
    }
    return false;
}

int problem_status(enum problem_kind kind)
{
    return problems[kind].status;
}

const char *problem_message(enum problem_kind kind)
{
    return problems[kind].message;
}

const char *problem_headers(enum problem_kind kind)
{
    return problems[kind].headers;
}
