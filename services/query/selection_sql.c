#include "selection_sql.h"

#include "match_sql.h"
#include "sort_sql.h"
#include "sql_text.h"

#define SQL_MAX_BYTES ((size_t)1 << 20)

void selection_sql_init(struct selection_sql *sql)
{
    buf_init(&sql->text, SQL_MAX_BYTES);
    db_params_init(&sql->params);
}

void selection_sql_done(struct selection_sql *sql)
{
    buf_done(&sql->text);
    db_params_done(&sql->params);
}

static struct sql_text begin(struct selection_sql *sql)
{
    buf_reset(&sql->text);
    db_params_reset(&sql->params);
    return (struct sql_text){&sql->text, &sql->params};
}

/* A statement of a batch: $1. */
static struct sql_text begin_of_batch(struct selection_sql *sql, const struct object_id *batch_id)
{
    struct sql_text text = begin(sql);
    db_params_add_bytes(&sql->params,
                        (struct slice){(const char *)batch_id->bytes, OBJECT_ID_BYTES});
    return text;
}

static bool end(const struct selection_sql *sql, struct error *err)
{
    return !sql->text.overflow || error_set(err, ERR_REJECT, "the statement is too large");
}

/* --- parts ------------------------------------------------------------------------------ */

/* What a call must be like: true or false. */
static void append_match(struct sql_text *sql, const struct page_selection *selection,
                         enum sql_scope scope)
{
    sql_append(sql, "TRUE");
    if (selection->search) {
        sql_append(sql, " AND ");
        match_sql_append_search(sql, selection->search);
    }
    if (selection->filter) {
        sql_append(sql, " AND ");
        match_sql_append_filter(sql, selection->filter, scope);
    }
}

/* The calls of `spot` (place, position, key) and their attempts. */
#define SPOT_ROWS                                                                                  \
    " UNION ALL "                                                                                  \
    "SELECT 4, 0, spot.place, c.call_id, c.created_at, spot.position::int8, c.phone_number,"       \
    " c.fields, spot.key"                                                                          \
    " FROM (SELECT * FROM spot ORDER BY place) spot JOIN LATERAL"                                  \
    "  (SELECT call_id, created_at, phone_number, fields FROM callboard.call"                      \
    "    WHERE batch_id = $1::bytea AND position = spot.position OFFSET 0) c ON true"              \
    " UNION ALL "                                                                                  \
    "SELECT 5, 0, spot.place, NULL, l.created_at, l.call_duration_ms, l.call_status,"              \
    " l.recording_url, l.transcript"                                                               \
    " FROM (SELECT * FROM spot ORDER BY place) spot JOIN LATERAL"                                  \
    "  (SELECT created_at, call_duration_ms, call_status, recording_url, transcript"               \
    "     FROM callboard.attempt"                                                                  \
    "    WHERE batch_id = $1::bytea AND position = spot.position"                                  \
    "    ORDER BY attempt) l ON true"

/* --- all at once -------------------------------------------------------------------------- */

/* $2 and $3. */
static void bind_question(struct db_params *params, const struct page_question *question)
{
    db_params_add_bytes(
        params, (struct slice){(const char *)question->token_hash, sizeof(question->token_hash)});
    db_params_add_int8(params, question->selection.take);
}

/* `ask` settles who asks and whether the batch is theirs, and refuses patterns that do not compile.
 */
static void append_ask(struct sql_text *sql, const struct page_selection *selection)
{
    sql_append(sql,
               "WITH ask AS MATERIALIZED ("
               "SELECT CASE WHEN t.owner_id IS NULL THEN 0 WHEN b.batch_id IS NULL THEN 1 ELSE 3"
               " END AS kind, b.batch_name, b.batch_status"
               " FROM (SELECT 1) r LEFT JOIN LATERAL"
               " (SELECT owner_id FROM callboard.api_token"
               " WHERE token_hash = $2::bytea AND revoked_at IS NULL"
               " AND (expires_at IS NULL OR expires_at > now()) OFFSET 0) t ON true"
               " LEFT JOIN LATERAL (SELECT batch_id, batch_name, batch_status FROM callboard.batch"
               " WHERE batch_id = $1::bytea AND owner_id = t.owner_id OFFSET 0) b ON true"
               " WHERE TRUE");
    match_sql_append_pattern_checks(sql, selection->filter, selection->search);
    sql_append(sql, ")");
}

/* `matched` is every call that the filter and the search let through. */
static void append_matched(struct sql_text *sql, const struct page_selection *selection)
{
    sql_append(sql, ", matched AS MATERIALIZED (");
    sort_sql_begin_source(sql, &selection->sort);
    sql_append(sql, " AND (SELECT kind FROM ask) = 3 AND ");
    append_match(sql, selection, SQL_WHOLE_BATCH);
    sort_sql_end_source(sql, &selection->sort);
    sql_append(sql, ")");
}

/* A long sort key is read again where it was, and must be the same still. */
static void append_mark_by_digest(struct sql_text *sql, const struct page_selection *selection,
                                  int position)
{
    int digest = sql_param_text(sql, selection->mark->key);
    sql_append(sql, "SELECT * FROM (");
    sort_sql_begin_source(sql, &selection->sort);
    sql_append_format(sql, " AND (SELECT kind FROM ask) = 3 AND c.position = $%d::int8", position);
    sort_sql_end_source(sql, &selection->sort);
    sql_append(sql, ") m WHERE sha256(convert_to(");
    sort_sql_append_key_text(sql, &selection->sort);
    sql_append_format(sql, ", 'UTF8')) = $%d::bytea", digest);
}

/* `mark` is the call that the page begins behind, or ends before, as it was. */
static void append_mark(struct sql_text *sql, const struct page_selection *selection)
{
    const struct page_mark *mark = selection->mark;
    db_params_add_int8(sql->params, mark->position);
    int position = sql_last_param(sql);
    sql_append(sql, ", mark AS MATERIALIZED (");
    if (mark->is_digest) {
        append_mark_by_digest(sql, selection, position);
    } else {
        sort_sql_append_mark(sql, &selection->sort, position, sql_param_text(sql, mark->key));
    }
    sql_append(sql, ")");
}

/* `span` says how many calls there are, how many stand before the page, and how many it may have.
 */
static void append_span(struct sql_text *sql, const struct page_selection *selection)
{
    const struct page_mark *mark = selection->mark;
    if (!mark) {
        db_params_add_int8(sql->params, selection->skip);
        sql_append_format(sql,
                          ", span AS MATERIALIZED (SELECT count(*) AS total, $%d::int8 AS skip,"
                          " $3::int8 AS take, 3 AS kind FROM matched)",
                          sql_last_param(sql));
        return;
    }
    append_mark(sql, selection);
    sql_append(sql, ", passed AS MATERIALIZED (SELECT count(*) AS total, count(*) FILTER (WHERE ");
    sort_sql_append_precedes(sql, &selection->sort, selection->descending, !mark->is_backward);
    sql_append(sql, ") AS passed, CASE WHEN (SELECT count(*) FROM mark) = 1 THEN 3 ELSE 6 END"
                    " AS kind FROM matched m LEFT JOIN mark b ON true)"
                    ", span AS MATERIALIZED (SELECT total, kind, ");
    sql_append(sql, mark->is_backward ? "greatest(passed - $3::int8, 0) AS skip,"
                                        " least(passed, $3::int8) AS take"
                                      : "passed AS skip, $3::int8 AS take");
    sql_append(sql, " FROM passed)");
}

/* `spot` is the page: `place` counts from 1 in the ascending order, `n` in the one asked for. */
static void append_spot(struct sql_text *sql, const struct page_selection *selection)
{
    sql_append(sql, ", spot AS MATERIALIZED (SELECT position, ");
    sql_append(sql, selection->descending ? "span.total - span.skip - n + 1" : "span.skip + n");
    sql_append(sql, " AS place, CASE WHEN n IN (1, size) THEN ");
    sort_sql_append_key_text(sql, &selection->sort);
    sql_append(sql, " END AS key FROM (SELECT *, row_number() OVER (ORDER BY ");
    sort_sql_append_order(sql, &selection->sort, selection->descending);
    sql_append(sql, ") AS n, count(*) OVER () AS size FROM (SELECT * FROM matched ORDER BY ");
    sort_sql_append_order(sql, &selection->sort, selection->descending);
    sql_append(sql, " OFFSET (SELECT skip FROM span) LIMIT (SELECT take FROM span)) p) q, span)");
}

static const char page_rows_sql[] =
    " SELECT CASE WHEN ask.kind = 3 THEN span.kind ELSE ask.kind END, 0, span.total, NULL::bytea,"
    " NULL::timestamptz, NULL::int8, ask.batch_name, ask.batch_status, NULL::text FROM ask, "
    "span" SPOT_ROWS;

bool selection_sql_write_page(struct selection_sql *sql, const struct page_question *question,
                              struct error *err)
{
    struct sql_text text = begin_of_batch(sql, &question->batch_id);
    const struct page_selection *selection = &question->selection;
    bind_question(text.params, question);
    append_ask(&text, selection);
    append_matched(&text, selection);
    append_span(&text, selection);
    append_spot(&text, selection);
    sql_append(&text, page_rows_sql);
    return end(sql, err);
}

/* --- step by step ----------------------------------------------------------------------- */

bool selection_sql_write_check(struct selection_sql *sql, const struct page_selection *selection,
                               struct error *err)
{
    struct sql_text text = begin(sql);
    sql_append(&text, "SELECT WHERE TRUE");
    match_sql_append_pattern_checks(&text, selection->filter, selection->search);
    return end(sql, err);
}

/* Every attempt is one of a call of the batch: calls are read only where something of theirs is
 * asked for. */
static bool needs_calls(const struct page_selection *selection)
{
    return selection->search || !selection->filter ||
           !match_sql_is_of_attempts(selection->filter) ||
           field_type(selection->sort.kind) != FIELD_NOTHING;
}

static void append_members_by_attempts(struct sql_text *sql, const struct page_selection *selection)
{
    sql_append(sql, "SELECT l.position FROM callboard.attempt l WHERE l.batch_id = $1::bytea AND ");
    match_sql_append_attempt(sql, selection->filter);
}

static void append_members_by_calls(struct sql_text *sql, const struct page_selection *selection)
{
    sql_append(sql, "SELECT c.position");
    sort_sql_append_value(sql, &selection->sort);
    sql_append(sql, " FROM callboard.call c");
    sort_sql_append_value_join(sql, &selection->sort, SQL_WHOLE_BATCH);
    sql_append(sql, " WHERE c.batch_id = $1::bytea AND ");
    append_match(sql, selection, SQL_WHOLE_BATCH);
}

bool selection_sql_write_members(struct selection_sql *sql, const struct object_id *batch_id,
                                 const struct page_selection *selection, struct error *err)
{
    struct sql_text text = begin_of_batch(sql, batch_id);
    if (needs_calls(selection)) {
        append_members_by_calls(&text, selection);
    } else {
        append_members_by_attempts(&text, selection);
    }
    return end(sql, err);
}

static int add_positions(struct sql_text *sql, struct position_list list)
{
    db_params_array_begin(sql->params, DB_INT4);
    for (size_t i = 0; i < list.count; i++) {
        db_params_array_int4(sql->params, list.positions[i]);
    }
    db_params_array_end(sql->params);
    return sql_last_param(sql);
}

/* FROM the calls of `u` (position), each found by its index. */
static const char few_calls[] = " JOIN LATERAL (SELECT * FROM callboard.call"
                                " WHERE batch_id = $1::bytea AND position = u.position OFFSET 0) c"
                                " ON true";

/* The calls as runs of numbers that follow each other: what arrives newly is one. Returns the
 * parameter of their first numbers; the next one is that of their last. */
static int add_runs(struct sql_text *sql, struct position_list list)
{
    db_params_array_begin(sql->params, DB_INT4);
    for (size_t i = 0; i < list.count; i++) {
        if (i == 0 || list.positions[i] != list.positions[i - 1] + 1) {
            db_params_array_int4(sql->params, list.positions[i]);
        }
    }
    db_params_array_end(sql->params);
    int low = sql_last_param(sql);
    db_params_array_begin(sql->params, DB_INT4);
    for (size_t i = 0; i < list.count; i++) {
        if (i + 1 == list.count || list.positions[i + 1] != list.positions[i] + 1) {
            db_params_array_int4(sql->params, list.positions[i]);
        }
    }
    db_params_array_end(sql->params);
    return low;
}

bool selection_sql_write_changed(struct selection_sql *sql, const struct object_id *batch_id,
                                 const struct page_selection *selection,
                                 struct position_list changed, struct error *err)
{
    struct sql_text text = begin_of_batch(sql, batch_id);
    int low = add_runs(&text, changed);
    sql_append(&text, "SELECT c.position, (");
    append_match(&text, selection, SQL_FEW_CALLS);
    sql_append(&text, ")");
    sort_sql_append_value(&text, &selection->sort);
    sql_append_format(&text,
                      " FROM unnest($%d::int4[], $%d::int4[]) AS u (low, high)"
                      " JOIN LATERAL (SELECT * FROM callboard.call WHERE batch_id = $1::bytea"
                      " AND position BETWEEN u.low AND u.high OFFSET 0) c ON true",
                      low, low + 1);
    sort_sql_append_value_join(&text, &selection->sort, SQL_FEW_CALLS);
    return end(sql, err);
}

/* `spot` is the page: the key of its first and its last call is told as text. */
static void append_known_spot(struct sql_text *sql, const struct page_selection *selection,
                              struct position_list calls, int64_t first_place)
{
    int positions = add_positions(sql, calls);
    db_params_add_int8(sql->params, first_place);
    sql_append_format(sql,
                      "WITH spot AS MATERIALIZED (SELECT $%d::int8 + n - 1 AS place, position,"
                      " CASE WHEN n IN (1, %zu) THEN ",
                      sql_last_param(sql), calls.count);
    sort_sql_append_key_text(sql, &selection->sort);
    sql_append(sql, " END AS key FROM (SELECT u.n, c.position");
    sort_sql_append_keys(sql, &selection->sort);
    sql_append_format(sql, " FROM unnest($%d::int4[]) WITH ORDINALITY AS u (position, n)%s",
                      positions, few_calls);
    sort_sql_append_join(sql, &selection->sort);
    sql_append(sql, ") keyed)");
}

bool selection_sql_write_rows(struct selection_sql *sql, const struct object_id *batch_id,
                              const struct page_selection *selection, struct position_list calls,
                              int64_t first_place, int64_t total, struct error *err)
{
    struct sql_text text = begin_of_batch(sql, batch_id);
    append_known_spot(&text, selection, calls, first_place);
    db_params_add_int8(text.params, total);
    sql_append_format(&text,
                      " SELECT 3, 0, $%d::int8, NULL::bytea, NULL::timestamptz, NULL::int8,"
                      " batch_name, batch_status, NULL::text FROM callboard.batch"
                      " WHERE batch_id = $1::bytea" SPOT_ROWS,
                      sql_last_param(&text));
    return end(sql, err);
}
