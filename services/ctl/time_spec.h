/*
 * time_spec - points in time as people give them on a command line.
 *
 * Either an RFC 3339 time, or a duration: digits and a unit, s, m, h, d or w (30d, 12h).
 */
#ifndef CALLBOARD_CTL_TIME_SPEC_H
#define CALLBOARD_CTL_TIME_SPEC_H

#include "error.h"
#include "macros.h"

#include <stdbool.h>
#include <stdint.h>

/* A point in time that may be absent. */
struct optional_time {
    bool is_set;
    int64_t us;
};

/* The system's clock: microseconds since the Unix epoch. */
int64_t time_spec_now_us(void);

/* A duration counts from `now_us` on, and the time has to lie after it. ERR_REJECT otherwise. */
NODISCARD bool time_spec_parse_future(const char *text, int64_t now_us, int64_t *out_us,
                                      struct error *err);
/* A duration counts back from `now_us`; any time will do. ERR_REJECT when it is neither. */
NODISCARD bool time_spec_parse_past(const char *text, int64_t now_us, int64_t *out_us,
                                    struct error *err);

#endif
