/*
 * scripted_rows - a PGresult as the page statements give it, made from rows written down in a test.
 */
#ifndef CALLBOARD_TESTS_SCRIPTED_ROWS_H
#define CALLBOARD_TESTS_SCRIPTED_ROWS_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

/* A value of 0 in the fields that say so, and NULL, are SQL's NULL. */
struct scripted_row {
    int32_t kind; /* enum store_row_kind */
    int32_t ask;
    int64_t place;
    const char *id;            /* 12 bytes, or NULL */
    int64_t created_at_ms;     /* since the Unix epoch; 0: NULL */
    int64_t duration_plus_one; /* milliseconds and one more; 0: NULL */
    int64_t version;           /* of a batch; 0: NULL */
    const char *a;
    const char *b;
    const char *c;
};

/* Released with PQclear(). */
PGresult *scripted_rows(const struct scripted_row *rows, size_t count);

/* The answer to STORE_VERSIONS for questions 0, 1, ...; no row where the version is 0. */
PGresult *scripted_versions(const int64_t *versions, size_t count);

#endif
