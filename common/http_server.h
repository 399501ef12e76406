/*
 * http_server - HTTP/1.1 for GET and HEAD on one event loop (RFC 9110, RFC 9112); OPTIONS where the
 * configuration wants it, answered by the server itself.
 *
 * Strict by choice: CRLF line ends, exactly one Host (HTTP/1.1), no request body, no
 * Transfer-Encoding, no control characters in the target. Persistent connections and pipelining:
 * requests of a connection are handled one at a time and answered in order. HTTP/1.0 is answered
 * (connection closed unless keep-alive is asked for).
 *
 * Every request has one absolute deadline from its first byte to its answer's last one written (a
 * pipelined request's starts when its turn comes); idle connections have a keep-alive timeout;
 * connections are capped (beyond: the one that is idle longest is closed, or the new one is
 * answered 503). Nothing an ill-mannered peer does blocks another.
 *
 * A client that shuts down its sending side is still answered. As that looks the same as closing,
 * such a client is sent "100 Continue", which clients discard (RFC 9110, 15.2.1), once its request
 * has waited HTTP_PROBE_MS: only the one that has closed answers it with a reset.
 *
 * Ownership: the server owns connections and requests. A request is valid from its handler's call
 *            until http_request_reply(), or until its on_gone is called.
 * Threads:   one server per event_base; servers share a port by SO_REUSEPORT.
 */
#ifndef CALLBOARD_HTTP_SERVER_H
#define CALLBOARD_HTTP_SERVER_H

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How often a client that has shut down its sending side is looked after, in milliseconds. */
#define HTTP_PROBE_MS 200

struct event_base;
struct http_server;
struct http_request;

/* Called for each well-formed GET or HEAD request. It must reply, now or later. */
typedef void http_handler_fn(struct http_request *req, void *arg);
/* Writes the body of an error that the server itself has to answer (400, 404, 405, 408, 413, 414,
 * 417, 431, 501, 503, 505): `detail` tells the caller what to change. */
typedef void http_error_body_fn(struct buf *body, int status, const char *detail, void *arg);
/* Called once per answered request, after its last byte was queued; `route` is what
 * http_request_set_route() was given, or "none". */
typedef void http_observe_fn(const char *route, int status, double seconds, void *arg);
/* Appends header lines that every answer of the server carries, its own errors included. `req` is
 * NULL where there is no whole request (nor are its fields then). */
typedef void http_append_headers_fn(struct buf *headers, const struct http_request *req, void *arg);
/* Whether there is anything at the path: a method other than GET and HEAD is answered 405 with
 * "Allow" where there is, 404 where there is not. */
typedef bool http_knows_path_fn(struct slice path, void *arg);

struct http_server_config {
    const char *listen;             /* "HOST:PORT", "[v6]:PORT"; port 0 picks one */
    size_t max_connections;         /* 0: 10000 */
    int request_timeout_ms;         /* 0: 10000 */
    int keepalive_timeout_ms;       /* 0: 75000 */
    size_t max_request_line;        /* bytes; beyond: 414. 0: 32768 */
    size_t max_header_bytes;        /* all header lines together; beyond: 431. 0: 32768 */
    const char *error_content_type; /* of the server's own errors; NULL: "application/json" */
    http_handler_fn *handler;
    http_error_body_fn *error_body;         /* NULL: an empty body */
    http_observe_fn *observe;               /* NULL: none */
    http_knows_path_fn *knows_path;         /* NULL: all paths are known */
    http_append_headers_fn *append_headers; /* NULL: none */
    void *arg;                              /* for all five */
    bool answers_options; /* OPTIONS: 204 with Allow; else it is a method like any other */
    bool is_exclusive;    /* no other socket may listen on the port (no SO_REUSEPORT) */
};

struct http_server_stats {
    size_t connections;     /* open ones, of every kind */
    size_t requests_active; /* being received, handled or answered */
    uint64_t accepted;
    uint64_t refused; /* answered 503 for the cap */
};

/* Binds and listens. NULL with `err` (ERR_FATAL) when the address cannot be parsed, resolved
 * (numeric hosts and "localhost" only: nothing blocks) or bound. */
NODISCARD struct http_server *http_server_new(struct event_base *base,
                                              const struct http_server_config *config,
                                              struct error *err);
/* Stops accepting; idle connections are closed, busy ones after their answer ("Connection: close").
 * `on_drained` is called once when the last is gone, never before this returns. */
void http_server_drain(struct http_server *server, void (*on_drained)(void *arg), void *arg);
/* Closes everything at once; on_gone of each pending request is called. Not from within a handler.
 * Accepts NULL; sets NULL. */
void http_server_free(struct http_server **server);
/* The bound port (for port 0). */
int http_server_port(const struct http_server *server);
struct http_server_stats http_server_stats(const struct http_server *server);

/* --- the request ------------------------------------------------------------------------- */

bool http_request_is_head(const struct http_request *req);
bool http_request_is_options(const struct http_request *req);
/* Path and query as received, not decoded; query without '?', SLICE_NONE when there is none. An
 * absolute-form target is reduced to its path and query. */
struct slice http_request_path(const struct http_request *req);
struct slice http_request_query(const struct http_request *req);
/* The field value with surrounding white space removed; SLICE_NONE when absent. `name` in any case.
 * Of several lines with one name: the first; http_request_header_count() tells. */
struct slice http_request_header(const struct http_request *req, const char *name);
size_t http_request_header_count(const struct http_request *req, const char *name);
/* Of a field that is a list: several lines with one name are one list (RFC 9110, 5.3), joined by
 * commas in the request's arena. */
struct slice http_request_header_list(struct http_request *req, const char *name);
/* Memory that lives as long as the request. */
struct arena *http_request_arena(struct http_request *req);
/* Microseconds (monotonic clock) left until the request's deadline. */
int64_t http_request_time_left_us(const struct http_request *req);
/* A short constant name of the route, for metrics. */
void http_request_set_route(struct http_request *req, const char *route);
/* Complete header lines, copied, for whatever answers the request: its handler or the server. 4 KiB
 * in all. */
void http_request_add_headers(struct http_request *req, struct slice lines);
/* Called when the client is gone or the deadline has passed before a reply (the server then answers
 * 503 itself where it still can): the request must not be used any more. */
void http_request_on_gone(struct http_request *req, void (*fn)(void *arg), void *arg);

/* --- the reply --------------------------------------------------------------------------- */

/*
 * Answers. `headers` are complete lines ("Name: value\r\n..."), or SLICE_NONE; the server adds
 * Date, Content-Length (the body's, also for HEAD; none for 304) and Connection. The body of a HEAD
 * or 304 is not sent. Headers and body are copied. The request is gone afterwards.
 */
void http_request_reply(struct http_request *req, int status, struct slice headers,
                        struct slice body);

/* "OK", "Not Found", ...; "" for an unknown code. */
const char *http_status_text(int status);

#endif
