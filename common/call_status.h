/*
 * call_status - the one spelling and the rank of a call attempt's status.
 *
 * Dialers spell statuses in many ways; events and filters are brought to one form before they are
 * stored or compared: ASCII white space trimmed, ASCII letters lower-cased, '_' and ' ' written as
 * '-', then the synonyms
 *
 *     answered -> in-progress          cancelled -> canceled
 *     noanswer, unanswered -> no-answer          started -> initiated
 *
 * Every other text stays as it is.
 */
#ifndef CALLBOARD_CALL_STATUS_H
#define CALLBOARD_CALL_STATUS_H

#include "arena.h"
#include "slice.h"

/* A normalised status has 1 to this many bytes; the caller checks. */
#define CALL_STATUS_MAX_BYTES 64

/*
 * The normalised form: a part of `status` where nothing had to be written anew, else a constant or
 * a copy in `arena`. May be empty or too long.
 */
struct slice call_status_normalize(struct slice status, struct arena *arena);

/*
 * How far along a normalised status is: queued 0, initiated 1, ringing 2, in-progress 3, every
 * other CALL_STATUS_RANK_FINAL.
 */
int call_status_rank(struct slice status);
#define CALL_STATUS_RANK_FINAL 4

#endif
