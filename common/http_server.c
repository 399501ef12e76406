#include "http_server.h"

#include "alloc.h"
#include "http_conn.h"
#include "http_listen.h"
#include "log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_MAX_CONNECTIONS 10000
#define DEFAULT_REQUEST_TIMEOUT_MS 10000
#define DEFAULT_KEEPALIVE_TIMEOUT_MS 75000
#define DEFAULT_MAX_REQUEST_LINE ((size_t)32 * 1024)
#define DEFAULT_MAX_HEADER_BYTES ((size_t)32 * 1024)
#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE_MS 100

struct http_server {
    struct http_server_config config;
    struct http_conns conns;
    int listen_fd; /* -1 once it drains */
    int port;
    struct event *acceptable;
    struct event *accept_pause;
    uint64_t accepted;
    uint64_t refused;
    bool is_short_of_files;
};

/* --- accepting --------------------------------------------------------------------------- */

static void add_connection(struct http_server *server, int fd)
{
    bool is_full = http_conns_serving(&server->conns) >= server->config.max_connections;
    if (is_full && !http_conns_close_idle(&server->conns)) {
        server->refused++;
        http_conns_refuse(&server->conns, fd);
        return;
    }
    server->accepted++;
    http_conns_add(&server->conns, fd);
}

/* Out of files or memory, the connection stays in the backlog: looking again at once would only
 * burn the processor. */
static void pause_accepting(struct http_server *server, int error)
{
    static const struct timeval pause = {0, ACCEPT_PAUSE_MS * 1000L};
    if (!server->is_short_of_files) {
        log_warn("cannot accept connections", "port=%d error=%s", server->port,
                 log_quote(strerror(error)).text);
    }
    server->is_short_of_files = true;
    (void)http_conns_close_idle(&server->conns);
    event_del(server->acceptable);
    event_add(server->accept_pause, &pause);
}

static void on_accept_pause_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_server *server = arg;
    event_add(server->acceptable, NULL);
}

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* False when nothing more can be accepted now. */
static bool accept_one(struct http_server *server)
{
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        server->is_short_of_files = false;
        add_connection(server, fd);
        return true;
    }
    if (is_shortage(errno)) {
        pause_accepting(server, errno);
        return false;
    }
    return errno != EAGAIN && errno != EINTR; /* else it is the connection's own error: accept(2) */
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_server *server = arg;
    for (int i = 0; i < ACCEPTS_PER_TURN && accept_one(server); i++) {
    }
}

static void stop_listening(struct http_server *server)
{
    if (server->listen_fd >= 0) {
        event_del(server->acceptable);
        event_del(server->accept_pause);
        close(server->listen_fd);
        server->listen_fd = -1;
    }
}

/* --- life -------------------------------------------------------------------------------- */

static size_t size_or(size_t value, size_t fallback)
{
    return value > 0 ? value : fallback;
}

static int ms_or(int value, int fallback)
{
    return value > 0 ? value : fallback;
}

static struct http_server_config with_defaults(const struct http_server_config *config)
{
    struct http_server_config full = *config;
    full.max_connections = size_or(config->max_connections, DEFAULT_MAX_CONNECTIONS);
    full.request_timeout_ms = ms_or(config->request_timeout_ms, DEFAULT_REQUEST_TIMEOUT_MS);
    full.keepalive_timeout_ms = ms_or(config->keepalive_timeout_ms, DEFAULT_KEEPALIVE_TIMEOUT_MS);
    full.max_request_line = size_or(config->max_request_line, DEFAULT_MAX_REQUEST_LINE);
    full.max_header_bytes = size_or(config->max_header_bytes, DEFAULT_MAX_HEADER_BYTES);
    if (!full.error_content_type) {
        full.error_content_type = "application/json";
    }
    return full;
}

struct http_server *http_server_new(struct event_base *base,
                                    const struct http_server_config *config, struct error *err)
{
    int fd = http_listen(config->listen, config->is_exclusive, err);
    if (fd < 0) {
        return NULL;
    }
    struct http_server *server = alloc_zeroed(1, sizeof(*server));
    server->config = with_defaults(config);
    server->listen_fd = fd;
    server->port = http_listen_port(fd);
    http_conns_init(&server->conns, base, &server->config);
    server->accept_pause = evtimer_new(base, on_accept_pause_over, server);
    server->acceptable = event_new(base, fd, EV_READ | EV_PERSIST, on_acceptable, server);
    event_add(server->acceptable, NULL);
    return server;
}

/* What was connected and what was sent before is still answered. */
void http_server_drain(struct http_server *server, void (*on_drained)(void *arg), void *arg)
{
    while (server->listen_fd >= 0 && accept_one(server)) {
    }
    stop_listening(server);
    http_conns_drain(&server->conns, on_drained, arg);
}

void http_server_free(struct http_server **server)
{
    struct http_server *gone = *server;
    if (!gone) {
        return;
    }
    *server = NULL;
    stop_listening(gone);
    http_conns_done(&gone->conns);
    event_free(gone->acceptable);
    event_free(gone->accept_pause);
    free(gone);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

struct http_server_stats http_server_stats(const struct http_server *server)
{
    return (struct http_server_stats){
        .connections = http_conns_open(&server->conns),
        .requests_active = http_conns_active(&server->conns),
        .accepted = server->accepted,
        .refused = server->refused,
    };
}
