/*
 * http_response - the head of a response.
 */
#ifndef CALLBOARD_HTTP_RESPONSE_H
#define CALLBOARD_HTTP_RESPONSE_H

#include "buf.h"
#include "slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define HTTP_DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* An IMF-fixdate (RFC 9110, 5.6.7), written anew only when the second has changed. */
struct http_date {
    time_t second; /* 0: never written */
    char text[HTTP_DATE_BYTES + 1];
};

struct slice http_date_text(struct http_date *date, time_t now);

enum http_connection {
    HTTP_CONNECTION_DEFAULT, /* no Connection line */
    HTTP_CONNECTION_CLOSE,
    HTTP_CONNECTION_KEEP_ALIVE,
};

struct http_response {
    int status;
    enum http_connection connection;
    struct slice date;
    size_t body_bytes; /* for Content-Length, where the status has one */
};

/* The status line, Date, Content-Length and Connection: what comes before the handler's own lines.
 */
void http_response_append_head(struct buf *out, const struct http_response *response);

/* Whether the status comes with a body and Content-Length (not 1xx, 204 and 304). */
bool http_status_has_body(int status);

#endif
