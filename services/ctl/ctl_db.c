#include "ctl_db.h"

#include "buf.h"
#include "command.h"
#include "db_conn.h"
#include "db_value.h"
#include "schema_version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_INTERVAL_MS = 250 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* libpq's messages are lines; ours are one. */
static bool set_from_connection(struct error *err, const PGconn *conn)
{
    char text[sizeof(err->text)];
    (void)snprintf(text, sizeof(text), "%s", PQerrorMessage(conn));
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    for (char *at = text; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
    return error_set(err, ERR_RETRY, "database: %s", len > 0 ? text : "the connection was lost");
}

/* libpq's own message about a malformed URL may quote the password in it: it is not shown. */
static bool is_parsable(const char *url, struct error *err)
{
    char *message = NULL;
    PQconninfoOption *parsed = PQconninfoParse(url, &message);
    bool ok = parsed != NULL;
    PQconninfoFree(parsed);
    PQfreemem(message);
    return ok || error_set(err, ERR_REJECT,
                           "DATABASE_URL is no valid connection string or URL "
                           "(postgresql://user:password@host:port/database)");
}

static PGconn *connect_once(const char *url)
{
    /* What stands in the URL or the environment comes before our own timeout. */
    const char *own_timeout = getenv("PGCONNECT_TIMEOUT") ? "" : "5";
    const char *const keywords[] = {"fallback_application_name", "connect_timeout", "dbname",
                                    "client_encoding", NULL};
    const char *const values[] = {CTL_PROGRAM, own_timeout, url, "UTF8", NULL};
    return PQconnectdbParams(keywords, values, 1);
}

static PGconn *connect_within(const struct ctl_db_options *options, struct error *err)
{
    int64_t deadline_ms = now_ms() + options->wait_seconds * 1000;
    bool told = false;
    for (;;) {
        PGconn *conn = connect_once(options->database_url);
        if (PQstatus(conn) == CONNECTION_OK)
            return conn;
        (void)set_from_connection(err, conn);
        PQfinish(conn);
        if (now_ms() >= deadline_ms)
            return NULL;
        if (!told)
            command_note("waiting for the database: %s", err->text);
        told = true;
        sleep_ms(RETRY_INTERVAL_MS);
    }
}

static void on_notice(void *arg, const char *message)
{
    (void)arg;
    (void)fputs(message, stderr);
}

PGconn *ctl_db_connect(const struct ctl_db_options *options, struct error *err)
{
    if (!is_parsable(options->database_url, err))
        return NULL;
    PGconn *conn = connect_within(options, err);
    if (!conn)
        return NULL;
    PQsetNoticeProcessor(conn, on_notice, NULL);
    if (PQserverVersion(conn) < CTL_DB_OLDEST_VERSION) {
        (void)error_set(err, ERR_FATAL,
                        "PostgreSQL %s is too old: callboard needs version 15 or newer",
                        PQparameterStatus(conn, "server_version"));
        ctl_db_close(&conn);
    }
    return conn;
}

static bool has_our_schema(PGconn *conn, struct error *err)
{
    AUTO_RELEASE(ctl_db_clear) PGresult *result = ctl_db_query(conn, schema_check_sql, NULL, err);
    if (!result)
        return false;
    struct slice problem = db_value_bytes(result, 0, 0);
    return problem.len == 0 || error_set(err, ERR_FATAL, "%.*s", (int)problem.len, problem.data);
}

PGconn *ctl_db_open(const struct ctl_db_options *options, struct error *err)
{
    PGconn *conn = ctl_db_connect(options, err);
    if (conn && !has_our_schema(conn, err))
        ctl_db_close(&conn);
    return conn;
}

int ctl_db_fail(const struct error *err)
{
    return err->kind == ERR_REJECT ? command_misuse("%s", err->text) : command_fail(err);
}

/* Keeps the result when it is what a statement gives that went well. */
static PGresult *checked(PGconn *conn, PGresult *result, struct error *err)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    if (PQresultErrorField(result, PG_DIAG_SQLSTATE))
        db_error_from_result(result, err);
    else
        (void)set_from_connection(err, conn);
    PQclear(result);
    return NULL;
}

PGresult *ctl_db_query(PGconn *conn, const char *sql, const struct db_params *params,
                       struct error *err)
{
    const char *values[DB_PARAMS_MAX];
    int formats[DB_PARAMS_MAX];
    int count = params ? params->count : 0;
    for (int i = 0; i < count; i++) {
        values[i] = params->length[i] < 0 ? NULL : params->bytes.data + params->offset[i];
        formats[i] = 1;
    }
    return checked(
        conn,
        PQexecParams(conn, sql, count, NULL, values, params ? params->length : NULL, formats, 1),
        err);
}

bool ctl_db_execute(PGconn *conn, const char *sql, const struct db_params *params,
                    struct error *err)
{
    AUTO_RELEASE(ctl_db_clear) PGresult *result = ctl_db_query(conn, sql, params, err);
    return result != NULL;
}

bool ctl_db_script(PGconn *conn, const char *sql, struct error *err)
{
    AUTO_RELEASE(ctl_db_clear) PGresult *result = checked(conn, PQexec(conn, sql), err);
    return result != NULL;
}

void ctl_db_close(PGconn **conn)
{
    PQfinish(*conn);
    *conn = NULL;
}

void ctl_db_clear(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}
