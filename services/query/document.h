/*
 * document - an answer that does not change while the service runs, and that everybody may read. It
 * is coded once.
 *
 * Threads: any may reply with it.
 */
#ifndef CALLBOARD_QUERY_DOCUMENT_H
#define CALLBOARD_QUERY_DOCUMENT_H

#include "buf.h"
#include "content_coding.h"
#include "etag.h"
#include "http_server.h"

struct document {
    struct buf bodies[CODING_COUNT];
    struct buf headers;
    struct etag etag; /* of the plain body */
};

/* Takes `body`; `content_type` is the field value. */
void document_init(struct document *document, const char *content_type, struct buf *body);
void document_done(struct document *document);
/* 200; 304 and 412 by the request's conditions. */
void document_reply(const struct document *document, struct http_request *req);

#endif
