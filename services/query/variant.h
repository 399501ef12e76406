/*
 * variant - which form of an answer a request gets, by `Accept-Encoding`, and whether it gets it at
 * all, by `If-Match` and `If-None-Match` (RFC 9110, sections 12.5.3 and 13.2.2).
 *
 * Conditions are about the body as it would be sent: each coding has a tag of its own.
 */
#ifndef CALLBOARD_QUERY_VARIANT_H
#define CALLBOARD_QUERY_VARIANT_H

#include "content_coding.h"
#include "etag.h"
#include "http_server.h"
#include "macros.h"

#include <stdbool.h>
#include <stddef.h>

struct variant {
    int status; /* 200, 304 or 412 */
    enum content_coding coding;
};

/* Of a body with this tag and size. Adds the lines `ETag` (but to 412) and `Content-Encoding` (to
 * 200, where there is one) to the request's answer. */
NODISCARD struct variant variant_choose(struct http_request *req, const struct etag *plain,
                                        size_t body_bytes);

#endif
