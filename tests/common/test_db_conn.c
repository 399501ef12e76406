#include "db_conn.h"

#include "buf.h"
#include "clock.h"
#include "fake_libpq.h"
#include "log.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define GUARD_S 60
#define NEVER_MS 60000

/* --- what the server says ---------------------------------------------------------------- */

static const struct fake_result done = {.status = PGRES_COMMAND_OK};
static const struct fake_result row_x = {.status = PGRES_TUPLES_OK, .rows = 1, .value = "x"};
static const struct fake_result group_end = {.status = PGRES_PIPELINE_SYNC};
static const struct fake_result not_run = {.status = PGRES_PIPELINE_ABORTED};
static const struct fake_result division_by_zero = {.status = PGRES_FATAL_ERROR,
                                                    .severity = "ERROR",
                                                    .sqlstate = "22012",
                                                    .message = "division by zero"};
static const struct fake_result no_table = {.status = PGRES_FATAL_ERROR,
                                            .severity = "ERROR",
                                            .sqlstate = "42P01",
                                            .message = "relation does not exist"};
static const struct fake_result shut_down = {.status = PGRES_FATAL_ERROR,
                                             .severity = "FATAL",
                                             .sqlstate = "57P01",
                                             .message = "terminating connection"};
static const struct fake_result copy_in = {.status = PGRES_COPY_IN};

/* --- runs of calls ----------------------------------------------------------------------- */

#define CALLS_START CALL("PQconnectStartParams")
#define CALLS_CONNECT                                                                              \
    CALLS_START, CALL("PQconnectPoll", .answer = PGRES_POLLING_READING),                           \
        CALL("PQconnectPoll", .answer = PGRES_POLLING_OK), CALL("PQsetnonblocking"),               \
        CALL("PQenterPipelineMode", .answer = 1)
#define CALLS_REFUSED                                                                              \
    CALLS_START,                                                                                   \
        CALL("PQconnectPoll", .answer = PGRES_POLLING_FAILED, .error = "refused,\n\twhy?\n"),      \
        CALLS_FINISH
#define CALLS_SYNC CALL("PQpipelineSync", .answer = 1), CALL("PQflush")
#define CALLS_EXECUTE(name) CALL("PQsendQueryPrepared", .expect = name, .answer = 1)
#define CALLS_READ CALL("PQconsumeInput", .answer = 1)
#define CALLS_NONE_READY CALL("PQisBusy", .answer = 1)
#define CALLS_RESULT(described) CALL("PQisBusy"), CALL("PQgetResult", .result = &(described))
#define CALLS_ANSWER(described) CALLS_RESULT(described), CALL("PQgetResult")
#define CALLS_GROUP_END CALLS_RESULT(group_end)
#define CALLS_LAST_GROUP_END CALLS_GROUP_END, CALL("PQisBusy")
#define CALLS_SEND_PREPARE                                                                         \
    CALL("PQsendPrepare", .expect = "first", .answer = 1),                                         \
        CALL("PQsendPrepare", .expect = "second", .answer = 1), CALLS_SYNC
#define CALLS_PREPARE                                                                              \
    CALLS_SEND_PREPARE, CALLS_READ, CALLS_ANSWER(done), CALLS_ANSWER(done), CALLS_LAST_GROUP_END
#define CALLS_BECOME_READY CALLS_CONNECT, CALLS_PREPARE
#define CALLS_FINISH CALL("PQfinish")
#define CALLS_END CALL(NULL)

/* --- the owner of a connection ----------------------------------------------------------- */

/* Writes down all that it hears, in order: "ready lost(retry:why) a=x b=none c=reject(22012:why) ".
 */
struct owner {
    struct event_base *base;
    struct event *guard;
    struct db_conn *conn;
    struct buf heard;
    void (*on_ready)(struct owner *owner);
    void (*on_lost)(struct owner *owner);
};

struct question {
    struct owner *owner;
    const char *name;
    void (*then)(struct owner *owner);
};

enum { FIRST, SECOND };

static const struct db_statement statements[] = {
    [FIRST] = {"first", "SELECT $1::int4"},
    [SECOND] = {"second", "SELECT 2"},
};

static const struct db_conn_config plain_config = {
    .conninfo = "host=127.0.0.1 port=1",
    .application_name = "test",
    .statements = statements,
    .statement_count = ARRAY_LEN(statements),
    .backoff_max_ms = 1,
    .connect_timeout_ms = NEVER_MS,
    .group_timeout_ms = NEVER_MS,
};

static void on_ready(struct db_conn *conn, void *arg)
{
    (void)conn;
    struct owner *owner = arg;
    buf_append_text(&owner->heard, "ready ");
    if (owner->on_ready) {
        owner->on_ready(owner);
    }
}

static void on_lost(struct db_conn *conn, const struct error *err, void *arg)
{
    (void)conn;
    struct owner *owner = arg;
    buf_append_format(&owner->heard, "lost(%s:%s) ", error_kind_name(err->kind), err->text);
    if (owner->on_lost) {
        owner->on_lost(owner);
    }
}

static void on_answer(const PGresult *result, const struct error *err, void *arg)
{
    const struct question *question = arg;
    struct buf *heard = &question->owner->heard;
    cr_assert((result == NULL) == (err != NULL));
    if (err) {
        buf_append_format(heard, "%s=%s(%s:%s) ", question->name, error_kind_name(err->kind),
                          err->sqlstate, err->text);
    } else {
        buf_append_format(heard, "%s=%s ", question->name,
                          PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "none");
    }
    if (question->then) {
        question->then(question->owner);
    }
}

static void on_guard(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct owner *owner = arg;
    cr_assert(false, "heard nothing more than: %s", buf_text(&owner->heard));
}

static void owner_init(struct owner *owner, const struct fake_call *script,
                       const struct db_conn_config *config)
{
    static const struct db_conn_observer observer = {on_ready, on_lost};
    static const struct timeval guard_delay = {.tv_sec = GUARD_S};
    log_configure("test_db_conn", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    fake_libpq_start(script);
    *owner = (struct owner){.base = event_base_new()};
    owner->guard = evtimer_new(owner->base, on_guard, owner);
    cr_assert_eq(evtimer_add(owner->guard, &guard_delay), 0);
    buf_init(&owner->heard, 4096);
    owner->conn = db_conn_new(owner->base, config, &observer, owner);
}

static void run_until(struct owner *owner, const char *expected)
{
    const char *heard = buf_text(&owner->heard);
    while (strcmp(heard, expected) != 0) {
        cr_assert(strncmp(heard, expected, strlen(heard)) == 0, "heard '%s', expected '%s'", heard,
                  expected);
        cr_assert_eq(event_base_loop(owner->base, EVLOOP_ONCE), 0);
        heard = buf_text(&owner->heard);
    }
}

/* Whatever the loop still has to do. */
static void settle(struct owner *owner)
{
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(event_base_loop(owner->base, EVLOOP_NONBLOCK), 0);
    }
}

/* Frees the connection; the script has to end there, and nothing more may be heard than `expected`.
 */
static void owner_done(struct owner *owner, const char *expected)
{
    settle(owner);
    db_conn_free(&owner->conn);
    settle(owner);
    cr_assert(fake_libpq_is_done(), "the script was not played to its end");
    cr_assert_str_eq(buf_text(&owner->heard), expected);
    event_free(owner->guard);
    event_base_free(owner->base);
    buf_done(&owner->heard);
}

static void execute(const struct question *question, size_t statement)
{
    union {
        const struct question *in;
        void *out;
    } arg = {.in = question};
    struct error err = {0};
    cr_assert(db_conn_execute(question->owner->conn, statement, NULL, on_answer, arg.out, &err),
              "%s: %s", question->name, err.text);
}

/* --- becoming ready ---------------------------------------------------------------------- */

Test(db_conn, connects_then_checks_then_prepares)
{
    static const struct fake_result passed = {.status = PGRES_TUPLES_OK, .rows = 1, .value = ""};
    static const struct fake_call script[] = {
        CALLS_CONNECT,        CALL("PQsendQueryParams", .expect = "SELECT check", .answer = 1),
        CALLS_SYNC,           CALLS_READ,
        CALLS_ANSWER(passed), CALLS_GROUP_END,
        CALLS_SEND_PREPARE,   CALLS_NONE_READY,
        CALLS_READ,           CALLS_ANSWER(done),
        CALLS_ANSWER(done),   CALLS_LAST_GROUP_END,
        CALLS_FINISH,         CALLS_END,
    };
    struct db_conn_config config = plain_config;
    config.setup_check_sql = "SELECT check";
    struct owner owner;
    owner_init(&owner, script, &config);
    cr_expect_not(db_conn_is_ready(owner.conn));
    cr_expect_str_eq(db_conn_state_name(owner.conn), "resolving");
    run_until(&owner, "ready ");
    cr_expect(db_conn_is_ready(owner.conn));
    cr_expect_str_eq(db_conn_state_name(owner.conn), "ready");
    owner_done(&owner, "ready ");
}

Test(db_conn, is_ready_at_once_without_check_and_statements)
{
    static const struct fake_call script[] = {CALLS_CONNECT, CALLS_FINISH, CALLS_END};
    struct db_conn_config config = plain_config;
    config.statement_count = 0;
    struct owner owner;
    owner_init(&owner, script, &config);
    run_until(&owner, "ready ");
    owner_done(&owner, "ready ");
}

/* What libpq has to be told, and where it stands: behind `dbname` it wins over the string. */
static const struct {
    const char *name;
    const char *conninfo;
    const char *session_options;
    const char *expected;
} connect_rows[] = {
    {"application name yields to the string", "host=/tmp", NULL,
     "application_name=test;dbname=host=/tmp;"},
    {"keepalives yield to the string", "host=/tmp", NULL, "keepalives_idle=10;"},
    {"encoding", "host=/tmp", NULL, ";client_encoding=UTF8;"},
    {"options", "host=/tmp", "-c b=2", ";options=-c b=2;"},
    {"options behind the user's", "host=/tmp options='-c a=1'", "-c b=2",
     ";options=-c a=1 -c b=2;"},
    {"options of a URL", "postgresql:///?host=/tmp&options=-ca%3D1", "-c b=2",
     ";options=-ca=1 -c b=2;"},
    {"targets", "host=/tmp,127.0.0.1 port=1,2", NULL, ";host=/tmp,127.0.0.1;hostaddr=,;port=1,2;"},
    {"one port for all", "host=/tmp,::1 port=3", NULL, ";host=/tmp,::1;hostaddr=,;port=3,3;"},
};

Test(db_conn, tells_libpq_what_the_string_leaves_open)
{
    for (size_t i = 0; i < ARRAY_LEN(connect_rows); i++) {
        const struct fake_call script[] = {
            CALL("PQconnectStartParams", .expect = connect_rows[i].expected),
            CALL("PQconnectPoll", .answer = PGRES_POLLING_READING),
            CALLS_FINISH,
            CALLS_END,
        };
        struct db_conn_config config = plain_config;
        config.conninfo = connect_rows[i].conninfo;
        config.session_options = connect_rows[i].session_options;
        struct owner owner;
        owner_init(&owner, script, &config);
        while (strcmp(db_conn_state_name(owner.conn), "connecting") != 0) {
            cr_assert_eq(event_base_loop(owner.base, EVLOOP_ONCE), 0, "%s", connect_rows[i].name);
        }
        event_base_loop(owner.base, EVLOOP_ONCE);
        db_conn_free(&owner.conn);
        owner_done(&owner, "");
    }
}

Test(db_conn, follows_libpq_to_another_socket)
{
    static const struct fake_call script[] = {
        CALLS_START,
        CALL("PQconnectPoll", .answer = PGRES_POLLING_READING, .new_socket = true),
        CALL("PQconnectPoll", .answer = PGRES_POLLING_WRITING, .new_socket = true),
        CALL("PQconnectPoll", .answer = PGRES_POLLING_READING, .new_socket = true),
        CALL("PQconnectPoll", .answer = PGRES_POLLING_OK),
        CALL("PQsetnonblocking"),
        CALL("PQenterPipelineMode", .answer = 1),
        CALLS_PREPARE,
        CALLS_FINISH,
        CALLS_END,
    };
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    owner_done(&owner, "ready ");
}

/* --- attempts that fail ------------------------------------------------------------------ */

Test(db_conn, tries_again_after_refusals)
{
    static const struct fake_call script[] = {
        CALLS_REFUSED, CALLS_REFUSED, CALLS_REFUSED, CALLS_BECOME_READY, CALLS_FINISH, CALLS_END,
    };
    static const char expected[] = "lost(retry:refused, why?) lost(retry:refused, why?) "
                                   "lost(retry:refused, why?) ready ";
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "lost(retry:refused, why?) ");
    cr_expect_str_eq(db_conn_last_error(owner.conn), "refused, why?");
    run_until(&owner, expected);
    cr_expect_str_eq(db_conn_last_error(owner.conn), "");
    owner_done(&owner, expected);
}

/* One row is a whole attempt, ended by the loss that is expected; the next attempt succeeds. */
static const struct {
    const char *name;
    const char *check_sql;
    struct fake_call script[24];
    const char *expected;
} failing_rows[] = {
    {"bad from the start",
     NULL,
     {CALL("PQconnectStartParams", .answer = 1, .error = "no such option\n")},
     "lost(retry:no such option) "},
    {"no pipeline",
     NULL,
     {CALLS_START, CALL("PQconnectPoll", .answer = PGRES_POLLING_OK), CALL("PQsetnonblocking"),
      CALL("PQenterPipelineMode", .answer = 0, .error = "no pipeline")},
     "lost(retry:no pipeline) "},
    {"check refuses",
     "SELECT 'x'",
     {CALLS_CONNECT, CALL("PQsendQueryParams", .expect = "SELECT 'x'", .answer = 1), CALLS_SYNC,
      CALLS_READ, CALLS_ANSWER(row_x)},
     "lost(fatal:x) "},
    {"check fails",
     "SELECT 'x'",
     {CALLS_CONNECT, CALL("PQsendQueryParams", .expect = "SELECT 'x'", .answer = 1), CALLS_SYNC,
      CALLS_READ, CALLS_ANSWER(no_table)},
     "lost(fatal:checking the database: relation does not exist) "},
    {"check without a row",
     "SELECT 'x'",
     {CALLS_CONNECT, CALL("PQsendQueryParams", .expect = "SELECT 'x'", .answer = 1), CALLS_SYNC,
      CALLS_READ, CALLS_ANSWER(done)},
     "lost(fatal:the check of the database gave no single value) "},
    {"check can not be sent",
     "SELECT 'x'",
     {CALLS_CONNECT, CALL("PQsendQueryParams", .answer = 0, .error = "broken pipe")},
     "lost(retry:broken pipe) "},
    {"second statement can not be prepared",
     NULL,
     {CALLS_CONNECT, CALLS_SEND_PREPARE, CALLS_READ, CALLS_ANSWER(done), CALLS_ANSWER(no_table)},
     "lost(fatal:preparing statement second: relation does not exist) "},
    {"first statement can not be prepared",
     NULL,
     {CALLS_CONNECT, CALLS_SEND_PREPARE, CALLS_READ, CALLS_ANSWER(no_table)},
     "lost(fatal:preparing statement first: relation does not exist) "},
    {"statements can not be sent",
     NULL,
     {CALLS_CONNECT, CALL("PQsendPrepare", .answer = 0, .error = "broken pipe")},
     "lost(retry:broken pipe) "},
    {"cut while preparing",
     NULL,
     {CALLS_CONNECT, CALLS_SEND_PREPARE, CALL("PQconsumeInput", .answer = 0, .error = "gone")},
     "lost(retry:gone) "},
};

Test(db_conn, reports_why_an_attempt_failed_and_tries_again)
{
    static const struct fake_call next_attempt[] = {CALLS_FINISH, CALLS_REFUSED, CALLS_END};
    for (size_t i = 0; i < ARRAY_LEN(failing_rows); i++) {
        struct fake_call script[ARRAY_LEN(failing_rows[i].script) + ARRAY_LEN(next_attempt)];
        size_t count = 0;
        while (failing_rows[i].script[count].function) {
            script[count] = failing_rows[i].script[count];
            count++;
        }
        memcpy(script + count, next_attempt, sizeof(next_attempt));
        struct db_conn_config config = plain_config;
        config.setup_check_sql = failing_rows[i].check_sql;
        char expected[256];
        (void)snprintf(expected, sizeof(expected), "%slost(retry:refused, why?) ",
                       failing_rows[i].expected);
        struct owner owner;
        owner_init(&owner, script, &config);
        run_until(&owner, expected);
        db_conn_free(&owner.conn);
        owner_done(&owner, expected);
    }
}

Test(db_conn, cuts_an_attempt_that_takes_too_long_and_begins_with_the_next_server)
{
    static const struct fake_call script[] = {
        CALL("PQconnectStartParams", .expect = ";host=127.0.0.1,127.0.0.2;hostaddr=,;port=1,2;"),
        CALL("PQconnectPoll", .answer = PGRES_POLLING_READING),
        CALLS_FINISH,
        CALL("PQconnectStartParams", .expect = ";host=127.0.0.2,127.0.0.1;hostaddr=,;port=2,1;"),
        CALL("PQconnectPoll", .answer = PGRES_POLLING_FAILED, .error = "refused"),
        CALLS_FINISH,
        CALLS_END,
    };
    static const char expected[] =
        "lost(retry:no connection within 2000 ms: still connecting) lost(retry:refused) ";
    struct db_conn_config config = plain_config;
    config.conninfo = "host=127.0.0.1,127.0.0.2 port=1,2";
    config.connect_timeout_ms = 2000;
    struct owner owner;
    owner_init(&owner, script, &config);
    run_until(&owner, expected);
    db_conn_free(&owner.conn);
    owner_done(&owner, expected);
}

Test(db_conn, counts_checking_and_preparing_into_an_attempt)
{
    static const struct fake_call script[] = {
        CALLS_CONNECT,
        CALLS_SEND_PREPARE,
        CALLS_FINISH,
        CALLS_END,
    };
    static const char expected[] = "lost(retry:no connection within 2000 ms: still preparing) ";
    struct db_conn_config config = plain_config;
    config.connect_timeout_ms = 2000;
    struct owner owner;
    owner_init(&owner, script, &config);
    run_until(&owner, expected);
    db_conn_free(&owner.conn);
    owner_done(&owner, expected);
}

Test(db_conn, refuses_a_string_that_is_none_without_quoting_it)
{
    static const struct fake_call script[] = {CALLS_END};
    struct db_conn_config config = plain_config;
    config.conninfo = "secret";
    struct owner owner;
    owner_init(&owner, script, &config);
    while (buf_slice(&owner.heard).len == 0) {
        event_base_loop(owner.base, EVLOOP_ONCE);
    }
    cr_expect(strncmp(buf_text(&owner.heard), "lost(fatal:", 11) == 0);
    cr_expect_null(strstr(buf_text(&owner.heard), "secret"));
    db_conn_free(&owner.conn);
    char heard[512];
    (void)snprintf(heard, sizeof(heard), "%s", buf_text(&owner.heard));
    owner_done(&owner, heard);
}

/* --- groups ------------------------------------------------------------------------------ */

Test(db_conn, answers_groups_in_order)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY,
        CALLS_EXECUTE("first"),
        CALLS_NONE_READY,
        CALLS_EXECUTE("second"),
        CALLS_NONE_READY,
        CALLS_SYNC,
        CALLS_NONE_READY,
        CALLS_EXECUTE("first"),
        CALLS_NONE_READY,
        CALLS_SYNC,
        CALLS_NONE_READY,
        CALLS_READ,
        CALLS_ANSWER(row_x),
        CALLS_NONE_READY,
        CALLS_READ,
        CALLS_ANSWER(done),
        CALLS_GROUP_END,
        CALLS_ANSWER(row_x),
        CALLS_LAST_GROUP_END,
        CALLS_FINISH,
        CALLS_END,
    };
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", NULL};
    const struct question b = {&owner, "b", NULL};
    const struct question c = {&owner, "c", NULL};
    cr_expect(db_conn_is_idle(owner.conn));
    execute(&a, FIRST);
    execute(&b, SECOND);
    db_conn_sync(owner.conn);
    execute(&c, FIRST);
    db_conn_sync(owner.conn);
    db_conn_sync(owner.conn); /* nothing to end */
    cr_expect_not(db_conn_is_idle(owner.conn));
    run_until(&owner, "ready a=x b=none c=x ");
    cr_expect(db_conn_is_idle(owner.conn));
    owner_done(&owner, "ready a=x b=none c=x ");
}

Test(db_conn, sends_binary_parameters_with_their_lengths)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY, CALL("PQsendQueryPrepared", .expect = "first 4 -1 0", .answer = 1),
        CALLS_NONE_READY,   CALLS_SYNC,
        CALLS_NONE_READY,   CALLS_READ,
        CALLS_ANSWER(done), CALLS_LAST_GROUP_END,
        CALLS_FINISH,       CALLS_END,
    };
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    struct question a = {&owner, "a", NULL};
    struct db_params params;
    db_params_init(&params);
    db_params_add_int4(&params, 7);
    db_params_add_null(&params);
    db_params_add_bytes(&params, SLICE(""));
    struct error err = {0};
    cr_assert(db_conn_execute(owner.conn, FIRST, &params, on_answer, &a, &err));
    db_params_done(&params);
    db_conn_sync(owner.conn);
    run_until(&owner, "ready a=none ");
    owner_done(&owner, "ready a=none ");
}

Test(db_conn, sends_a_statement_that_was_not_prepared_by_its_text)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY, CALL("PQsendQueryParams", .expect = "SELECT $1::int4", .answer = 1),
        CALLS_NONE_READY,   CALLS_SYNC,
        CALLS_NONE_READY,   CALLS_READ,
        CALLS_ANSWER(done), CALLS_LAST_GROUP_END,
        CALLS_FINISH,       CALLS_END,
    };
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    struct question a = {&owner, "a", NULL};
    struct db_params params;
    db_params_init(&params);
    db_params_add_int4(&params, 7);
    struct error err = {0};
    cr_assert(db_conn_execute_sql(owner.conn, "SELECT $1::int4", &params, on_answer, &a, &err));
    db_params_done(&params);
    db_conn_sync(owner.conn);
    run_until(&owner, "ready a=none ");
    owner_done(&owner, "ready a=none ");
}

Test(db_conn, does_not_run_what_stands_behind_an_error_in_its_group)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY,    CALLS_EXECUTE("first"),
        CALLS_NONE_READY,      CALLS_EXECUTE("first"),
        CALLS_NONE_READY,      CALLS_EXECUTE("second"),
        CALLS_NONE_READY,      CALLS_SYNC,
        CALLS_NONE_READY,      CALLS_EXECUTE("second"),
        CALLS_NONE_READY,      CALLS_SYNC,
        CALLS_NONE_READY,      CALLS_READ,
        CALLS_ANSWER(row_x),   CALLS_ANSWER(division_by_zero),
        CALLS_ANSWER(not_run), CALLS_GROUP_END,
        CALLS_ANSWER(row_x),   CALLS_LAST_GROUP_END,
        CALLS_FINISH,          CALLS_END,
    };
    static const char expected[] =
        "ready a=x b=reject(22012:division by zero) "
        "c=retry(:not run: an earlier statement of its group failed) d=x ";
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", NULL};
    const struct question b = {&owner, "b", NULL};
    const struct question c = {&owner, "c", NULL};
    const struct question d = {&owner, "d", NULL};
    execute(&a, FIRST);
    execute(&b, FIRST);
    execute(&c, SECOND);
    db_conn_sync(owner.conn);
    execute(&d, SECOND);
    db_conn_sync(owner.conn);
    run_until(&owner, expected);
    owner_done(&owner, expected);
}

/* --- bounds and refusals ----------------------------------------------------------------- */

static void expect_refused(struct db_conn *conn, const struct db_params *params,
                           enum error_kind kind)
{
    struct error err = {0};
    cr_expect_not(db_conn_execute(conn, FIRST, params, on_answer, NULL, &err));
    cr_expect_eq(err.kind, kind, "%s: %s", error_kind_name(err.kind), err.text);
    cr_expect_neq(err.text[0], '\0');
}

Test(db_conn, refuses_statements_before_it_is_ready)
{
    static const struct fake_call script[] = {CALLS_END};
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    expect_refused(owner.conn, NULL, ERR_RETRY);
    db_conn_sync(owner.conn);
    db_conn_reset(owner.conn, "nothing to reset");
    db_conn_free(&owner.conn);
    owner_done(&owner, "");
}

Test(db_conn, is_busy_at_max_pending_until_answers_come)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY,     CALLS_EXECUTE("first"),
        CALLS_NONE_READY,       CALLS_EXECUTE("first"),
        CALLS_NONE_READY,       CALLS_SYNC,
        CALLS_NONE_READY,       CALLS_READ,
        CALLS_ANSWER(row_x),    CALLS_NONE_READY,
        CALLS_EXECUTE("first"), CALLS_NONE_READY,
        CALLS_FINISH,           CALLS_END,
    };
    struct db_conn_config config = plain_config;
    config.max_pending = 2;
    struct owner owner;
    owner_init(&owner, script, &config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", NULL};
    execute(&a, FIRST);
    execute(&a, FIRST);
    expect_refused(owner.conn, NULL, ERR_BUSY);
    db_conn_sync(owner.conn);
    expect_refused(owner.conn, NULL, ERR_BUSY);
    run_until(&owner, "ready a=x ");
    execute(&a, FIRST);
    expect_refused(owner.conn, NULL, ERR_BUSY);
    owner_done(&owner, "ready a=x a=uncertain(:the connection was closed) "
                       "a=uncertain(:the connection was closed) ");
}

Test(db_conn, rejects_parameters_that_are_too_large)
{
    static const struct fake_call script[] = {CALLS_BECOME_READY, CALLS_FINISH, CALLS_END};
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    struct db_params params;
    db_params_init(&params);
    params.bytes.max = 3;
    db_params_add_int4(&params, 1);
    expect_refused(owner.conn, &params, ERR_REJECT);
    db_params_done(&params);
    owner_done(&owner, "ready ");
}

/* --- losing the connection --------------------------------------------------------------- */

/* Two statements sent, a third one not yet; then one of the rows below, and all of them hear of it.
 */
#define CALLS_THREE_PENDING                                                                        \
    CALLS_BECOME_READY, CALLS_EXECUTE("first"), CALLS_NONE_READY, CALLS_EXECUTE("first"),          \
        CALLS_NONE_READY, CALLS_SYNC, CALLS_NONE_READY, CALLS_EXECUTE("second"), CALLS_NONE_READY

static const struct {
    const char *name;
    struct fake_call script[48];
    const char *expected;
} losing_rows[] = {
    {"connection closed",
     {CALLS_THREE_PENDING,
      CALL("PQconsumeInput", .answer = 0, .error = "closed\n\tunexpectedly\n")},
     "ready a=uncertain(:closed unexpectedly) b=uncertain(:closed unexpectedly) "
     "c=uncertain(:closed unexpectedly) lost(retry:closed unexpectedly) "},
    {"first was answered",
     {CALLS_THREE_PENDING, CALLS_READ, CALLS_ANSWER(row_x), CALLS_NONE_READY,
      CALL("PQconsumeInput", .answer = 0, .error = "closed")},
     "ready a=x b=uncertain(:closed) c=uncertain(:closed) lost(retry:closed) "},
    {"server ends the session in the place of an answer",
     {CALLS_THREE_PENDING, CALLS_READ, CALLS_RESULT(shut_down)},
     "ready a=uncertain(:terminating connection) b=uncertain(:terminating connection) "
     "c=uncertain(:terminating connection) lost(retry:terminating connection) "},
    {"server says why, then closes",
     {CALLS_THREE_PENDING, CALLS_READ, CALL("PQisBusy", .answer = 1, .result = &shut_down),
      CALL("PQconsumeInput", .answer = 0, .error = "closed")},
     "ready a=uncertain(:terminating connection) b=uncertain(:terminating connection) "
     "c=uncertain(:terminating connection) lost(retry:terminating connection) "},
    {"the implicit transaction can not commit",
     {CALLS_THREE_PENDING, CALLS_READ, CALLS_ANSWER(row_x), CALLS_ANSWER(row_x),
      CALLS_RESULT(division_by_zero)},
     "ready a=x b=x c=uncertain(:division by zero) lost(reject:division by zero) "},
    {"two results for one statement",
     {CALLS_THREE_PENDING, CALLS_READ, CALLS_RESULT(row_x), CALL("PQgetResult", .result = &row_x)},
     "ready a=uncertain(:the server's answers do not fit the statements sent) "
     "b=uncertain(:the server's answers do not fit the statements sent) "
     "c=uncertain(:the server's answers do not fit the statements sent) "
     "lost(retry:the server's answers do not fit the statements sent) "},
    {"no result for a statement",
     {CALLS_THREE_PENDING, CALLS_READ, CALLS_ANSWER(row_x), CALL("PQisBusy"), CALL("PQgetResult")},
     "ready a=x b=uncertain(:the server's answers do not fit the statements sent) "
     "c=uncertain(:the server's answers do not fit the statements sent) "
     "lost(retry:the server's answers do not fit the statements sent) "},
    {"a copy, which no pipeline can have",
     {CALLS_THREE_PENDING, CALLS_READ, CALLS_ANSWER(row_x), CALLS_RESULT(copy_in)},
     "ready a=x b=uncertain(:the server's answers do not fit the statements sent) "
     "c=uncertain(:the server's answers do not fit the statements sent) "
     "lost(retry:the server's answers do not fit the statements sent) "},
};

static size_t script_length(const struct fake_call *script)
{
    size_t length = 0;
    while (script[length].function) {
        length++;
    }
    return length;
}

Test(db_conn, answers_every_accepted_statement_when_the_connection_is_lost)
{
    static const struct fake_call again[] = {CALLS_FINISH, CALLS_BECOME_READY, CALLS_FINISH,
                                             CALLS_END};
    for (size_t i = 0; i < ARRAY_LEN(losing_rows); i++) {
        struct fake_call script[ARRAY_LEN(losing_rows[i].script) + ARRAY_LEN(again)];
        memcpy(script, losing_rows[i].script, sizeof(losing_rows[i].script));
        memcpy(script + script_length(script), again, sizeof(again));
        char expected[512];
        (void)snprintf(expected, sizeof(expected), "%sready ", losing_rows[i].expected);
        struct owner owner;
        owner_init(&owner, script, &plain_config);
        run_until(&owner, "ready ");
        const struct question a = {&owner, "a", NULL};
        const struct question b = {&owner, "b", NULL};
        const struct question c = {&owner, "c", NULL};
        execute(&a, FIRST);
        execute(&b, FIRST);
        db_conn_sync(owner.conn);
        execute(&c, SECOND);
        run_until(&owner, expected);
        cr_expect(db_conn_is_idle(owner.conn), "%s", losing_rows[i].name);
        db_conn_sync(owner.conn); /* the group that was being built is gone: nothing to end */
        owner_done(&owner, expected);
    }
}

Test(db_conn, does_not_blame_the_servers_last_words_for_the_next_loss)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY,
        CALLS_EXECUTE("first"),
        CALLS_NONE_READY,
        CALLS_SYNC,
        CALLS_NONE_READY,
        CALLS_READ,
        CALL("PQisBusy", .answer = 1, .result = &shut_down),
        CALL("PQconsumeInput", .answer = 0, .error = "closed"),
        CALLS_FINISH,
        CALLS_REFUSED,
        CALLS_END,
    };
    static const char expected[] = "ready a=uncertain(:terminating connection) "
                                   "lost(retry:terminating connection) lost(retry:refused, why?) ";
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", NULL};
    execute(&a, FIRST);
    db_conn_sync(owner.conn);
    run_until(&owner, expected);
    db_conn_free(&owner.conn);
    owner_done(&owner, expected);
}

Test(db_conn, cuts_the_connection_when_a_group_is_not_answered_in_time)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY, CALLS_EXECUTE("first"), CALLS_NONE_READY, CALLS_SYNC, CALLS_NONE_READY,
        CALLS_FINISH,       CALLS_BECOME_READY,     CALLS_FINISH,     CALLS_END,
    };
    static const char expected[] =
        "ready a=uncertain(:no answer within 20 ms) lost(retry:no answer within 20 ms) ready ";
    struct db_conn_config config = plain_config;
    config.group_timeout_ms = 20;
    struct owner owner;
    owner_init(&owner, script, &config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", NULL};
    execute(&a, FIRST);
    db_conn_sync(owner.conn);
    run_until(&owner, expected);
    owner_done(&owner, expected);
}

static void run_for_ms(struct owner *owner, int ms)
{
    const struct timeval delay = {ms / 1000, ms % 1000 * 1000L};
    cr_assert_eq(event_base_loopexit(owner->base, &delay), 0);
    cr_assert_eq(event_base_dispatch(owner->base), 0);
}

Test(db_conn, gives_every_group_its_own_time)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY,
        CALLS_EXECUTE("first"),
        CALLS_NONE_READY,
        CALLS_SYNC,
        CALLS_NONE_READY,
        CALLS_READ,
        CALLS_ANSWER(row_x),
        CALLS_LAST_GROUP_END,
        CALLS_EXECUTE("first"),
        CALLS_NONE_READY,
        CALLS_SYNC,
        CALLS_NONE_READY,
        CALLS_FINISH,
        CALLS_BECOME_READY,
        CALLS_FINISH,
        CALLS_END,
    };
    static const char expected[] = "ready a=x a=uncertain(:no answer within 2000 ms) "
                                   "lost(retry:no answer within 2000 ms) ready ";
    struct db_conn_config config = plain_config;
    config.group_timeout_ms = 2000;
    struct owner owner;
    owner_init(&owner, script, &config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", NULL};
    execute(&a, FIRST);
    db_conn_sync(owner.conn);
    run_until(&owner, "ready a=x ");
    run_for_ms(&owner,
               1000); /* so that the first group's timer fires while the second one is young */
    execute(&a, FIRST);
    int64_t sent_us = clock_monotonic_us();
    db_conn_sync(owner.conn);
    run_until(&owner, expected);
    cr_expect_geq(clock_monotonic_us() - sent_us, 1999000);
    owner_done(&owner, expected);
}

Test(db_conn, resets_from_the_loop)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY, CALLS_EXECUTE("first"), CALLS_NONE_READY, CALLS_FINISH,
        CALLS_BECOME_READY, CALLS_FINISH,           CALLS_END,
    };
    static const char expected[] = "ready a=uncertain(:fenced) lost(retry:fenced) ready ";
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", NULL};
    execute(&a, FIRST);
    db_conn_reset(owner.conn, "fenced");
    cr_expect_str_eq(buf_text(&owner.heard), "ready ", "nothing is called before it returns");
    cr_expect_not(db_conn_is_ready(owner.conn));
    expect_refused(owner.conn, NULL, ERR_RETRY);
    db_conn_sync(owner.conn);
    db_conn_reset(owner.conn, "twice");
    run_until(&owner, expected);
    owner_done(&owner, expected);
}

Test(db_conn, does_not_accept_a_statement_that_can_not_be_sent)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY,
        CALLS_EXECUTE("first"),
        CALLS_NONE_READY,
        CALL("PQsendQueryPrepared", .expect = "first", .answer = 0, .error = "broken pipe\n"),
        CALLS_FINISH,
        CALLS_BECOME_READY,
        CALLS_FINISH,
        CALLS_END,
    };
    static const char expected[] = "ready a=uncertain(:broken pipe) lost(retry:broken pipe) ready ";
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", NULL};
    execute(&a, FIRST);
    expect_refused(owner.conn, NULL, ERR_RETRY);
    cr_expect_str_eq(buf_text(&owner.heard), "ready ", "nothing is called before it returns");
    run_until(&owner, expected);
    owner_done(&owner, expected);
}

static const struct {
    const char *name;
    struct fake_call script[4];
} failing_syncs[] = {
    {"sync", {CALL("PQpipelineSync", .answer = 0, .error = "gone")}},
    {"flush",
     {CALL("PQpipelineSync", .answer = 1), CALL("PQflush", .answer = -1, .error = "gone")}},
};

Test(db_conn, loses_the_connection_when_a_group_can_not_be_sent)
{
    for (size_t i = 0; i < ARRAY_LEN(failing_syncs); i++) {
        static const struct fake_call before[] = {CALLS_BECOME_READY, CALLS_EXECUTE("first"),
                                                  CALLS_NONE_READY};
        static const struct fake_call again[] = {CALLS_FINISH, CALLS_BECOME_READY, CALLS_FINISH,
                                                 CALLS_END};
        struct fake_call script[64];
        memcpy(script, before, sizeof(before));
        memcpy(script + ARRAY_LEN(before), failing_syncs[i].script,
               sizeof(failing_syncs[i].script));
        memcpy(script + script_length(script), again, sizeof(again));
        struct owner owner;
        owner_init(&owner, script, &plain_config);
        run_until(&owner, "ready ");
        const struct question a = {&owner, "a", NULL};
        execute(&a, FIRST);
        db_conn_sync(owner.conn);
        cr_expect_str_eq(buf_text(&owner.heard), "ready ", "%s", failing_syncs[i].name);
        run_until(&owner, "ready a=uncertain(:gone) lost(retry:gone) ready ");
        owner_done(&owner, "ready a=uncertain(:gone) lost(retry:gone) ready ");
    }
}

/* --- sending more than the socket takes -------------------------------------------------- */

Test(db_conn, flushes_the_rest_when_the_socket_is_writable)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY,
        CALLS_EXECUTE("first"),
        CALLS_NONE_READY,
        CALL("PQpipelineSync", .answer = 1),
        CALL("PQflush", .answer = 1),
        CALLS_NONE_READY,
        CALL("PQflush", .answer = 1),
        CALLS_NONE_READY,
        CALL("PQflush", .answer = 0),
        CALLS_NONE_READY,
        CALLS_READ,
        CALLS_ANSWER(row_x),
        CALLS_LAST_GROUP_END,
        CALLS_FINISH,
        CALLS_END,
    };
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", NULL};
    execute(&a, FIRST);
    db_conn_sync(owner.conn);
    run_until(&owner, "ready a=x ");
    owner_done(&owner, "ready a=x ");
}

/* libpq reads while it waits to send; the socket then has nothing left to announce. */
Test(db_conn, finds_answers_that_were_read_while_sending)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY, CALLS_EXECUTE("first"), CALLS_NONE_READY,     CALLS_SYNC,
        CALL("PQisBusy"),   CALLS_ANSWER(row_x),    CALLS_LAST_GROUP_END, CALLS_EXECUTE("first"),
        CALL("PQisBusy"),   CALLS_ANSWER(row_x),    CALLS_NONE_READY,     CALLS_FINISH,
        CALLS_END,
    };
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", NULL};
    execute(&a, FIRST);
    db_conn_sync(owner.conn);
    cr_expect_str_eq(buf_text(&owner.heard), "ready ", "nothing is called before it returns");
    run_until(&owner, "ready a=x ");
    settle(&owner);
    execute(&a, FIRST);
    run_until(&owner, "ready a=x a=x ");
    owner_done(&owner, "ready a=x a=x ");
}

/* --- what callbacks may do --------------------------------------------------------------- */

static void free_connection(struct owner *owner)
{
    db_conn_free(&owner->conn);
    buf_append_text(&owner->heard, "freed ");
}

Test(db_conn, may_be_freed_by_the_callback_of_a_statement)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY,  CALLS_EXECUTE("first"),
        CALLS_NONE_READY,    CALLS_EXECUTE("first"),
        CALLS_NONE_READY,    CALLS_SYNC,
        CALLS_NONE_READY,    CALLS_READ,
        CALLS_ANSWER(row_x), CALLS_FINISH,
        CALLS_END,
    };
    static const char expected[] = "ready a=x b=uncertain(:the connection was closed) freed ";
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", free_connection};
    const struct question b = {&owner, "b", NULL};
    execute(&a, FIRST);
    execute(&b, FIRST);
    db_conn_sync(owner.conn);
    run_until(&owner, expected);
    cr_expect_null(owner.conn);
    owner_done(&owner, expected);
}

Test(db_conn, may_be_freed_while_its_statements_hear_of_the_loss)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY, CALLS_EXECUTE("first"),
        CALLS_NONE_READY,   CALLS_EXECUTE("first"),
        CALLS_NONE_READY,   CALL("PQpipelineSync", .answer = 0, .error = "gone"),
        CALLS_FINISH,       CALLS_END,
    };
    static const char expected[] =
        "ready a=uncertain(:gone) b=uncertain(:the connection was closed) freed ";
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", free_connection};
    const struct question b = {&owner, "b", NULL};
    execute(&a, FIRST);
    execute(&b, FIRST);
    db_conn_sync(owner.conn);
    run_until(&owner, expected);
    owner_done(&owner, expected);
}

Test(db_conn, may_be_freed_by_on_ready)
{
    static const struct fake_call script[] = {
        CALLS_CONNECT,      CALLS_SEND_PREPARE, CALLS_READ,   CALLS_ANSWER(done),
        CALLS_ANSWER(done), CALLS_GROUP_END,    CALLS_FINISH, CALLS_END,
    };
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    owner.on_ready = free_connection;
    run_until(&owner, "ready freed ");
    owner_done(&owner, "ready freed ");
}

Test(db_conn, may_be_freed_by_on_lost)
{
    static const struct fake_call script[] = {CALLS_REFUSED, CALLS_END};
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    owner.on_lost = free_connection;
    run_until(&owner, "lost(retry:refused, why?) freed ");
    owner_done(&owner, "lost(retry:refused, why?) freed ");
}

static void execute_second(struct owner *owner)
{
    static struct question again;
    again = (struct question){owner, "again", NULL};
    execute(&again, SECOND);
    db_conn_sync(owner->conn);
}

Test(db_conn, accepts_statements_from_callbacks)
{
    static const struct fake_call script[] = {
        CALLS_CONNECT,
        CALLS_SEND_PREPARE,
        CALLS_READ,
        CALLS_ANSWER(done),
        CALLS_ANSWER(done),
        CALLS_GROUP_END,
        CALLS_EXECUTE("second"), /* by on_ready */
        CALLS_SYNC,
        CALLS_NONE_READY,
        CALLS_READ,
        CALLS_ANSWER(row_x),
        CALLS_LAST_GROUP_END,
        CALLS_EXECUTE("first"),
        CALLS_NONE_READY,
        CALLS_SYNC,
        CALLS_NONE_READY,
        CALLS_READ,
        CALLS_ANSWER(row_x),
        CALLS_EXECUTE("second"), /* by the statement's callback */
        CALLS_SYNC,
        CALLS_GROUP_END,
        CALLS_ANSWER(done),
        CALLS_LAST_GROUP_END,
        CALLS_FINISH,
        CALLS_END,
    };
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    owner.on_ready = execute_second;
    run_until(&owner, "ready again=x ");
    settle(&owner);
    const struct question a = {&owner, "a", execute_second};
    execute(&a, FIRST);
    db_conn_sync(owner.conn);
    run_until(&owner, "ready again=x a=x again=none ");
    owner_done(&owner, "ready again=x a=x again=none ");
}

static void reset_connection(struct owner *owner)
{
    db_conn_reset(owner->conn, "confused");
}

Test(db_conn, may_be_reset_by_a_callback)
{
    static const struct fake_call script[] = {
        CALLS_BECOME_READY,  CALLS_EXECUTE("first"),
        CALLS_NONE_READY,    CALLS_EXECUTE("first"),
        CALLS_NONE_READY,    CALLS_SYNC,
        CALLS_NONE_READY,    CALLS_READ,
        CALLS_ANSWER(row_x), CALLS_FINISH,
        CALLS_BECOME_READY,  CALLS_FINISH,
        CALLS_END,
    };
    static const char expected[] = "ready a=x b=uncertain(:confused) lost(retry:confused) ready ";
    struct owner owner;
    owner_init(&owner, script, &plain_config);
    run_until(&owner, "ready ");
    const struct question a = {&owner, "a", reset_connection};
    const struct question b = {&owner, "b", NULL};
    execute(&a, FIRST);
    execute(&b, FIRST);
    db_conn_sync(owner.conn);
    run_until(&owner, expected);
    owner_done(&owner, expected);
}

Test(db_conn, frees_nothing_twice)
{
    struct db_conn *none = NULL;
    db_conn_free(&none);
    cr_expect_null(none);
}
