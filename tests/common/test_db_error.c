#include "db_conn.h"

#include "fake_libpq.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    const char *sqlstate;
    enum error_kind kind;
} kind_rows[] = {
    {"22003", ERR_REJECT}, /* numeric_value_out_of_range */
    {"22P05", ERR_REJECT}, /* untranslatable_character */
    {"23505", ERR_REJECT}, /* unique_violation */
    {"54000", ERR_REJECT}, /* program_limit_exceeded */
    {"08006", ERR_RETRY},  /* connection_failure */
    {"25P03", ERR_RETRY},  /* idle_in_transaction_session_timeout */
    {"40001", ERR_RETRY},  /* serialization_failure */
    {"40P01", ERR_RETRY},  /* deadlock_detected */
    {"53100", ERR_RETRY},  /* disk_full */
    {"55P03", ERR_RETRY},  /* lock_not_available */
    {"57014", ERR_RETRY},  /* query_canceled */
    {"57P03", ERR_RETRY},  /* cannot_connect_now */
    {"58030", ERR_RETRY},  /* io_error */
    {"XX000", ERR_RETRY},  /* internal_error */
    {"", ERR_RETRY},       {NULL, ERR_RETRY},
    {"25P02", ERR_FATAL}, /* in_failed_sql_transaction */
    {"25006", ERR_FATAL}, /* read_only_sql_transaction */
    {"28P01", ERR_FATAL}, /* invalid_password */
    {"3D000", ERR_FATAL}, /* invalid_catalog_name */
    {"42501", ERR_FATAL}, /* insufficient_privilege */
    {"42P01", ERR_FATAL}, /* undefined_table */
    {"2", ERR_FATAL},      {"P0001", ERR_FATAL},
};

Test(db_error, decides_by_the_class_of_the_sqlstate)
{
    for (size_t i = 0; i < ARRAY_LEN(kind_rows); i++) {
        enum error_kind kind = db_error_kind(kind_rows[i].sqlstate);
        cr_expect_eq(kind, kind_rows[i].kind, "%s: %s", kind_rows[i].sqlstate,
                     error_kind_name(kind));
    }
}

#define TEXT_100                                                                                   \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "123456789"

static const struct {
    const char *name;
    struct fake_result result;
    struct error expected;
} text_rows[] = {
    {"message",
     {.status = PGRES_FATAL_ERROR, .sqlstate = "22012", .message = "division by zero"},
     {ERR_REJECT, "22012", "division by zero"}},
    {"detail and hint",
     {.status = PGRES_FATAL_ERROR, .sqlstate = "23505", .message = "m", .detail = "d", .hint = "h"},
     {ERR_REJECT, "23505", "m; d; hint: h"}},
    {"a detail that does not fit is left out whole",
     {.status = PGRES_FATAL_ERROR,
      .sqlstate = "23505",
      .message = TEXT_100,
      .detail = TEXT_100 TEXT_100,
      .hint = "h"},
     {ERR_REJECT, "23505", TEXT_100 "; hint: h"}},
    {"a long message is cut",
     {.status = PGRES_FATAL_ERROR,
      .sqlstate = "23505",
      .message = TEXT_100 TEXT_100 TEXT_100,
      .hint = "h"},
     {ERR_REJECT, "23505",
      TEXT_100 TEXT_100 "0123456789012345678901234567890123456789012345678901234"}},
    {"one line",
     {.status = PGRES_FATAL_ERROR, .sqlstate = "42601", .message = " a\n\tb \r\n  c\n"},
     {ERR_FATAL, "42601", "a b c"}},
    {"libpq's own",
     {.status = PGRES_FATAL_ERROR, .message = "server closed the connection unexpectedly\n"},
     {ERR_RETRY, "", "server closed the connection unexpectedly"}},
    {"no message", {.status = PGRES_FATAL_ERROR, .sqlstate = "58000"}, {ERR_RETRY, "58000", ""}},
    {"not run",
     {.status = PGRES_PIPELINE_ABORTED},
     {ERR_RETRY, "", "not run: an earlier statement of its group failed"}},
};

Test(db_error, says_what_the_server_said_in_one_line)
{
    for (size_t i = 0; i < ARRAY_LEN(text_rows); i++) {
        PGresult *result = fake_libpq_result(&text_rows[i].result);
        struct error err;
        memset(&err, 'x', sizeof(err));
        db_error_from_result(result, &err);
        PQclear(result);
        const struct error *expected = &text_rows[i].expected;
        cr_expect_eq(err.kind, expected->kind, "%s: %s", text_rows[i].name,
                     error_kind_name(err.kind));
        cr_expect_str_eq(err.sqlstate, expected->sqlstate, "%s", text_rows[i].name);
        cr_expect_str_eq(err.text, expected->text, "%s", text_rows[i].name);
    }
}
