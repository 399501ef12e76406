/*
 * clock - the monotonic clock, for durations and deadlines.
 */
#ifndef CALLBOARD_CLOCK_H
#define CALLBOARD_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Microseconds since an arbitrary point; never runs backwards. */
static inline int64_t clock_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif
