/*
 * render - a page as the JSON that answers its request.
 *
 * Straight from the rows into the buffer; nothing is built in between.
 */
#ifndef CALLBOARD_QUERY_RENDER_H
#define CALLBOARD_QUERY_RENDER_H

#include "buf.h"
#include "page.h"
#include "page_request.h"

/* Appends the whole body. `page` is PAGE_FOUND; its cursors are signed with `cursor_key`. The
 * buffer's overflow tells that it was too large. */
void render_page(struct buf *body, const struct page_request *request, const struct page *page,
                 struct slice cursor_key);

#endif
