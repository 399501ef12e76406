#include "fake_db_conn.h"

#include "store.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct db_conn {
    const struct db_conn_observer *observer;
    void *observer_arg;
    bool is_ready;
    bool is_synced;
    size_t statement;
    int questions; /* 0: no statement is under way */
    db_result_fn *fn;
    void *arg;
    bool asks_cursor_key;
    char sql[1 << 16]; /* of a statement that was not prepared */
};

static struct db_conn conns[FAKE_CONNS_MAX];
static size_t count;

size_t fake_db_count(void)
{
    return count;
}

struct db_conn *fake_db_at(size_t index)
{
    cr_assert_lt(index, count);
    return &conns[index];
}

void fake_db_reset(void)
{
    count = 0;
    memset(conns, 0, sizeof(conns));
}

struct db_conn *db_conn_new(struct event_base *base, const struct db_conn_config *config,
                            const struct db_conn_observer *observer, void *arg)
{
    (void)base;
    cr_assert_lt(count, FAKE_CONNS_MAX);
    cr_assert_not_null(config->statements);
    struct db_conn *conn = &conns[count++];
    conn->observer = observer;
    conn->observer_arg = arg;
    return conn;
}

static void call_back(struct db_conn *conn, const PGresult *result, const struct error *err)
{
    db_result_fn *fn = conn->fn;
    conn->questions = 0;
    conn->fn = NULL;
    fn(result, err, conn->arg);
}

static void fail_pending(struct db_conn *conn)
{
    conn->is_ready = false;
    if (conn->fn) {
        struct error err = {.kind = ERR_UNCERTAIN, .text = "connection lost"};
        call_back(conn, NULL, &err);
    }
}

void db_conn_free(struct db_conn **conn)
{
    if (*conn) {
        fail_pending(*conn);
    }
    *conn = NULL;
}

bool db_conn_is_ready(const struct db_conn *conn)
{
    return conn->is_ready;
}

bool db_conn_execute(struct db_conn *conn, size_t statement, const struct db_params *params,
                     db_result_fn *fn, void *arg, struct error *err)
{
    if (!conn->is_ready) {
        return error_set(err, ERR_RETRY, "not ready");
    }
    cr_assert_null(conn->fn, "a second statement on one connection");
    conn->statement = statement;
    conn->is_synced = false;
    conn->fn = fn;
    conn->arg = arg;
    conn->asks_cursor_key = statement == STORE_CURSOR_KEY;
    if (conn->asks_cursor_key) {
        return true;
    }
    const unsigned char *array = (const unsigned char *)params->bytes.data + params->offset[0];
    conn->questions = array[14] << 8 | array[15]; /* the low half of the array's length */
    return true;
}

bool db_conn_execute_sql(struct db_conn *conn, const char *sql, const struct db_params *params,
                         db_result_fn *fn, void *arg, struct error *err)
{
    if (!conn->is_ready) {
        return error_set(err, ERR_RETRY, "not ready");
    }
    cr_assert_null(conn->fn, "a second statement on one connection");
    cr_assert_not(params->bytes.overflow);
    cr_assert_lt(strlen(sql), sizeof(conn->sql));
    memcpy(conn->sql, sql, strlen(sql) + 1);
    conn->statement = STORE_STATEMENT_COUNT;
    conn->is_synced = false;
    conn->asks_cursor_key = false;
    conn->questions = 1;
    conn->fn = fn;
    conn->arg = arg;
    return true;
}

/* Streams belong to the selector, which the tests of this fake do without. */
bool db_conn_stream_sql(struct db_conn *conn, const char *sql, const struct db_params *params,
                        db_row_fn *on_row, db_result_fn *fn, void *arg, struct error *err)
{
    (void)conn, (void)sql, (void)params, (void)on_row, (void)fn, (void)arg;
    return error_set(err, ERR_FATAL, "not scripted");
}

bool db_conn_stream(struct db_conn *conn, size_t statement, const struct db_params *params,
                    db_row_fn *on_row, db_result_fn *fn, void *arg, struct error *err)
{
    (void)statement;
    return db_conn_stream_sql(conn, "", params, on_row, fn, arg, err);
}

/* The key is always there, at once. */
static void answer_cursor_key(struct db_conn *conn)
{
    static char key[] = "0123456789abcdef0123456789abcdef";
    static char name[] = "key";
    PGresAttDesc column = {.name = name, .format = 1};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    cr_assert(PQsetResultAttrs(result, 1, &column));
    cr_assert(PQsetvalue(result, 0, 0, key, (int)strlen(key)));
    call_back(conn, result, NULL);
    PQclear(result);
}

void db_conn_sync(struct db_conn *conn)
{
    conn->is_synced = true;
    if (conn->asks_cursor_key) {
        conn->asks_cursor_key = false;
        answer_cursor_key(conn);
    }
}

bool db_conn_is_idle(const struct db_conn *conn)
{
    return !conn->fn;
}

void fake_db_set_ready(struct db_conn *conn)
{
    conn->is_ready = true;
    conn->observer->on_ready(conn, conn->observer_arg);
}

void fake_db_lose(struct db_conn *conn, const char *why)
{
    fail_pending(conn);
    fake_db_fail_attempt(conn, why);
}

void fake_db_fail_attempt(struct db_conn *conn, const char *why)
{
    struct error err;
    error_set(&err, ERR_RETRY, "%s", why);
    conn->observer->on_lost(conn, &err, conn->observer_arg);
}

int fake_db_questions(const struct db_conn *conn)
{
    return conn->is_synced ? conn->questions : 0;
}

size_t fake_db_statement(const struct db_conn *conn)
{
    return conn->statement;
}

const char *fake_db_sql(const struct db_conn *conn)
{
    return conn->sql;
}

void fake_db_answer(struct db_conn *conn, PGresult *result, const struct error *err)
{
    cr_assert_not_null(conn->fn, "no statement is under way");
    call_back(conn, result, err);
    PQclear(result);
}
