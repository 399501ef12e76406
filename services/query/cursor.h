/*
 * cursor - the opaque string that continues a walk over the calls of a batch.
 *
 * It holds the call at the boundary of a page: its position and its sort key as they were, so that
 * what was added or changed since neither shifts nor repeats the rest. It is signed (HMAC-SHA-256,
 * RFC 2104) together with the batch, filter, sort, order, search and limit that it belongs to, by a
 * key that all query processes share.
 */
#ifndef CALLBOARD_QUERY_CURSOR_H
#define CALLBOARD_QUERY_CURSOR_H

#include "arena.h"
#include "buf.h"
#include "macros.h"
#include "page.h"
#include "page_request.h"
#include "slice.h"

#include <stdbool.h>

#define CURSOR_KEY_BYTES 32
/* Longer sort keys are carried as their SHA-256. */
#define CURSOR_SORT_KEY_MAX 1024

/* Appends the text, without quotes. `page` is the number of the page that the cursor leads to. */
void cursor_append(struct buf *out, struct slice key, const struct page_request *request,
                   const struct page_mark *mark, int64_t page);

/* False when the text was not made by cursor_append() with this key for the same request. What
 * `out_mark` points to lives in the arena. */
NODISCARD bool cursor_parse(struct slice text, struct slice key, const struct page_request *request,
                            struct arena *arena, struct page_mark *out_mark, int64_t *out_page);

#endif
