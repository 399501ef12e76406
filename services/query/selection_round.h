/*
 * selection_round - one connection, and the transaction that answers questions for one selection on
 * it.
 *
 * A round answers up to 64 questions, all from the snapshot of one transaction (REPEATABLE READ,
 * READ ONLY) that began after they had been asked:
 *
 *   asking    who may see the batch, and which version it has
 *   comparing where that is not the ranking's: what has changed since
 *   making    no ranking yet, or too much has changed: all matching calls come, row by row ...
 *   sorting   ... and are put in order, some milliseconds at a time
 *   patching  the calls that changed are asked for anew, and are moved to where they belong now
 *   reading   the pages' calls, by their numbers
 *   ending
 *
 * So what is answered is what PostgreSQL says of each call under the question's own expressions,
 * as of one moment after the question came.
 *
 * Making is expensive: it begins by the host's leave, and ends, with its session, when
 * nobody waits for it any more.
 *
 * Ownership: a round belongs to its host, and owns its connection.
 * Threads:   everything runs on the event_base's thread, the host's callbacks, too.
 */
#ifndef CALLBOARD_QUERY_SELECTION_ROUND_H
#define CALLBOARD_QUERY_SELECTION_ROUND_H

#include "db_conn.h"
#include "error.h"
#include "macros.h"
#include "selection.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct selection_round;

/* What a round needs of the one who runs it. */
struct round_host {
    struct event_base *base;
    struct db_conn_config db;
    struct selection_set *set;
    uint64_t epoch; /* goes up with every session that is lost: what was learnt before is void */
    /* Asks for leave to make a ranking. Each leave, also one that a round began with, is returned
     * once. */
    bool (*take_leave)(void *arg);
    void (*return_leave)(void *arg);
    void (*on_made)(double seconds, void *arg);
    void (*on_patched)(size_t calls, void *arg);
    /* The round has ended. The selection may have questions that wait; `needs_leave`: for which it
     * has to be made, and there was no leave. */
    void (*on_idle)(struct selection *selection, bool needs_leave, void *arg);
    void (*on_ready)(void *arg);
    void (*on_lost)(const struct error *err, void *arg);
    void *arg;
};

/* Begins to connect at once. */
struct selection_round *selection_round_new(struct round_host *host);
/* Questions under way are dropped without an answer. Accepts NULL; sets NULL. */
void selection_round_free(struct selection_round **round);

/* Connected, and without a selection. */
bool selection_round_is_free(const struct selection_round *round);
bool selection_round_is_connected(const struct selection_round *round);
/* Takes questions that wait in the selection; there is one. `has_leave`: to make its ranking. */
void selection_round_begin(struct selection_round *round, struct selection *selection,
                           bool has_leave);
/* Brings the ranking that the selection has up to date, while nobody asks for it; a question that
 * comes meanwhile waits for the next round, and finds less to do. What cannot be patched is
 * forgotten. */
void selection_round_refresh(struct selection_round *round, struct selection *selection);
/* A question of the round is not wanted any more: it is the caller's again. */
void selection_round_forget(struct selection_wait *wait);
/* Ends the making where neither the round nor its selection has a question left. */
void selection_round_end_unwanted(struct selection_round *round);

#endif
