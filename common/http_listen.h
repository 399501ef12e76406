/*
 * http_listen - a listening TCP socket from "HOST:PORT".
 */
#ifndef CALLBOARD_HTTP_LISTEN_H
#define CALLBOARD_HTTP_LISTEN_H

#include "error.h"
#include "macros.h"

#include <stdbool.h>
#include <sys/socket.h>

struct http_address {
    struct sockaddr_storage storage;
    socklen_t len;
};

/* "127.0.0.1:8080", "localhost:8080", "[::1]:8080", any port from 0 to 65535. Numeric hosts and
 * "localhost" (127.0.0.1) only: nothing is asked of a resolver. False with ERR_FATAL. */
NODISCARD bool http_address_parse(const char *text, struct http_address *out, struct error *err);

/* A non-blocking listening socket whose connections have TCP_NODELAY, or -1 with ERR_FATAL. Unless
 * `is_exclusive`, other sockets may listen on the same port (SO_REUSEPORT) and share what comes. */
NODISCARD int http_listen(const char *text, bool is_exclusive, struct error *err);

/* The port a socket is bound to, or -1. */
int http_listen_port(int fd);

#endif
