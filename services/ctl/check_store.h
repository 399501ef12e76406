/*
 * check_store - the SQL of `callboard-ctl check`.
 */
#ifndef CALLBOARD_CTL_CHECK_STORE_H
#define CALLBOARD_CTL_CHECK_STORE_H

#include "buf.h"
#include "error.h"
#include "macros.h"

#include <libpq-fe.h>
#include <stdbool.h>

/* Appends what is wrong with the schema's version, or nothing. */
NODISCARD bool check_store_schema(PGconn *conn, struct buf *problem, struct error *err);
/* Appends the names of the roles that are missing, separated by commas, or nothing. */
NODISCARD bool check_store_missing_roles(PGconn *conn, struct buf *names, struct error *err);

#endif
