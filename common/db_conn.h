/*
 * db_conn - one asynchronous PostgreSQL connection in pipeline mode, on one event loop.
 *
 * It connects (name resolution included) without blocking, prepares its statements, tells its
 * observer that it is ready, and, when the connection is lost, reconnects by itself with
 * exponential backoff and jitter until it is freed.
 *
 * Queries come in groups: db_conn_execute() any number of times, then db_conn_sync(). A group is
 * sent at once and answered in order; when a statement of it fails, the ones behind it in the group
 * are not run. Groups may follow each other without waiting. A group outside BEGIN ... COMMIT is
 * one implicit transaction, which commits at the group's end, after its statements were answered: a
 * write that must be known to have committed stands between BEGIN and COMMIT. Should that late
 * commit fail, the connection is dropped and the observer told why.
 *
 * Ownership: a PGresult is lent to the callback and dies when it returns. Parameters are copied.
 * Threads:   everything runs on the event_base's thread.
 * Callbacks: exactly one per accepted statement, in order, never before db_conn_execute() returns;
 *            where it is streamed, behind those for its rows. Callbacks may execute further
 *            statements; they may free the connection.
 * Results:   binary format throughout (see db_value.h).
 */
#ifndef CALLBOARD_DB_CONN_H
#define CALLBOARD_DB_CONN_H

#include "db_params.h"
#include "error.h"
#include "macros.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct db_conn;

/* A prepared statement. Parameter types are fixed by casts in the SQL ($1::bytea[]). */
struct db_statement {
    const char *name;
    const char *sql;
};

struct db_conn_config {
    const char *conninfo;         /* connection string or URL; "" means PG* variables */
    const char *application_name; /* shown in pg_stat_activity; one in `conninfo` wins */
    /* As libpq's `options`: "-c statement_timeout=30000 ..." or NULL. They come behind the user's
     * own (of `conninfo` or PGOPTIONS) and so win over them. */
    const char *session_options;
    /* Prepared on connect; the index is the statement's id. */
    const struct db_statement *statements;
    size_t statement_count;
    /* NULL, or a query run before preparing, that returns one row with one text column: a non-empty
     * text is the reason for refusing the connection (e.g. a schema that was not migrated). NULL
     * and "" let it pass; an error, or another number of rows or columns, refuses it too. The
     * observer hears of a text as ERR_FATAL, of an error by its kind; the attempt is repeated like
     * any other. */
    const char *setup_check_sql;
    int connect_timeout_ms; /* per attempt, from name resolution to ready; 0: 5000 */
    int group_timeout_ms;   /* from db_conn_sync(), then the connection is cut; 0: 30000 */
    int backoff_max_ms;     /* longest wait between two attempts; 0: 1000 */
    size_t max_pending;     /* statements accepted and not yet answered; 0: 1024 */
};

/* What the owner hears of, always from the loop. Either may be NULL. */
struct db_conn_observer {
    void (*on_ready)(struct db_conn *conn, void *arg);
    /* The connection was lost, or an attempt failed: `err` says why. Called after the callbacks of
     * all pending statements (which got ERR_UNCERTAIN). */
    void (*on_lost)(struct db_conn *conn, const struct error *err, void *arg);
};

/*
 * `result` is NULL when `err` is not: kind ERR_UNCERTAIN with no sqlstate when the connection was
 * lost first (an error that ends the session, such as the server's shutdown, counts as that: a
 * COMMIT may have happened); otherwise the server's error by db_error_from_result(), or, for a
 * statement that was not run because an earlier one of its group failed, ERR_RETRY with sqlstate ""
 * and a text that says so.
 */
typedef void db_result_fn(const PGresult *result, const struct error *err, void *arg);
typedef void db_row_fn(const PGresult *row, void *arg);

/* Begins to connect at once. `observer` is copied. The strings of `config` are copied but for the
 * statements, which must outlive it. */
struct db_conn *db_conn_new(struct event_base *base, const struct db_conn_config *config,
                            const struct db_conn_observer *observer, void *arg);
/* Closes without waiting. Pending statements get their callback with ERR_UNCERTAIN first; the
 * observer is not called. Accepts NULL; sets NULL. */
void db_conn_free(struct db_conn **conn);

bool db_conn_is_ready(const struct db_conn *conn);
/* No statement is under way. */
bool db_conn_is_idle(const struct db_conn *conn);
/* Lower-case name of the state, for logs and readiness; and the last error's text, or "" once
 * ready. */
const char *db_conn_state_name(const struct db_conn *conn);
const char *db_conn_last_error(const struct db_conn *conn);
/* Drops a ready connection and begins anew (a fenced or confused owner wants a clean session);
 * nothing to do in any other state, where a new session is under way. From now on it is not ready;
 * pending statements get ERR_UNCERTAIN, and the observer hears `reason`, from the loop. */
void db_conn_reset(struct db_conn *conn, const char *reason);

/* Adds a statement to the group being built. False: ERR_RETRY when not ready, ERR_BUSY at
 * max_pending, ERR_REJECT when the parameters are larger than the server takes; `fn` is then not
 * called, and the group holds what was accepted before. `params` may be NULL for none. */
NODISCARD bool db_conn_execute(struct db_conn *conn, size_t statement,
                               const struct db_params *params, db_result_fn *fn, void *arg,
                               struct error *err);
/* The same for a statement that was not prepared: one SQL command, which the server parses and
 * plans anew, with the values of its parameters. `sql` is copied. */
NODISCARD bool db_conn_execute_sql(struct db_conn *conn, const char *sql,
                                   const struct db_params *params, db_result_fn *fn, void *arg,
                                   struct error *err);
/* The same for an answer that is not to be held in memory as a whole: `on_row` is given each row,
 * in order, as a result of one row that dies when it returns; then `fn` is called as ever, with a
 * result that has no rows. */
NODISCARD bool db_conn_stream_sql(struct db_conn *conn, const char *sql,
                                  const struct db_params *params, db_row_fn *on_row,
                                  db_result_fn *fn, void *arg, struct error *err);
/* The same for a prepared statement. */
NODISCARD bool db_conn_stream(struct db_conn *conn, size_t statement,
                              const struct db_params *params, db_row_fn *on_row, db_result_fn *fn,
                              void *arg, struct error *err);
/* Ends the group and sends it. Nothing to do for a group without statements. */
void db_conn_sync(struct db_conn *conn);

/*
 * Error kind for a SQLSTATE, by class: 22, 23, 54 (data, integrity, program limits) ERR_REJECT; 08,
 * 40, 53, 55, 57, 58, 25P03 and XX ERR_RETRY; 28, 3D, 42 and the rest ERR_FATAL (which services
 * also retry, but report as something a person must mend).
 */
enum error_kind db_error_kind(const char *sqlstate);
/* Kind, SQLSTATE and the primary message, with detail and hint where they fit, of a failed result.
 * Without a SQLSTATE the error is libpq's own: ERR_RETRY. */
void db_error_from_result(const PGresult *result, struct error *err);
/* ERR_RETRY with libpq's message about the connection, in one line. */
void db_error_from_session(const PGconn *session, struct error *err);

#endif
