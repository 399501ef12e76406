/* What the server's errors mean for the caller: db_conn.h has the contract. */
#include "db_conn.h"
#include "error.h"
#include "macros.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct sqlstate_kind {
    const char *prefix; /* a class, or a whole SQLSTATE */
    enum error_kind kind;
};

/* Appendix A of PostgreSQL's manual. The first row that fits decides. */
static const struct sqlstate_kind kinds[] = {
    {"22", ERR_REJECT},   /* data exception */
    {"23", ERR_REJECT},   /* integrity constraint violation */
    {"54", ERR_REJECT},   /* program limit exceeded */
    {"08", ERR_RETRY},    /* connection exception */
    {"25P03", ERR_RETRY}, /* idle in transaction for too long */
    {"40", ERR_RETRY},    /* transaction rollback: deadlock, serialization */
    {"53", ERR_RETRY},    /* insufficient resources: disk, memory, connections */
    {"55", ERR_RETRY},    /* object not in prerequisite state: lock not available */
    {"57", ERR_RETRY},    /* operator intervention: shutdown, cancel, statement timeout */
    {"58", ERR_RETRY},    /* system error: input and output */
    {"XX", ERR_RETRY},    /* internal error */
};

enum error_kind db_error_kind(const char *sqlstate)
{
    /* libpq's own errors have none: the connection failed in some way. */
    if (!sqlstate || sqlstate[0] == '\0') {
        return ERR_RETRY;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strncmp(sqlstate, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
            return kinds[i].kind;
        }
    }
    return ERR_FATAL;
}

/* libpq's messages, and some of the server's, are lines for a terminal: here they become one. */
static void make_one_line(char *text)
{
    char *out = text;
    for (const char *at = text; *at; at++) {
        bool is_space = isspace((unsigned char)*at);
        if (!is_space || (out > text && out[-1] != ' ')) {
            *out++ = is_space ? ' ' : *at;
        }
    }
    if (out > text && out[-1] == ' ') {
        out--;
    }
    *out = '\0';
}

/* Adds `label` and the field where the result has it and both fit whole: half a hint misleads. */
static void append_field(struct error *err, const PGresult *result, int field, const char *label)
{
    const char *value = PQresultErrorField(result, field);
    size_t len = strlen(err->text);
    if (value && len + strlen(label) + strlen(value) < sizeof(err->text)) {
        (void)snprintf(err->text + len, sizeof(err->text) - len, "%s%s", label, value);
    }
}

void db_error_from_result(const PGresult *result, struct error *err)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
        error_set(err, ERR_RETRY, "not run: an earlier statement of its group failed");
        return;
    }
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    error_set(err, db_error_kind(sqlstate), "%s", primary ? primary : PQresultErrorMessage(result));
    append_field(err, result, PG_DIAG_MESSAGE_DETAIL, "; ");
    append_field(err, result, PG_DIAG_MESSAGE_HINT, "; hint: ");
    make_one_line(err->text);
    (void)snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate ? sqlstate : "");
}

void db_error_from_session(const PGconn *session, struct error *err)
{
    error_set(err, ERR_RETRY, "%s", PQerrorMessage(session));
    make_one_line(err->text);
}
