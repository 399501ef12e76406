#include "fake_db_conn.h"

#include <criterion/criterion.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define PENDING_MAX 64

struct db_conn {
    struct db_conn_observer observer;
    void *arg;
};

static struct {
    struct db_conn *conn;
    bool is_ready;
    bool is_synced;
    const char *command_tag;
    struct pending {
        size_t statement;
        db_result_fn *fn;
        void *arg;
    } pending[PENDING_MAX];
    size_t count;
} fake;

struct db_conn *db_conn_new(struct event_base *base, const struct db_conn_config *config,
                            const struct db_conn_observer *observer, void *arg)
{
    (void)base;
    (void)config;
    fake.conn = calloc(1, sizeof *fake.conn);
    fake.conn->observer = *observer;
    fake.conn->arg = arg;
    fake.count = 0;
    return fake.conn;
}

bool db_conn_is_ready(const struct db_conn *conn)
{
    (void)conn;
    return fake.is_ready;
}

bool db_conn_is_idle(const struct db_conn *conn)
{
    (void)conn;
    return fake.count == 0;
}

const char *db_conn_state_name(const struct db_conn *conn)
{
    (void)conn;
    return fake.is_ready ? "ready" : "connecting";
}

const char *db_conn_last_error(const struct db_conn *conn)
{
    (void)conn;
    return "";
}

void db_conn_reset(struct db_conn *conn, const char *reason)
{
    (void)conn;
    (void)reason;
    fake.is_ready = false;
}

bool db_conn_execute(struct db_conn *conn, size_t statement, const struct db_params *params,
                     db_result_fn *fn, void *arg, struct error *err)
{
    (void)conn;
    (void)params;
    if (!fake.is_ready)
        return error_set(err, ERR_RETRY, "not connected");
    cr_assert_lt(fake.count, PENDING_MAX);
    fake.pending[fake.count++] = (struct pending){statement, fn, arg};
    fake.is_synced = false;
    return true;
}

void db_conn_sync(struct db_conn *conn)
{
    (void)conn;
    fake.is_synced = true;
}

size_t fake_db_conn_pending(void)
{
    return fake.count;
}

bool fake_db_conn_is_synced(void)
{
    return fake.is_synced;
}

void fake_db_conn_set_ready(bool is_ready)
{
    fake.is_ready = is_ready;
}

static struct pending take_oldest(void)
{
    cr_assert_gt(fake.count, 0, "nothing has been asked");
    struct pending oldest = fake.pending[0];
    memmove(fake.pending, fake.pending + 1, --fake.count * sizeof *fake.pending);
    return oldest;
}

void fake_db_conn_answer(size_t statement, PGresult *result, const struct error *err)
{
    cr_assert(fake.is_synced, "the group was not sent");
    struct pending oldest = take_oldest();
    cr_assert_eq(oldest.statement, statement, "expected statement %zu, asked was %zu", statement,
                 oldest.statement);
    oldest.fn(result, err, oldest.arg);
    PQclear(result);
}

void fake_db_conn_answer_tag(size_t statement, const char *tag)
{
    fake.command_tag = tag;
    fake_db_conn_answer(statement, PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK), NULL);
}

/* In place of libpq's: there the tag is inside PGresult, and nothing public sets it. */
char *PQcmdStatus(PGresult *result);
char *PQcmdStatus(PGresult *result)
{
    static char tag[32];
    (void)result;
    strncpy(tag, fake.command_tag, sizeof tag - 1);
    return tag;
}

/* And so for the number of rows, with which the tag ends. */
char *PQcmdTuples(PGresult *result);
char *PQcmdTuples(PGresult *result)
{
    char *last = strrchr(PQcmdStatus(result), ' ');
    return last ? last + 1 : PQcmdStatus(result);
}

void fake_db_conn_fail(size_t statement, enum error_kind kind, const char *sqlstate)
{
    struct error failed = {.kind = kind, .text = "refused by the script"};
    struct error aborted = {.kind = ERR_RETRY, .text = "not run"};
    size_t behind = fake.count - 1;
    memcpy(failed.sqlstate, sqlstate, strlen(sqlstate));
    fake_db_conn_answer(statement, NULL, &failed);
    for (; behind > 0; behind--) {
        struct pending oldest = take_oldest();
        oldest.fn(NULL, &aborted, oldest.arg);
    }
}

static void answer_all(const struct error *err)
{
    for (size_t left = fake.count; left > 0; left--) {
        struct pending oldest = take_oldest();
        oldest.fn(NULL, err, oldest.arg);
    }
}

void db_conn_free(struct db_conn **conn)
{
    const struct error closed = {.kind = ERR_UNCERTAIN, .text = "the connection was closed"};
    struct db_conn *closing = *conn;
    *conn = NULL;
    answer_all(&closed);
    free(closing);
}

void fake_db_conn_lose(void)
{
    struct error lost = {.kind = ERR_UNCERTAIN, .text = "connection lost"};
    fake.is_ready = false;
    answer_all(&lost);
    if (fake.conn->observer.on_lost)
        fake.conn->observer.on_lost(fake.conn, &lost, fake.conn->arg);
}

PGresult *fake_result(int columns, int rows)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[16] = {0};
    char name[] = "c";
    for (int i = 0; i < columns; i++) {
        attributes[i].name = name;
        attributes[i].format = 1;
    }
    PQsetResultAttrs(result, columns, attributes);
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            PQsetvalue(result, row, column, NULL, -1);
    return result;
}

void fake_result_set(PGresult *result, int row, int column, const void *value, int len)
{
    char copy[256];
    memcpy(copy, value, (size_t)len);
    PQsetvalue(result, row, column, copy, len);
}

void fake_result_set_int4(PGresult *result, int row, int column, int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    fake_result_set(result, row, column, &wire, sizeof wire);
}

void fake_result_set_int8(PGresult *result, int row, int column, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    fake_result_set(result, row, column, &wire, sizeof wire);
}

void fake_result_set_bool(PGresult *result, int row, int column, bool value)
{
    char wire = value ? 1 : 0;
    fake_result_set(result, row, column, &wire, 1);
}
