#include "http_probe.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)64 * 1024)

struct endpoint {
    char host[256];
    char port[8];
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool parse_address(const char *address, struct endpoint *out, struct error *err)
{
    static const char scheme[] = "http://";
    const char *host = address;
    if (strncmp(address, scheme, sizeof(scheme) - 1) == 0)
        host += sizeof(scheme) - 1;
    size_t len = strcspn(host, "/");
    const char *colon = memrchr(host, ':', len);
    size_t host_len = colon ? (size_t)(colon - host) : 0;
    size_t port_len = colon ? len - host_len - 1 : 0;
    bool is_bracketed = host_len > 2 && host[0] == '[' && host[host_len - 1] == ']';
    if (host_len == 0 || host_len >= sizeof(out->host) || port_len == 0 ||
        port_len >= sizeof(out->port))
        return error_set(err, ERR_REJECT, "\"%.64s\" is not HOST:PORT", address);
    (void)snprintf(out->host, sizeof(out->host), "%.*s", (int)host_len - (is_bracketed ? 2 : 0),
                   host + (is_bracketed ? 1 : 0));
    (void)snprintf(out->port, sizeof(out->port), "%.*s", (int)port_len, colon + 1);
    return true;
}

/* Waits for the socket; false when the deadline has passed. */
static bool wait_for(int fd, short events, int64_t deadline_ms)
{
    struct pollfd poller = {.fd = fd, .events = events};
    for (;;) {
        int64_t left_ms = deadline_ms - now_ms();
        int ready = left_ms > 0 ? poll(&poller, 1, (int)left_ms) : 0;
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}

/* The socket's error once it is connected, or 0. */
static int finish_connect(int fd, int64_t deadline_ms)
{
    int problem = 0;
    socklen_t len = sizeof(problem);
    if (!wait_for(fd, POLLOUT, deadline_ms))
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &len) == 0 ? problem : errno;
}

/* A connected socket, or -1 with the reason in *out_problem. */
static int connect_one(const struct addrinfo *info, int64_t deadline_ms, int *out_problem)
{
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    info->ai_protocol);
    if (fd < 0) {
        *out_problem = errno;
        return -1;
    }
    *out_problem = connect(fd, info->ai_addr, info->ai_addrlen) == 0 ? 0 : errno;
    if (*out_problem == EINPROGRESS)
        *out_problem = finish_connect(fd, deadline_ms);
    if (*out_problem == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_to(const struct endpoint *endpoint, int64_t deadline_ms, struct error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int problem = 0;
    int fd = -1;
    int code = getaddrinfo(endpoint->host, endpoint->port, &hints, &found);
    if (code != 0) {
        (void)error_set(err, ERR_RETRY, "%s: %s", endpoint->host, gai_strerror(code));
        return -1;
    }
    for (struct addrinfo *info = found; info && fd < 0; info = info->ai_next)
        fd = connect_one(info, deadline_ms, &problem);
    freeaddrinfo(found);
    if (fd < 0)
        (void)error_set(err, ERR_RETRY, "%s", strerror(problem));
    return fd;
}

static bool send_request(int fd, const struct endpoint *endpoint, const char *path,
                         struct error *err)
{
    char request[512];
    int len = snprintf(request, sizeof(request),
                       "GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n", path,
                       endpoint->host, endpoint->port);
    /* A fresh socket's send buffer takes so little at once. */
    return send(fd, request, (size_t)len, MSG_NOSIGNAL) == len ||
           error_set(err, ERR_RETRY, "%s", strerror(errno));
}

/* Everything up to the end of the connection. */
static bool receive_answer(int fd, int64_t deadline_ms, struct buf *answer, struct error *err)
{
    for (;;) {
        char bytes[4096];
        if (!wait_for(fd, POLLIN, deadline_ms))
            return error_set(err, ERR_RETRY, "no answer in time");
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return error_set(err, ERR_RETRY, "%s", strerror(errno));
        if (got == 0)
            return true;
        if (got > 0)
            buf_append(answer, bytes, (size_t)got);
        if (answer->overflow)
            return error_set(err, ERR_RETRY, "the answer is too long");
    }
}

static bool parse_answer(struct buf *answer, int *out_status, struct buf *body, struct error *err)
{
    const char *text = buf_text(answer);
    const char *end_of_head = strstr(text, "\r\n\r\n");
    if (!end_of_head || sscanf(text, "HTTP/1.%*1d %3d", out_status) != 1)
        return error_set(err, ERR_RETRY, "the answer is not HTTP");
    buf_append_text(body, end_of_head + 4);
    return true;
}

static bool exchange(int fd, const struct endpoint *endpoint, const char *path, int64_t deadline_ms,
                     struct buf *answer, struct error *err)
{
    return send_request(fd, endpoint, path, err) && receive_answer(fd, deadline_ms, answer, err);
}

bool http_probe_get(const char *address, const char *path, int timeout_ms, int *out_status,
                    struct buf *body, struct error *err)
{
    int64_t deadline_ms = now_ms() + timeout_ms;
    struct endpoint endpoint;
    if (!parse_address(address, &endpoint, err))
        return false;
    int fd = connect_to(&endpoint, deadline_ms, err);
    if (fd < 0)
        return false;
    AUTO_RELEASE(buf_done) struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    bool ok = exchange(fd, &endpoint, path, deadline_ms, &answer, err) &&
              parse_answer(&answer, out_status, body, err);
    close(fd);
    return ok;
}
