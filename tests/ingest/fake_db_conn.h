/*
 * fake_db_conn - db_conn.h played from a script: the test says which statement it expects next and
 * what the database answers. Linked in place of the real one.
 */
#ifndef CALLBOARD_TESTS_FAKE_DB_CONN_H
#define CALLBOARD_TESTS_FAKE_DB_CONN_H

#include "db_conn.h"

/* What the code under test has asked for and not yet heard of. */
size_t fake_db_conn_pending(void);
/* Whether the group has been sent. */
bool fake_db_conn_is_synced(void);

/* Answers the oldest statement, which must be `statement`, with `result` (cleared here) or `err`.
 */
void fake_db_conn_answer(size_t statement, PGresult *result, const struct error *err);
/* ... with no rows and this command tag. */
void fake_db_conn_answer_tag(size_t statement, const char *tag);
/* Fails `statement` and aborts everything behind it in the group, as a pipeline does. */
void fake_db_conn_fail(size_t statement, enum error_kind kind, const char *sqlstate);
/* The connection is lost: every pending statement hears ERR_UNCERTAIN, then the observer. */
void fake_db_conn_lose(void);
void fake_db_conn_set_ready(bool is_ready);

/* A binary result: columns, then rows of (value, length) by fake_result_set(). */
PGresult *fake_result(int columns, int rows);
void fake_result_set(PGresult *result, int row, int column, const void *value, int len);
void fake_result_set_int4(PGresult *result, int row, int column, int32_t value);
void fake_result_set_int8(PGresult *result, int row, int column, int64_t value);
void fake_result_set_bool(PGresult *result, int row, int column, bool value);

#endif
