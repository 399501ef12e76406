#include "dead_letter_store.h"

#include "ctl_db.h"
#include "db_params.h"
#include "db_value.h"

/* $1 to $6, see add_filter(). PostgreSQL plans with the values in sight, so what does not apply
 * costs nothing and the index of the open ones is used. */
#define IS_OPEN "replayed_at IS NULL AND discarded_at IS NULL"
#define MATCHES                                                                                    \
    " ($1::text IS NULL OR reason = $1)"                                                           \
    " AND ($2::text IS NULL OR topic = $2)"                                                        \
    " AND ($3::timestamptz IS NULL OR received_at >= $3)"                                          \
    " AND ($4::timestamptz IS NULL OR received_at < $4)"                                           \
    " AND ($5::bigint[] IS NULL OR id = ANY ($5))"                                                 \
    " AND ($6::boolean OR (" IS_OPEN "))"

#define ROW_COLUMNS                                                                                \
    "id, topic, partition, message_offset, reason, detail, received_at, replayed_at, discarded_at"
enum { ROW_COLUMN_COUNT = 9 };

static const char list_sql[] = "SELECT " ROW_COLUMNS " FROM callboard.dead_letter"
                               " WHERE" MATCHES " AND id > $7::bigint ORDER BY id LIMIT $8::bigint";

static const char count_sql[] = "SELECT reason, count(*) FROM callboard.dead_letter"
                                " WHERE" MATCHES " GROUP BY reason ORDER BY count(*) DESC, reason";

static const char find_sql[] =
    "SELECT " ROW_COLUMNS ", group_id, message_key, payload, replayed_by, discarded_by"
    "  FROM callboard.dead_letter WHERE id = $1::bigint";

static const char headers_sql[] =
    "SELECT d.id, h.name, h.value FROM callboard.dead_letter d,"
    "       unnest(d.header_names, d.header_values) WITH ORDINALITY h (name, value, place)"
    " WHERE d.id = ANY ($1::bigint[]) ORDER BY d.id, h.place";

static const char unusable_sql[] =
    "SELECT wanted.id,"
    "       CASE WHEN d.id IS NULL THEN 'there is none'"
    "            WHEN d.replayed_at IS NOT NULL THEN"
    "                format('was replayed at %s by %s', d.replayed_at, d.replayed_by)"
    "            ELSE format('was discarded at %s by %s', d.discarded_at, d.discarded_by) END"
    "  FROM unnest($1::bigint[]) AS wanted (id) LEFT JOIN callboard.dead_letter d USING (id)"
    " WHERE d.id IS NULL OR NOT (" IS_OPEN ") ORDER BY wanted.id";

static const char newest_sql[] = "SELECT coalesce(max(id), 0) FROM callboard.dead_letter";

static const char claim_sql[] = "SELECT id, topic, message_key, payload FROM callboard.dead_letter"
                                " WHERE" MATCHES " AND id > $7::bigint AND id <= $8::bigint"
                                " ORDER BY id LIMIT $9::bigint FOR UPDATE SKIP LOCKED";

static const char mark_replayed_sql[] =
    "UPDATE callboard.dead_letter SET replayed_at = now(), replayed_by = $2::text"
    " WHERE id = ANY ($1::bigint[])";

static const char discard_sql[] =
    "WITH discarded AS ("
    "    UPDATE callboard.dead_letter SET discarded_at = now(), discarded_by = $7::text"
    "     WHERE" MATCHES " RETURNING id)"
    "SELECT count(*) FROM discarded";

static const char prune_sql[] =
    "WITH pruned AS ("
    "    DELETE FROM callboard.dead_letter WHERE id IN ("
    "        SELECT id FROM callboard.dead_letter"
    "         WHERE coalesce(replayed_at, discarded_at) < $1::timestamptz LIMIT $2::bigint)"
    "    RETURNING id)"
    "SELECT count(*) FROM pruned";

static void add_time(struct db_params *params, struct optional_time time)
{
    if (time.is_set)
        db_params_add_time(params, time.us);
    else
        db_params_add_null(params);
}

static void add_ids(struct db_params *params, const int64_t *ids, size_t count)
{
    db_params_array_begin(params, DB_INT8);
    for (size_t i = 0; i < count; i++)
        db_params_array_int8(params, ids[i]);
    db_params_array_end(params);
}

static void add_filter(struct db_params *params, const struct dead_letter_filter *filter)
{
    db_params_add_bytes(params, filter->reason);
    db_params_add_bytes(params, filter->topic);
    add_time(params, filter->since);
    add_time(params, filter->until);
    if (filter->ids)
        add_ids(params, filter->ids, filter->id_count);
    else
        db_params_add_null(params);
    db_params_add_bool(params, filter->include_closed);
}

static struct optional_time time_of(const PGresult *result, int row, int column)
{
    if (db_value_is_null(result, row, column))
        return (struct optional_time){false, 0};
    return (struct optional_time){true, db_value_time(result, row, column)};
}

PGresult *dead_letter_store_list(PGconn *conn, const struct dead_letter_filter *filter,
                                 int64_t after_id, int64_t limit, struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    add_filter(&params, filter);
    db_params_add_int8(&params, after_id);
    db_params_add_int8(&params, limit);
    return ctl_db_query(conn, list_sql, &params, err);
}

void dead_letter_store_row(const PGresult *result, int row, struct dead_letter_row *out)
{
    out->id = db_value_int8(result, row, 0);
    out->topic = db_value_bytes(result, row, 1);
    out->partition = db_value_int4(result, row, 2);
    out->offset = db_value_int8(result, row, 3);
    out->reason = db_value_bytes(result, row, 4);
    out->detail = db_value_bytes(result, row, 5);
    out->received = time_of(result, row, 6);
    out->replayed = time_of(result, row, 7);
    out->discarded = time_of(result, row, 8);
}

PGresult *dead_letter_store_count(PGconn *conn, const struct dead_letter_filter *filter,
                                  struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    add_filter(&params, filter);
    return ctl_db_query(conn, count_sql, &params, err);
}

PGresult *dead_letter_store_find(PGconn *conn, int64_t id, struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    db_params_add_int8(&params, id);
    return ctl_db_query(conn, find_sql, &params, err);
}

void dead_letter_store_detail(const PGresult *result, struct dead_letter_detail *out)
{
    dead_letter_store_row(result, 0, &out->row);
    out->group = db_value_bytes(result, 0, ROW_COLUMN_COUNT);
    out->key = db_value_bytes(result, 0, ROW_COLUMN_COUNT + 1);
    out->payload = db_value_bytes(result, 0, ROW_COLUMN_COUNT + 2);
    out->replayed_by = db_value_bytes(result, 0, ROW_COLUMN_COUNT + 3);
    out->discarded_by = db_value_bytes(result, 0, ROW_COLUMN_COUNT + 4);
}

static PGresult *query_by_ids(PGconn *conn, const char *sql, const int64_t *ids, size_t count,
                              struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    add_ids(&params, ids, count);
    return ctl_db_query(conn, sql, &params, err);
}

PGresult *dead_letter_store_headers(PGconn *conn, const int64_t *ids, size_t count,
                                    struct error *err)
{
    return query_by_ids(conn, headers_sql, ids, count, err);
}

void dead_letter_store_header(const PGresult *result, int row, struct dead_letter_header *out)
{
    out->id = db_value_int8(result, row, 0);
    out->name = db_value_bytes(result, row, 1);
    out->value = db_value_bytes(result, row, 2);
}

PGresult *dead_letter_store_unusable(PGconn *conn, const int64_t *ids, size_t count,
                                     struct error *err)
{
    return query_by_ids(conn, unusable_sql, ids, count, err);
}

static bool query_number(PGconn *conn, const char *sql, const struct db_params *params,
                         int64_t *out, struct error *err)
{
    AUTO_RELEASE(ctl_db_clear) PGresult *result = ctl_db_query(conn, sql, params, err);
    if (!result)
        return false;
    *out = db_value_int8(result, 0, 0);
    return true;
}

bool dead_letter_store_newest(PGconn *conn, int64_t *out_id, struct error *err)
{
    return query_number(conn, newest_sql, NULL, out_id, err);
}

PGresult *dead_letter_store_claim(PGconn *conn, const struct dead_letter_filter *filter,
                                  int64_t after_id, int64_t newest_id, int64_t limit,
                                  struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    add_filter(&params, filter);
    db_params_add_int8(&params, after_id);
    db_params_add_int8(&params, newest_id);
    db_params_add_int8(&params, limit);
    return ctl_db_query(conn, claim_sql, &params, err);
}

void dead_letter_store_message(const PGresult *result, int row, struct dead_letter_message *out)
{
    out->id = db_value_int8(result, row, 0);
    out->topic = db_value_bytes(result, row, 1);
    out->key = db_value_bytes(result, row, 2);
    out->payload = db_value_bytes(result, row, 3);
}

bool dead_letter_store_mark_replayed(PGconn *conn, const int64_t *ids, size_t count,
                                     struct slice by, struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    add_ids(&params, ids, count);
    db_params_add_bytes(&params, by);
    return ctl_db_execute(conn, mark_replayed_sql, &params, err);
}

bool dead_letter_store_discard(PGconn *conn, const struct dead_letter_filter *filter,
                               struct slice by, int64_t *out_count, struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    add_filter(&params, filter);
    db_params_add_bytes(&params, by);
    return query_number(conn, discard_sql, &params, out_count, err);
}

bool dead_letter_store_prune(PGconn *conn, int64_t until_us, int64_t limit, int64_t *out_count,
                             struct error *err)
{
    AUTO_RELEASE(db_params_done) struct db_params params;
    db_params_init(&params);
    db_params_add_time(&params, until_us);
    db_params_add_int8(&params, limit);
    return query_number(conn, prune_sql, &params, out_count, err);
}
