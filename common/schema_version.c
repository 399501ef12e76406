#include "schema_version.h"

#define TEXT_OF(number) #number
#define TEXT(macro) TEXT_OF(macro)

/* CALLBOARD_SCHEMA_VERSION comes from CMake, which counts the files of deploy/schema. */
#define PROGRAM TEXT(CALLBOARD_SCHEMA_VERSION)

const int schema_version = CALLBOARD_SCHEMA_VERSION;

/*
 * A statement that names a missing table fails before it runs, and to_regclass() fails without
 * USAGE on the schema: so the catalogs are asked first, and the table itself only within the text
 * given to query_to_xml(). CASE decides in order, so nothing is asked for that is not there.
 */
const char schema_check_sql[] =
    "WITH target AS (\n"
    "    SELECT n.oid AS schema, c.oid AS relation\n"
    "    FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid\n"
    "    WHERE n.nspname = 'callboard' AND c.relname = 'migration'),\n"
    "readable AS (\n"
    "    SELECT CASE WHEN has_schema_privilege(schema, 'USAGE')\n"
    "                THEN has_table_privilege(relation, 'SELECT') ELSE false END AS yes FROM "
    "target),\n"
    "database AS (\n"
    "    SELECT CASE WHEN yes THEN substring(query_to_xml(\n"
    "        'SELECT coalesce(max(number), 0) AS version FROM callboard.migration', false, true, "
    "'')::text\n"
    "        from '<version>(\\d+)</version>')::integer END AS version FROM readable)\n"
    "SELECT CASE\n"
    "    WHEN NOT EXISTS (SELECT FROM target) THEN\n"
    "        'the database has not been migrated: run `callboard-ctl migrate`'\n"
    "    WHEN version IS NULL THEN\n"
    "        format('role \"%s\" has no rights on the schema callboard: connect as "
    "callboard_owner, '\n"
    "               'callboard_writer or callboard_reader', current_user)\n"
    "    WHEN version = 0 THEN\n"
    "        'the database has not been migrated: run `callboard-ctl migrate`'\n"
    "    WHEN version < " PROGRAM " THEN\n"
    "        format('the database is at schema version %s, this program needs " PROGRAM
    ": run `callboard-ctl migrate`', version)\n"
    "    WHEN version > " PROGRAM " THEN\n"
    "        format('the database is at schema version %s, newer than this program, which "
    "knows " PROGRAM ": install the newer program', version)\n"
    "    ELSE '' END\n"
    "FROM (SELECT (SELECT version FROM database) AS version) AS found";
