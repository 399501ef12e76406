/*
 * page_loader - answers questions for pages from PostgreSQL, many with one statement.
 *
 * The questions of one turn of the event loop, and those that come while a statement is under way,
 * gather; as soon as a connection is free they go out together. So a lone question is asked at
 * once, and a busy service pays for parsing, snapshot and round trip once for many pages. Each
 * connection has at most one statement under way; the second one is for what comes while the first
 * has a statement for many calls, or one that takes longer than it should, and for what would fill
 * a statement by itself. In a statement, each page is read once, and each token and batch looked up
 * once, for all who ask for the same.
 *
 * Questions that must be answered by a selection (filter, search, other orders) are handed over to
 * the selector. What it cannot keep, and all of them where there is none, goes to a lane of its
 * own, with its own connections, one statement for each, and does not hold up the others. Such a
 * statement is ended when its question is forgotten or past its deadline.
 *
 * Deadlines: every question is answered within timeout_ms of page_loader_ask(), if by an error.
 * Bounds:    at most max_waiting questions wait, and 64 for a selection; beyond, ERR_BUSY.
 * Ownership: the caller owns the page_wait (usually in the request's arena); it must live until the
 *            callback or page_loader_forget(). A page is lent to the callback and dies when it
 * returns. Threads:   everything runs on the event_base's thread. Callbacks: exactly one per
 * accepted question that is not forgotten, never before page_loader_ask() returns. Callbacks may
 * ask and forget, but not free the loader.
 */
#ifndef CALLBOARD_QUERY_PAGE_LOADER_H
#define CALLBOARD_QUERY_PAGE_LOADER_H

#include "error.h"
#include "macros.h"
#include "metrics.h"
#include "page.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct event_base;
struct exchange;
struct page_loader;
struct loader_lane;
struct loader_conn;

/* `page` is NULL when `err` is not: ERR_RETRY, ERR_UNCERTAIN when asking later may help, else
 * ERR_FATAL or ERR_REJECT. */
typedef void page_fn(const struct page *page, const struct error *err, void *arg);

struct page_wait {
    struct page_question question;
    page_fn *fn;
    void *arg;
    /* The loader's own: */
    TAILQ_ENTRY(page_wait) by_deadline; /* all questions, in the order they were asked */
    TAILQ_ENTRY(page_wait) in_lane;     /* of those that wait for a connection, or ask the same */
    struct loader_lane *lane;           /* the lane it waits in, or NULL */
    struct loader_conn *conn;           /* the connection it was asked on, or NULL */
    struct selection_wait *selecting;   /* handed over to the selector, or NULL */
    struct page_loader *loader;
    size_t slot; /* the question's number there */
    int64_t deadline_us;
};

/* Any may be NULL. */
struct page_loader_metrics {
    struct histogram *pages_per_statement;
    struct histogram *statement_seconds;
    struct gauge *waiting;
    struct gauge *connections_ready;
    struct gauge *connections_away;
};

struct page_loader_config {
    const char *conninfo; /* as db_conn_config */
    int timeout_ms;
    int gather_ms; /* the longest that a question waits for a short statement; 0: 5 */
    size_t max_waiting;
    struct exchange *exchange; /* to the selector; NULL: there is none. Outlives the loader. */
    struct page_loader_metrics metrics;
    /* Called when the loader becomes able or unable to answer (`why` is "" or the reason). May be
     * NULL. */
    void (*on_state)(bool is_ready, const char *why, void *arg);
    void *arg;
};

/* Begins to connect at once. */
struct page_loader *page_loader_new(struct event_base *base,
                                    const struct page_loader_config *config);
/* Questions still there are forgotten. Accepts NULL; sets NULL. */
void page_loader_free(struct page_loader **loader);

/* Asks `wait->question`; `question`, `fn` and `arg` are set by the caller. False: ERR_RETRY without
 * a connection, ERR_BUSY at max_waiting. */
NODISCARD bool page_loader_ask(struct page_loader *loader, struct page_wait *wait,
                               struct error *err);
/* The answer is not wanted any more; no callback. The question must have been accepted and not
 * answered. */
void page_loader_forget(struct page_loader *loader, struct page_wait *wait);

bool page_loader_is_ready(const struct page_loader *loader);

/* Changes whenever a session that answers by arrival number begins or ends. What was learnt of
 * batches and their versions in another epoch must not be put into a question: the server may have
 * forgotten transactions since. (Questions that wait meanwhile lose their known_version.) */
uint64_t page_loader_epoch(const struct page_loader *loader);

/* What cursors are signed with, read from the database with every session. SLICE_NONE as long as
 * there was none; never while the loader is ready. */
struct slice page_loader_cursor_key(const struct page_loader *loader);

#endif
