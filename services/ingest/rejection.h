/*
 * rejection - why a message can never become an event.
 */
#ifndef CALLBOARD_INGEST_REJECTION_H
#define CALLBOARD_INGEST_REJECTION_H

#include "macros.h"
#include "slice.h"

#include <stdbool.h>

/* Why a message became a dead letter; in the order in which they are checked. */
enum reject_reason {
    REJECT_EMPTY,
    REJECT_TOO_LARGE,
    REJECT_NOT_UTF8,
    REJECT_NOT_JSON,
    REJECT_BAD_ENVELOPE,
    REJECT_UNKNOWN_TYPE,
    REJECT_BAD_ID,
    REJECT_BAD_TIME,
    REJECT_BAD_FIELD,
    REJECT_RESERVED_KEY,
    REJECT_DATABASE_REFUSED,
    REJECT_REASON_COUNT
};

struct rejection {
    enum reject_reason reason;
    char detail[200]; /* tells a person what to change: `callDuration must be a number from 0 to
                         2147483647` */
};

/* "empty", "too-large", ... as the contract spells them. */
const char *reject_reason_name(enum reject_reason reason);

/* Fills `rejection` and returns false, so that `return reject(...)` reads well. */
bool reject(struct rejection *rejection, enum reject_reason reason, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* A piece of a peer's text (valid UTF-8) that is fit to be shown in a detail: cut to a few
 * characters, without control characters. Used as `reject_quote(text).text`. */
#define REJECT_QUOTE_MAX 40
struct reject_quoted {
    char text[REJECT_QUOTE_MAX + sizeof "..."];
};
struct reject_quoted reject_quote(struct slice text);

#endif
