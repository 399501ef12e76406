/*
 * ingest_load - a fixed load of events for counting what ingest pays for them: the same bytes
 * every time, in the order call, ringing, in-progress, completed, with the events of other calls
 * between those of one call.
 */
#ifndef CALLBOARD_GUARD_INGEST_LOAD_H
#define CALLBOARD_GUARD_INGEST_LOAD_H

#include "arena.h"
#include "event.h"

#include <stddef.h>

#define LOAD_STEPS 4 /* events of a call */

/* The value of event `number`, when `calls` calls take turns; lives in `arena`. */
struct slice ingest_load_value(struct arena *arena, size_t number, size_t calls);
/* The same, decoded. */
const struct event *ingest_load_event(struct arena *arena, size_t number, size_t calls);

#endif
