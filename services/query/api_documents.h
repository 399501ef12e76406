/*
 * api_documents - the API's own description, for programs and for people, as this service gives it.
 *
 * Threads: made once; then any may read it.
 */
#ifndef CALLBOARD_QUERY_API_DOCUMENTS_H
#define CALLBOARD_QUERY_API_DOCUMENTS_H

#include "buf.h"
#include "document.h"
#include "query_config.h"

struct api_documents {
    struct document docs;
    struct document openapi;
    struct buf docs_policy; /* the Content-Security-Policy of docs */
};

void api_documents_init(struct api_documents *documents, const struct query_config *options);
void api_documents_done(struct api_documents *documents);

#endif
