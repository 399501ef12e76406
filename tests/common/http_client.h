/*
 * http_client - the other end of a connection, for tests: it runs on the server's own event loop,
 * sends what it is told, byte for byte, and takes responses apart.
 */
#ifndef CALLBOARD_TESTS_HTTP_CLIENT_H
#define CALLBOARD_TESTS_HTTP_CLIENT_H

#include "arena.h"
#include "buf.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>

struct event;
struct event_base;

struct http_client {
    struct event_base *base;
    int fd;
    struct event *readable;
    struct event *writable;
    struct buf received;
    size_t taken; /* bytes of `received` that were given out as responses */
    struct buf unsent;
    size_t sent;
    bool has_ended; /* the server closed; `was_reset` if it did so by a reset */
    bool was_reset;
    struct arena arena;
};

struct http_reply {
    int status; /* 0: the connection ended before a whole response */
    struct slice head;
    struct slice body;
};

void http_client_open(struct http_client *client, struct event_base *base, int port);
void http_client_close(struct http_client *client);
/* By a reset instead of an orderly end. */
void http_client_abort(struct http_client *client);
/* Ends the sending side alone. */
void http_client_end(struct http_client *client);
void http_client_pause(struct http_client *client);
void http_client_resume(struct http_client *client);

void http_client_send(struct http_client *client, const char *text);
void http_client_send_slice(struct http_client *client, struct slice bytes);

/* Runs the loop until a response is there, or the connection's end. */
struct http_reply http_client_take(struct http_client *client);
/* Of a HEAD request: without a body. */
struct http_reply http_client_take_head(struct http_client *client);
void http_client_wait_end(struct http_client *client);
/* Whether a line of the head is exactly this. */
bool http_reply_has(const struct http_reply *reply, const char *line);
bool http_reply_body_is(const struct http_reply *reply, const char *text);

#endif
