/*
 * http_request - what a connection needs from a request's first byte to its answer's last; private
 * to http_server, whose header declares what handlers may do with it.
 *
 * Requests are lent by a pool, so that connections that wait hold no buffers.
 */
#ifndef CALLBOARD_HTTP_REQUEST_H
#define CALLBOARD_HTTP_REQUEST_H

#include "arena.h"
#include "http_input.h"
#include "http_parser.h"

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_conn;

struct http_request {
    struct http_conn *conn;
    struct http_request *next_spare;
    struct http_input input; /* begins with the request, until it is answered */
    struct arena arena;
    int64_t started_us;
    int64_t deadline_us;
    const char *route;
    struct slice added_headers; /* in the arena */
    void (*on_gone)(void *arg);
    void *on_gone_arg;
    struct event probe; /* of a client that has ended, while `is_probing` */
    bool is_probing;
    bool has_probed;
    struct http_parser parser;
};

struct http_request_pool {
    struct http_request *spare;
    size_t spare_count;
};

void http_request_pool_done(struct http_request_pool *pool);
/* A request with empty input. */
struct http_request *http_request_pool_take(struct http_request_pool *pool, struct http_conn *conn);
void http_request_pool_give_back(struct http_request_pool *pool, struct http_request *req);

/* Makes it the one that begins with what is left of the input. */
void http_request_begin(struct http_request *req, const struct http_parser_limits *limits);
enum http_parser_result http_request_parse(struct http_request *req);
/* It is answered: its input is used up, and its handler's caller has nothing to be told any more.
 */
void http_request_finish(struct http_request *req);
/* Tells the handler's caller, once, that the request is no longer theirs. */
void http_request_notify_gone(struct http_request *req);

#endif
