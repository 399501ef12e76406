#include "api_documents.h"

#include "docs.h"
#include "openapi.h"

#include <stddef.h>

#define MAX_BYTES ((size_t)256 * 1024)
#define MAX_POLICY_BYTES ((size_t)512)

void api_documents_init(struct api_documents *documents, const struct query_config *options)
{
    struct buf body;
    buf_init(&body, MAX_BYTES);
    docs_append(&body, options);
    document_init(&documents->docs, "text/html; charset=utf-8", &body);
    buf_init(&body, MAX_BYTES);
    openapi_append(&body, options);
    document_init(&documents->openapi, "application/json", &body);
    buf_init(&documents->docs_policy, MAX_POLICY_BYTES);
    docs_append_policy(&documents->docs_policy);
}

void api_documents_done(struct api_documents *documents)
{
    document_done(&documents->docs);
    document_done(&documents->openapi);
    buf_done(&documents->docs_policy);
}
