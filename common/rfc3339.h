/*
 * rfc3339 - points in time as RFC 3339 text and as microseconds.
 *
 * A time is an int64_t of microseconds since 1970-01-01T00:00:00Z, years 0001 to 9999 in UTC.
 */
#ifndef CALLBOARD_RFC3339_H
#define CALLBOARD_RFC3339_H

#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Microseconds between the Unix epoch and PostgreSQL's (2000-01-01). */
#define RFC3339_POSTGRES_EPOCH_US INT64_C(946684800000000)

#define RFC3339_MILLIS_LEN 24 /* 2025-05-15T14:30:00.000Z */

/*
 * Parses an RFC 3339 date-time (section 5.6): any offset, "T" and "Z" in either case, any number
 * of fraction digits of which those past the sixth are cut. Second 60 is the next minute's 00.
 * False when the text is no such time, or the instant lies outside the years 0001 to 9999 in UTC.
 */
NODISCARD bool rfc3339_parse(struct slice text, int64_t *out_us);

/* Cuts to whole milliseconds, towards the past (also before 1970). */
int64_t rfc3339_floor_to_millis(int64_t us);

/* Writes exactly RFC3339_MILLIS_LEN bytes, UTC with milliseconds, no NUL. A time outside the years
 * 0001 to 9999 is written as the nearest one within. */
void rfc3339_format_millis(int64_t us, char out[RFC3339_MILLIS_LEN]);

#endif
