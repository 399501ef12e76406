#include "http_client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HEAD_BYTES 16384

static void client_end(struct http_client *client, bool was_reset)
{
    client->has_ended = true;
    client->was_reset = was_reset;
    event_del(client->readable);
    event_del(client->writable);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct http_client *client = arg;
    char *room = buf_reserve(&client->received, 65536);
    ssize_t got = recv(fd, room, 65536, 0);
    if (got > 0) {
        buf_commit(&client->received, (size_t)got);
    } else if (got == 0 || errno != EAGAIN) {
        client_end(client, got < 0);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct http_client *client = arg;
    ssize_t sent = send(fd, client->unsent.data + client->sent, client->unsent.len - client->sent,
                        MSG_NOSIGNAL);
    client->sent += sent > 0 ? (size_t)sent : 0;
    if (client->sent == client->unsent.len || (sent < 0 && errno != EAGAIN)) {
        event_del(client->writable); /* what the server answered is still to be read */
    }
}

void http_client_open(struct http_client *client, struct event_base *base, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *client = (struct http_client){.base = base};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(client->fd >= 0);
    cr_assert(connect(client->fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connect: %s",
              strerror(errno));
    cr_assert(fcntl(client->fd, F_SETFL, O_NONBLOCK) == 0);
    buf_init(&client->received, (size_t)1 << 30);
    buf_init(&client->unsent, (size_t)1 << 30);
    arena_init(&client->arena);
    client->readable = event_new(base, client->fd, EV_READ | EV_PERSIST, on_readable, client);
    client->writable = event_new(base, client->fd, EV_WRITE | EV_PERSIST, on_writable, client);
    event_add(client->readable, NULL);
}

void http_client_close(struct http_client *client)
{
    event_free(client->readable);
    event_free(client->writable);
    close(client->fd);
    buf_done(&client->received);
    buf_done(&client->unsent);
    arena_done(&client->arena);
}

void http_client_abort(struct http_client *client)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    cr_assert(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    http_client_close(client);
}

/* What was handed over before is sent first. */
void http_client_end(struct http_client *client)
{
    while (event_pending(client->writable, EV_WRITE, NULL)) {
        event_base_loop(client->base, EVLOOP_ONCE);
    }
    cr_assert(shutdown(client->fd, SHUT_WR) == 0);
}

void http_client_pause(struct http_client *client)
{
    event_del(client->readable);
}

void http_client_resume(struct http_client *client)
{
    event_add(client->readable, NULL);
}

void http_client_send_slice(struct http_client *client, struct slice bytes)
{
    buf_append_slice(&client->unsent, bytes);
    event_add(client->writable, NULL);
}

void http_client_send(struct http_client *client, const char *text)
{
    http_client_send_slice(client, slice_of(text));
}

/* --- responses ------------------------------------------------------------------------------- */

static struct slice untaken(const struct http_client *client)
{
    struct slice all = buf_slice(&client->received);
    return (struct slice){all.data + client->taken, all.len - client->taken};
}

/* Bytes of the head with its empty line, or 0. */
static size_t head_bytes(struct slice text)
{
    size_t searched = text.len < MAX_HEAD_BYTES ? text.len : MAX_HEAD_BYTES;
    const char *end = memmem(text.data, searched, "\r\n\r\n", 4);
    return end ? (size_t)(end - text.data) + 4 : 0;
}

static size_t content_length(struct slice head)
{
    static const char name[] = "\r\nContent-Length: ";
    const char *found = memmem(head.data, head.len, name, sizeof(name) - 1);
    return found ? strtoul(found + sizeof(name) - 1, NULL, 10) : 0;
}

static int status_of(struct slice head)
{
    static const char version[] = "HTTP/1.1 ";
    cr_assert(head.len > sizeof(version) + 3 &&
                  memcmp(head.data, version, sizeof(version) - 1) == 0,
              "no status line: %.*s", (int)head.len, head.data);
    return (int)strtol(head.data + sizeof(version) - 1, NULL, 10);
}

static bool try_take(struct http_client *client, bool has_body, struct http_reply *out)
{
    struct slice text = untaken(client);
    size_t head = head_bytes(text);
    size_t body = has_body && head > 0 ? content_length((struct slice){text.data, head}) : 0;
    if (head == 0 || text.len < head + body) {
        return false;
    }
    struct slice copy = arena_copy(&client->arena, (struct slice){text.data, head + body});
    *out = (struct http_reply){0, {copy.data, head}, {copy.data + head, body}};
    out->status = status_of(out->head);
    client->taken += head + body;
    return true;
}

static struct http_reply take(struct http_client *client, bool has_body)
{
    struct http_reply reply = {0};
    while (!try_take(client, has_body, &reply) && !client->has_ended) {
        event_base_loop(client->base, EVLOOP_ONCE);
    }
    return reply;
}

struct http_reply http_client_take(struct http_client *client)
{
    return take(client, true);
}

struct http_reply http_client_take_head(struct http_client *client)
{
    return take(client, false);
}

void http_client_wait_end(struct http_client *client)
{
    while (!client->has_ended) {
        event_base_loop(client->base, EVLOOP_ONCE);
    }
}

bool http_reply_has(const struct http_reply *reply, const char *line)
{
    char whole[512];
    int len = snprintf(whole, sizeof(whole), "\r\n%s\r\n", line);
    return memmem(reply->head.data, reply->head.len, whole, (size_t)len) != NULL;
}

bool http_reply_body_is(const struct http_reply *reply, const char *text)
{
    return slice_equal(reply->body, slice_of(text));
}
