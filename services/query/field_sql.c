#include "field_sql.h"

#include "jsonscan.h"

#include <stdio.h>
#include <string.h>

struct column {
    const char *text;    /* as an expression */
    const char *attempt; /* the column of callboard.attempt */
};

static const struct column columns[FIELD_KIND_COUNT] = {
    [FIELD_CREATED_AT] = {"c.created_at", NULL},
    [FIELD_PHONE_NUMBER] = {"c.phone_number", NULL},
    [FIELD_ID] = {"encode(c.call_id, 'hex')", NULL},
    [FIELD_CALL_STATUS] = {"l.call_status", "call_status"},
    /* Seconds, exactly; numeric. */
    [FIELD_CALL_DURATION] = {"(l.call_duration_ms * 0.001)", "call_duration_ms"},
    [FIELD_RECORDING_URL] = {"l.recording_url", "recording_url"},
    [FIELD_TRANSCRIPT] = {"l.transcript", "transcript"},
    [FIELD_ATTEMPT_CREATED_AT] = {"l.created_at", "created_at"},
};

const char *field_sql_attempt_column(enum field_kind kind)
{
    return columns[kind].attempt;
}

static int count_parts(struct slice name)
{
    int parts = 1;
    for (size_t i = 0; i < name.len; i++) {
        parts += name.data[i] == '.';
    }
    return parts;
}

static void add_parts(struct sql_text *sql, struct slice rest)
{
    const char *dot = NULL;
    do {
        dot = memchr(rest.data, '.', rest.len);
        size_t len = dot ? (size_t)(dot - rest.data) : rest.len;
        db_params_array_bytes(sql->params, (struct slice){rest.data, len});
        rest.data += dot ? len + 1 : len;
        rest.len -= dot ? len + 1 : len;
    } while (dot);
}

/* The whole name, and its parts where it is a path: it holds dots, and events may be nested so
 * deep. Returns how many parts. */
static int add_names(struct sql_text *sql, struct slice name)
{
    int parts = count_parts(name);
    bool is_path = parts > 1 && parts <= JSONSCAN_DEPTH_MAX;
    db_params_array_begin(sql->params, DB_TEXT);
    db_params_array_bytes(sql->params, name);
    if (is_path) {
        add_parts(sql, name);
    }
    db_params_array_end(sql->params);
    return is_path ? parts : 0;
}

struct field_sql field_sql_prepare(struct sql_text *sql, const struct field *field)
{
    struct field_sql value = {.field = *field};
    if (field->kind == FIELD_DYNAMIC) {
        value.parts = add_names(sql, field->name);
        value.names_param = sql_last_param(sql);
    } else {
        (void)snprintf(value.text, sizeof(value.text), "%s", columns[field->kind].text);
    }
    return value;
}

/*
 * `->` with a text reaches into objects alone: an array gives NULL, whatever the name. It reads the
 * text of `fields` as it is stored; only the value becomes jsonb. (The cast of the whole object
 * takes more than twice as long, and cannot be shared between conditions but by a join, with which
 * PostgreSQL does not plan a parallel scan.) `fields` is an object that jsonb can hold: the ingest
 * saw to that.
 */
static void append_dynamic(struct sql_text *sql, const struct field_sql *value)
{
    static const char fields[] = "c.fields::json";
    sql_append_format(sql, "coalesce(%s -> ($%d::text[])[1]", fields, value->names_param);
    for (int i = 0; i < value->parts; i++) {
        sql_append(sql, i == 0 ? ", " : "");
        sql_append_format(sql, "%s -> ($%d::text[])[%d]", i == 0 ? fields : "", value->names_param,
                          i + 2);
    }
    sql_append(sql, ")");
}

void field_sql_append_as_stored(struct sql_text *sql, const struct field_sql *value)
{
    if (value->field.kind == FIELD_DYNAMIC) {
        append_dynamic(sql, value);
        return;
    }
    sql_append(sql, value->text);
}

void field_sql_append(struct sql_text *sql, const struct field_sql *value)
{
    bool is_json = value->field.kind == FIELD_DYNAMIC;
    sql_append(sql, is_json ? "(" : "");
    field_sql_append_as_stored(sql, value);
    sql_append(sql, is_json ? "::jsonb)" : "");
}
