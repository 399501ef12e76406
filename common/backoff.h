/*
 * backoff - how long to wait before the next attempt at something that failed.
 *
 * The step doubles with every failure up to a maximum; the wait is half to one and a half times the
 * step, by chance, so that clients who lost a server together do not come back together.
 */
#ifndef CALLBOARD_BACKOFF_H
#define CALLBOARD_BACKOFF_H

#include <stdint.h>

/* `failures`: in a row, before this wait's own (0: the first step). `random`: any 32 bits. The
 * answer is at most `max_ms`. */
static inline int64_t backoff_ms(unsigned failures, int64_t first_ms, int64_t max_ms,
                                 uint32_t random)
{
    int64_t step = first_ms;
    for (; failures > 0 && step < max_ms; failures--) {
        step *= 2;
    }
    step = step < max_ms ? step : max_ms;
    int64_t wait = step / 2 + random % (step + 1);
    return wait < max_ms ? wait : max_ms;
}

#endif
