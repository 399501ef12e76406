#include "http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* The kernel lowers it to net.core.somaxconn. */
#define BACKLOG 4096
#define MAX_PORT 65535

/* Splits off the port behind the last colon; -1 when it is not a number from 0 to 65535. */
static int parse_port(const char *digits)
{
    int port = 0;
    const char *at = digits;
    while (*at >= '0' && *at <= '9' && port <= MAX_PORT) {
        port = port * 10 + (*at++ - '0');
    }
    return at > digits && *at == '\0' && port <= MAX_PORT ? port : -1;
}

static void set_ipv4(struct http_address *out, struct in_addr host, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr = host;
    memcpy(&out->storage, &address, sizeof(address));
    out->len = sizeof(address);
}

static void set_ipv6(struct http_address *out, struct in6_addr host, int port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    address.sin6_addr = host;
    memcpy(&out->storage, &address, sizeof(address));
    out->len = sizeof(address);
}

/* `host` without brackets. */
static bool set_host(struct http_address *out, const char *host, bool is_bracketed, int port)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;
    if (is_bracketed) {
        bool ok = inet_pton(AF_INET6, host, &ipv6) == 1;
        if (ok) {
            set_ipv6(out, ipv6, port);
        }
        return ok;
    }
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    bool ok = inet_pton(AF_INET, numeric, &ipv4) == 1;
    if (ok) {
        set_ipv4(out, ipv4, port);
    }
    return ok;
}

bool http_address_parse(const char *text, struct http_address *out, struct error *err)
{
    char host[INET6_ADDRSTRLEN + 1];
    const char *colon = strrchr(text, ':');
    bool is_bracketed = colon && text[0] == '[' && colon[-1] == ']';
    size_t len = colon ? (size_t)(colon - text) - (is_bracketed ? 2 : 0) : 0;
    int port = colon ? parse_port(colon + 1) : -1;
    *out = (struct http_address){0};
    if (port >= 0 && len > 0 && len < sizeof(host)) {
        memcpy(host, text + is_bracketed, len);
        host[len] = '\0';
        if (set_host(out, host, is_bracketed, port)) {
            return true;
        }
    }
    return error_set(err, ERR_FATAL,
                     "cannot listen on \"%s\": write ADDRESS:PORT with a numeric address, "
                     "[ADDRESS]:PORT for IPv6, or localhost:PORT",
                     text);
}

/* Accepted sockets inherit TCP_NODELAY (tcp(7) on Linux). */
static bool set_options(int fd, bool is_exclusive)
{
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
           (is_exclusive || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
}

static bool bind_and_listen(int fd, const struct http_address *address)
{
    const void *storage = &address->storage;
    return bind(fd, storage, address->len) == 0 && listen(fd, BACKLOG) == 0;
}

int http_listen(const char *text, bool is_exclusive, struct error *err)
{
    struct http_address address;
    if (!http_address_parse(text, &address, err)) {
        return -1;
    }
    int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && set_options(fd, is_exclusive) && bind_and_listen(fd, &address)) {
        return fd;
    }
    error_set(err, ERR_FATAL, "cannot listen on %s: %s", text, strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

int http_listen_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return -1;
    }
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    memcpy(&ipv4, &address, sizeof(ipv4));
    memcpy(&ipv6, &address, sizeof(ipv6));
    return ntohs(address.ss_family == AF_INET ? ipv4.sin_port : ipv6.sin6_port);
}
