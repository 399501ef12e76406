#include "store.h"

#include "alloc.h"
#include "cursor.h"
#include "db_value.h"
#include "object_id.h"

#include <stdio.h>
#include <string.h>

/*
 * `ask` settles, for each question, who asks, whether the batch is theirs, and between which
 * arrival numbers the page lies: from the same row, and so the same snapshot, as the total. Numbers
 * are dense from 1, so a page of any depth is a range; a descending page is the same range counted
 * from the end. Who knows the answer for the batch's version is told just that.
 *
 * `found` is each page once, however many ask for it, and only if one of them may see it.
 *
 * OFFSET 0 and ORDER BY keep the planner from flattening the subqueries: each table is reached by
 * its index, once for each question, however small the table was when the statement was planned.
 */
#define ASK_CTE                                                                                    \
    "ask AS MATERIALIZED ("                                                                        \
    " SELECT r.ask, r.page, b.batch_id, b.batch_name, b.batch_status, b.calls, b.version,"         \
    "  CASE WHEN t.owner_id IS NULL THEN 0"                                                        \
    "       WHEN b.batch_id IS NULL THEN 1"                                                        \
    "       WHEN r.known_version > 0 AND b.version = r.known_version THEN 7"                       \
    "       WHEN r.in_order_only AND NOT b.created_in_order THEN 2"                                \
    "       ELSE 3 END AS kind,"                                                                   \
    "  CASE WHEN r.descending THEN greatest(b.calls - r.skip - r.take, 0) + 1"                     \
    "       ELSE r.skip + 1 END AS low,"                                                           \
    "  CASE WHEN r.descending THEN b.calls - r.skip ELSE r.skip + r.take END AS high"              \
    " FROM unnest($1::int4[], $2::bytea[], $3::bytea[], $4::int8[], $5::int8[], $6::bool[],"       \
    "             $7::bool[], $8::int8[], $9::int4[])"                                             \
    "  AS r (ask, token_hash, batch_id, skip, take, descending, in_order_only, known_version,"     \
    "        page)"                                                                                \
    " LEFT JOIN LATERAL"                                                                           \
    "  (SELECT owner_id FROM callboard.api_token"                                                  \
    "    WHERE token_hash = r.token_hash AND revoked_at IS NULL"                                   \
    "      AND (expires_at IS NULL OR expires_at > now()) OFFSET 0) t ON true"                     \
    " LEFT JOIN LATERAL"                                                                           \
    "  (SELECT batch_id, batch_name, batch_status, calls, created_in_order, version"               \
    "     FROM callboard.batch"                                                                    \
    "    WHERE batch_id = r.batch_id AND owner_id = t.owner_id OFFSET 0) b ON true)"

#define FOUND_CTE                                                                                  \
    "found AS MATERIALIZED ("                                                                      \
    " SELECT DISTINCT ON (page) page, batch_id, low, high FROM ask WHERE kind = 3 ORDER BY page)"

/* One row for each question, its kind one of enum page_outcome. */
#define BATCH_ROWS                                                                                 \
    "SELECT kind, ask, calls::int8, NULL::bytea, NULL::timestamptz, version,"                      \
    " batch_name, batch_status, NULL::text"                                                        \
    " FROM ask"

static const char pages_sql[] =
    "WITH " ASK_CTE ", " FOUND_CTE " " BATCH_ROWS " UNION ALL "
    "SELECT 4, found.page, c.position::int8, c.call_id, c.created_at, c.position::int8,"
    " c.phone_number, c.fields, NULL"
    " FROM found JOIN LATERAL"
    "  (SELECT position, call_id, created_at, phone_number, fields FROM callboard.call"
    "    WHERE batch_id = found.batch_id AND position BETWEEN found.low AND found.high"
    "    ORDER BY position) c ON true"
    " UNION ALL "
    "SELECT 5, found.page, l.position::int8, NULL, l.created_at, l.call_duration_ms, l.call_status,"
    " l.recording_url, l.transcript"
    " FROM found JOIN LATERAL"
    "  (SELECT position, created_at, call_duration_ms, call_status, recording_url, transcript"
    "     FROM callboard.attempt"
    "    WHERE batch_id = found.batch_id AND position BETWEEN found.low AND found.high"
    "    ORDER BY position, attempt) l ON true";

/* The same without the calls. */
static const char asks_sql[] = "WITH " ASK_CTE " " BATCH_ROWS;

/* A plan with as little in it as can be: starting it is what the statement costs. */
static const char versions_sql[] =
    "SELECT r.ask, b.version"
    " FROM (SELECT unnest($1::int4[]) AS ask, unnest($2::bytea[]) AS token_hash,"
    "  unnest($3::bytea[]) AS batch_id) r"
    " JOIN callboard.api_token t ON t.token_hash = r.token_hash AND t.revoked_at IS NULL"
    "  AND (t.expires_at IS NULL OR t.expires_at > now())"
    " JOIN callboard.batch b ON b.batch_id = r.batch_id AND b.owner_id = t.owner_id";

static const char changes_sql[] =
    "SELECT version, calls_before, calls_after, changed FROM callboard.batch_change"
    " WHERE batch_id = $1::bytea AND version > $2::int8 ORDER BY version LIMIT $3::int8";

static const char cursor_key_sql[] = "SELECT key FROM callboard.cursor_key";

const struct db_statement store_statements[STORE_STATEMENT_COUNT] = {
    [STORE_PAGES] = {"pages", pages_sql},
    [STORE_ASKS] = {"asks", asks_sql},
    [STORE_VERSIONS] = {"versions", versions_sql},
    [STORE_CHANGES] = {"changes", changes_sql},
    [STORE_CURSOR_KEY] = {"cursor_key", cursor_key_sql},
};

/*
 * Pages: the statement is planned once, before anything is known of the questions: a generic plan
 * of nested loops over indexes is right for every page, while the planner, which takes a page to be
 * half a percent of its batch, would rather read whole tables.
 *
 * Selections read whole batches, and are planned with what is known of the batch. The server looks
 * now and then whether we still listen, and ends a statement that nobody waits for. Taking values
 * out of JSON costs more than handing rows on: a parallel scan pays where all rows match, too
 * (1,000,000 sorted by a text, 2666 -> 2097 ms).
 */
static const char *const session_settings[STORE_SESSION_COUNT] = {
    [STORE_SESSION_PAGES] = "-c plan_cache_mode=force_generic_plan "
                            "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off "
                            "-c enable_bitmapscan=off -c enable_material=off "
                            "-c max_parallel_workers_per_gather=0",
    [STORE_SESSION_SELECTIONS] =
        "-c work_mem=64MB -c enable_memoize=off -c client_connection_check_interval=500 "
        "-c parallel_tuple_cost=0.01",
};

char *store_session_options(enum store_session session, int64_t timeout_ms)
{
    char *text = NULL;
    int len = asprintf(
        &text, "-c statement_timeout=%lld -c default_transaction_read_only=on -c jit=off %s",
        (long long)timeout_ms, session_settings[session]);
    return len >= 0 ? text : alloc_string("");
}

/* The questions of one statement. */
struct question_list {
    const struct page_question *const *questions;
    size_t count;
};

bool store_asks_same_page(const struct page_question *a, const struct page_question *b)
{
    return a->skip == b->skip && a->take == b->take && a->descending == b->descending &&
           a->by_created_at == b->by_created_at &&
           memcmp(&a->batch_id, &b->batch_id, sizeof(a->batch_id)) == 0;
}

/* A page is named by the first question that asks for it. */
static size_t page_of(const struct question_list *list, size_t index)
{
    size_t first = 0;
    while (!store_asks_same_page(list->questions[first], list->questions[index])) {
        first++;
    }
    return first;
}

/* Binds one element, that of question `index`, to the array that is being built. */
typedef void bind_fn(struct db_params *params, const struct question_list *list, size_t index);

static void bind_ask(struct db_params *params, const struct question_list *list, size_t index)
{
    (void)list;
    db_params_array_int4(params, (int32_t)index);
}

static void bind_token_hash(struct db_params *params, const struct question_list *list,
                            size_t index)
{
    const uint8_t *hash = list->questions[index]->token_hash;
    db_params_array_bytes(params, (struct slice){(const char *)hash, API_TOKEN_HASH_BYTES});
}

static void bind_batch_id(struct db_params *params, const struct question_list *list, size_t index)
{
    const uint8_t *bytes = list->questions[index]->batch_id.bytes;
    db_params_array_bytes(params, (struct slice){(const char *)bytes, OBJECT_ID_BYTES});
}

static void bind_skip(struct db_params *params, const struct question_list *list, size_t index)
{
    db_params_array_int8(params, list->questions[index]->skip);
}

static void bind_take(struct db_params *params, const struct question_list *list, size_t index)
{
    db_params_array_int8(params, list->questions[index]->take);
}

static void bind_descending(struct db_params *params, const struct question_list *list,
                            size_t index)
{
    db_params_array_bool(params, list->questions[index]->descending);
}

static void bind_in_order_only(struct db_params *params, const struct question_list *list,
                               size_t index)
{
    db_params_array_bool(params, list->questions[index]->by_created_at);
}

static void bind_known_version(struct db_params *params, const struct question_list *list,
                               size_t index)
{
    db_params_array_int8(params, list->questions[index]->known_version);
}

static void bind_page(struct db_params *params, const struct question_list *list, size_t index)
{
    db_params_array_int4(params, (int32_t)page_of(list, index));
}

struct parameter_binding {
    enum db_type type;
    bind_fn *bind;
};

/* The first ones of them say who asks, and of which batch: all that STORE_VERSIONS takes. */
#define WHO_AND_WHAT 3

/* $1 .. $9 */
static const struct parameter_binding bindings[] = {
    {DB_INT4, bind_ask},           {DB_BYTEA, bind_token_hash},   {DB_BYTEA, bind_batch_id},
    {DB_INT8, bind_skip},          {DB_INT8, bind_take},          {DB_BOOL, bind_descending},
    {DB_BOOL, bind_in_order_only}, {DB_INT8, bind_known_version}, {DB_INT4, bind_page},
};

static void bind_columns(struct db_params *params, const struct question_list *list, size_t columns)
{
    db_params_reset(params);
    for (size_t i = 0; i < columns; i++) {
        db_params_array_begin(params, bindings[i].type);
        for (size_t ask = 0; ask < list->count; ask++) {
            bindings[i].bind(params, list, ask);
        }
        db_params_array_end(params);
    }
}

void store_bind_questions(struct db_params *params, const struct page_question *const *questions,
                          size_t count)
{
    const struct question_list list = {questions, count};
    bind_columns(params, &list, ARRAY_LEN(bindings));
}

void store_bind_versions(struct db_params *params, const struct page_question *const *questions,
                         size_t count)
{
    const struct question_list list = {questions, count};
    bind_columns(params, &list, WHO_AND_WHAT);
}

void store_bind_changes(struct db_params *params, const struct object_id *batch_id, int64_t version,
                        int64_t max_rows)
{
    db_params_reset(params);
    db_params_add_bytes(params, (struct slice){(const char *)batch_id->bytes, OBJECT_ID_BYTES});
    db_params_add_int8(params, version);
    db_params_add_int8(params, max_rows);
}

/* --- answers -------------------------------------------------------------------------------- */

struct slice store_read_cursor_key(const PGresult *result)
{
    if (PQntuples(result) != 1) {
        return SLICE_NONE;
    }
    struct slice key = db_value_bytes(result, 0, 0);
    return key.len == CURSOR_KEY_BYTES ? key : SLICE_NONE;
}

void store_read_versions(const PGresult *result, int64_t *versions, size_t count)
{
    memset(versions, 0, count * sizeof(*versions));
    for (int row = 0; row < PQntuples(result); row++) {
        int32_t ask = db_value_int4(result, row, 0);
        if (ask >= 0 && (size_t)ask < count) {
            versions[ask] = db_value_int8(result, row, 1);
        }
    }
}

static void read_batch(const PGresult *result, int row, struct page *page)
{
    page->outcome = (enum page_outcome)db_value_int4(result, row, COLUMN_KIND);
    page->result = result;
    if (page->outcome != PAGE_FOUND) {
        return;
    }
    page->batch_name = db_value_bytes(result, row, COLUMN_TEXT_A);
    page->batch_status = db_value_bytes(result, row, COLUMN_TEXT_B);
    page->total = db_value_int8(result, row, COLUMN_PLACE);
    if (!db_value_is_null(result, row, COLUMN_NUMBER)) {
        page->version = db_value_int8(result, row, COLUMN_NUMBER);
    }
}

/* Extends the range by the row. False when rows of another page lie between. */
static bool extend(struct row_range *range, int row)
{
    if (range->count == 0) {
        range->first = row;
    }
    range->count++;
    return range->first + range->count == row + 1;
}

/* The rows of a page go, for now, to the question that names it. */
static bool read_row(const PGresult *result, int row, struct page *pages, size_t count)
{
    int32_t kind = db_value_int4(result, row, COLUMN_KIND);
    int32_t ask = db_value_int4(result, row, COLUMN_ASK);
    if (ask < 0 || (size_t)ask >= count) {
        return false;
    }
    if (kind == ROW_CALL) {
        return extend(&pages[ask].calls, row);
    }
    if (kind == ROW_ATTEMPT) {
        return extend(&pages[ask].attempts, row);
    }
    read_batch(result, row, &pages[ask]);
    return true;
}

/* Whoever may see a page gets its rows, nobody else does. Backwards: a page's name comes first. */
static void share_rows(const struct question_list *list, struct page *pages)
{
    for (size_t i = list->count; i-- > 0;) {
        const struct page *named = &pages[page_of(list, i)];
        bool may_see = pages[i].outcome == PAGE_FOUND;
        pages[i].calls = may_see ? named->calls : (struct row_range){0};
        pages[i].attempts = may_see ? named->attempts : (struct row_range){0};
    }
}

bool store_read_pages(const PGresult *result, const struct page_question *const *questions,
                      struct page *pages, size_t count, struct error *err)
{
    const struct question_list list = {questions, count};
    memset(pages, 0, count * sizeof(*pages));
    int rows = PQntuples(result);
    for (int row = 0; row < rows; row++) {
        if (!read_row(result, row, pages, count)) {
            return error_set(err, ERR_FATAL, "row %d of a page statement is out of place", row);
        }
    }
    share_rows(&list, pages);
    return true;
}
