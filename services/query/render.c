#include "render.h"

#include "cursor.h"
#include "db_value.h"
#include "jsontext.h"
#include "object_id.h"
#include "response.h"
#include "rfc3339.h"
#include "store.h"

#include <assert.h>
#include <string.h>

static void append_object_id(struct buf *body, const struct object_id *id)
{
    char hex[OBJECT_ID_HEX];
    object_id_format(id, hex);
    buf_append_char(body, '"');
    buf_append(body, hex, sizeof(hex));
    buf_append_char(body, '"');
}

static void append_time(struct buf *body, const PGresult *result, int row)
{
    if (db_value_is_null(result, row, COLUMN_CREATED_AT)) {
        buf_append_text(body, "null");
        return;
    }
    jsontext_append_time(body, db_value_time(result, row, COLUMN_CREATED_AT));
}

static void append_duration(struct buf *body, const PGresult *result, int row)
{
    if (db_value_is_null(result, row, COLUMN_NUMBER)) {
        buf_append_text(body, "null");
        return;
    }
    jsontext_append_millis(body, db_value_int8(result, row, COLUMN_NUMBER));
}

static void append_attempt(struct buf *body, const PGresult *result, int row)
{
    buf_append_text(body, "{\"callStatus\":");
    jsontext_append_string(body, db_value_bytes(result, row, COLUMN_TEXT_A));
    buf_append_text(body, ",\"callDuration\":");
    append_duration(body, result, row);
    buf_append_text(body, ",\"recordingUrl\":");
    jsontext_append_string(body, db_value_bytes(result, row, COLUMN_TEXT_B));
    buf_append_text(body, ",\"transcript\":");
    jsontext_append_string(body, db_value_bytes(result, row, COLUMN_TEXT_C));
    buf_append_text(body, ",\"createdAt\":");
    append_time(body, result, row);
    buf_append_char(body, '}');
}

static void append_attempts(struct buf *body, const PGresult *result, struct row_range attempts)
{
    for (int i = 0; i < attempts.count; i++) {
        if (i > 0) {
            buf_append_char(body, ',');
        }
        append_attempt(body, result, attempts.first + i);
    }
}

/* The members of the stored object, which is normalised text: what stands between its braces. */
static void append_fields(struct buf *body, struct slice fields)
{
    if (fields.len <= strlen("{}")) {
        return;
    }
    buf_append_char(body, ',');
    buf_append(body, fields.data + 1, fields.len - 2);
}

static void append_call(struct buf *body, const PGresult *result, int row,
                        struct row_range attempts)
{
    struct slice bytes = db_value_bytes(result, row, COLUMN_ID);
    struct object_id id;
    assert(bytes.len == sizeof(id.bytes));
    memcpy(id.bytes, bytes.data, sizeof(id.bytes));

    buf_append_text(body, "{\"_id\":");
    append_object_id(body, &id);
    buf_append_text(body, ",\"phoneNumber\":");
    jsontext_append_string(body, db_value_bytes(result, row, COLUMN_TEXT_A));
    append_fields(body, db_value_bytes(result, row, COLUMN_TEXT_B));
    buf_append_text(body, ",\"phoneLogs\":[");
    append_attempts(body, result, attempts);
    buf_append_text(body, "],\"createdAt\":");
    append_time(body, result, row);
    buf_append_char(body, '}');
}

/* Takes the attempts of the call at `place` off the front of those that are left. */
static struct row_range take_first(const PGresult *result, int64_t place, struct row_range *left)
{
    struct row_range own = {left->first, 0};
    while (own.count < left->count &&
           db_value_int8(result, own.first + own.count, COLUMN_PLACE) == place) {
        own.count++;
    }
    left->first += own.count;
    left->count -= own.count;
    return own;
}

/* The same from the end. */
static struct row_range take_last(const PGresult *result, int64_t place, struct row_range *left)
{
    int end = left->first + left->count;
    struct row_range own = {end, 0};
    while (own.count < left->count && db_value_int8(result, own.first - 1, COLUMN_PLACE) == place) {
        own.first--;
        own.count++;
    }
    left->count -= own.count;
    return own;
}

static void append_calls(struct buf *body, const struct page *page, bool descending)
{
    const PGresult *result = page->result;
    struct row_range left = page->attempts;
    for (int i = 0; i < page->calls.count; i++) {
        int row = page->calls.first + (descending ? page->calls.count - 1 - i : i);
        int64_t place = db_value_int8(result, row, COLUMN_PLACE);
        if (i > 0) {
            buf_append_char(body, ',');
        }
        append_call(body, result, row,
                    descending ? take_last(result, place, &left)
                               : take_first(result, place, &left));
    }
}

static void append_number(struct buf *body, const char *member, int64_t value)
{
    buf_append_text(body, member);
    buf_append_int(body, value);
}

/* --- cursors -------------------------------------------------------------------------------- */

struct cursor_writer {
    struct buf *body;
    const struct page_request *request;
    const struct page *page;
    struct slice key;
};

/* The sort key of the call in `row`, as sort_sql.h makes it a text. */
static struct slice read_sort_key(const struct cursor_writer *writer, int row,
                                  char time[RFC3339_MILLIS_LEN])
{
    const PGresult *result = writer->page->result;
    if (writer->request->sort.kind != FIELD_CREATED_AT) {
        return db_value_bytes(result, row, COLUMN_TEXT_C);
    }
    if (db_value_is_null(result, row, COLUMN_CREATED_AT)) {
        return SLICE_NONE;
    }
    rfc3339_format_millis(db_value_time(result, row, COLUMN_CREATED_AT), time);
    return (struct slice){time, RFC3339_MILLIS_LEN};
}

static void append_cursor(const struct cursor_writer *writer, int row, bool is_backward)
{
    const struct page_request *request = writer->request;
    char time[RFC3339_MILLIS_LEN];
    struct page_mark mark = {
        .position = db_value_int8(writer->page->result, row, COLUMN_NUMBER),
        .is_backward = is_backward,
        .key = read_sort_key(writer, row, time),
    };
    /* What was added since may lie before page 1. */
    int64_t before = request->page > 1 ? request->page - 1 : 1;
    buf_append_char(writer->body, '"');
    cursor_append(writer->body, writer->key, request, &mark,
                  is_backward ? before : request->page + 1);
    buf_append_char(writer->body, '"');
}

/* `is_last`: of the last call of the page in ascending order; else of the first. null where no call
 * stands beyond it. */
static void append_edge_cursor(const struct cursor_writer *writer, bool is_last, bool is_backward)
{
    struct row_range calls = writer->page->calls;
    int row = is_last ? calls.first + calls.count - 1 : calls.first;
    int64_t end = is_last ? writer->page->total : 1;
    if (calls.count == 0 || db_value_int8(writer->page->result, row, COLUMN_PLACE) == end) {
        buf_append_text(writer->body, "null");
        return;
    }
    append_cursor(writer, row, is_backward);
}

static void append_cursors(const struct cursor_writer *writer)
{
    bool descending = writer->request->descending;
    buf_append_text(writer->body, ",\"nextCursor\":");
    append_edge_cursor(writer, !descending, false);
    buf_append_text(writer->body, ",\"prevCursor\":");
    append_edge_cursor(writer, descending, true);
}

void render_page(struct buf *body, const struct page_request *request, const struct page *page,
                 struct slice cursor_key)
{
    const struct cursor_writer cursors = {body, request, page, cursor_key};
    response_open_success(body);
    buf_append_text(body, "{\"batchId\":");
    append_object_id(body, &request->batch_id);
    buf_append_text(body, ",\"batchName\":");
    jsontext_append_string(body, page->batch_name);
    buf_append_text(body, ",\"batchStatus\":");
    jsontext_append_string(body, page->batch_status);
    append_number(body, ",\"page\":", request->page);
    append_number(body, ",\"limit\":", request->limit);
    append_number(body, ",\"total\":", page->total);
    append_number(body, ",\"totalPages\":", page_request_total_pages(request, page->total));
    buf_append_text(body, ",\"data\":[");
    append_calls(body, page, request->descending);
    buf_append_char(body, ']');
    append_cursors(&cursors);
    buf_append_char(body, '}');
    response_close(body);
}
