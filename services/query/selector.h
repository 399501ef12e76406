/*
 * selector - answers questions that filter, search or sort, from selections kept in memory.
 *
 * The first question for a selection (batch, filter, search, sort field) makes it: every matching
 * call's number, in order. From then on any page of it, in either direction, and its total are a
 * look-up, whoever asks, and what has changed in the batch since is patched in before each answer:
 * what is answered is as of one moment after the question came.
 *
 * A thread of its own holds the selections and some connections, for all workers: at most two of
 * the connections make selections, the others answer. Questions for one selection that come while
 * it is busy are answered together.
 *
 * Bounds:    max_bytes of selections; what does not fit is answered PAGE_NOT_KEPT, and has to be
 *            asked by a statement of its own. At most 64 selections wait to be made; beyond,
 *            ERR_BUSY.
 * Deadlines: the asker's, who forgets a question past it; a statement ends at timeout_ms.
 * Threads:   selector_new() and selector_free() on the owner's; see selection_exchange.h for the
 *            rest.
 */
#ifndef CALLBOARD_QUERY_SELECTOR_H
#define CALLBOARD_QUERY_SELECTOR_H

#include "error.h"
#include "macros.h"
#include "metrics.h"
#include "selection_exchange.h"

#include <stddef.h>

struct selector;

struct selector_config {
    const char *conninfo; /* as db_conn_config */
    int timeout_ms;
    size_t max_bytes;
    struct metrics *metrics;
};

/* Begins to connect; nothing is answered before selector_start(). */
struct selector *selector_new(const struct selector_config *config);
/* ERR_FATAL when no thread can be had. */
NODISCARD bool selector_start(struct selector *selector, struct error *err);
/* Where its questions are handed over. */
struct exchange *selector_exchange(struct selector *selector);
/* Ends the thread; all clients are gone by then. Accepts NULL; sets NULL. */
void selector_free(struct selector **selector);

#endif
