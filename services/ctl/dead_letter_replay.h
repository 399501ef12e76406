/*
 * dead_letter_replay - produces dead letters to their topics again.
 *
 * A letter's row is locked while it is under way, so two replays at once do not produce it twice,
 * and it is marked only after the broker has acknowledged it: a replay that is cut short leaves
 * letters open, never lost. (One that is cut between the two produces again what events being
 * idempotent absorbs.)
 */
#ifndef CALLBOARD_CTL_DEAD_LETTER_REPLAY_H
#define CALLBOARD_CTL_DEAD_LETTER_REPLAY_H

#include "dead_letter_store.h"
#include "error.h"
#include "macros.h"
#include "producer.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

struct replay_result {
    size_t replayed;
    size_t failed; /* each was reported on standard error */
};

/* Replays the open dead letters that match and were there when it began. False with `err` when the
 * database fails; what was replayed until then is in `out`. */
NODISCARD bool dead_letter_replay(PGconn *conn, struct producer *producer,
                                  const struct dead_letter_filter *filter, struct slice by,
                                  struct replay_result *out, struct error *err);

#endif
