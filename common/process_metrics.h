/*
 * process_metrics - what the kernel knows of this process, under the names that Prometheus' client
 * libraries give it.
 */
#ifndef CALLBOARD_PROCESS_METRICS_H
#define CALLBOARD_PROCESS_METRICS_H

#include "buf.h"

/* Reads /proc (proc(5)) and appends start time, memory, open files and processor time in
 * Prometheus' text format. What cannot be read is left out. */
void process_metrics_render(struct buf *out);

#endif
