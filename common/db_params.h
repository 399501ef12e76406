/*
 * db_params - the parameters of one statement in PostgreSQL's binary format.
 *
 * Built once, sent once, reset and built again. Arrays are built element by element:
 * db_params_array_begin(), elements, db_params_array_end().
 *
 * Ownership: owns its memory; slices given are copied.
 */
#ifndef CALLBOARD_DB_PARAMS_H
#define CALLBOARD_DB_PARAMS_H

#include "buf.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_PARAMS_MAX 128

/* Element types of arrays: PostgreSQL's type oids (src/include/catalog/pg_type.dat). */
enum db_type {
    DB_BOOL = 16,
    DB_BYTEA = 17,
    DB_INT8 = 20,
    DB_INT4 = 23,
    DB_TEXT = 25,
    DB_TIMESTAMPTZ = 1184,
};

struct db_params {
    struct buf bytes; /* all values, one behind the other */
    size_t offset[DB_PARAMS_MAX];
    int length[DB_PARAMS_MAX]; /* -1: NULL */
    int count;
    uint32_t array_elements; /* of the array being built */
    bool array_has_null;
    size_t array_start;
};

void db_params_init(struct db_params *params);
void db_params_done(struct db_params *params);
void db_params_reset(struct db_params *params);

void db_params_add_null(struct db_params *params);
void db_params_add_bool(struct db_params *params, bool value);
void db_params_add_int4(struct db_params *params, int32_t value);
void db_params_add_int8(struct db_params *params, int64_t value);
/* Text or bytea; SLICE_NONE is NULL. */
void db_params_add_bytes(struct db_params *params, struct slice value);
/* A timestamptz from microseconds since the Unix epoch. */
void db_params_add_time(struct db_params *params, int64_t unix_us);

void db_params_array_begin(struct db_params *params, enum db_type type);
void db_params_array_null(struct db_params *params);
void db_params_array_bool(struct db_params *params, bool value);
void db_params_array_int4(struct db_params *params, int32_t value);
void db_params_array_int8(struct db_params *params, int64_t value);
void db_params_array_bytes(struct db_params *params, struct slice value);
void db_params_array_time(struct db_params *params, int64_t unix_us);
/* An empty array is sent as PostgreSQL's empty array (no dimensions). */
void db_params_array_end(struct db_params *params);

#endif
