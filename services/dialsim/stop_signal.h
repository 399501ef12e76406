/*
 * stop_signal - SIGINT and SIGTERM as something that can be waited for.
 *
 * The signals are blocked (in threads created later too) and read from a descriptor: nothing runs
 * in a signal handler, no flag is global.
 */
#ifndef CALLBOARD_DIALSIM_STOP_SIGNAL_H
#define CALLBOARD_DIALSIM_STOP_SIGNAL_H

#include "error.h"
#include "macros.h"

#include <stdbool.h>

struct stop_signal {
    int fd;
    int count; /* signals that have come */
};

/* To be called before any thread is created. */
NODISCARD bool stop_signal_init(struct stop_signal *stop, struct error *err);
void stop_signal_done(struct stop_signal *stop);
/* Waits up to `timeout_ms` (0: not at all) for a signal, or for `other_fd` (-1: none) to become
 * readable. */
void stop_signal_wait(struct stop_signal *stop, int other_fd, int timeout_ms);

#endif
