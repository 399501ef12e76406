/*
 * migrate_store - the SQL of `callboard-ctl migrate`.
 */
#ifndef CALLBOARD_CTL_MIGRATE_STORE_H
#define CALLBOARD_CTL_MIGRATE_STORE_H

#include "bootstrap.h"
#include "error.h"
#include "macros.h"
#include "migration_plan.h"
#include "migrations.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds every wait for a lock of this session, and lifts the statement timeout. */
NODISCARD bool migrate_store_configure(PGconn *conn, int64_t lock_timeout_s, struct error *err);
/* Tries to take the session's advisory lock against another migration of this database. */
NODISCARD bool migrate_store_try_lock(PGconn *conn, bool *out_locked, struct error *err);
/* Waits for that lock, as long as the lock timeout allows. */
NODISCARD bool migrate_store_lock(PGconn *conn, struct error *err);

NODISCARD bool migrate_store_facts(PGconn *conn, struct bootstrap_facts *facts, struct error *err);
/* A step that another session has just taken, too, counts as taken. */
NODISCARD bool migrate_store_step(PGconn *conn, const struct bootstrap_step *step,
                                  struct error *err);
/* SET ROLE callboard_owner, and the search path of migrations, for the rest of the session. */
NODISCARD bool migrate_store_become_owner(PGconn *conn, struct error *err);
/* Creates callboard.migration if it is missing. */
NODISCARD bool migrate_store_create_table(PGconn *conn, struct error *err);

/* What was applied, in ascending order. The texts live in `*out_result`, which the caller clears.
 */
NODISCARD bool migrate_store_applied(PGconn *conn, struct applied_migration **out_applied,
                                     size_t *out_count, PGresult **out_result, struct error *err);
/* Runs one migration and records it, in one transaction. */
NODISCARD bool migrate_store_apply(PGconn *conn, const struct migration *migration,
                                   struct error *err);

#endif
