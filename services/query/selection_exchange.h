/*
 * selection_exchange - the border between the workers' threads and the selector's: questions go one
 * way, answers the other, and neither side ever waits for the other.
 *
 * A question is copied when it is handed over. From then on it belongs to the selector, until it is
 * answered; the worker may forget it at any time, and then hears nothing more of it.
 *
 * Threads:   exchange_client_ functions belong to the client's loop, exchange_take_ and
 *            exchange_answer() to the selector's; what both touch is locked.
 * Bounds:    those of page_loader, which is the only one to ask.
 */
#ifndef CALLBOARD_QUERY_SELECTION_EXCHANGE_H
#define CALLBOARD_QUERY_SELECTION_EXCHANGE_H

#include "error.h"
#include "page.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <sys/queue.h>

struct event_base;
struct exchange;
struct exchange_client;
struct round_slot;
struct selection;

/* Who holds a question; changed under the exchange's lock. */
enum wait_place { WAIT_ASKED, WAIT_WITH_SELECTOR, WAIT_ANSWERED };

typedef void exchange_fn(const struct page *page, const struct error *err, void *arg);

struct selection_wait {
    struct page_question question; /* all that it points to is the wait's, but for the filter, which
                                      is not there: its text is */
    /* The selector's: */
    TAILQ_ENTRY(selection_wait) in_selection; /* of those that no round has taken */
    struct selection *selection;
    struct round_slot *slot; /* in a round, or NULL */
    /* The exchange's: */
    TAILQ_ENTRY(selection_wait) in_exchange;
    struct exchange *exchange;
    struct exchange_client *client; /* gone, perhaps, once it is forgotten */
    exchange_fn *fn;
    void *arg;
    enum wait_place place;
    bool is_forgotten;
    enum page_outcome outcome; /* the answer, with `result` for PAGE_FOUND; or `err` */
    PGresult *result;
    struct error err;
    struct page_mark mark;
    char texts[];
};

TAILQ_HEAD(selection_wait_list, selection_wait);

/* `on_asked` is called from `base`'s loop when there is something to take. */
struct exchange *exchange_new(struct event_base *base, void (*on_asked)(void *arg), void *arg);
/* All clients are gone by then. Accepts NULL; sets NULL. */
void exchange_free(struct exchange **exchange);

/* The selector's side. The next question that was asked, now the selector's; or the next that was
 * forgotten, to be given up with exchange_drop(). NULL: no more. */
struct selection_wait *exchange_take_asked(struct exchange *exchange);
struct selection_wait *exchange_take_forgotten(struct exchange *exchange);
void exchange_drop(struct selection_wait *wait);
/* Gives the question back. PAGE_FOUND comes with rows, which are copied. */
void exchange_answer(struct selection_wait *wait, enum page_outcome outcome,
                     const PGresult *result);
void exchange_fail(struct selection_wait *wait, const struct error *err);

/* The workers' side. Answers arrive in `base`'s loop. */
struct exchange_client *exchange_client_new(struct exchange *exchange, struct event_base *base);
/* All its questions are answered or forgotten by then. Accepts NULL; sets NULL. */
void exchange_client_free(struct exchange_client **client);
/* Exactly one callback, from the loop, unless it is forgotten. The page is lent to it. */
struct selection_wait *exchange_client_ask(struct exchange_client *client,
                                           const struct page_question *question, exchange_fn *fn,
                                           void *arg);
/* No callback any more; `wait` must not have been answered. */
void exchange_client_forget(struct selection_wait *wait);

#endif
