/*
 * error - why a fallible function returned false.
 *
 * The kind is the decision that the caller has to take; the text is for people: lower case, no
 * trailing period, no secrets. The caller provides the struct and owns it.
 */
#ifndef CALLBOARD_ERROR_H
#define CALLBOARD_ERROR_H

#include "macros.h"

#include <stdbool.h>

enum error_kind {
    ERR_NONE = 0,  /* no error has been set */
    ERR_RETRY,     /* may pass: try again later (database away, deadlock, disk full) */
    ERR_REJECT,    /* this input can never be accepted as it is */
    ERR_BUSY,      /* a bound was reached: answer "too busy" or stop reading */
    ERR_UNCERTAIN, /* the outcome is unknown: ask for it, or repeat what is idempotent */
    ERR_FATAL,     /* configuration or programming error: stop, a person must act */
};

struct error {
    enum error_kind kind;
    char sqlstate[6]; /* PostgreSQL's five-character code, or "" */
    char text[256];
};

/* Fills `err` (which may be NULL) and returns false, so that `return error_set(...)` reads well. */
bool error_set(struct error *err, enum error_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Lower-case name of the kind, for logs: "retry", "reject", ... */
const char *error_kind_name(enum error_kind kind);

#endif
