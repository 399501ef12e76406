/*
 * packed_call - how a call stands, with its attempts and those that wait for it, in one run of
 * bytes: a quarter of what the structures with their pointers take.
 */
#ifndef CALLBOARD_INGEST_PACKED_CALL_H
#define CALLBOARD_INGEST_PACKED_CALL_H

#include "arena.h"
#include "buf.h"
#include "reconcile.h"

/* Appends to `out`. */
void packed_call_write(const struct call_snapshot *call, struct buf *out);
/* What was written: `call` with its attempts in their order. Copies into the arena. */
void packed_call_read(struct slice packed, struct arena *arena, struct call_snapshot *call);

#endif
