#include "page_loader.h"

#include "alloc.h"
#include "clock.h"
#include "cursor.h"
#include "db_conn.h"
#include "schema_version.h"
#include "selection_exchange.h"
#include "selection_sql.h"
#include "store.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define MAX_QUESTIONS 64 /* of one statement: DESIGN measured nothing to be gained beyond */
#define MAX_CONNS 2 /* of a lane: while one statement runs, the answer of another is rendered */

/* How long past the server's own statement_timeout a connection may keep silent before it is cut.
 */
#define SILENCE_MS 2000
/* What waits, waits no longer than this for a short statement. */
#define GATHER_MS 5

TAILQ_HEAD(wait_list, page_wait);

struct loader_conn {
    struct loader_lane *lane;
    struct db_conn *db;
    bool is_ready;
    struct db_params params; /* reused by every statement, as is `sql` */
    struct selection_sql sql;
    int64_t sent_us;
    size_t asked_count; /* 0: no statement is under way */
    size_t calls;       /* that it asks for */
    bool is_confirming; /* the statement asks for versions alone */
    struct page_question asked[MAX_QUESTIONS];
    struct wait_list askers[MAX_QUESTIONS]; /* of each question; empty: all have gone */
};

struct loader_lane;

/* Sends the questions of a connection. */
typedef bool send_fn(struct loader_conn *conn, const struct page_question *const *questions,
                     struct error *err);

static send_fn send_pages, send_selection;

struct lane_def {
    enum store_session session;
    send_fn *send;
    size_t max_questions; /* of one statement */
    size_t max_calls;     /* of one statement, together; but one question always fits */
    size_t short_calls;   /* a statement for fewer of them is soon answered */
    size_t max_waiting;   /* for a connection */
    bool is_expensive;    /* a statement that nobody waits for any more is ended */
};

enum lane_kind { LANE_FAST, LANE_SELECTING, LANE_COUNT };

/* What waits behind 64 selections would hardly be answered in time. */
static const struct lane_def lane_defs[LANE_COUNT] = {
    [LANE_FAST] = {STORE_SESSION_PAGES, send_pages, MAX_QUESTIONS, 2000, 640, SIZE_MAX, false},
    [LANE_SELECTING] = {STORE_SESSION_SELECTIONS, send_selection, 1, 2000, 0, 64, true},
};

/* Questions that are asked in the same way on the same connections. */
struct loader_lane {
    struct page_loader *loader;
    const struct lane_def *def;
    char *session_options;
    struct loader_conn conns[MAX_CONNS]; /* connected when first needed */
    struct wait_list waiting;
    size_t waiting_count;
};

struct page_loader {
    struct event_base *base;
    struct page_loader_config config;
    char *conninfo;
    char cursor_key[CURSOR_KEY_BYTES];
    bool has_cursor_key;
    struct loader_lane lanes[LANE_COUNT];
    struct exchange_client *selector; /* NULL: there is none */
    struct wait_list by_deadline;
    size_t count; /* of by_deadline */
    uint64_t epoch;
    struct event *dispatch;
    struct event *patience; /* the end of gathering */
    struct event *deadline;
    struct event *key_retry;
};

static void observe(struct histogram *histogram, double value)
{
    if (histogram) {
        histogram_observe(histogram, value);
    }
}

static void add(struct gauge *gauge, double amount)
{
    if (gauge) {
        gauge_add(gauge, amount);
    }
}

static void end_if_unwanted(struct loader_conn *conn);

/* --- questions -------------------------------------------------------------------------- */

static void arm_deadline(struct page_loader *loader)
{
    const struct page_wait *first = TAILQ_FIRST(&loader->by_deadline);
    if (!first) {
        event_del(loader->deadline);
        return;
    }
    int64_t left_us = first->deadline_us - clock_monotonic_us();
    if (left_us < 0) {
        left_us = 0;
    }
    struct timeval left = {left_us / 1000000, left_us % 1000000};
    event_add(loader->deadline, &left);
}

static void leave_lane(struct loader_lane *lane, struct page_wait *wait)
{
    TAILQ_REMOVE(&lane->waiting, wait, in_lane);
    lane->waiting_count--;
    wait->lane = NULL;
}

static void leave_statement(struct page_wait *wait)
{
    TAILQ_REMOVE(&wait->conn->askers[wait->slot], wait, in_lane);
    wait->conn = NULL;
}

/* The question leaves wherever it is. */
static void take_out(struct page_loader *loader, struct page_wait *wait)
{
    TAILQ_REMOVE(&loader->by_deadline, wait, by_deadline);
    loader->count--;
    add(loader->config.metrics.waiting, -1);
    if (wait->lane) {
        leave_lane(wait->lane, wait);
    }
    if (wait->conn) {
        leave_statement(wait);
    }
    if (wait->selecting) {
        exchange_client_forget(wait->selecting);
        wait->selecting = NULL;
    }
}

static void finish(struct page_loader *loader, struct page_wait *wait, const struct page *page,
                   const struct error *err)
{
    take_out(loader, wait);
    wait->fn(page, err, wait->arg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct page_loader *loader = arg;
    int64_t now = clock_monotonic_us();
    struct error err;
    error_set(&err, ERR_RETRY, "the query took longer than %d ms", loader->config.timeout_ms);
    struct page_wait *wait;
    while ((wait = TAILQ_FIRST(&loader->by_deadline)) && wait->deadline_us <= now) {
        struct loader_conn *conn = wait->conn;
        finish(loader, wait, NULL, &err);
        end_if_unwanted(conn);
    }
    arm_deadline(loader);
}

static void enqueue(struct loader_lane *lane, struct page_wait *wait)
{
    TAILQ_INSERT_TAIL(&lane->waiting, wait, in_lane);
    lane->waiting_count++;
    wait->lane = lane;
    event_active(lane->loader->dispatch, EV_TIMEOUT, 0);
}

static void fail_waiting(struct loader_lane *lane, const struct error *err)
{
    struct page_wait *wait;
    while ((wait = TAILQ_FIRST(&lane->waiting))) {
        finish(lane->loader, wait, NULL, err);
    }
}

/* --- statements --------------------------------------------------------------------------- */

static void dispatch_lane(struct loader_lane *lane);

/* Whether it is answered by the version of its batch: most likely the asker's answer still holds.
 */
static bool asks_for_version(const struct page_question *question)
{
    return question->is_steady && question->known_version > 0 && !question->must_select;
}

static bool is_same_reader(const struct page_question *a, const struct page_question *b)
{
    return memcmp(a->token_hash, b->token_hash, sizeof(a->token_hash)) == 0 &&
           memcmp(&a->batch_id, &b->batch_id, sizeof(a->batch_id)) == 0;
}

/* Who asks the same, with the same token and knowing as much, is given the same answer: theirs is
 * one question. */
static bool is_same_question(const struct page_question *a, const struct page_question *b)
{
    return !a->must_select && !b->must_select && store_asks_same_page(a, b) &&
           a->known_version == b->known_version && is_same_reader(a, b);
}

/* The question's number in the statement; the count of them when it is new there. */
static size_t find_asked(const struct loader_conn *conn, const struct page_question *question)
{
    size_t slot = 0;
    while (slot < conn->asked_count &&
           !(conn->is_confirming ? is_same_reader(&conn->asked[slot], question)
                                 : is_same_question(&conn->asked[slot], question))) {
        slot++;
    }
    return slot;
}

static bool asks_for_page(const struct loader_conn *conn, const struct page_question *question)
{
    for (size_t i = 0; i < conn->asked_count; i++) {
        if (store_asks_same_page(&conn->asked[i], question)) {
            return true;
        }
    }
    return false;
}

/* How many calls the question adds to those that the statement asks for. */
static size_t calls_added(const struct loader_conn *conn, const struct page_question *question)
{
    return conn->is_confirming || asks_for_page(conn, question) ? 0 : (size_t)question->take;
}

/* Whether the statement takes one more question. */
static bool takes_new(const struct loader_conn *conn, const struct page_question *question)
{
    const struct lane_def *def = conn->lane->def;
    return conn->asked_count == 0 || (conn->asked_count < def->max_questions &&
                                      conn->calls + calls_added(conn, question) <= def->max_calls);
}

static void join_statement(struct loader_conn *conn, struct page_wait *wait, size_t slot)
{
    if (slot == conn->asked_count) {
        conn->calls += calls_added(conn, &wait->question);
        conn->asked[slot] = wait->question;
        TAILQ_INIT(&conn->askers[slot]);
        conn->asked_count++;
    }
    wait->conn = conn;
    wait->slot = slot;
    TAILQ_INSERT_TAIL(&conn->askers[slot], wait, in_lane);
}

/* A statement asks for versions or for pages, as its first question does. */
static bool fits_statement(struct loader_conn *conn, const struct page_question *question)
{
    bool for_version = asks_for_version(question);
    if (conn->asked_count == 0) {
        conn->is_confirming = for_version;
    }
    return conn->is_confirming == for_version;
}

/* Moves questions from the lane to the connection, as many as one statement may hold. */
static void take_questions(struct loader_conn *conn)
{
    struct loader_lane *lane = conn->lane;
    conn->calls = 0;
    struct page_wait *next;
    for (struct page_wait *wait = TAILQ_FIRST(&lane->waiting); wait; wait = next) {
        next = TAILQ_NEXT(wait, in_lane);
        if (!fits_statement(conn, &wait->question)) {
            continue;
        }
        size_t slot = find_asked(conn, &wait->question);
        if (slot == conn->asked_count && !takes_new(conn, &wait->question)) {
            return;
        }
        leave_lane(lane, wait);
        join_statement(conn, wait, slot);
    }
}

/* Answers all questions of the connection's statement with `err`. */
static void fail_asked(struct loader_conn *conn, const struct error *err)
{
    for (size_t i = 0; i < conn->asked_count; i++) {
        struct page_wait *wait;
        while ((wait = TAILQ_FIRST(&conn->askers[i]))) {
            finish(conn->lane->loader, wait, NULL, err);
        }
    }
}

static bool is_full(const struct loader_lane *lane, struct error *err)
{
    return lane->waiting_count >= lane->def->max_waiting &&
           !error_set(err, ERR_BUSY, "too many requests wait for the database");
}

static void enqueue_or_refuse(struct loader_lane *lane, struct page_wait *wait)
{
    struct error err;
    if (is_full(lane, &err)) {
        finish(lane->loader, wait, NULL, &err);
        return;
    }
    enqueue(lane, wait);
}

static void on_selected(const struct page *page, const struct error *err, void *arg)
{
    struct page_wait *wait = arg;
    struct page_loader *loader = wait->loader;
    wait->selecting = NULL;
    if (page && page->outcome == PAGE_NOT_KEPT) {
        enqueue_or_refuse(&loader->lanes[LANE_SELECTING], wait);
        return;
    }
    finish(loader, wait, page, err);
}

static void select_page(struct page_loader *loader, struct page_wait *wait)
{
    if (loader->selector) {
        wait->selecting = exchange_client_ask(loader->selector, &wait->question, on_selected, wait);
        return;
    }
    enqueue_or_refuse(&loader->lanes[LANE_SELECTING], wait);
}

/* Whoever may not see the batch, or knows another version, is told by the question as it was put.
 */
static void deliver_version(struct page_loader *loader, struct page_wait *wait, int64_t version)
{
    static const struct page unchanged = {.outcome = PAGE_UNCHANGED};
    if (version == wait->question.known_version) {
        finish(loader, wait, &unchanged, NULL);
        return;
    }
    leave_statement(wait);
    wait->question.is_steady = false;
    enqueue(&loader->lanes[LANE_FAST], wait);
}

static void deliver(struct page_loader *loader, struct page_wait *wait, const struct page *page)
{
    if (page->outcome == PAGE_NEEDS_SORT) {
        leave_statement(wait);
        select_page(loader, wait);
        return;
    }
    finish(loader, wait, page, NULL);
}

static void list_questions(const struct loader_conn *conn,
                           const struct page_question *questions[MAX_QUESTIONS])
{
    for (size_t i = 0; i < conn->asked_count; i++) {
        questions[i] = &conn->asked[i];
    }
}

static void deliver_versions(struct loader_conn *conn, const PGresult *result)
{
    int64_t versions[MAX_QUESTIONS];
    store_read_versions(result, versions, conn->asked_count);
    for (size_t i = 0; i < conn->asked_count; i++) {
        struct page_wait *wait;
        while ((wait = TAILQ_FIRST(&conn->askers[i]))) {
            deliver_version(conn->lane->loader, wait, versions[i]);
        }
    }
}

static void deliver_pages(struct loader_conn *conn, const PGresult *result)
{
    struct page pages[MAX_QUESTIONS];
    struct error err;
    const struct page_question *questions[MAX_QUESTIONS];
    list_questions(conn, questions);
    if (!store_read_pages(result, questions, pages, conn->asked_count, &err)) {
        fail_asked(conn, &err);
        return;
    }
    /* A callback may forget questions that come later in the list. */
    for (size_t i = 0; i < conn->asked_count; i++) {
        struct page_wait *wait;
        while ((wait = TAILQ_FIRST(&conn->askers[i]))) {
            deliver(conn->lane->loader, wait, &pages[i]);
        }
    }
}

static void on_result(const PGresult *result, const struct error *err, void *arg)
{
    struct loader_conn *conn = arg;
    struct page_loader *loader = conn->lane->loader;
    if (!conn->db) { /* given up */
        conn->asked_count = 0;
        return;
    }
    observe(loader->config.metrics.statement_seconds,
            (double)(clock_monotonic_us() - conn->sent_us) / 1e6);
    if (err) {
        fail_asked(conn, err);
    } else if (conn->is_confirming) {
        deliver_versions(conn, result);
    } else {
        deliver_pages(conn, result);
    }
    conn->asked_count = 0;
    dispatch_lane(conn->lane);
}

static bool send_pages(struct loader_conn *conn, const struct page_question *const *questions,
                       struct error *err)
{
    if (conn->is_confirming) {
        store_bind_versions(&conn->params, questions, conn->asked_count);
        return db_conn_execute(conn->db, STORE_VERSIONS, &conn->params, on_result, conn, err);
    }
    store_bind_questions(&conn->params, questions, conn->asked_count);
    return db_conn_execute(conn->db, STORE_PAGES, &conn->params, on_result, conn, err);
}

static bool send_selection(struct loader_conn *conn, const struct page_question *const *questions,
                           struct error *err)
{
    return selection_sql_write_page(&conn->sql, questions[0], err) &&
           db_conn_execute_sql(conn->db, buf_text(&conn->sql.text), &conn->sql.params, on_result,
                               conn, err);
}

static void send_questions(struct loader_conn *conn)
{
    const struct page_question *questions[MAX_QUESTIONS];
    list_questions(conn, questions);
    struct loader_lane *lane = conn->lane;
    conn->sent_us = clock_monotonic_us();
    struct error err;
    if (!lane->def->send(conn, questions, &err)) {
        fail_asked(conn, &err);
        conn->asked_count = 0;
        return;
    }
    db_conn_sync(conn->db);
    observe(lane->loader->config.metrics.pages_per_statement, (double)conn->asked_count);
}

static void connect_lane(struct loader_lane *lane);

/* Whether a statement is under way that is soon answered, as far as one can tell. */
static bool has_short_statement(const struct loader_lane *lane)
{
    int64_t since_us = clock_monotonic_us() - lane->loader->config.gather_ms * INT64_C(1000);
    for (size_t i = 0; i < MAX_CONNS; i++) {
        const struct loader_conn *conn = &lane->conns[i];
        if (conn->asked_count > 0 && conn->calls < lane->def->short_calls &&
            conn->sent_us > since_us) {
            return true;
        }
    }
    return false;
}

/* Beginning a statement costs PostgreSQL as much as two pages do. So what waits goes out together
 * with what comes until a short statement is answered, unless it makes a full one by itself. */
static bool gathers(const struct loader_lane *lane)
{
    const int wait_ms = lane->loader->config.gather_ms;
    const struct timeval patience = {wait_ms / 1000, wait_ms % 1000 * 1000L};
    struct event *end = lane->loader->patience;
    if (lane->waiting_count >= lane->def->max_questions || !has_short_statement(lane)) {
        return false;
    }
    if (!event_pending(end, EV_TIMEOUT, NULL)) {
        event_add(end, &patience);
    }
    return true;
}

static void dispatch_lane(struct loader_lane *lane)
{
    if (TAILQ_EMPTY(&lane->waiting)) {
        return;
    }
    connect_lane(lane);
    for (size_t i = 0; i < MAX_CONNS; i++) {
        struct loader_conn *conn = &lane->conns[i];
        if (conn->asked_count > 0 || !conn->is_ready || !db_conn_is_ready(conn->db)) {
            continue;
        }
        if (gathers(lane)) {
            return;
        }
        take_questions(conn);
        if (conn->asked_count > 0) {
            send_questions(conn);
        }
    }
}

static void on_dispatch(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct page_loader *loader = arg;
    for (size_t i = 0; i < LANE_COUNT; i++) {
        dispatch_lane(&loader->lanes[i]);
    }
}

/* --- connections -------------------------------------------------------------------------- */

static bool lane_is_ready(const struct loader_lane *lane)
{
    for (size_t i = 0; i < MAX_CONNS; i++) {
        if (lane->conns[i].is_ready) {
            return true;
        }
    }
    return false;
}

/* The fast lane speaks for all: the selecting one connects when it is needed. */
static void report_state(const struct loader_lane *lane, const char *why)
{
    const struct page_loader *loader = lane->loader;
    if (lane == &loader->lanes[LANE_FAST] && loader->config.on_state) {
        loader->config.on_state(lane_is_ready(lane), why, loader->config.arg);
    }
}

static void set_ready(struct loader_conn *conn, bool is_ready)
{
    const struct page_loader_metrics *metrics = &conn->lane->loader->config.metrics;
    if (conn->is_ready == is_ready) {
        return;
    }
    conn->is_ready = is_ready;
    add(metrics->connections_ready, is_ready ? 1 : -1);
    add(metrics->connections_away, is_ready ? -1 : 1);
}

/* A server that came back may have lost transactions, and number others as it did those. Versions
 * are learnt on the fast lane, and asked for there alone. */
static void begin_epoch(const struct loader_conn *conn)
{
    struct page_loader *loader = conn->lane->loader;
    if (conn->lane != &loader->lanes[LANE_FAST]) {
        return;
    }
    loader->epoch++;
    struct page_wait *wait;
    TAILQ_FOREACH(wait, &conn->lane->waiting, in_lane)
    {
        wait->question.known_version = 0;
    }
}

static void serve(struct loader_conn *conn)
{
    begin_epoch(conn);
    set_ready(conn, true);
    report_state(conn->lane, "");
    dispatch_lane(conn->lane);
}

static void on_cursor_key(const PGresult *result, const struct error *err, void *arg)
{
    struct loader_conn *conn = arg;
    struct page_loader *loader = conn->lane->loader;
    struct slice key = err ? SLICE_NONE : store_read_cursor_key(result);
    if (!slice_is_set(key)) {
        static const struct timeval pause = {1, 0};
        report_state(conn->lane, err ? err->text : "callboard.cursor_key holds no key");
        event_add(loader->key_retry, &pause);
        return;
    }
    memcpy(loader->cursor_key, key.data, sizeof(loader->cursor_key));
    loader->has_cursor_key = true;
    serve(conn);
}

static void ask_cursor_key(struct loader_conn *conn)
{
    struct error err;
    if (!db_conn_execute(conn->db, STORE_CURSOR_KEY, NULL, on_cursor_key, conn, &err)) {
        report_state(conn->lane, err.text);
        return;
    }
    db_conn_sync(conn->db);
}

static void on_key_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct page_loader *loader = arg;
    for (size_t i = 0; i < MAX_CONNS; i++) {
        struct loader_conn *conn = &loader->lanes[LANE_FAST].conns[i];
        if (!conn->is_ready && db_conn_is_ready(conn->db) && db_conn_is_idle(conn->db)) {
            ask_cursor_key(conn);
        }
    }
}

/* Every new session reads the key again: it may have been replaced. */
static void on_ready(struct db_conn *db, void *arg)
{
    (void)db;
    struct loader_conn *conn = arg;
    if (conn->lane->def->is_expensive) {
        serve(conn);
        return;
    }
    ask_cursor_key(conn);
}

static void on_lost(struct db_conn *db, const struct error *err, void *arg)
{
    (void)db;
    struct loader_conn *conn = arg;
    set_ready(conn, false);
    begin_epoch(conn);
    if (!lane_is_ready(conn->lane)) {
        report_state(conn->lane, err->text);
        fail_waiting(conn->lane, err);
    }
}

static void connect_lane(struct loader_lane *lane)
{
    static const struct db_conn_observer observer = {on_ready, on_lost};
    const struct page_loader *loader = lane->loader;
    struct db_conn_config config = {
        .conninfo = loader->conninfo,
        .application_name = "callboard-query",
        .session_options = lane->session_options,
        .statements = store_statements,
        .statement_count = STORE_STATEMENT_COUNT,
        .setup_check_sql = schema_check_sql,
        .group_timeout_ms = loader->config.timeout_ms + SILENCE_MS,
    };
    for (size_t i = 0; i < MAX_CONNS; i++) {
        struct loader_conn *conn = &lane->conns[i];
        if (!conn->db) {
            add(loader->config.metrics.connections_away, 1);
            conn->db = db_conn_new(loader->base, &config, &observer, conn);
        }
    }
}

/* --- life ----------------------------------------------------------------------------------- */

/*
 * An expensive statement whose question has gone is given up with its session: the server notices
 * within client_connection_check_interval (see store_session_options()) and ends it. A cancel
 * request would have to wait for a connection of its own, and could hit the statement after.
 */
static void end_if_unwanted(struct loader_conn *conn)
{
    if (!conn || !conn->lane->def->is_expensive || conn->asked_count != 1 ||
        !TAILQ_EMPTY(&conn->askers[0])) {
        return;
    }
    struct db_conn *unwanted = conn->db;
    conn->db = NULL;
    set_ready(conn, false);
    add(conn->lane->loader->config.metrics.connections_away, -1);
    db_conn_free(&unwanted);
    event_active(conn->lane->loader->dispatch, EV_TIMEOUT, 0);
}

static void init_lane(struct page_loader *loader, struct loader_lane *lane,
                      const struct lane_def *def)
{
    lane->loader = loader;
    lane->def = def;
    lane->session_options = store_session_options(def->session, loader->config.timeout_ms);
    TAILQ_INIT(&lane->waiting);
    for (size_t i = 0; i < MAX_CONNS; i++) {
        lane->conns[i].lane = lane;
        db_params_init(&lane->conns[i].params);
        selection_sql_init(&lane->conns[i].sql);
    }
}

static void done_lane(struct loader_lane *lane)
{
    for (size_t i = 0; i < MAX_CONNS; i++) {
        db_conn_free(&lane->conns[i].db);
        db_params_done(&lane->conns[i].params);
        selection_sql_done(&lane->conns[i].sql);
    }
    free(lane->session_options);
}

struct page_loader *page_loader_new(struct event_base *base,
                                    const struct page_loader_config *config)
{
    struct page_loader *loader = alloc_zeroed(1, sizeof(*loader));
    loader->base = base;
    loader->config = *config;
    loader->config.gather_ms = config->gather_ms > 0 ? config->gather_ms : GATHER_MS;
    loader->conninfo = alloc_string(config->conninfo);
    loader->dispatch = evtimer_new(base, on_dispatch, loader);
    loader->patience = evtimer_new(base, on_dispatch, loader);
    loader->deadline = evtimer_new(base, on_deadline, loader);
    loader->key_retry = evtimer_new(base, on_key_retry, loader);
    TAILQ_INIT(&loader->by_deadline);
    for (size_t i = 0; i < LANE_COUNT; i++) {
        init_lane(loader, &loader->lanes[i], &lane_defs[i]);
    }
    if (config->exchange) {
        loader->selector = exchange_client_new(config->exchange, base);
    }
    connect_lane(&loader->lanes[LANE_FAST]);
    return loader;
}

static void forget_all(struct page_loader *loader)
{
    struct page_wait *wait;
    while ((wait = TAILQ_FIRST(&loader->by_deadline))) {
        take_out(loader, wait);
    }
}

void page_loader_free(struct page_loader **loader)
{
    struct page_loader *gone = *loader;
    if (!gone) {
        return;
    }
    forget_all(gone);
    for (size_t i = 0; i < LANE_COUNT; i++) {
        done_lane(&gone->lanes[i]);
    }
    exchange_client_free(&gone->selector);
    event_free(gone->dispatch);
    event_free(gone->patience);
    event_free(gone->deadline);
    event_free(gone->key_retry);
    free(gone->conninfo);
    free(gone);
    *loader = NULL;
}

bool page_loader_is_ready(const struct page_loader *loader)
{
    return lane_is_ready(&loader->lanes[LANE_FAST]);
}

struct slice page_loader_cursor_key(const struct page_loader *loader)
{
    return loader->has_cursor_key ? (struct slice){loader->cursor_key, sizeof(loader->cursor_key)}
                                  : SLICE_NONE;
}

uint64_t page_loader_epoch(const struct page_loader *loader)
{
    return loader->epoch;
}

static bool can_ask(const struct page_loader *loader, const struct page_question *question,
                    struct error *err)
{
    if (!page_loader_is_ready(loader)) {
        return error_set(err, ERR_RETRY, "the database cannot be reached");
    }
    if (loader->count >= loader->config.max_waiting) {
        return error_set(err, ERR_BUSY, "too many requests wait for the database");
    }
    return !question->must_select || loader->selector ||
           !is_full(&loader->lanes[LANE_SELECTING], err);
}

bool page_loader_ask(struct page_loader *loader, struct page_wait *wait, struct error *err)
{
    if (!can_ask(loader, &wait->question, err)) {
        return false;
    }
    wait->loader = loader;
    wait->lane = NULL;
    wait->conn = NULL;
    wait->selecting = NULL;
    wait->deadline_us = clock_monotonic_us() + (int64_t)loader->config.timeout_ms * 1000;
    TAILQ_INSERT_TAIL(&loader->by_deadline, wait, by_deadline);
    if (loader->count++ == 0) {
        arm_deadline(loader);
    }
    add(loader->config.metrics.waiting, 1);
    if (wait->question.must_select) {
        select_page(loader, wait);
    } else {
        enqueue(&loader->lanes[LANE_FAST], wait);
    }
    return true;
}

void page_loader_forget(struct page_loader *loader, struct page_wait *wait)
{
    struct loader_conn *conn = wait->conn;
    take_out(loader, wait);
    end_if_unwanted(conn);
}
