#include "document.h"

#include "problem.h"
#include "response.h"
#include "slice.h"
#include "variant.h"

#define MAX_HEADER_BYTES 1024

static void code(struct document *document)
{
    struct content_coder *coder = content_coder_new();
    struct slice plain = buf_slice(&document->bodies[CODING_IDENTITY]);
    for (int i = CODING_IDENTITY + 1; i < CODING_COUNT; i++) {
        struct slice coded = content_coder_encode(coder, (enum content_coding)i, plain);
        buf_init(&document->bodies[i], coded.len);
        buf_append_slice(&document->bodies[i], coded);
    }
    content_coder_free(&coder);
}

void document_init(struct document *document, const char *content_type, struct buf *body)
{
    struct etag_hasher *hasher = etag_hasher_new();
    document->bodies[CODING_IDENTITY] = *body;
    document->etag = etag_of(hasher, buf_slice(body));
    etag_hasher_free(&hasher);
    buf_init(&document->headers, MAX_HEADER_BYTES);
    buf_append_format(&document->headers,
                      "Content-Type: %s\r\n"
                      "Cache-Control: no-cache\r\n"
                      "Vary: Accept-Encoding\r\n",
                      content_type);
    code(document);
}

void document_done(struct document *document)
{
    for (int i = 0; i < CODING_COUNT; i++) {
        buf_done(&document->bodies[i]);
    }
    buf_done(&document->headers);
}

void document_reply(const struct document *document, struct http_request *req)
{
    struct variant variant =
        variant_choose(req, &document->etag, document->bodies[CODING_IDENTITY].len);
    if (variant.status == 412) {
        struct problem problem;
        problem_set(&problem, PROBLEM_OTHER_PAGE,
                    "the document is not the one that If-Match names: read it without If-Match");
        response_reply_problem(req, &problem);
        return;
    }
    http_request_reply(req, variant.status, buf_slice(&document->headers),
                       variant.status == 200 ? buf_slice(&document->bodies[variant.coding])
                                             : SLICE_NONE);
}
