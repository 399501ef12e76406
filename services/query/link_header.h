/*
 * link_header - the pages around a page (RFC 8288: first, prev, next, last).
 *
 * The targets are references relative to the origin: the path that was asked for, with the
 * request's own parameters encoded anew and `page` replaced, so that they hold behind a proxy too.
 */
#ifndef CALLBOARD_QUERY_LINK_HEADER_H
#define CALLBOARD_QUERY_LINK_HEADER_H

#include "buf.h"
#include "page_request.h"
#include "slice.h"

#include <stdint.h>

/* Appends the whole header line. `path` as received; `total_pages` is 0 for an empty batch. */
void link_header_append(struct buf *headers, struct slice path, const struct page_request *request,
                        int64_t total_pages);

#endif
