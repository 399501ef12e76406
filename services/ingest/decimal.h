/*
 * decimal - exact values out of JSON number text.
 */
#ifndef CALLBOARD_INGEST_DECIMAL_H
#define CALLBOARD_INGEST_DECIMAL_H

#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stdint.h>

/* A number times a power of ten, cut to a whole number: exact where neither flag says otherwise. */
struct decimal {
    bool is_negative;     /* and not zero */
    bool is_half_or_more; /* what was cut is half of one or more */
    bool is_cut;          /* something other than zero was cut */
    int64_t magnitude;    /* without the sign */
};

/*
 * Reads a number by JSON's grammar (its text is known to follow it), times ten to the power of
 * `scale`. False when the magnitude is 10^18 or more. Takes time in proportion to the text,
 * whatever its exponent.
 */
NODISCARD bool decimal_parse(struct slice number, int scale, struct decimal *out);

#endif
