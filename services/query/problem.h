/*
 * problem - why a request is not answered with a page.
 *
 * The kind decides the status code, the message and the headers that go with it (one table in
 * problem.c); the detail tells the caller what to change and becomes `errorMessage`.
 */
#ifndef CALLBOARD_QUERY_PROBLEM_H
#define CALLBOARD_QUERY_PROBLEM_H

#include "macros.h"

#include <stdbool.h>

enum problem_kind {
    PROBLEM_BAD_BATCH_ID,
    PROBLEM_BAD_PARAMETER,
    PROBLEM_NO_CREDENTIALS,
    PROBLEM_INVALID_TOKEN,
    PROBLEM_NO_ROUTE,
    PROBLEM_NO_BATCH,
    PROBLEM_OTHER_PAGE,        /* than the one that If-Match names */
    PROBLEM_TOO_MANY_REQUESTS, /* of one token; Retry-After comes with its rate */
    PROBLEM_QUERY_FAILED,
    PROBLEM_UNAVAILABLE,
    PROBLEM_KIND_COUNT
};

struct problem {
    enum problem_kind kind;
    char detail[256]; /* UTF-8, for people */
};

/* Fills `problem` and returns false, so that `return problem_set(...)` reads well. */
bool problem_set(struct problem *problem, enum problem_kind kind, const char *format, ...)
    PRINTF_LIKE(3, 4);

int problem_status(enum problem_kind kind);
/* The class of the problem: the envelope's `message`. */
const char *problem_message(enum problem_kind kind);
/* Header lines that this kind carries besides those of every error, each ended by CRLF; may be "".
 */
const char *problem_headers(enum problem_kind kind);

#endif
