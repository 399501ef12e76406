/*
 * The connection against a real PostgreSQL: CALLBOARD_TEST_DATABASE_URL names one in which we may
 * connect, and end our own sessions. Without it every test is skipped.
 */
#include "alloc.h"
#include "db_conn.h"
#include "db_resolver.h"
#include "db_value.h"
#include "log.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define GUARD_S 30

enum {
    SQL_BOOL,
    SQL_INT2,
    SQL_INT4,
    SQL_INT8,
    SQL_TEXT,
    SQL_BYTEA,
    SQL_TIME,
    SQL_BOOL_ARRAY,
    SQL_INT4_ARRAY,
    SQL_INT8_ARRAY,
    SQL_TEXT_ARRAY,
    SQL_BYTEA_ARRAY,
    SQL_TIME_ARRAY,
    SQL_ARRAY_TEXT,
    SQL_TIME_TEXT,
    SQL_DIVIDE,
    SQL_BACKEND_PID,
    SQL_TERMINATE,
    SQL_TERMINATE_SELF,
    SQL_SETTING,
    SQL_BEGIN,
    SQL_FAIL_AT_COMMIT,
    SQL_COUNT,
};

static const struct db_statement statements[SQL_COUNT] = {
    [SQL_BOOL] = {"bool", "SELECT $1::bool"},
    [SQL_INT2] = {"int2", "SELECT $1::int4::int2"},
    [SQL_INT4] = {"int4", "SELECT $1::int4"},
    [SQL_INT8] = {"int8", "SELECT $1::int8"},
    [SQL_TEXT] = {"text", "SELECT $1::text"},
    [SQL_BYTEA] = {"bytea", "SELECT $1::bytea"},
    [SQL_TIME] = {"time", "SELECT $1::timestamptz"},
    [SQL_BOOL_ARRAY] = {"bool_array", "SELECT unnest($1::bool[])"},
    [SQL_INT4_ARRAY] = {"int4_array", "SELECT unnest($1::int4[])"},
    [SQL_INT8_ARRAY] = {"int8_array", "SELECT unnest($1::int8[])"},
    [SQL_TEXT_ARRAY] = {"text_array", "SELECT unnest($1::text[])"},
    [SQL_BYTEA_ARRAY] = {"bytea_array", "SELECT unnest($1::bytea[])"},
    [SQL_TIME_ARRAY] = {"time_array", "SELECT unnest($1::timestamptz[])"},
    [SQL_ARRAY_TEXT] = {"array_text", "SELECT $1::int4[]::text || coalesce("
                                      "array_ndims($1::int4[]), 0)"},
    [SQL_TIME_TEXT] = {"time_text", "SELECT ($1::timestamptz AT TIME ZONE 'UTC')::text"},
    [SQL_DIVIDE] = {"divide", "SELECT 1 / $1::int4"},
    [SQL_BACKEND_PID] = {"backend_pid", "SELECT pg_backend_pid()"},
    [SQL_TERMINATE] = {"terminate", "SELECT pg_terminate_backend($1::int4)"},
    [SQL_TERMINATE_SELF] = {"terminate_self", "SELECT pg_terminate_backend(pg_backend_pid()), "
                                              "pg_sleep(60)"},
    [SQL_SETTING] = {"setting", "SELECT coalesce(current_setting($1::text, true), '')"},
    [SQL_BEGIN] = {"begin", "BEGIN"},
    [SQL_FAIL_AT_COMMIT] = {"fail_at_commit",
                            "DO 'BEGIN"
                            " CREATE TEMPORARY TABLE twice (n int4 UNIQUE INITIALLY DEFERRED);"
                            " INSERT INTO twice VALUES (1), (1);"
                            " END'"},
};

/* --- the owner of a connection ----------------------------------------------------------- */

struct owner {
    struct event_base *base;
    struct db_conn *conn;
    struct db_params params;
    int ready;
    int lost;
    int answered;
    int failed;
    struct error last_error; /* of a statement */
    struct error loss;
    int64_t rows;
    PGresult *last; /* a copy of the last result */
};

static void on_ready(struct db_conn *conn, void *arg)
{
    (void)conn;
    struct owner *owner = arg;
    owner->ready++;
}

static void on_lost(struct db_conn *conn, const struct error *err, void *arg)
{
    (void)conn;
    struct owner *owner = arg;
    owner->lost++;
    owner->loss = *err;
}

static void on_answer(const PGresult *result, const struct error *err, void *arg)
{
    struct owner *owner = arg;
    owner->answered++;
    if (err) {
        owner->failed++;
        owner->last_error = *err;
        return;
    }
    owner->rows += PQntuples(result);
    PQclear(owner->last);
    owner->last = PQcopyResult(result, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
}

static void on_guard(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    const struct owner *owner = arg;
    cr_assert(false, "no answer: state %s, %d answered, last errors '%s', '%s'",
              db_conn_state_name(owner->conn), owner->answered, owner->last_error.text,
              db_conn_last_error(owner->conn));
}

static const char *database_url(void)
{
    const char *url = getenv("CALLBOARD_TEST_DATABASE_URL");
    if (!url) {
        cr_skip_test("CALLBOARD_TEST_DATABASE_URL is not set");
    }
    return url;
}

static const struct db_conn_config plain_config = {
    .application_name = "test_db_postgres",
    .session_options = "-c statement_timeout=20000",
    .statements = statements,
    .statement_count = SQL_COUNT,
};

static void owner_begin(struct owner *owner, const struct db_conn_config *config)
{
    static const struct db_conn_observer observer = {on_ready, on_lost};
    static const struct timeval guard = {.tv_sec = GUARD_S};
    log_configure("test_db_postgres", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    *owner = (struct owner){.base = event_base_new()};
    db_params_init(&owner->params);
    cr_assert_eq(event_base_once(owner->base, -1, EV_TIMEOUT, on_guard, owner, &guard), 0);
    owner->conn = db_conn_new(owner->base, config, &observer, owner);
}

/* Runs the loop until the counter has come to `expected`. */
static void run_until(struct owner *owner, const int *counter, int expected)
{
    while (*counter < expected) {
        cr_assert_eq(event_base_loop(owner->base, EVLOOP_ONCE), 0);
    }
    cr_assert_eq(*counter, expected);
}

static void owner_init(struct owner *owner)
{
    struct db_conn_config config = plain_config;
    config.conninfo = database_url();
    owner_begin(owner, &config);
    run_until(owner, &owner->ready, 1);
}

static void owner_done(struct owner *owner)
{
    db_conn_free(&owner->conn);
    PQclear(owner->last);
    db_params_done(&owner->params);
    event_base_free(owner->base);
}

static void execute(struct owner *owner, size_t statement)
{
    struct error err = {0};
    cr_assert(db_conn_execute(owner->conn, statement, &owner->params, on_answer, owner, &err),
              "%s: %s", statements[statement].name, err.text);
    db_params_reset(&owner->params);
}

static const PGresult *ask(struct owner *owner, size_t statement)
{
    int answered = owner->answered;
    execute(owner, statement);
    db_conn_sync(owner->conn);
    run_until(owner, &owner->answered, answered + 1);
    cr_assert_eq(owner->failed, 0, "%s: %s", statements[statement].name, owner->last_error.text);
    return owner->last;
}

/* --- types ------------------------------------------------------------------------------- */

Test(db_postgres, takes_numbers_there_and_back)
{
    static const int64_t numbers[] = {0,         1,         -1,        INT16_MIN, INT16_MAX,
                                      INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    struct owner owner;
    owner_init(&owner);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        db_params_add_int8(&owner.params, numbers[i]);
        cr_expect_eq(db_value_int8(ask(&owner, SQL_INT8), 0, 0), numbers[i]);
        db_params_add_int4(&owner.params, (int32_t)numbers[i]);
        cr_expect_eq(db_value_int4(ask(&owner, SQL_INT4), 0, 0), (int32_t)numbers[i]);
        db_params_add_int4(&owner.params, (int16_t)numbers[i]);
        cr_expect_eq(db_value_int2(ask(&owner, SQL_INT2), 0, 0), (int16_t)numbers[i]);
        db_params_add_bool(&owner.params, numbers[i] > 0);
        cr_expect_eq(db_value_bool(ask(&owner, SQL_BOOL), 0, 0), numbers[i] > 0);
    }
    owner_done(&owner);
}

Test(db_postgres, takes_bytes_there_and_back)
{
    static const struct slice texts[] = {{"", 0}, {"a", 1}, {"\xC3\xA9\xF0\x9F\x98\x80", 6}};
    static const struct slice bytes = {"\0\xff\\x", 4};
    struct owner owner;
    owner_init(&owner);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        db_params_add_bytes(&owner.params, texts[i]);
        cr_expect(slice_equal(db_value_bytes(ask(&owner, SQL_TEXT), 0, 0), texts[i]));
        db_params_add_bytes(&owner.params, texts[i]);
        cr_expect(slice_is_set(db_value_bytes(ask(&owner, SQL_BYTEA), 0, 0)));
    }
    db_params_add_bytes(&owner.params, bytes);
    cr_expect(slice_equal(db_value_bytes(ask(&owner, SQL_BYTEA), 0, 0), bytes));
    db_params_add_bytes(&owner.params, SLICE_NONE);
    cr_expect_not(slice_is_set(db_value_bytes(ask(&owner, SQL_BYTEA), 0, 0)));
    db_params_add_null(&owner.params);
    cr_expect(db_value_is_null(ask(&owner, SQL_INT4), 0, 0));
    owner_done(&owner);
}

static const struct {
    int64_t unix_us;
    const char *text;
} time_rows[] = {
    {0, "1970-01-01 00:00:00"},
    {INT64_C(1747319400123456), "2025-05-15 14:30:00.123456"},
    {INT64_C(-62135596800000000), "0001-01-01 00:00:00"},
    {INT64_C(253402300799999999), "9999-12-31 23:59:59.999999"},
};

Test(db_postgres, means_the_same_time_as_the_server)
{
    struct owner owner;
    owner_init(&owner);
    for (size_t i = 0; i < ARRAY_LEN(time_rows); i++) {
        db_params_add_time(&owner.params, time_rows[i].unix_us);
        cr_expect_eq(db_value_time(ask(&owner, SQL_TIME), 0, 0), time_rows[i].unix_us);
        db_params_add_time(&owner.params, time_rows[i].unix_us);
        cr_expect(slice_equal(db_value_bytes(ask(&owner, SQL_TIME_TEXT), 0, 0),
                              slice_of(time_rows[i].text)),
                  "%s", time_rows[i].text);
    }
    owner_done(&owner);
}

Test(db_postgres, takes_arrays_of_numbers_there_and_back)
{
    struct owner owner;
    owner_init(&owner);
    db_params_array_begin(&owner.params, DB_INT4);
    db_params_array_int4(&owner.params, -5);
    db_params_array_null(&owner.params);
    db_params_array_end(&owner.params);
    const PGresult *result = ask(&owner, SQL_INT4_ARRAY);
    cr_assert_eq(PQntuples(result), 2);
    cr_expect_eq(db_value_int4(result, 0, 0), -5);
    cr_expect(db_value_is_null(result, 1, 0));

    db_params_array_begin(&owner.params, DB_INT8);
    db_params_array_null(&owner.params);
    db_params_array_int8(&owner.params, INT64_MIN);
    db_params_array_end(&owner.params);
    result = ask(&owner, SQL_INT8_ARRAY);
    cr_assert_eq(PQntuples(result), 2);
    cr_expect(db_value_is_null(result, 0, 0));
    cr_expect_eq(db_value_int8(result, 1, 0), INT64_MIN);

    db_params_array_begin(&owner.params, DB_BOOL);
    db_params_array_bool(&owner.params, true);
    db_params_array_null(&owner.params);
    db_params_array_bool(&owner.params, false);
    db_params_array_end(&owner.params);
    result = ask(&owner, SQL_BOOL_ARRAY);
    cr_assert_eq(PQntuples(result), 3);
    cr_expect(db_value_bool(result, 0, 0));
    cr_expect(db_value_is_null(result, 1, 0));
    cr_expect_not(db_value_bool(result, 2, 0));

    db_params_array_begin(&owner.params, DB_TIMESTAMPTZ);
    db_params_array_time(&owner.params, INT64_C(1747319400123456));
    db_params_array_null(&owner.params);
    db_params_array_end(&owner.params);
    result = ask(&owner, SQL_TIME_ARRAY);
    cr_assert_eq(PQntuples(result), 2);
    cr_expect_eq(db_value_time(result, 0, 0), INT64_C(1747319400123456));
    cr_expect(db_value_is_null(result, 1, 0));
    owner_done(&owner);
}

static const struct {
    size_t statement;
    enum db_type type;
} byte_arrays[] = {{SQL_TEXT_ARRAY, DB_TEXT}, {SQL_BYTEA_ARRAY, DB_BYTEA}};

Test(db_postgres, takes_arrays_of_bytes_there_and_back)
{
    struct owner owner;
    owner_init(&owner);
    for (size_t i = 0; i < ARRAY_LEN(byte_arrays); i++) {
        db_params_array_begin(&owner.params, byte_arrays[i].type);
        db_params_array_bytes(&owner.params, SLICE("NULL"));
        db_params_array_bytes(&owner.params, SLICE_NONE);
        db_params_array_bytes(&owner.params, SLICE(""));
        db_params_array_bytes(&owner.params, SLICE("{\"a\",}"));
        db_params_array_end(&owner.params);
        const PGresult *result = ask(&owner, byte_arrays[i].statement);
        cr_assert_eq(PQntuples(result), 4);
        cr_expect(slice_equal(db_value_bytes(result, 0, 0), SLICE("NULL")));
        cr_expect(db_value_is_null(result, 1, 0));
        cr_expect(slice_is_set(db_value_bytes(result, 2, 0)));
        cr_expect(slice_equal(db_value_bytes(result, 3, 0), SLICE("{\"a\",}")));
    }
    owner_done(&owner);
}

Test(db_postgres, understands_our_arrays_as_the_servers_own)
{
    struct owner owner;
    owner_init(&owner);
    db_params_array_begin(&owner.params, DB_INT4);
    db_params_array_end(&owner.params);
    cr_expect(slice_equal(db_value_bytes(ask(&owner, SQL_ARRAY_TEXT), 0, 0), SLICE("{}0")));
    db_params_array_begin(&owner.params, DB_INT4);
    db_params_array_int4(&owner.params, 3);
    db_params_array_null(&owner.params);
    db_params_array_end(&owner.params);
    cr_expect(slice_equal(db_value_bytes(ask(&owner, SQL_ARRAY_TEXT), 0, 0), SLICE("{3,NULL}1")));
    owner_done(&owner);
}

/* --- the session ------------------------------------------------------------------------- */

static const struct {
    const char *setting;
    const char *expected;
} setting_rows[] = {
    {"application_name", "test_db_postgres"},
    {"client_encoding", "UTF8"},
    {"statement_timeout", "20s"},
};

Test(db_postgres, has_the_session_it_asked_for)
{
    struct owner owner;
    owner_init(&owner);
    for (size_t i = 0; i < ARRAY_LEN(setting_rows); i++) {
        db_params_add_bytes(&owner.params, slice_of(setting_rows[i].setting));
        struct slice value = db_value_bytes(ask(&owner, SQL_SETTING), 0, 0);
        cr_expect(slice_equal(value, slice_of(setting_rows[i].expected)), "%s is %.*s",
                  setting_rows[i].setting, (int)value.len, value.data);
    }
    owner_done(&owner);
}

/* One row: how the setup goes wrong, and what the owner hears. */
static const struct {
    const char *name;
    const char *check_sql;
    struct db_statement statement;
    enum error_kind kind;
    const char *sqlstate;
    const char *text;
} refusal_rows[] = {
    {"refused", "SELECT 'too old'::text", {"ok", "SELECT 1"}, ERR_FATAL, "", "too old"},
    {"check fails",
     "SELECT 1/0",
     {"ok", "SELECT 1"},
     ERR_REJECT,
     "22012",
     "checking the database: division by zero"},
    {"statement fails",
     "SELECT NULL::text",
     {"broken", "SELECT no_such_column"},
     ERR_FATAL,
     "42703",
     "preparing statement broken: column \"no_such_column\" does not exist"},
};

Test(db_postgres, is_not_ready_when_the_setup_fails)
{
    for (size_t i = 0; i < ARRAY_LEN(refusal_rows); i++) {
        struct db_conn_config config = plain_config;
        config.conninfo = database_url();
        config.setup_check_sql = refusal_rows[i].check_sql;
        config.statements = &refusal_rows[i].statement;
        config.statement_count = 1;
        struct owner owner;
        owner_begin(&owner, &config);
        run_until(&owner, &owner.lost, 1);
        cr_expect_eq(owner.loss.kind, refusal_rows[i].kind, "%s", refusal_rows[i].name);
        cr_expect_str_eq(owner.loss.sqlstate, refusal_rows[i].sqlstate, "%s", refusal_rows[i].name);
        cr_expect_str_eq(owner.loss.text, refusal_rows[i].text, "%s", refusal_rows[i].name);
        cr_expect_eq(owner.ready, 0);
        owner_done(&owner);
    }
}

/* --- groups ------------------------------------------------------------------------------ */

Test(db_postgres, runs_nothing_behind_an_error_in_a_group_and_all_of_the_next)
{
    struct owner owner;
    owner_init(&owner);
    db_params_add_int4(&owner.params, 1);
    execute(&owner, SQL_DIVIDE);
    db_params_add_int4(&owner.params, 0);
    execute(&owner, SQL_DIVIDE);
    db_params_add_int4(&owner.params, 1);
    execute(&owner, SQL_DIVIDE);
    db_conn_sync(owner.conn);
    run_until(&owner, &owner.answered, 3);
    cr_expect_eq(owner.failed, 2);
    cr_expect_eq(owner.rows, 1);
    cr_expect_eq(owner.last_error.kind, ERR_RETRY);
    cr_expect_str_eq(owner.last_error.sqlstate, "");
    db_params_add_int4(&owner.params, 1);
    execute(&owner, SQL_DIVIDE);
    db_conn_sync(owner.conn);
    run_until(&owner, &owner.answered, 4);
    cr_expect_eq(owner.failed, 2);
    cr_expect_eq(owner.lost, 0);
    owner_done(&owner);
}

static void execute_again(const PGresult *result, const struct error *err, void *arg)
{
    struct owner *owner = arg;
    on_answer(result, err, owner);
    db_params_add_int4(&owner->params, owner->answered % 2);
    execute(owner, SQL_DIVIDE);
    db_conn_sync(owner->conn);
}

/* libpq has not ended the results of the failed statement then. */
Test(db_postgres, takes_the_next_statement_from_within_the_answer_to_an_error)
{
    struct owner owner;
    struct error err = {0};
    owner_init(&owner);
    db_params_add_int4(&owner.params, 0);
    cr_assert(db_conn_execute(owner.conn, SQL_DIVIDE, &owner.params, execute_again, &owner, &err));
    db_params_reset(&owner.params);
    db_conn_sync(owner.conn);
    run_until(&owner, &owner.answered, 2);
    cr_expect_eq(owner.failed, 1);
    cr_expect_eq(owner.rows, 1);
    cr_expect_eq(owner.lost, 0);
    owner_done(&owner);
}

/* Its statement was answered before: the loss is all that tells. */
Test(db_postgres, loses_the_session_when_an_implicit_transaction_can_not_commit)
{
    struct owner owner;
    owner_init(&owner);
    execute(&owner, SQL_FAIL_AT_COMMIT);
    db_conn_sync(owner.conn);
    run_until(&owner, &owner.lost, 1);
    cr_expect_eq(owner.answered, 1);
    cr_expect_eq(owner.failed, 0);
    cr_expect_str_eq(owner.loss.sqlstate, "23505", "%s", owner.loss.text);
    run_until(&owner, &owner.ready, 2);
    owner_done(&owner);
}

static void add_large_arrays(struct db_params *params, int count)
{
    static const char text[200] = {'x'};
    db_params_array_begin(params, DB_BYTEA);
    for (int i = 0; i < count; i++) {
        db_params_array_bytes(params, (struct slice){text, sizeof(text)});
    }
    db_params_array_end(params);
}

/* Both directions carry far more than the sockets hold: whoever only sent would wait for ever. */
Test(db_postgres, sends_and_receives_more_than_the_sockets_hold)
{
    enum { GROUPS = 6, STATEMENTS = 3, ELEMENTS = 5000 };
    struct owner owner;
    owner_init(&owner);
    for (int group = 0; group < GROUPS; group++) {
        for (int i = 0; i < STATEMENTS; i++) {
            add_large_arrays(&owner.params, ELEMENTS);
            execute(&owner, SQL_BYTEA_ARRAY);
        }
        db_conn_sync(owner.conn);
    }
    run_until(&owner, &owner.answered, GROUPS * STATEMENTS);
    cr_expect_eq(owner.failed, 0, "%s", owner.last_error.text);
    cr_expect_eq(owner.rows, GROUPS * STATEMENTS * ELEMENTS);
    cr_expect(db_conn_is_idle(owner.conn));
    owner_done(&owner);
}

/* --- rows one by one --------------------------------------------------------------------- */

static int64_t streamed;
static int64_t streamed_sum;

static void on_row(const PGresult *row, void *arg)
{
    (void)arg;
    cr_assert_eq(PQntuples(row), 1);
    streamed++;
    streamed_sum += db_value_int4(row, 0, 0);
}

static void stream(struct owner *owner, const char *sql)
{
    struct error err = {0};
    cr_assert(db_conn_stream_sql(owner->conn, sql, NULL, on_row, on_answer, owner, &err), "%s",
              err.text);
}

/* Wherever it stands: alone, between others of its group, behind a group that is under way. */
Test(db_postgres, gives_the_rows_of_a_stream_one_by_one_and_then_none)
{
    struct owner owner;
    owner_init(&owner);
    stream(&owner, "SELECT generate_series(1, 20000)");
    db_conn_sync(owner.conn);
    execute(&owner, SQL_BACKEND_PID);
    stream(&owner, "SELECT generate_series(1, 3)");
    stream(&owner, "SELECT 1 WHERE false");
    execute(&owner, SQL_BACKEND_PID);
    db_conn_sync(owner.conn);
    run_until(&owner, &owner.answered, 5);
    cr_expect_eq(owner.failed, 0, "%s", owner.last_error.text);
    cr_expect_eq(owner.rows, 2, "those of the statements that were not streamed");
    cr_expect_eq(streamed, 20003);
    cr_expect_eq(streamed_sum, INT64_C(20000) * 20001 / 2 + 6);
    owner_done(&owner);
}

Test(db_postgres, streams_a_prepared_statement)
{
    struct owner owner;
    struct error err = {0};
    owner_init(&owner);
    cr_assert(db_conn_stream(owner.conn, SQL_BACKEND_PID, NULL, on_row, on_answer, &owner, &err));
    db_conn_sync(owner.conn);
    run_until(&owner, &owner.answered, 1);
    cr_expect_eq(owner.failed, 0, "%s", owner.last_error.text);
    cr_expect_eq(owner.rows, 0);
    cr_expect_eq(streamed, 1);
    owner_done(&owner);
}

Test(db_postgres, tells_the_error_that_ends_a_stream)
{
    struct owner owner;
    owner_init(&owner);
    stream(&owner, "SELECT 6 / (4 - n) FROM generate_series(1, 9) n");
    execute(&owner, SQL_BACKEND_PID);
    db_conn_sync(owner.conn);
    execute(&owner, SQL_BACKEND_PID);
    db_conn_sync(owner.conn);
    run_until(&owner, &owner.answered, 3);
    cr_expect_eq(streamed, 3);
    cr_expect_eq(owner.failed, 2, "it, and what stood behind it in its group");
    cr_expect_eq(owner.rows, 1);
    cr_expect_eq(owner.lost, 0);
    owner_done(&owner);
}

static void free_on_row(const PGresult *row, void *arg)
{
    (void)row;
    struct owner *owner = arg;
    streamed++;
    db_conn_free(&owner->conn);
}

Test(db_postgres, may_be_freed_in_the_middle_of_a_stream)
{
    struct owner owner;
    struct error err = {0};
    owner_init(&owner);
    cr_assert(db_conn_stream_sql(owner.conn, "SELECT generate_series(1, 100000)", NULL, free_on_row,
                                 on_answer, &owner, &err));
    db_conn_sync(owner.conn);
    run_until(&owner, &owner.answered, 1);
    cr_expect_eq(streamed, 1);
    cr_expect_eq(owner.failed, 1);
    cr_expect_eq(owner.last_error.kind, ERR_UNCERTAIN);
    owner_done(&owner);
}

/* --- losing the session ------------------------------------------------------------------ */

static void terminate(struct owner *killer, int32_t pid)
{
    db_params_add_int4(&killer->params, pid);
    cr_assert(db_value_bool(ask(killer, SQL_TERMINATE), 0, 0));
}

Test(db_postgres, comes_back_after_its_idle_session_was_ended)
{
    struct owner owner;
    struct owner killer;
    owner_init(&owner);
    owner_init(&killer);
    int32_t pid = db_value_int4(ask(&owner, SQL_BACKEND_PID), 0, 0);
    terminate(&killer, pid);
    run_until(&owner, &owner.lost, 1);
    cr_expect_eq(owner.loss.kind, ERR_RETRY);
    cr_expect_not_null(strstr(owner.loss.text, "terminating connection"), "%s", owner.loss.text);
    run_until(&owner, &owner.ready, 2);
    cr_expect_neq(db_value_int4(ask(&owner, SQL_BACKEND_PID), 0, 0), pid);
    owner_done(&owner);
    owner_done(&killer);
}

Test(db_postgres, answers_everything_when_its_session_ends_in_the_middle)
{
    struct owner owner;
    owner_init(&owner);
    execute(&owner, SQL_BACKEND_PID);
    db_conn_sync(owner.conn);
    execute(&owner, SQL_TERMINATE_SELF);
    execute(&owner, SQL_BACKEND_PID);
    db_conn_sync(owner.conn);
    execute(&owner, SQL_BACKEND_PID);
    run_until(&owner, &owner.lost, 1);
    cr_expect_eq(owner.answered, 4);
    cr_expect_eq(owner.failed, 3);
    cr_expect_eq(owner.last_error.kind, ERR_UNCERTAIN);
    cr_expect_str_eq(owner.last_error.sqlstate, "");
    run_until(&owner, &owner.ready, 2);
    owner.failed = 0;
    (void)ask(&owner, SQL_BACKEND_PID);
    owner_done(&owner);
}

Test(db_postgres, begins_a_clean_session_after_a_reset)
{
    struct owner owner;
    owner_init(&owner);
    execute(&owner, SQL_BEGIN);
    db_conn_sync(owner.conn);
    run_until(&owner, &owner.answered, 1);
    int32_t pid = db_value_int4(ask(&owner, SQL_BACKEND_PID), 0, 0);
    db_conn_reset(owner.conn, "test");
    run_until(&owner, &owner.ready, 2);
    cr_expect_neq(db_value_int4(ask(&owner, SQL_BACKEND_PID), 0, 0), pid);
    owner_done(&owner);
}

/* --- several servers --------------------------------------------------------------------- */

static char *text_of(const char *keyword)
{
    char *value = db_conninfo_value(database_url(), keyword);
    return value ? value : alloc_string("");
}

/* A name that nobody has, and a port where nobody listens, stand before the real server. */
Test(db_postgres, finds_the_server_that_answers)
{
    char *host = text_of("host");
    char *port = text_of("port");
    char *user = text_of("user");
    char *password = text_of("password");
    char *dbname = text_of("dbname");
    char conninfo[1024];
    (void)snprintf(conninfo, sizeof(conninfo),
                   "host=nobody.invalid,127.0.0.1,%s port=1,1,%s user='%s' password='%s' "
                   "dbname='%s' target_session_attrs=read-write",
                   host, port, user, password, dbname);
    struct db_conn_config config = plain_config;
    config.conninfo = conninfo;
    struct owner owner;
    owner_begin(&owner, &config);
    run_until(&owner, &owner.ready, 1);
    cr_expect_eq(owner.lost, 0, "%s", owner.loss.text);
    (void)ask(&owner, SQL_BACKEND_PID);
    owner_done(&owner);
    free(host);
    free(port);
    free(user);
    free(password);
    free(dbname);
}
