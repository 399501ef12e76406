/*
 * selection - what was asked of a batch (filter, search, sort), with the order that answers it,
 * remembered: and the set of all that are remembered.
 *
 * A selection's ranking is right for one version of the batch; whoever uses it has asked the
 * database for the version, and has brought it up to date (see selection_round.h).
 *
 * Bounds:    the memory of all rankings together; those used least recently and by nobody go first.
 *            A ranking for which there is no room is given up, and its selection is not kept for a
 *            while: its questions are answered by a statement each.
 * Ownership: the set owns its selections. One that is in use (a round, questions that wait) stays.
 * Threads:   the selector's.
 */
#ifndef CALLBOARD_QUERY_SELECTION_H
#define CALLBOARD_QUERY_SELECTION_H

#include "arena.h"
#include "macros.h"
#include "page.h"
#include "ranking.h"
#include "selection_exchange.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct selection_round;

TAILQ_HEAD(selection_list, selection);

struct selection {
    TAILQ_ENTRY(selection) by_use;
    TAILQ_ENTRY(selection) in_queue;
    struct selection_list *queue; /* where it waits for a round, or NULL */
    struct arena arena;           /* of all that `what` points to */
    struct object_id batch_id;
    struct page_selection what; /* filter, search and sort */
    struct ranking *ranking;    /* of `version`; NULL: not made yet */
    int64_t version;
    size_t bytes; /* of the ranking, as the set has counted them */
    struct selection_wait_list waiting;
    struct selection_round *round; /* that is under way, or NULL */
    int64_t not_kept_until_us;     /* there was no room for it */
    int64_t asked_us;              /* when it was last asked for ... */
    int64_t round_us;              /* ... and when its last round ended */
};

struct selection_set {
    struct selection_list by_use; /* the one used last comes first */
    size_t count;
    size_t bytes;
    size_t max_bytes;
};

void selection_set_init(struct selection_set *set, size_t max_bytes);
/* No selection is in use. */
void selection_set_done(struct selection_set *set);

/* The selection that the question asks; made where there was none. It is now the one used last. */
struct selection *selection_set_find(struct selection_set *set,
                                     const struct page_question *question);
/* Counts what `ranking` takes as the selection's, and lets go of others until there is room. False
 * when there is none: the ranking is to be given up. */
NODISCARD bool selection_set_count(struct selection_set *set, struct selection *selection,
                                   const struct ranking *ranking);
/* The selection has this ranking of this version. */
void selection_keep(struct selection *selection, struct ranking *ranking, int64_t version);
/* Its ranking is given up. */
void selection_forget(struct selection_set *set, struct selection *selection);
/* All rankings are given up. */
void selection_set_forget_all(struct selection_set *set);
/* Frees the selection if it is worth nothing: without ranking, and not in use. */
void selection_set_tidy(struct selection_set *set, struct selection *selection);

#endif
