#include "sort_sql.h"

#include "field_sql.h"

#define KEY_COLUMNS_MAX 3

/* The value to be sorted by is v.v: as the table has it, or as jsonb. Strings go by code point. */
struct sort_def {
    const char *keys[KEY_COLUMNS_MAX + 1]; /* NULL behind the last */
    const char *key_text;                  /* from k1 .. k3 */
    const char *from_text;                 /* cast of that text that gives v.v */
};

static const struct sort_def by_nothing = {{NULL}, "NULL::text", ""};
static const struct sort_def by_text = {{"v.v COLLATE \"C\"", NULL}, "k1", ""};
static const struct sort_def by_milliseconds = {{"v.v", NULL}, "k1::text", "::int8"};
static const struct sort_def by_time = {
    {"v.v", NULL},
    "to_char(k1 AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
    "::timestamptz"};
static const struct sort_def by_json = {
    {"CASE jsonb_typeof(v.v) WHEN 'number' THEN 1 WHEN 'string' THEN 2"
     " WHEN 'boolean' THEN CASE WHEN v.v = 'true'::jsonb THEN 4 ELSE 3 END"
     " WHEN 'object' THEN 5 WHEN 'array' THEN 6 ELSE 0 END",
     "CASE WHEN jsonb_typeof(v.v) = 'number' THEN v.v::numeric END",
     "CASE WHEN jsonb_typeof(v.v) = 'string' THEN v.v #>> '{}' END COLLATE \"C\"", NULL},
    "CASE k1 WHEN 1 THEN k2::text WHEN 2 THEN to_json(k3)::text WHEN 3 THEN 'false'"
    " WHEN 4 THEN 'true' WHEN 5 THEN '{}' WHEN 6 THEN '[]' END",
    "::jsonb"};

static const struct sort_def *find_def(const struct field *field)
{
    switch (field_type(field->kind)) {
    case FIELD_TEXT:
        return &by_text;
    case FIELD_NUMBER:
        return &by_milliseconds;
    case FIELD_TIME:
        return &by_time;
    case FIELD_JSON:
        return &by_json;
    case FIELD_NOTHING:
    default:
        return &by_nothing;
    }
}

/* The latest attempt of each call: one walk over the index from its end. */
static void append_latest_attempts(struct sql_text *sql, const char *column)
{
    sql_append_format(sql,
                      " LEFT JOIN (SELECT DISTINCT ON (position) position AS p, %s AS v"
                      " FROM callboard.attempt WHERE batch_id = $1::bytea"
                      " ORDER BY position DESC, attempt DESC) v ON v.p = c.position",
                      column);
}

/* The value is read once, in a subquery that OFFSET 0 keeps apart from the keys made of it. */
static bool has_own_value(const struct field *field)
{
    return field_type(field->kind) != FIELD_NOTHING && !field_is_of_attempt(field->kind);
}

void sort_sql_begin_source(struct sql_text *sql, const struct field *field)
{
    bool is_apart = has_own_value(field);
    sql_append(sql, is_apart ? "SELECT v.position" : "SELECT c.position");
    sort_sql_append_keys(sql, field);
    sql_append(sql, " FROM ");
    if (is_apart) {
        struct field_sql value = field_sql_prepare(sql, field);
        sql_append(sql, "(SELECT c.position, ");
        field_sql_append(sql, &value);
        sql_append(sql, " AS v FROM ");
    }
    sql_append(sql, "callboard.call c");
    sort_sql_append_value_join(sql, field, SQL_WHOLE_BATCH);
    sql_append(sql, " WHERE c.batch_id = $1::bytea");
}

void sort_sql_end_source(struct sql_text *sql, const struct field *field)
{
    sql_append(sql, has_own_value(field) ? " OFFSET 0) v" : "");
}

static void append_latest_attempt(struct sql_text *sql, const char *column)
{
    sql_append_format(sql,
                      " LEFT JOIN LATERAL (SELECT %s AS v FROM callboard.attempt"
                      " WHERE batch_id = $1::bytea AND position = c.position"
                      " ORDER BY attempt DESC LIMIT 1) v ON true",
                      column);
}

void sort_sql_append_value(struct sql_text *sql, const struct field *field)
{
    if (field_is_of_attempt(field->kind)) {
        sql_append(sql, ", v.v");
    } else if (has_own_value(field)) {
        struct field_sql value = field_sql_prepare(sql, field);
        sql_append(sql, ", ");
        field_sql_append_as_stored(sql, &value);
    }
}

void sort_sql_append_value_join(struct sql_text *sql, const struct field *field,
                                enum sql_scope scope)
{
    if (field_is_of_attempt(field->kind)) {
        const char *column = field_sql_attempt_column(field->kind);
        scope == SQL_FEW_CALLS ? append_latest_attempt(sql, column)
                               : append_latest_attempts(sql, column);
    }
}

void sort_sql_append_join(struct sql_text *sql, const struct field *field)
{
    sort_sql_append_value_join(sql, field, SQL_FEW_CALLS);
    if (has_own_value(field)) {
        struct field_sql value = field_sql_prepare(sql, field);
        sql_append(sql, " CROSS JOIN LATERAL (SELECT ");
        field_sql_append(sql, &value);
        sql_append(sql, " AS v OFFSET 0) v");
    }
}

void sort_sql_append_keys(struct sql_text *sql, const struct field *field)
{
    const char *const *keys = find_def(field)->keys;
    for (int i = 0; keys[i]; i++) {
        sql_append_format(sql, ", %s AS k%d", keys[i], i + 1);
    }
}

void sort_sql_append_key_text(struct sql_text *sql, const struct field *field)
{
    sql_append(sql, find_def(field)->key_text);
}

void sort_sql_append_mark(struct sql_text *sql, const struct field *field, int position, int key)
{
    sql_append_format(sql, "SELECT $%d::int8 AS position", position);
    sort_sql_append_keys(sql, field);
    sql_append_format(sql, " FROM (SELECT $%d::text%s AS v OFFSET 0) v", key,
                      find_def(field)->from_text);
}

void sort_sql_append_order(struct sql_text *sql, const struct field *field, bool descending)
{
    const char *const *keys = find_def(field)->keys;
    for (int i = 0; keys[i]; i++) {
        sql_append_format(sql, "k%d %s, ", i + 1, descending ? "DESC NULLS LAST" : "NULLS FIRST");
    }
    sql_append(sql, descending ? "position DESC" : "position");
}

/* Missing is less than everything. */
static void append_key_precedes(struct sql_text *sql, int column, bool descending)
{
    if (descending) {
        sql_append_format(sql, "m.k%d > b.k%d OR (m.k%d IS NOT NULL AND b.k%d IS NULL)", column,
                          column, column, column);
        return;
    }
    sql_append_format(sql, "m.k%d < b.k%d OR (m.k%d IS NULL AND b.k%d IS NOT NULL)", column, column,
                      column, column);
}

void sort_sql_append_precedes(struct sql_text *sql, const struct field *field, bool descending,
                              bool or_same)
{
    const char *const *keys = find_def(field)->keys;
    int columns = 0;
    for (; keys[columns]; columns++) {
        sql_append(sql, "(");
        append_key_precedes(sql, columns + 1, descending);
        sql_append_format(sql, " OR (m.k%d IS NOT DISTINCT FROM b.k%d AND ", columns + 1,
                          columns + 1);
    }
    sql_append_format(sql, "m.position %s%s b.position", descending ? ">" : "<",
                      or_same ? "=" : "");
    while (columns-- > 0) {
        sql_append(sql, "))");
    }
}
