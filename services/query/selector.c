#include "selector.h"

#include "alloc.h"
#include "bell.h"
#include "clock.h"
#include "schema_version.h"
#include "selection.h"
#include "selection_round.h"
#include "service.h"
#include "store.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_COUNT 4
#define MAKING_MAX 2
#define MAX_TO_BE_MADE 64
/* A selection that was asked for in the last minutes is brought up to date every few seconds, so
 * that who comes back after a while need not wait for all that has changed. That takes one of
 * REFRESH_SHARE parts of one connection's time at most, however many selections there are. */
#define REFRESH_EVERY_US (INT64_C(5) * 1000000)
#define REFRESH_ASKED_WITHIN_US (INT64_C(300) * 1000000)
#define REFRESH_SHARE 10
#define REFRESH_TICK_US (INT64_C(1) * 1000000)
/* How long past the server's own statement_timeout a connection may keep silent. */
#define SILENCE_MS 2000

struct selector_metrics {
    struct gauge *selections;
    struct gauge *bytes;
    struct counter *made;
    struct counter *patched;
    struct counter *refreshed;
    struct histogram *making_seconds;
};

struct selector {
    struct event_base *base;
    struct exchange *exchange;
    struct selection_set set;
    struct selection_list ready;      /* have questions, and wait for a round */
    struct selection_list to_be_made; /* the same, and must wait until one may be made */
    size_t to_be_made_count;
    size_t leaves; /* given to rounds that make, or might */
    struct round_host host;
    struct selection_round *rounds[ROUND_COUNT];
    struct event *refresh_due;
    struct selection *refreshed; /* at the moment, or NULL */
    int64_t refreshed_since_us;
    struct selector_metrics metrics;
    char *conninfo;
    char *session_options;
    pthread_t thread;
    bool has_thread;
    struct bell stop;
};

/* --- queues ----------------------------------------------------------------------------- */

static void enqueue(struct selection_list *queue, struct selection *selection)
{
    TAILQ_INSERT_TAIL(queue, selection, in_queue);
    selection->queue = queue;
}

static void dequeue(struct selector *selector, struct selection *selection)
{
    if (selection->queue) {
        selector->to_be_made_count -= selection->queue == &selector->to_be_made;
        TAILQ_REMOVE(selection->queue, selection, in_queue);
        selection->queue = NULL;
    }
}

static void fail_waiting(struct selection *selection, const struct error *err)
{
    struct selection_wait *wait;
    while ((wait = TAILQ_FIRST(&selection->waiting))) {
        TAILQ_REMOVE(&selection->waiting, wait, in_selection);
        exchange_fail(wait, err);
    }
}

static void fail_queue(struct selector *selector, struct selection_list *queue,
                       const struct error *err)
{
    struct selection *selection;
    while ((selection = TAILQ_FIRST(queue))) {
        dequeue(selector, selection);
        fail_waiting(selection, err);
        selection_set_tidy(&selector->set, selection);
    }
}

static struct selection_round *find_free(const struct selector *selector)
{
    for (size_t i = 0; i < ROUND_COUNT; i++) {
        if (selection_round_is_free(selector->rounds[i])) {
            return selector->rounds[i];
        }
    }
    return NULL;
}

static size_t count_free(const struct selector *selector)
{
    size_t count = 0;
    for (size_t i = 0; i < ROUND_COUNT; i++) {
        count += selection_round_is_free(selector->rounds[i]);
    }
    return count;
}

static bool take_leave(void *arg)
{
    struct selector *selector = arg;
    if (selector->leaves >= MAKING_MAX) {
        return false;
    }
    selector->leaves++;
    return true;
}

static void return_leave(void *arg)
{
    struct selector *selector = arg;
    selector->leaves--;
}

/* False when nothing waits that may begin. */
static bool begin_next(struct selector *selector, struct selection_round *round)
{
    struct selection *selection = TAILQ_FIRST(&selector->to_be_made);
    bool has_leave = selection && take_leave(selector);
    if (!has_leave) {
        selection = TAILQ_FIRST(&selector->ready);
    }
    if (!selection) {
        return false;
    }
    dequeue(selector, selection);
    selection_round_begin(round, selection, has_leave);
    return true;
}

static void run_rounds(struct selector *selector)
{
    struct selection_round *round;
    while ((round = find_free(selector)) && begin_next(selector, round)) {
    }
}

/* --- questions -------------------------------------------------------------------------- */

/* A long sort key is not in the cursor but its digest. */
static bool can_answer(const struct selection *selection, const struct selection_wait *wait)
{
    const struct page_mark *mark = wait->question.selection.mark;
    return clock_monotonic_us() >= selection->not_kept_until_us && !(mark && mark->is_digest);
}

static void take_question(struct selector *selector, struct selection_wait *wait)
{
    struct selection *selection = selection_set_find(&selector->set, &wait->question);
    if (!can_answer(selection, wait)) {
        exchange_answer(wait, PAGE_NOT_KEPT, NULL);
        selection_set_tidy(&selector->set, selection);
        return;
    }
    selection->not_kept_until_us = 0;
    selection->asked_us = clock_monotonic_us();
    wait->selection = selection;
    TAILQ_INSERT_TAIL(&selection->waiting, wait, in_selection);
    if (!selection->round && !selection->queue) {
        enqueue(&selector->ready, selection);
    }
}

static void forget(struct selector *selector, struct selection_wait *wait)
{
    struct selection *selection = wait->selection;
    if (wait->slot) {
        selection_round_forget(wait);
    } else {
        TAILQ_REMOVE(&selection->waiting, wait, in_selection);
    }
    exchange_drop(wait);
    if (selection->round) {
        selection_round_end_unwanted(selection->round);
    } else if (TAILQ_EMPTY(&selection->waiting)) {
        dequeue(selector, selection);
        selection_set_tidy(&selector->set, selection);
    }
}

static void show(const struct selector *selector)
{
    gauge_set(selector->metrics.selections, (double)selector->set.count);
    gauge_set(selector->metrics.bytes, (double)selector->set.bytes);
}

static void on_asked(void *arg)
{
    struct selector *selector = arg;
    struct selection_wait *wait;
    while ((wait = exchange_take_forgotten(selector->exchange))) {
        forget(selector, wait);
    }
    while ((wait = exchange_take_asked(selector->exchange))) {
        take_question(selector, wait);
    }
    run_rounds(selector);
    show(selector);
}

/* --- refreshing ------------------------------------------------------------------------- */

static void refresh_after(struct selector *selector, int64_t delay_us)
{
    const struct timeval delay = {delay_us / 1000000, delay_us % 1000000};
    event_add(selector->refresh_due, &delay);
}

static bool is_stale(const struct selection *selection, int64_t now_us)
{
    return selection->ranking && !selection->round && !selection->queue &&
           now_us - selection->round_us >= REFRESH_EVERY_US;
}

/* The one that was asked for last: where there is not time for all, the others must wait for those
 * who ask. */
static struct selection *find_stale(const struct selector *selector)
{
    int64_t now_us = clock_monotonic_us();
    struct selection *selection;
    TAILQ_FOREACH(selection, &selector->set.by_use, by_use)
    {
        if (now_us - selection->asked_us > REFRESH_ASKED_WITHIN_US) {
            break; /* those behind were asked for still earlier */
        }
        if (is_stale(selection, now_us)) {
            return selection;
        }
    }
    return NULL;
}

/* Only where another connection is left for whoever asks meanwhile. */
static void on_refresh_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct selector *selector = arg;
    struct selection *stale = count_free(selector) > 1 ? find_stale(selector) : NULL;
    if (!stale) {
        refresh_after(selector, REFRESH_TICK_US);
        return;
    }
    selector->refreshed = stale;
    selector->refreshed_since_us = clock_monotonic_us();
    selection_round_refresh(find_free(selector), stale);
}

static void end_refreshing(struct selector *selector)
{
    int64_t taken_us = clock_monotonic_us() - selector->refreshed_since_us;
    selector->refreshed = NULL;
    counter_add(selector->metrics.refreshed, 1);
    refresh_after(selector, (REFRESH_SHARE - 1) * taken_us);
}

/* --- rounds ----------------------------------------------------------------------------- */

static void on_made(double seconds, void *arg)
{
    struct selector *selector = arg;
    counter_add(selector->metrics.made, 1);
    histogram_observe(selector->metrics.making_seconds, seconds);
}

static void on_patched(size_t calls, void *arg)
{
    struct selector *selector = arg;
    counter_add(selector->metrics.patched, calls);
}

static void enqueue_to_be_made(struct selector *selector, struct selection *selection)
{
    if (selector->to_be_made_count >= MAX_TO_BE_MADE) {
        struct error err;
        error_set(&err, ERR_BUSY, "too many requests wait for the database");
        fail_waiting(selection, &err);
        selection_set_tidy(&selector->set, selection);
        return;
    }
    enqueue(&selector->to_be_made, selection);
    selector->to_be_made_count++;
}

static void on_idle(struct selection *selection, bool needs_leave, void *arg)
{
    struct selector *selector = arg;
    selection->round_us = clock_monotonic_us();
    if (selection == selector->refreshed) {
        end_refreshing(selector);
    }
    if (TAILQ_EMPTY(&selection->waiting)) {
        selection_set_tidy(&selector->set, selection);
    } else if (needs_leave) {
        enqueue_to_be_made(selector, selection);
    } else {
        enqueue(&selector->ready, selection);
    }
    run_rounds(selector);
    show(selector);
}

static void on_ready(void *arg)
{
    run_rounds(arg);
}

static bool is_connected(const struct selector *selector)
{
    for (size_t i = 0; i < ROUND_COUNT; i++) {
        if (selection_round_is_connected(selector->rounds[i])) {
            return true;
        }
    }
    return false;
}

/* A server that came back may have lost transactions, and number others as it did those. */
static void on_lost(const struct error *err, void *arg)
{
    struct selector *selector = arg;
    selector->host.epoch++;
    selection_set_forget_all(&selector->set);
    if (!is_connected(selector)) {
        fail_queue(selector, &selector->ready, err);
        fail_queue(selector, &selector->to_be_made, err);
    }
    show(selector);
}

/* --- life ------------------------------------------------------------------------------- */

static void init_metrics(struct selector *selector, struct metrics *metrics)
{
    selector->metrics = (struct selector_metrics){
        .selections = metrics_gauge(metrics, "callboard_selections", "",
                                    "Filters, searches and sorts of batches that are known."),
        .bytes = metrics_gauge(metrics, "callboard_selection_bytes", "",
                               "Memory of the calls' order that is kept for them."),
        .made = metrics_counter(metrics, "callboard_selections_made_total", "",
                                "Selections whose calls were found and put in order."),
        .patched = metrics_counter(metrics, "callboard_selection_patched_calls_total", "",
                                   "Calls that changed and were asked for anew."),
        .refreshed = metrics_counter(metrics, "callboard_selections_refreshed_total", "",
                                     "Times a selection was brought up to date unasked."),
        .making_seconds = metrics_histogram(metrics, "callboard_selection_making_seconds", "",
                                            "From the first row asked for to the order.",
                                            metrics_duration_bounds, metrics_duration_bounds_count),
    };
}

static void init_host(struct selector *selector, const struct selector_config *config)
{
    selector->host = (struct round_host){
        .base = selector->base,
        .db =
            {
                .conninfo = selector->conninfo,
                .application_name = "callboard-query",
                .session_options = selector->session_options,
                .statements = store_statements,
                .statement_count = STORE_STATEMENT_COUNT,
                .setup_check_sql = schema_check_sql,
                .group_timeout_ms = config->timeout_ms + SILENCE_MS,
            },
        .set = &selector->set,
        .take_leave = take_leave,
        .return_leave = return_leave,
        .on_made = on_made,
        .on_patched = on_patched,
        .on_idle = on_idle,
        .on_ready = on_ready,
        .on_lost = on_lost,
        .arg = selector,
    };
}

static void on_stop(uint64_t rings, void *arg)
{
    (void)rings;
    struct selector *selector = arg;
    event_base_loopbreak(selector->base);
}

struct selector *selector_new(const struct selector_config *config)
{
    struct selector *selector = alloc_zeroed(1, sizeof(*selector));
    selector->base = service_event_base_new();
    selector->conninfo = alloc_string(config->conninfo);
    selector->session_options = store_session_options(STORE_SESSION_SELECTIONS, config->timeout_ms);
    selector->exchange = exchange_new(selector->base, on_asked, selector);
    selection_set_init(&selector->set, config->max_bytes);
    TAILQ_INIT(&selector->ready);
    TAILQ_INIT(&selector->to_be_made);
    init_metrics(selector, config->metrics);
    init_host(selector, config);
    bell_init(&selector->stop, selector->base, on_stop, selector);
    selector->refresh_due = evtimer_new(selector->base, on_refresh_due, selector);
    refresh_after(selector, REFRESH_TICK_US);
    for (size_t i = 0; i < ROUND_COUNT; i++) {
        selector->rounds[i] = selection_round_new(&selector->host);
    }
    return selector;
}

static void *run(void *arg)
{
    struct selector *selector = arg;
    event_base_dispatch(selector->base);
    return NULL;
}

bool selector_start(struct selector *selector, struct error *err)
{
    int failed = pthread_create(&selector->thread, NULL, run, selector);
    if (failed) {
        return error_set(err, ERR_FATAL, "cannot start a thread: %s", strerror(failed));
    }
    selector->has_thread = true;
    return true;
}

struct exchange *selector_exchange(struct selector *selector)
{
    return selector->exchange;
}

static void stop_thread(struct selector *selector)
{
    if (selector->has_thread) {
        bell_ring(&selector->stop, 1);
        pthread_join(selector->thread, NULL);
    }
}

/* All that is left was forgotten, some of it without the selector's knowing. */
static void drop_questions(struct selector *selector)
{
    struct selection_wait *wait;
    while ((wait = exchange_take_forgotten(selector->exchange))) {
        forget(selector, wait);
    }
}

void selector_free(struct selector **selector)
{
    struct selector *gone = *selector;
    if (!gone) {
        return;
    }
    stop_thread(gone);
    drop_questions(gone);
    for (size_t i = 0; i < ROUND_COUNT; i++) {
        selection_round_free(&gone->rounds[i]);
    }
    selection_set_done(&gone->set);
    exchange_free(&gone->exchange);
    bell_done(&gone->stop);
    event_free(gone->refresh_due);
    event_base_free(gone->base);
    free(gone->conninfo);
    free(gone->session_options);
    free(gone);
    *selector = NULL;
}
