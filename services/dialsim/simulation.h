/*
 * simulation - one run of callboard-dialsim: from the dialer or a file, through the mixer, to Kafka
 * or standard output, until the end, a limit or a signal.
 */
#ifndef CALLBOARD_DIALSIM_SIMULATION_H
#define CALLBOARD_DIALSIM_SIMULATION_H

#include "dialsim_config.h"
#include "stop_signal.h"

/* Runs, writes what the options ask for, and logs what went wrong. Returns the exit status: 0 when
 * all that was produced was acknowledged (after a signal too), 1 otherwise, 2 for a property that
 * librdkafka does not take. */
int simulation_run(const struct dialsim_config *config, struct stop_signal *stop);

#endif
