/*
 * fake_db_conn - stands in for common/db_conn: the test makes connections ready, loses them and
 * answers statements. Linked before the library, it replaces the real one.
 */
#ifndef CALLBOARD_TESTS_FAKE_DB_CONN_H
#define CALLBOARD_TESTS_FAKE_DB_CONN_H

#include "db_conn.h"

#define FAKE_CONNS_MAX 8

/* How many connections were made since fake_db_reset(), and the n-th of them. */
size_t fake_db_count(void);
struct db_conn *fake_db_at(size_t index);
void fake_db_reset(void);

void fake_db_set_ready(struct db_conn *conn);
/* Pending statements get ERR_UNCERTAIN, then the observer hears of it. */
void fake_db_lose(struct db_conn *conn, const char *why);
/* An attempt to connect fails. */
void fake_db_fail_attempt(struct db_conn *conn, const char *why);

/* How many questions the statement under way asks; 0 when none is. And which statement it is. */
int fake_db_questions(const struct db_conn *conn);
size_t fake_db_statement(const struct db_conn *conn);
/* The text of the last statement that was not prepared; its number is STORE_STATEMENT_COUNT. */
const char *fake_db_sql(const struct db_conn *conn);
/* Answers the statement under way: with the result, which is cleared, or with the error. */
void fake_db_answer(struct db_conn *conn, PGresult *result, const struct error *err);

#endif
