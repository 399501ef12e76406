#include "token_store.h"

#include "api_token.h"
#include "ctl_db.h"
#include "db_params.h"
#include "db_value.h"

static const char insert_sql[] =
    "INSERT INTO callboard.api_token (token_hash, token_id, owner_id, expires_at)"
    " VALUES ($1::bytea, $2::text, $3::text, $4::timestamptz)";

static const char list_sql[] = "SELECT token_id, owner_id, created_at, expires_at, revoked_at"
                               "  FROM callboard.api_token ORDER BY created_at, token_id";

static const char revoke_sql[] =
    "WITH before AS MATERIALIZED ("
    "    SELECT token_hash, revoked_at FROM callboard.api_token"
    "     WHERE token_id = $1::text AND ($2::bytea IS NULL OR token_hash = $2) FOR UPDATE)"
    "UPDATE callboard.api_token t SET revoked_at = coalesce(before.revoked_at, now())"
    "  FROM before WHERE t.token_hash = before.token_hash"
    " RETURNING before.revoked_at IS NOT NULL";

static struct slice token_id(struct slice token)
{
    return (struct slice){token.data, token.len < API_TOKEN_ID_LEN ? token.len : API_TOKEN_ID_LEN};
}

bool token_store_insert(PGconn *conn, struct slice token, struct slice owner,
                        struct optional_time expires, struct error *err)
{
    uint8_t hash[API_TOKEN_HASH_BYTES];
    api_token_hash(token, hash);
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    db_params_add_bytes(&params, (struct slice){(const char *)hash, sizeof(hash)});
    db_params_add_bytes(&params, token_id(token));
    db_params_add_bytes(&params, owner);
    if (expires.is_set)
        db_params_add_time(&params, expires.us);
    else
        db_params_add_null(&params);
    return ctl_db_execute(conn, insert_sql, &params, err);
}

PGresult *token_store_list(PGconn *conn, struct error *err)
{
    return ctl_db_query(conn, list_sql, NULL, err);
}

static struct optional_time time_of(const PGresult *result, int row, int column)
{
    if (db_value_is_null(result, row, column))
        return (struct optional_time){false, 0};
    return (struct optional_time){true, db_value_time(result, row, column)};
}

void token_store_row(const PGresult *result, int row, struct token_row *out)
{
    out->id = db_value_bytes(result, row, 0);
    out->owner = db_value_bytes(result, row, 1);
    out->created = time_of(result, row, 2);
    out->expires = time_of(result, row, 3);
    out->revoked = time_of(result, row, 4);
}

bool token_store_revoke(PGconn *conn, struct slice text, enum token_revocation *out,
                        struct error *err)
{
    uint8_t hash[API_TOKEN_HASH_BYTES];
    bool is_whole = text.len > API_TOKEN_ID_LEN;
    api_token_hash(text, hash);
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    db_params_add_bytes(&params, token_id(text));
    db_params_add_bytes(&params,
                        is_whole ? (struct slice){(const char *)hash, sizeof(hash)} : SLICE_NONE);
    AUTO_RELEASE(ctl_db_clear) PGresult *result = ctl_db_query(conn, revoke_sql, &params, err);
    if (!result)
        return false;
    *out = TOKEN_UNKNOWN;
    if (PQntuples(result) > 0)
        *out = db_value_bool(result, 0, 0) ? TOKEN_WAS_REVOKED : TOKEN_REVOKED;
    return true;
}
