#include "check_store.h"

#include "bootstrap.h"
#include "ctl_db.h"
#include "db_params.h"
#include "db_value.h"
#include "schema_version.h"

static const char missing_roles_sql[] =
    "SELECT coalesce(string_agg(wanted.name, ', '), '')"
    "  FROM unnest($1::text[]) AS wanted (name)"
    " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = wanted.name)";

static bool append_text(PGconn *conn, const char *sql, const struct db_params *params,
                        struct buf *out, struct error *err)
{
    AUTO_RELEASE(ctl_db_clear) PGresult *result = ctl_db_query(conn, sql, params, err);
    if (!result)
        return false;
    buf_append_slice(out, db_value_bytes(result, 0, 0));
    return true;
}

bool check_store_schema(PGconn *conn, struct buf *problem, struct error *err)
{
    return append_text(conn, schema_check_sql, NULL, problem, err);
}

bool check_store_missing_roles(PGconn *conn, struct buf *names, struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    db_params_array_begin(&params, DB_TEXT);
    for (int role = 0; role < ROLE_COUNT; role++)
        db_params_array_bytes(&params, slice_of(bootstrap_role_names[role]));
    db_params_array_end(&params);
    return append_text(conn, missing_roles_sql, &params, names, err);
}
