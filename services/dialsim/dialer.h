/*
 * dialer - what happens when, in all campaigns: a simulated clock that yields one occurrence at a
 * time.
 *
 * A batch is created and its calls are uploaded; as soon as the first is there, `lines` lines dial:
 * a line takes a call, lives through its attempt, wraps up, takes the next; a call to be tried
 * again comes back after its delay. Several batches run side by side, in the order of their clocks.
 * Numbers are dialed between 9 and 20 h local time only, unless the dialer never sleeps.
 *
 * Or, with `one_by_one`, each call is lived through from its upload to its last attempt before the
 * next begins (and the clock jumps back for it).
 */
#ifndef CALLBOARD_DIALSIM_DIALER_H
#define CALLBOARD_DIALSIM_DIALER_H

#include "call_script.h"
#include "campaign.h"
#include "macros.h"

#include <stdbool.h>
#include <stdint.h>

#define DIALER_BATCHES_AT_ONCE_MAX 64

enum occurrence_kind {
    OCCURRENCE_BATCH,      /* created, or its status changed */
    OCCURRENCE_CALL,       /* uploaded */
    OCCURRENCE_STEP,       /* an attempt reached its next status */
    OCCURRENCE_TRANSCRIPT, /* an attempt's transcript is ready */
};

struct occurrence {
    enum occurrence_kind kind;
    const struct campaign *campaign; /* lent until the next dialer_next() */
    uint32_t call;                   /* all but BATCH */
    int attempt;                     /* STEP, TRANSCRIPT: from 1 */
    int step;                  /* BATCH: index of batch_status_name(); STEP: index in the script */
    struct call_script script; /* STEP, TRANSCRIPT */
    int64_t at_us;
    int64_t created_us; /* when what it is about began to be */
};

/* "scheduled", "active", "completed". */
const char *batch_status_name(int step);

struct dialer_setup {
    struct campaign_setup campaign;
    uint32_t batches; /* 0: one follows the other without end */
    uint32_t batches_at_once;
    uint32_t lines; /* of a batch */
    int attempts_max;
    bool transcripts;
    bool one_by_one;
    bool never_sleeps; /* dials at any hour */
    int64_t start_us;
};

struct dialer;

/* `setup` and what it points to must outlive the dialer. */
struct dialer *dialer_new(const struct dialer_setup *setup);
void dialer_free(struct dialer **dialer);
/* False when all batches are done. */
NODISCARD bool dialer_next(struct dialer *dialer, struct occurrence *out);

#endif
