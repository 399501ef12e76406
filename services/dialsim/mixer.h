/*
 * mixer - what a network and a careless producer do to a stream of records: some come twice, some
 * late, and between them comes what should never have been sent.
 *
 * Ownership: records given are borrowed for the call; what is held back is cloned.
 */
#ifndef CALLBOARD_DIALSIM_MIXER_H
#define CALLBOARD_DIALSIM_MIXER_H

#include "error.h"
#include "macros.h"
#include "record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mixer_setup {
    uint64_t seed;
    uint32_t duplicate_ppm; /* of records: sent a second time, at once or within the window */
    uint32_t
        reorder_ppm; /* of records: held back, until up to `reorder_window` others have passed */
    uint32_t reorder_window;
    uint32_t poison_ppm;    /* of records: followed by a poisoned one */
    unsigned poison_kinds;  /* bits (1 << enum poison) to choose from, in turn */
    size_t max_event_bytes; /* what ingest takes */
};

/* Takes a record. False stops the mixer, which returns false from what it was called with. */
typedef bool mixer_emit_fn(const struct record *record, void *arg);

struct mixer;

struct mixer *mixer_new(const struct mixer_setup *setup, mixer_emit_fn *emit, void *arg);
/* Forgets what it still holds back. Accepts NULL; sets NULL. */
void mixer_free(struct mixer **mixer);
/* Emits the record and what its coming lets go, or holds it back. */
NODISCARD bool mixer_put(struct mixer *mixer, const struct record *record);
/* Emits all that is held back, in the order in which it would have been let go. */
NODISCARD bool mixer_flush(struct mixer *mixer);

#endif
