#include "db_conn.h"

#include "alloc.h"
#include "backoff.h"
#include "clock.h"
#include "db_connect.h"
#include "db_pending.h"
#include "db_resolver.h"
#include "log.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DEFAULT_CONNECT_TIMEOUT_MS 5000
#define DEFAULT_GROUP_TIMEOUT_MS 30000
#define DEFAULT_BACKOFF_MAX_MS 1000
#define DEFAULT_MAX_PENDING 1024
#define BACKOFF_FIRST_MS 100
#define BINARY_FORMAT 1

enum conn_state {
    CONN_WAITING, /* for the next attempt */
    CONN_RESOLVING,
    CONN_CONNECTING,
    CONN_CHECKING,
    CONN_PREPARING,
    CONN_READY,
    CONN_LOST, /* the session is gone; those who wait for answers are told from the loop */
    CONN_CLOSED,
};

struct db_conn {
    struct event_base *base;
    struct db_conn_config config; /* its strings are those below */
    char *conninfo;
    char *application_name;
    char *session_options;
    char *setup_check_sql;
    struct db_conn_observer observer;
    void *observer_arg;

    enum conn_state state;
    PGconn *session;              /* from CONNECTING to READY */
    struct db_resolver *resolver; /* while RESOLVING */
    struct event *socket_event;   /* one shot while CONNECTING, then for reading until the end */
    struct event *writable;       /* one shot, while libpq holds bytes back */
    struct event *timer;
    struct event *wakeup; /* for what must not happen before the caller returns */

    struct db_pending_queue queue;
    size_t open_statements; /* executed since the last sync */
    unsigned dispatching;   /* frames of ours on the stack that use the object after a callback */

    unsigned failures;   /* since the connection was last ready */
    size_t first_target; /* of the next attempt; moved on when one took too long */
    bool outage_logged;
    struct error last_error; /* why the connection was lost */
    char farewell[256];      /* the server's FATAL message, if it sent one */
};

/* What a state does; NULL where nothing of the kind can come. */
struct conn_state_def {
    const char *name;
    unsigned next; /* the states it may change to besides CLOSED, one bit each */
    void (*enter)(struct db_conn *conn);
    void (*on_timer)(struct db_conn *conn);
    void (*on_socket)(struct db_conn *conn);
    void (*on_wakeup)(struct db_conn *conn);
    void (*on_group_end)(struct db_conn *conn);
};

static void enter_waiting(struct db_conn *conn);
static void enter_resolving(struct db_conn *conn);
static void enter_connecting(struct db_conn *conn);
static void enter_checking(struct db_conn *conn);
static void enter_preparing(struct db_conn *conn);
static void enter_ready(struct db_conn *conn);
static void end_session(struct db_conn *conn);
static void enter_lost(struct db_conn *conn);
static void begin_attempt(struct db_conn *conn);
static void attempt_timed_out(struct db_conn *conn);
static void check_group_deadline(struct db_conn *conn);
static void poll_connect(struct db_conn *conn);
static void read_session(struct db_conn *conn);
static void receive_results(struct db_conn *conn);
static void report_loss(struct db_conn *conn);
static void begin_preparing(struct db_conn *conn);
static void become_ready(struct db_conn *conn);

#define TO(state) (1U << (state))

/* An attempt has one deadline, set on entering RESOLVING and good until READY. */
static const struct conn_state_def conn_states[] = {
    [CONN_WAITING] = {.name = "waiting",
                      .next = TO(CONN_RESOLVING),
                      .enter = enter_waiting,
                      .on_timer = begin_attempt},
    [CONN_RESOLVING] = {.name = "resolving",
                        .next = TO(CONN_CONNECTING) | TO(CONN_LOST),
                        .enter = enter_resolving,
                        .on_timer = attempt_timed_out},
    [CONN_CONNECTING] = {.name = "connecting",
                         .next = TO(CONN_CHECKING) | TO(CONN_LOST),
                         .enter = enter_connecting,
                         .on_timer = attempt_timed_out,
                         .on_socket = poll_connect},
    [CONN_CHECKING] = {.name = "checking",
                       .next = TO(CONN_PREPARING) | TO(CONN_LOST),
                       .enter = enter_checking,
                       .on_timer = attempt_timed_out,
                       .on_socket = read_session,
                       .on_wakeup = receive_results,
                       .on_group_end = begin_preparing},
    [CONN_PREPARING] = {.name = "preparing",
                        .next = TO(CONN_READY) | TO(CONN_LOST),
                        .enter = enter_preparing,
                        .on_timer = attempt_timed_out,
                        .on_socket = read_session,
                        .on_wakeup = receive_results,
                        .on_group_end = become_ready},
    [CONN_READY] = {.name = "ready",
                    .next = TO(CONN_LOST),
                    .enter = enter_ready,
                    .on_timer = check_group_deadline,
                    .on_socket = read_session,
                    .on_wakeup = receive_results},
    [CONN_LOST] = {.name = "lost",
                   .next = TO(CONN_WAITING),
                   .enter = enter_lost,
                   .on_wakeup = report_loss},
    [CONN_CLOSED] = {.name = "closed", .enter = end_session},
};

static void conn_set_state(struct db_conn *conn, enum conn_state state)
{
    assert(state == CONN_CLOSED || (conn_states[conn->state].next & TO(state)));
    log_debug("database connection changes state", "conn=%s from=%s to=%s", conn->application_name,
              conn_states[conn->state].name, conn_states[state].name);
    conn->state = state;
    conn_states[state].enter(conn);
}

static void begin_preparing(struct db_conn *conn)
{
    conn_set_state(conn, CONN_PREPARING);
}

static void become_ready(struct db_conn *conn)
{
    conn_set_state(conn, CONN_READY);
}

/* The session can be talked to in pipeline mode. */
static bool has_pipeline(const struct db_conn *conn)
{
    return conn->state == CONN_CHECKING || conn->state == CONN_PREPARING ||
           conn->state == CONN_READY;
}

/* --- time -------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    return clock_monotonic_us() / 1000;
}

static void set_timer(struct db_conn *conn, int64_t ms)
{
    const struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    (void)evtimer_add(conn->timer, &delay);
}

static uint32_t random_bits(void)
{
    uint32_t bits = 0;
    (void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK); /* zero does no harm */
    return bits;
}

/* --- losing the session ------------------------------------------------------------------ */

static void free_event(struct event **event)
{
    if (*event) {
        event_free(*event);
        *event = NULL;
    }
}

static void end_session(struct db_conn *conn)
{
    db_resolver_free(&conn->resolver);
    (void)evtimer_del(conn->timer);
    (void)event_del(conn->wakeup);
    free_event(&conn->socket_event);
    free_event(&conn->writable);
    PQfinish(conn->session);
    conn->session = NULL;
    conn->open_statements = 0;
}

static void enter_lost(struct db_conn *conn)
{
    end_session(conn);
    event_active(conn->wakeup, EV_TIMEOUT, 0);
}

static void lose(struct db_conn *conn, const struct error *err)
{
    conn->last_error = *err;
    conn_set_state(conn, CONN_LOST);
}

/* The connection failed; the server's last words say more than what libpq noticed. */
static void lose_session(struct db_conn *conn)
{
    struct error err;
    db_error_from_session(conn->session, &err);
    if (conn->farewell[0]) {
        error_set(&err, ERR_RETRY, "%s", conn->farewell);
    }
    lose(conn, &err);
}

/* The server closes the connection after this error. */
static bool is_farewell(const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

static void lose_because(struct db_conn *conn, enum error_kind kind, const char *reason)
{
    struct error err;
    error_set(&err, kind, "%s", reason);
    lose(conn, &err);
}

/* What was accepted and not answered may have been done, or not. */
static void answer_all_uncertain(struct db_conn *conn)
{
    struct error err;
    error_set(&err, ERR_UNCERTAIN, "%s", conn->last_error.text);
    while (conn->queue.count > 0) {
        struct db_pending pending = db_pending_pop(&conn->queue);
        if (pending.fn) {
            pending.fn(NULL, &err, pending.arg);
        }
    }
}

static void log_outage(struct db_conn *conn)
{
    if (!conn->outage_logged) {
        conn->outage_logged = true;
        log_warn("database connection lost, trying again", "conn=%s error=%s",
                 conn->application_name, log_quote(conn->last_error.text).text);
    }
}

static void report_loss(struct db_conn *conn)
{
    log_outage(conn);
    answer_all_uncertain(conn);
    if (conn->state == CONN_LOST && conn->observer.on_lost) {
        struct error err = conn->last_error;
        conn->observer.on_lost(conn, &err, conn->observer_arg);
    }
    if (conn->state == CONN_LOST) {
        conn_set_state(conn, CONN_WAITING);
    }
}

/* --- connecting -------------------------------------------------------------------------- */

static void enter_waiting(struct db_conn *conn)
{
    set_timer(conn, backoff_ms(conn->failures, BACKOFF_FIRST_MS, conn->config.backoff_max_ms,
                               random_bits()));
    conn->failures++;
}

static void begin_attempt(struct db_conn *conn)
{
    conn_set_state(conn, CONN_RESOLVING);
}

static void attempt_timed_out(struct db_conn *conn)
{
    struct error err;
    error_set(&err, ERR_RETRY, "no connection within %d ms: still %s",
              conn->config.connect_timeout_ms, conn_states[conn->state].name);
    /* libpq would begin with the server that did not answer, every time. */
    conn->first_target++;
    lose(conn, &err);
}

/* A FATAL message that belongs to no statement comes as a notice, before the connection ends. */
static void on_notice(void *arg, const PGresult *result)
{
    struct db_conn *conn = arg;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!severity || !message) {
        return;
    }
    if (is_farewell(result)) {
        (void)snprintf(conn->farewell, sizeof(conn->farewell), "%s", message);
    }
    log_debug("notice from the database", "conn=%s severity=%s text=%s", conn->application_name,
              severity, log_quote(message).text);
}

static void on_resolved(const struct db_targets *targets, const struct error *err, void *arg)
{
    struct db_conn *conn = arg;
    if (err) {
        lose(conn, err);
        return;
    }
    const struct db_connect_options options = {
        .conninfo = conn->conninfo,
        .application_name = conn->application_name,
        .session_options = conn->session_options,
    };
    conn->farewell[0] = '\0';
    conn->session = db_connect_start(&options, targets, conn->first_target);
    db_resolver_free(&conn->resolver);
    if (!conn->session || PQstatus(conn->session) == CONNECTION_BAD) {
        lose_session(conn); /* libpq has a message for NULL too */
        return;
    }
    (void)PQsetNoticeReceiver(conn->session, on_notice, conn);
    conn_set_state(conn, CONN_CONNECTING);
}

static void enter_resolving(struct db_conn *conn)
{
    set_timer(conn, conn->config.connect_timeout_ms);
    conn->resolver =
        db_resolver_start(conn->base, conn->conninfo, db_lookup_system, on_resolved, conn);
}

static void on_socket(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

/* libpq may have closed the socket and opened another one: the event is always made anew. */
static void watch_socket(struct db_conn *conn, short what)
{
    free_event(&conn->socket_event);
    conn->socket_event = event_new(conn->base, PQsocket(conn->session), what, on_socket, conn);
    (void)event_add(conn->socket_event, NULL);
}

static void enter_connecting(struct db_conn *conn)
{
    watch_socket(conn, EV_WRITE);
}

static void enter_pipeline(struct db_conn *conn)
{
    if (PQsetnonblocking(conn->session, 1) != 0 || !PQenterPipelineMode(conn->session)) {
        lose_session(conn);
        return;
    }
    watch_socket(conn, EV_READ | EV_PERSIST);
    conn->writable = event_new(conn->base, PQsocket(conn->session), EV_WRITE, on_writable, conn);
    conn_set_state(conn, CONN_CHECKING);
}

static void poll_connect(struct db_conn *conn)
{
    free_event(&conn->socket_event);
    switch (PQconnectPoll(conn->session)) {
    case PGRES_POLLING_READING:
        watch_socket(conn, EV_READ);
        break;
    case PGRES_POLLING_WRITING:
        watch_socket(conn, EV_WRITE);
        break;
    case PGRES_POLLING_OK:
        enter_pipeline(conn);
        break;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
    default:
        lose_session(conn);
        break;
    }
}

/* --- sending ----------------------------------------------------------------------------- */

/* A failure to send is reported from the loop: the caller may be in the middle of something. */
static void flush(struct db_conn *conn)
{
    int status = PQflush(conn->session);
    if (status < 0) {
        lose_session(conn);
    } else if (status > 0) {
        (void)event_add(conn->writable, NULL);
    }
}

/* While sending libpq may have read answers, which the socket then does not announce any more. */
static void note_early_answers(struct db_conn *conn)
{
    if (conn->dispatching == 0 && !PQisBusy(conn->session)) {
        event_active(conn->wakeup, EV_TIMEOUT, 0);
    }
}

/* Has to be asked for between the last result of the statement before and the first of this one. */
static void stream_if_due(struct db_conn *conn)
{
    const struct db_pending *first = db_pending_first(&conn->queue);
    if (first && first->on_row) {
        (void)PQsetSingleRowMode(conn->session); /* if it fails, all rows come together */
    }
}

static void push_pending(struct db_conn *conn, struct db_pending pending)
{
    db_pending_push(&conn->queue, pending);
    conn->open_statements++;
    if (conn->queue.count == 1) {
        stream_if_due(conn);
    }
}

static void push_statement(struct db_conn *conn, db_result_fn *fn, void *arg)
{
    push_pending(conn, (struct db_pending){.fn = fn, .arg = arg});
}

static void end_group(struct db_conn *conn)
{
    conn->open_statements = 0;
    db_pending_push(&conn->queue,
                    (struct db_pending){.deadline_ms = now_ms() + conn->config.group_timeout_ms});
    if (!PQpipelineSync(conn->session)) {
        lose_session(conn);
        return;
    }
    flush(conn);
}

/* --- receiving --------------------------------------------------------------------------- */

static bool is_success(ExecStatusType status)
{
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

static bool is_error(ExecStatusType status)
{
    return status == PGRES_FATAL_ERROR || status == PGRES_PIPELINE_ABORTED ||
           status == PGRES_BAD_RESPONSE;
}

static bool ends_session(const struct db_conn *conn, const PGresult *result)
{
    return PQstatus(conn->session) == CONNECTION_BAD || is_farewell(result);
}

static const char unexpected_answer[] = "the server's answers do not fit the statements sent";

/*
 * libpq ends the results of each statement with NULL, which is there as soon as the result is. It
 * is taken before anybody is told, who might send: what is sent behind an error makes libpq go on
 * to the next result at once, and a NULL that was not taken by then never comes.
 */
static bool take_separator(const struct db_conn *conn)
{
    PGresult *more = PQgetResult(conn->session);
    PQclear(more);
    return !more;
}

static void answer(struct db_conn *conn, const PGresult *result, const struct error *err)
{
    if (!take_separator(conn)) {
        lose_because(conn, ERR_RETRY, unexpected_answer);
        return;
    }
    struct db_pending pending = db_pending_pop(&conn->queue);
    stream_if_due(conn);
    pending.fn(result, err, pending.arg);
}

static void give_row(struct db_conn *conn, const PGresult *row)
{
    const struct db_pending *pending = db_pending_first(&conn->queue);
    pending->on_row(row, pending->arg);
}

/*
 * An error that ends the session leaves open whether its statement took effect, so it is no answer.
 * One in the place of a group's end comes from the commit of the implicit transaction, whose
 * statements were answered already: the owner hears of it as a loss.
 */
static void receive_error(struct db_conn *conn, const PGresult *result, bool is_group_end_due)
{
    struct error err;
    db_error_from_result(result, &err);
    if (is_group_end_due || ends_session(conn, result)) {
        lose(conn, &err);
        return;
    }
    answer(conn, NULL, &err);
}

static void receive_group_end(struct db_conn *conn)
{
    (void)db_pending_pop(&conn->queue);
    stream_if_due(conn);
    if (conn_states[conn->state].on_group_end) {
        conn_states[conn->state].on_group_end(conn);
    }
}

/* Every result is the queue's head's. */
static void receive_result(struct db_conn *conn, const PGresult *result)
{
    if (!result) {
        lose_because(conn, ERR_RETRY, unexpected_answer);
        return;
    }
    ExecStatusType status = PQresultStatus(result);
    bool is_group_end_due = db_pending_is_group_end(&conn->queue);
    if (is_error(status)) {
        receive_error(conn, result, is_group_end_due);
    } else if (is_group_end_due && status == PGRES_PIPELINE_SYNC) {
        receive_group_end(conn);
    } else if (!is_group_end_due && status == PGRES_SINGLE_TUPLE) {
        give_row(conn, result);
    } else if (!is_group_end_due && is_success(status)) {
        answer(conn, result, NULL);
    } else {
        lose_because(conn, ERR_RETRY, unexpected_answer);
    }
}

/* PQisBusy() also reads what concerns no statement, such as the server's farewell. */
static void receive_results(struct db_conn *conn)
{
    while (has_pipeline(conn) && !PQisBusy(conn->session) && conn->queue.count > 0) {
        PGresult *result = PQgetResult(conn->session);
        receive_result(conn, result);
        PQclear(result);
    }
}

static void read_session(struct db_conn *conn)
{
    if (!PQconsumeInput(conn->session)) {
        lose_session(conn);
        return;
    }
    receive_results(conn);
}

/* --- checking and preparing -------------------------------------------------------------- */

/* As `err`, with what was being done before its text. */
static void lose_during(struct db_conn *conn, const char *what, const char *name,
                        const struct error *err)
{
    struct error named = *err;
    error_set(&named, err->kind, "%s%s: %s", what, name, err->text);
    memcpy(named.sqlstate, err->sqlstate, sizeof(named.sqlstate));
    lose(conn, &named);
}

static void on_checked(const PGresult *result, const struct error *err, void *arg)
{
    struct db_conn *conn = arg;
    if (conn->state != CONN_CHECKING) {
        return;
    }
    if (err) {
        lose_during(conn, "checking the database", "", err);
        return;
    }
    if (PQntuples(result) != 1 || PQnfields(result) != 1) {
        lose_because(conn, ERR_FATAL, "the check of the database gave no single value");
        return;
    }
    const char *refusal = PQgetvalue(result, 0, 0); /* "" for NULL */
    if (refusal[0] != '\0') {
        lose_because(conn, ERR_FATAL, refusal);
    }
}

static void enter_checking(struct db_conn *conn)
{
    if (!conn->config.setup_check_sql) {
        conn_set_state(conn, CONN_PREPARING);
        return;
    }
    if (!PQsendQueryParams(conn->session, conn->config.setup_check_sql, 0, NULL, NULL, NULL, NULL,
                           BINARY_FORMAT)) {
        lose_session(conn);
        return;
    }
    push_statement(conn, on_checked, conn);
    end_group(conn);
}

static void on_prepared(const PGresult *result, const struct error *err, void *arg)
{
    (void)result;
    struct db_conn *conn = arg;
    if (conn->state == CONN_PREPARING && err) {
        size_t index = conn->config.statement_count - conn->queue.statements - 1;
        lose_during(conn, "preparing statement ", conn->config.statements[index].name, err);
    }
}

static void enter_preparing(struct db_conn *conn)
{
    if (conn->config.statement_count == 0) {
        conn_set_state(conn, CONN_READY);
        return;
    }
    for (size_t i = 0; i < conn->config.statement_count; i++) {
        const struct db_statement *statement = &conn->config.statements[i];
        if (!PQsendPrepare(conn->session, statement->name, statement->sql, 0, NULL)) {
            lose_session(conn);
            return;
        }
        push_statement(conn, on_prepared, conn);
    }
    end_group(conn);
}

/* --- ready ------------------------------------------------------------------------------- */

static void log_recovery(struct db_conn *conn)
{
    if (conn->outage_logged) {
        conn->outage_logged = false;
        log_info("database connection ready again", "conn=%s", conn->application_name);
    }
}

static void enter_ready(struct db_conn *conn)
{
    (void)evtimer_del(conn->timer);
    conn->failures = 0;
    conn->first_target = 0;
    error_set(&conn->last_error, ERR_NONE, "%s", "");
    log_recovery(conn);
    if (conn->observer.on_ready) {
        conn->observer.on_ready(conn, conn->observer_arg);
    }
}

/* The timer is not moved with every group: it looks whose turn it is when it fires. */
static void check_group_deadline(struct db_conn *conn)
{
    const struct db_pending *group_end = db_pending_first_group_end(&conn->queue);
    if (!group_end) {
        return;
    }
    int64_t left_ms = group_end->deadline_ms - now_ms();
    if (left_ms > 0) {
        set_timer(conn, left_ms);
        return;
    }
    struct error err;
    error_set(&err, ERR_RETRY, "no answer within %d ms", conn->config.group_timeout_ms);
    lose(conn, &err);
}

/* --- the loop's side --------------------------------------------------------------------- */

static void destroy(struct db_conn *conn)
{
    event_free(conn->timer);
    event_free(conn->wakeup);
    db_pending_done(&conn->queue);
    free(conn->conninfo);
    free(conn->application_name);
    free(conn->session_options);
    free(conn->setup_check_sql);
    free(conn);
}

/* The object outlives the step even if a callback frees the connection. */
static void dispatch(struct db_conn *conn, void (*step)(struct db_conn *conn))
{
    assert(step);
    conn->dispatching++;
    step(conn);
    conn->dispatching--;
    if (conn->state == CONN_CLOSED && conn->dispatching == 0) {
        destroy(conn);
    }
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct db_conn *conn = arg;
    dispatch(conn, conn_states[conn->state].on_socket);
}

static void write_session(struct db_conn *conn)
{
    flush(conn);
    receive_results(conn);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    dispatch(arg, write_session);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct db_conn *conn = arg;
    dispatch(conn, conn_states[conn->state].on_timer);
}

static void on_wakeup(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct db_conn *conn = arg;
    dispatch(conn, conn_states[conn->state].on_wakeup);
}

/* --- for the owner ----------------------------------------------------------------------- */

static int default_int(int value, int default_value)
{
    return value > 0 ? value : default_value;
}

static void set_config(struct db_conn *conn, const struct db_conn_config *config)
{
    conn->conninfo = alloc_string(config->conninfo ? config->conninfo : "");
    conn->application_name = alloc_string(config->application_name ? config->application_name : "");
    conn->session_options = alloc_string(config->session_options ? config->session_options : "");
    conn->setup_check_sql = alloc_string(config->setup_check_sql);
    conn->config = (struct db_conn_config){
        .conninfo = conn->conninfo,
        .application_name = conn->application_name,
        .session_options = conn->session_options,
        .statements = config->statements,
        .statement_count = config->statement_count,
        .setup_check_sql = conn->setup_check_sql,
        .connect_timeout_ms = default_int(config->connect_timeout_ms, DEFAULT_CONNECT_TIMEOUT_MS),
        .group_timeout_ms = default_int(config->group_timeout_ms, DEFAULT_GROUP_TIMEOUT_MS),
        .backoff_max_ms = default_int(config->backoff_max_ms, DEFAULT_BACKOFF_MAX_MS),
        .max_pending = config->max_pending > 0 ? config->max_pending : DEFAULT_MAX_PENDING,
    };
}

/* Each group has a statement, and at most one group has all its answers but not yet its end. */
static size_t queue_cap(const struct db_conn_config *config)
{
    size_t statements = config->max_pending > config->statement_count ? config->max_pending
                                                                      : config->statement_count;
    return 2 * statements + 2;
}

struct db_conn *db_conn_new(struct event_base *base, const struct db_conn_config *config,
                            const struct db_conn_observer *observer, void *arg)
{
    struct db_conn *conn = alloc_zeroed(1, sizeof(*conn));
    conn->base = base;
    conn->observer = *observer;
    conn->observer_arg = arg;
    set_config(conn, config);
    db_pending_init(&conn->queue, queue_cap(&conn->config));
    conn->timer = evtimer_new(base, on_timer, conn);
    conn->wakeup = event_new(base, -1, 0, on_wakeup, conn);
    conn->state = CONN_WAITING;
    conn_set_state(conn, CONN_RESOLVING);
    return conn;
}

static void close_for_good(struct db_conn *conn)
{
    error_set(&conn->last_error, ERR_UNCERTAIN, "the connection was closed");
    conn_set_state(conn, CONN_CLOSED);
    answer_all_uncertain(conn);
}

void db_conn_free(struct db_conn **conn)
{
    struct db_conn *closing = *conn;
    *conn = NULL;
    if (closing && closing->state != CONN_CLOSED) {
        dispatch(closing, close_for_good);
    }
}

bool db_conn_is_ready(const struct db_conn *conn)
{
    return conn->state == CONN_READY;
}

bool db_conn_is_idle(const struct db_conn *conn)
{
    return conn->queue.statements == 0;
}

const char *db_conn_state_name(const struct db_conn *conn)
{
    return conn_states[conn->state].name;
}

const char *db_conn_last_error(const struct db_conn *conn)
{
    return conn->last_error.text;
}

void db_conn_reset(struct db_conn *conn, const char *reason)
{
    if (conn->state == CONN_READY) {
        lose_because(conn, ERR_RETRY, reason);
    }
}

/* A statement to be sent: a prepared one by its name, or one by its text. */
struct command {
    const char *name; /* NULL: by text */
    const char *sql;
    const struct db_params *params;
};

static bool send_command(struct db_conn *conn, const struct command *command)
{
    static const struct db_params none = {.count = 0};
    const char *values[DB_PARAMS_MAX] = {NULL};
    int formats[DB_PARAMS_MAX] = {0};
    const struct db_params *params = command->params ? command->params : &none;
    const char *bytes = buf_slice(&params->bytes).data;
    for (int i = 0; i < params->count; i++) {
        values[i] = params->length[i] < 0 ? NULL : bytes + params->offset[i];
        formats[i] = BINARY_FORMAT;
    }
    if (command->name) {
        return PQsendQueryPrepared(conn->session, command->name, params->count, values,
                                   params->length, formats, BINARY_FORMAT);
    }
    return PQsendQueryParams(conn->session, command->sql, params->count, NULL, values,
                             params->length, formats, BINARY_FORMAT);
}

static bool execute(struct db_conn *conn, const struct command *command,
                    const struct db_pending *pending, struct error *err)
{
    assert(pending->fn);
    if (conn->state != CONN_READY) {
        return error_set(err, ERR_RETRY, "no database connection: %s", db_conn_state_name(conn));
    }
    if (conn->queue.statements >= conn->config.max_pending) {
        return error_set(err, ERR_BUSY, "%zu statements wait for the database",
                         conn->queue.statements);
    }
    if (command->params && command->params->bytes.overflow) {
        return error_set(err, ERR_REJECT, "the statement's parameters are too large");
    }
    if (!send_command(conn, command)) {
        lose_session(conn);
        return error_set(err, ERR_RETRY, "%s", conn->last_error.text);
    }
    push_pending(conn, *pending);
    note_early_answers(conn);
    return true;
}

bool db_conn_stream(struct db_conn *conn, size_t statement, const struct db_params *params,
                    db_row_fn *on_row, db_result_fn *fn, void *arg, struct error *err)
{
    assert(statement < conn->config.statement_count);
    const struct command command = {.name = conn->config.statements[statement].name,
                                    .params = params};
    const struct db_pending pending = {.fn = fn, .on_row = on_row, .arg = arg};
    return execute(conn, &command, &pending, err);
}

bool db_conn_execute(struct db_conn *conn, size_t statement, const struct db_params *params,
                     db_result_fn *fn, void *arg, struct error *err)
{
    return db_conn_stream(conn, statement, params, NULL, fn, arg, err);
}

bool db_conn_execute_sql(struct db_conn *conn, const char *sql, const struct db_params *params,
                         db_result_fn *fn, void *arg, struct error *err)
{
    const struct command command = {.sql = sql, .params = params};
    const struct db_pending pending = {.fn = fn, .arg = arg};
    return execute(conn, &command, &pending, err);
}

bool db_conn_stream_sql(struct db_conn *conn, const char *sql, const struct db_params *params,
                        db_row_fn *on_row, db_result_fn *fn, void *arg, struct error *err)
{
    const struct command command = {.sql = sql, .params = params};
    const struct db_pending pending = {.fn = fn, .on_row = on_row, .arg = arg};
    return execute(conn, &command, &pending, err);
}

void db_conn_sync(struct db_conn *conn)
{
    if (conn->state != CONN_READY || conn->open_statements == 0) {
        return;
    }
    end_group(conn);
    if (conn->state != CONN_READY) {
        return;
    }
    if (!evtimer_pending(conn->timer, NULL)) {
        set_timer(conn, conn->config.group_timeout_ms);
    }
    note_early_answers(conn);
}
