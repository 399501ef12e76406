#include "migrate_store.h"

#include "alloc.h"
#include "buf.h"
#include "ctl_db.h"
#include "db_params.h"
#include "db_value.h"

#include <stdio.h>
#include <string.h>

/* "callboar" as a number: nobody else's advisory lock in this database. */
#define LOCK_KEY "7161124095259533682"

/* Names in migrations are qualified; a search path of our own keeps others' objects out. */
static const char configure_sql[] =
    "SELECT set_config('lock_timeout', $1::bigint || 's', false),"
    "       set_config('statement_timeout', '0', false),"
    "       set_config('idle_in_transaction_session_timeout', '0', false),"
    "       set_config('search_path', 'callboard', false),"
    "       set_config('client_min_messages', 'warning', false)";

static const char try_lock_sql[] = "SELECT pg_try_advisory_lock(" LOCK_KEY ")";

static const char lock_sql[] = "SELECT pg_advisory_lock(" LOCK_KEY ")";

/* $1: the privilege that lets SET ROLE: MEMBER up to PostgreSQL 15, SET from 16 on. */
static const char facts_sql[] =
    "SELECT quote_ident(current_user), quote_ident(current_database()),"
    "       me.rolsuper, me.rolsuper OR me.rolcreaterole,"
    "       has_database_privilege(current_database(), 'CREATE'),"
    "       coalesce(pg_has_role(owner.oid, $1::text), false),"
    "       coalesce(pg_has_role(owner.oid, 'MEMBER WITH ADMIN OPTION'), false)"
    "           OR (current_setting('server_version_num')::int < 160000 AND me.rolcreaterole),"
    "       schema.oid IS NOT NULL,"
    "       coalesce(schema.nspowner = owner.oid, false),"
    "       coalesce(pg_has_role(schema.nspowner, 'USAGE'), false),"
    "       EXISTS (SELECT FROM pg_class c"
    "               WHERE c.relnamespace = schema.oid AND c.relname = 'migration')"
    "  FROM pg_roles me"
    "  LEFT JOIN pg_roles owner ON owner.rolname = 'callboard_owner'"
    "  LEFT JOIN pg_namespace schema ON schema.nspname = 'callboard'"
    " WHERE me.rolname = current_user";

static const char roles_sql[] =
    "SELECT r.oid IS NOT NULL,"
    "       EXISTS (SELECT FROM pg_db_role_setting s, unnest(s.setconfig) setting"
    "               WHERE s.setrole = r.oid AND setting LIKE 'search_path=%'"
    "                 AND s.setdatabase = (SELECT oid FROM pg_database"
    "                                      WHERE datname = current_database()))"
    "  FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, place)"
    "  LEFT JOIN pg_roles r ON r.rolname = wanted.name ORDER BY place";

static const char create_table_sql[] = "CREATE TABLE IF NOT EXISTS callboard.migration ("
                                       "    number     integer     NOT NULL PRIMARY KEY,"
                                       "    name       text        NOT NULL,"
                                       "    checksum   text        NOT NULL,"
                                       "    applied_at timestamptz NOT NULL DEFAULT now(),"
                                       "    applied_by text        NOT NULL)";

static const char applied_sql[] =
    "SELECT number, name, checksum FROM callboard.migration ORDER BY number";

static const char record_sql[] =
    "INSERT INTO callboard.migration (number, name, checksum, applied_by)"
    " VALUES ($1::integer, $2::text, $3::text, session_user)";

bool migrate_store_configure(PGconn *conn, int64_t lock_timeout_s, struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    db_params_add_int8(&params, lock_timeout_s);
    return ctl_db_execute(conn, configure_sql, &params, err);
}

bool migrate_store_try_lock(PGconn *conn, bool *out_locked, struct error *err)
{
    AUTO_RELEASE(ctl_db_clear) PGresult *result = ctl_db_query(conn, try_lock_sql, NULL, err);
    if (!result)
        return false;
    *out_locked = db_value_bool(result, 0, 0);
    return true;
}

bool migrate_store_lock(PGconn *conn, struct error *err)
{
    static const char lock_not_available[] = "55P03";
    if (ctl_db_execute(conn, lock_sql, NULL, err))
        return true;
    if (strcmp(err->sqlstate, lock_not_available) == 0)
        return error_set(err, ERR_RETRY,
                         "another migration of this database is still running: try again later, "
                         "or wait longer by --lock-timeout");
    return false;
}

static void copy_identifier(char out[BOOTSTRAP_IDENTIFIER_MAX], struct slice text)
{
    (void)snprintf(out, BOOTSTRAP_IDENTIFIER_MAX, "%.*s", (int)text.len, text.data);
}

static bool read_roles(PGconn *conn, struct bootstrap_facts *facts, struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    db_params_array_begin(&params, DB_TEXT);
    for (int role = 0; role < ROLE_COUNT; role++)
        db_params_array_bytes(&params, slice_of(bootstrap_role_names[role]));
    db_params_array_end(&params);
    AUTO_RELEASE(ctl_db_clear) PGresult *result = ctl_db_query(conn, roles_sql, &params, err);
    if (!result)
        return false;
    for (int role = 0; role < ROLE_COUNT; role++) {
        facts->role_exists[role] = db_value_bool(result, role, 0);
        facts->role_has_search_path[role] = db_value_bool(result, role, 1);
    }
    return true;
}

bool migrate_store_facts(PGconn *conn, struct bootstrap_facts *facts, struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    db_params_add_bytes(&params, PQserverVersion(conn) < 160000 ? SLICE("MEMBER") : SLICE("SET"));
    AUTO_RELEASE(ctl_db_clear) PGresult *result = ctl_db_query(conn, facts_sql, &params, err);
    if (!result)
        return false;
    copy_identifier(facts->user, db_value_bytes(result, 0, 0));
    copy_identifier(facts->database, db_value_bytes(result, 0, 1));
    facts->is_superuser = db_value_bool(result, 0, 2);
    facts->may_create_roles = db_value_bool(result, 0, 3);
    facts->may_create_schemas = db_value_bool(result, 0, 4);
    facts->may_become_owner = db_value_bool(result, 0, 5);
    facts->may_grant_owner = db_value_bool(result, 0, 6);
    facts->schema_exists = db_value_bool(result, 0, 7);
    facts->schema_belongs_to_owner = db_value_bool(result, 0, 8);
    facts->may_alter_schema = db_value_bool(result, 0, 9);
    facts->table_exists = db_value_bool(result, 0, 10);
    return read_roles(conn, facts, err);
}

bool migrate_store_step(PGconn *conn, const struct bootstrap_step *step, struct error *err)
{
    /* Roles belong to the whole cluster: a migration of another database may create them with us.
     */
    static const char *const already_done[] = {
        "42710", /* duplicate_object */
        "23505", /* unique_violation, when both commit at once */
    };
    if (ctl_db_script(conn, step->sql, err))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(already_done); i++) {
        if (strcmp(err->sqlstate, already_done[i]) == 0)
            return true;
    }
    return false;
}

bool migrate_store_become_owner(PGconn *conn, struct error *err)
{
    return ctl_db_script(conn, "SET ROLE callboard_owner", err);
}

bool migrate_store_create_table(PGconn *conn, struct error *err)
{
    return ctl_db_execute(conn, create_table_sql, NULL, err);
}

bool migrate_store_applied(PGconn *conn, struct applied_migration **out_applied, size_t *out_count,
                           PGresult **out_result, struct error *err)
{
    PGresult *result = ctl_db_query(conn, applied_sql, NULL, err);
    if (!result)
        return false;
    int rows = PQntuples(result);
    struct applied_migration *applied = alloc_zeroed((size_t)rows + 1, sizeof(*applied));
    for (int row = 0; row < rows; row++) {
        applied[row].number = db_value_int4(result, row, 0);
        applied[row].name = PQgetvalue(result, row, 1);
        applied[row].checksum = PQgetvalue(result, row, 2);
    }
    *out_applied = applied;
    *out_count = (size_t)rows;
    *out_result = result;
    return true;
}

static bool record(PGconn *conn, const struct migration *migration, struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    db_params_add_int4(&params, migration->number);
    db_params_add_bytes(&params, slice_of(migration->name));
    db_params_add_bytes(&params, slice_of(migration->checksum));
    return ctl_db_execute(conn, record_sql, &params, err);
}

/* A COMMIT within the file would leave half a migration behind when the other half fails. */
static bool is_still_in_transaction(PGconn *conn, struct error *err)
{
    return PQtransactionStatus(conn) == PQTRANS_INTRANS ||
           error_set(err, ERR_FATAL, "the migration ends its own transaction");
}

bool migrate_store_apply(PGconn *conn, const struct migration *migration, struct error *err)
{
    if (ctl_db_script(conn, "BEGIN", err) && ctl_db_script(conn, migration->sql, err) &&
        is_still_in_transaction(conn, err) && record(conn, migration, err) &&
        ctl_db_script(conn, "COMMIT", err))
        return true;
    struct error ignored;
    (void)!ctl_db_script(conn, "ROLLBACK", &ignored);
    return false;
}
