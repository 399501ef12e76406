/*
 * http_conn - the connections of one http_server, from accept to close; private to it.
 *
 * A connection is in one state, and by it in one queue. All in a queue have the same time to live,
 * so that each queue is ordered by deadline and one timer serves it.
 *
 * Freeing is put off: a connection that was closed is freed in the next turn of the loop.
 */
#ifndef CALLBOARD_HTTP_CONN_H
#define CALLBOARD_HTTP_CONN_H

#include "buf.h"
#include "http_parser.h"
#include "http_request.h"
#include "http_response.h"
#include "http_server.h"

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct event;
struct event_base;
struct http_conn;

TAILQ_HEAD(http_conn_list, http_conn);

enum http_conn_queue_id {
    HTTP_QUEUE_IDLE,      /* between requests; these hold no buffers */
    HTTP_QUEUE_ACTIVE,    /* receiving, handling or answering a request */
    HTTP_QUEUE_LINGERING, /* answered for the last time, waiting for the client's end */
    HTTP_QUEUE_CLOSED,    /* to be freed */
    HTTP_QUEUE_COUNT
};

struct http_conn_queue {
    struct http_conn_list list;
    size_t count;
    int64_t lifetime_us;
    struct event timer;
    bool is_armed;
};

/* All connections of a server. */
struct http_conns {
    struct event_base *base;
    const struct http_server_config *config;
    struct http_parser_limits limits;
    size_t max_input_bytes;
    struct http_conn_queue queues[HTTP_QUEUE_COUNT];
    struct http_conn_list runnable; /* answered outside a turn, with a further request waiting */
    struct event *turn;             /* runs what must not run within a caller's stack */
    struct http_request_pool requests;
    struct http_date date;
    struct buf head;   /* of the answer being written */
    struct buf common; /* the lines of append_headers for it */
    bool is_draining;
    void (*on_empty)(void *arg);
    void *on_empty_arg;
};

/* `config` has no defaults left to fill in and lives as long as the connections. */
void http_conns_init(struct http_conns *conns, struct event_base *base,
                     const struct http_server_config *config);
/* Closes all; on_gone of each pending request is called. */
void http_conns_done(struct http_conns *conns);

/* Takes over a connected, non-blocking socket. */
void http_conns_add(struct http_conns *conns, int fd);
/* As above, only to be told 503. */
void http_conns_refuse(struct http_conns *conns, int fd);
/* Closes the connection that is idle longest; false when none is. One whose request turns out to
 * have arrived is served instead. */
bool http_conns_close_idle(struct http_conns *conns);
/* No connection is kept for a further request; idle ones are closed. Calls `on_empty` once, never
 * before this returns, when none is left. */
void http_conns_drain(struct http_conns *conns, void (*on_empty)(void *arg), void *arg);

/* Those that count towards the server's cap: idle and active ones. */
size_t http_conns_serving(const struct http_conns *conns);
size_t http_conns_active(const struct http_conns *conns);
size_t http_conns_open(const struct http_conns *conns);

#endif
