/*
 * ctl_db - the blocking PostgreSQL connection of one command.
 *
 * Results are in binary format (db_value.h). Parameters are db_params; their types are fixed by
 * casts in the SQL. The connection speaks UTF-8 whatever the database's encoding.
 */
#ifndef CALLBOARD_CTL_DB_H
#define CALLBOARD_CTL_DB_H

#include "db_params.h"
#include "error.h"
#include "macros.h"
#include "options.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_db_options {
    const char *database_url;
    int64_t wait_seconds;
};

/* At the head of each command's option table. The URL is the struct's first member. */
#define OPTIONS_CTL_DB(config_type, member)                                                        \
    OPTIONS_DATABASE(config_type, member),                                                         \
    {                                                                                              \
        .flag = "wait", .type = OPTION_INT,                                                        \
        .offset = offsetof(config_type, member) + offsetof(struct ctl_db_options, wait_seconds),   \
        .default_text = "0", .min = 0, .max = 3600, .value_name = "SECONDS",                       \
        .help = "keep trying for so long while the database cannot be reached"                     \
    }
static_assert(offsetof(struct ctl_db_options, database_url) == 0, "OPTIONS_CTL_DB relies on it");

#define CTL_DB_OLDEST_VERSION 150000 /* as PQserverVersion() has it: 15 */

/* Connects, trying again for wait_seconds; refuses PostgreSQL older than 15. NULL with `err`:
 * ERR_REJECT when the connection string cannot be parsed. */
NODISCARD PGconn *ctl_db_connect(const struct ctl_db_options *options, struct error *err);
/* As ctl_db_connect(), and refuses a database whose schema is not this program's. */
NODISCARD PGconn *ctl_db_open(const struct ctl_db_options *options, struct error *err);
/* Prints the error of either; returns the exit status it means. */
int ctl_db_fail(const struct error *err);

/* Runs one statement. `params` may be NULL. The caller clears the result; NULL with `err`. */
NODISCARD PGresult *ctl_db_query(PGconn *conn, const char *sql, const struct db_params *params,
                                 struct error *err);
/* Runs one statement that gives no rows of interest. */
NODISCARD bool ctl_db_execute(PGconn *conn, const char *sql, const struct db_params *params,
                              struct error *err);
/* Runs a script of one or more statements, in one implicit transaction. */
NODISCARD bool ctl_db_script(PGconn *conn, const char *sql, struct error *err);

/* For AUTO_RELEASE. */
void ctl_db_close(PGconn **conn);
void ctl_db_clear(PGresult **result);

#endif
