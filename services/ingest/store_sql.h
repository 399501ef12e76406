/*
 * store_sql - the statements of the ingest service, prepared on every connection.
 */
#ifndef CALLBOARD_INGEST_STORE_SQL_H
#define CALLBOARD_INGEST_STORE_SQL_H

#include "db_conn.h"

enum store_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_CLAIM,
    SQL_READ_OFFSETS,
    SQL_MOVE_OFFSETS,
    SQL_MOVE_ALL_OFFSETS,
    SQL_LOCK_BATCHES,
    SQL_LOCK_UNCHANGED,
    SQL_READ_CALLS,
    SQL_READ_PENDING,
    SQL_WRITE_BATCHES,
    SQL_LOG_CHANGES,
    SQL_INSERT_CALLS,
    SQL_UPDATE_CALLS,
    SQL_INSERT_ATTEMPTS,
    SQL_UPDATE_ATTEMPTS,
    SQL_INSERT_PENDING,
    SQL_UPDATE_PENDING,
    SQL_DELETE_PENDING,
    SQL_COUNT_STATUSES,
    SQL_INSERT_DEAD_LETTERS,
    SQL_PRUNE_CHANGES,
    SQL_COUNT
};

extern const struct db_statement store_statements[SQL_COUNT];

#endif
