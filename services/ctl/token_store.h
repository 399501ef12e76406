/*
 * token_store - the SQL of `callboard-ctl token`.
 */
#ifndef CALLBOARD_CTL_TOKEN_STORE_H
#define CALLBOARD_CTL_TOKEN_STORE_H

#include "error.h"
#include "macros.h"
#include "slice.h"
#include "time_spec.h"

#include <libpq-fe.h>
#include <stdbool.h>

/* Everything of a token but its text. Slices are borrowed. */
struct token_row {
    struct slice id;
    struct slice owner;
    struct optional_time created;
    struct optional_time expires;
    struct optional_time revoked;
};

enum token_revocation { TOKEN_UNKNOWN, TOKEN_REVOKED, TOKEN_WAS_REVOKED };

/* Stores the SHA-256 of `token`, nothing else of it but its id. */
NODISCARD bool token_store_insert(PGconn *conn, struct slice token, struct slice owner,
                                  struct optional_time expires, struct error *err);
/* All tokens, oldest first. The caller clears the result, which the rows borrow from. */
NODISCARD PGresult *token_store_list(PGconn *conn, struct error *err);
void token_store_row(const PGresult *result, int row, struct token_row *out);
/* Revokes by id, or, when `text` is a whole token, by id and hash. */
NODISCARD bool token_store_revoke(PGconn *conn, struct slice text, enum token_revocation *out,
                                  struct error *err);

#endif
