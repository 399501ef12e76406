/*
 * store_params - turns what is to be written into the arrays that the statements of store_sql take.
 *
 * Each function fills `params` (reset first) for the statement it is named after.
 */
#ifndef CALLBOARD_INGEST_STORE_PARAMS_H
#define CALLBOARD_INGEST_STORE_PARAMS_H

#include "db_params.h"
#include "reconcile.h"
#include "store.h"

void store_params_offsets(struct db_params *params, const char *group_id,
                          const struct store_offset *offsets, size_t count);
void store_params_claim(struct db_params *params, const char *group_id, const char *owner,
                        const struct store_offset *wanted, size_t count);
/* For SQL_MOVE_OFFSETS and SQL_MOVE_ALL_OFFSETS. */
void store_params_move(struct db_params *params, const char *group_id,
                       const struct store_offset *offsets, size_t count);
void store_params_lock_batches(struct db_params *params, const struct fold *fold);
/* `batches` of the fold as they are expected to be stored. */
void store_params_lock_unchanged(struct db_params *params, const struct fold *fold,
                                 const struct stored_batch *batches);
/* Of the fold's calls those that are `wanted`, in its order. */
void store_params_read_calls(struct db_params *params, const struct fold *fold, const bool *wanted);
void store_params_read_pending(struct db_params *params, const struct fold *fold,
                               const bool *wanted);
void store_params_batches(struct db_params *params, const struct write_set *writes);
void store_params_changes(struct db_params *params, const struct write_set *writes);
void store_params_insert_calls(struct db_params *params, const struct row_writes *writes);
void store_params_update_calls(struct db_params *params, const struct row_writes *writes);
void store_params_insert_attempts(struct db_params *params, const struct row_writes *writes);
void store_params_update_attempts(struct db_params *params, const struct row_writes *writes);
/* For SQL_INSERT_PENDING and SQL_UPDATE_PENDING. */
void store_params_pending(struct db_params *params, const struct row_writes *writes);
void store_params_delete_pending(struct db_params *params, const struct row_writes *writes);
void store_params_statuses(struct db_params *params, const struct write_set *writes);
void store_params_dead_letters(struct db_params *params, const char *group_id,
                               const struct store_dead_letter *letters, size_t count);

#endif
