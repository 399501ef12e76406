#include "http_request.h"

#include "alloc.h"
#include "clock.h"
#include "http_server.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_INPUT_BYTES ((size_t)8 * 1024)
#define MAX_ADDED_HEADERS ((size_t)4 * 1024)
/* Requests kept for reuse, and what one of them may hold. */
#define MAX_SPARE 128
#define SPARE_INPUT_BYTES ((size_t)16 * 1024)
#define SPARE_ARENA_BYTES ((size_t)64 * 1024)

/* --- the pool ---------------------------------------------------------------------------- */

static struct http_request *request_new(void)
{
    struct http_request *req = alloc_zeroed(1, sizeof(*req));
    http_input_init(&req->input, FIRST_INPUT_BYTES);
    arena_init(&req->arena);
    return req;
}

static void request_free(struct http_request *req)
{
    arena_done(&req->arena);
    http_input_done(&req->input);
    free(req);
}

void http_request_pool_done(struct http_request_pool *pool)
{
    struct http_request *req = pool->spare;
    while (req) {
        struct http_request *next = req->next_spare;
        request_free(req);
        req = next;
    }
    *pool = (struct http_request_pool){0};
}

struct http_request *http_request_pool_take(struct http_request_pool *pool, struct http_conn *conn)
{
    struct http_request *req = pool->spare;
    if (req) {
        pool->spare = req->next_spare;
        pool->spare_count--;
    } else {
        req = request_new();
    }
    req->conn = conn;
    http_input_reset(&req->input);
    return req;
}

static bool is_worth_keeping(const struct http_request_pool *pool, const struct http_request *req)
{
    return pool->spare_count < MAX_SPARE && req->input.cap <= SPARE_INPUT_BYTES &&
           req->arena.total_bytes <= SPARE_ARENA_BYTES;
}

static void stop_probing(struct http_request *req)
{
    if (req->is_probing) {
        event_del(&req->probe);
        req->is_probing = req->has_probed = false;
    }
}

void http_request_pool_give_back(struct http_request_pool *pool, struct http_request *req)
{
    stop_probing(req);
    if (!is_worth_keeping(pool, req)) {
        request_free(req);
        return;
    }
    arena_reset(&req->arena);
    req->next_spare = pool->spare;
    pool->spare = req;
    pool->spare_count++;
}

/* --- its course -------------------------------------------------------------------------- */

void http_request_begin(struct http_request *req, const struct http_parser_limits *limits)
{
    arena_reset(&req->arena);
    http_parser_init(&req->parser, limits);
    req->route = "none";
    req->added_headers = SLICE_NONE;
    req->on_gone = NULL;
}

enum http_parser_result http_request_parse(struct http_request *req)
{
    struct slice text = http_input_slice(&req->input);
    return http_parser_run(&req->parser, text.data, text.len);
}

void http_request_finish(struct http_request *req)
{
    req->on_gone = NULL;
    stop_probing(req);
    req->input.start += req->parser.head_bytes;
}

void http_request_notify_gone(struct http_request *req)
{
    void (*on_gone)(void *arg) = req->on_gone;
    req->on_gone = NULL;
    if (on_gone) {
        on_gone(req->on_gone_arg);
    }
}

/* --- what handlers ask ------------------------------------------------------------------- */

static const char *request_text(const struct http_request *req)
{
    return http_input_slice(&req->input).data;
}

static struct slice request_slice(const struct http_request *req, struct http_span span)
{
    return (struct slice){request_text(req) + span.at, span.len};
}

bool http_request_is_head(const struct http_request *req)
{
    return req->parser.method == HTTP_METHOD_HEAD;
}

bool http_request_is_options(const struct http_request *req)
{
    return req->parser.method == HTTP_METHOD_OPTIONS;
}

struct slice http_request_path(const struct http_request *req)
{
    return req->parser.path.len > 0 ? request_slice(req, req->parser.path) : SLICE("/");
}

struct slice http_request_query(const struct http_request *req)
{
    return req->parser.has_query ? request_slice(req, req->parser.query) : SLICE_NONE;
}

struct slice http_request_header(const struct http_request *req, const char *name)
{
    return http_parser_field(&req->parser, request_text(req), name);
}

size_t http_request_header_count(const struct http_request *req, const char *name)
{
    return http_parser_field_count(&req->parser, request_text(req), name);
}

static size_t list_bytes(const struct http_request *req, const char *name)
{
    size_t bytes = 0;
    size_t index = 0;
    struct slice value;
    while (http_parser_next_field(&req->parser, request_text(req), name, &index, &value)) {
        bytes += value.len + 1;
    }
    return bytes;
}

struct slice http_request_header_list(struct http_request *req, const char *name)
{
    if (http_request_header_count(req, name) <= 1) {
        return http_request_header(req, name);
    }
    char *text = arena_text(&req->arena, list_bytes(req, name));
    char *at = text;
    size_t index = 0;
    struct slice value;
    while (http_parser_next_field(&req->parser, request_text(req), name, &index, &value)) {
        memcpy(at, value.data, value.len);
        at += value.len;
        *at++ = ',';
    }
    arena_trim(&req->arena, at - 1);
    return (struct slice){text, (size_t)(at - 1 - text)};
}

struct arena *http_request_arena(struct http_request *req)
{
    return &req->arena;
}

int64_t http_request_time_left_us(const struct http_request *req)
{
    return req->deadline_us - clock_monotonic_us();
}

void http_request_set_route(struct http_request *req, const char *route)
{
    req->route = route;
}

void http_request_add_headers(struct http_request *req, struct slice lines)
{
    assert(req->added_headers.len + lines.len <= MAX_ADDED_HEADERS);
    size_t before = req->added_headers.len;
    char *text = arena_text(&req->arena, before + lines.len);
    if (before > 0) {
        memcpy(text, req->added_headers.data, before);
    }
    memcpy(text + before, lines.data, lines.len);
    arena_trim(&req->arena, text + before + lines.len);
    req->added_headers = (struct slice){text, before + lines.len};
}

void http_request_on_gone(struct http_request *req, void (*fn)(void *arg), void *arg)
{
    req->on_gone = fn;
    req->on_gone_arg = arg;
}
