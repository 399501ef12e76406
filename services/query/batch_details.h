/*
 * batch_details - answers GET /api/call/batch-details/{id}.
 *
 * Ownership: one per worker; it uses the loader given and replies to every request it is handed.
 * Threads:   everything runs on the event_base's thread.
 */
#ifndef CALLBOARD_QUERY_BATCH_DETAILS_H
#define CALLBOARD_QUERY_BATCH_DETAILS_H

#include "http_server.h"
#include "metrics.h"
#include "page_loader.h"
#include "rate_limiter.h"
#include "slice.h"

#include <stddef.h>

#include <stdint.h>

struct batch_details;

/* How answers came about. Any may be NULL. */
struct batch_details_metrics {
    struct counter *confirmed; /* remembered, and the batch had not changed */
    struct counter *shared;    /* made for another request of the same statement */
    struct counter *rendered;
    struct counter *compressed;      /* bodies compressed for an answer */
    struct counter *code_remembered; /* bodies sent as they had been compressed before */
    struct counter *rate_limited;    /* requests answered 429 */
};

struct batch_details_config {
    struct page_loader *loader;
    int64_t max_limit;
    struct rate_limiter *limiter; /* shared by all workers; NULL: no limit */
    size_t remember_bytes;        /* for answers that are kept until the batch changes */
    struct batch_details_metrics metrics;
};

struct batch_details *batch_details_new(const struct batch_details_config *config);
void batch_details_free(struct batch_details **details);
/* The memory that remembered answers take. */
size_t batch_details_remembered_bytes(const struct batch_details *details);

/* Answers `req`, now or later. `id` is the batch id as it stands in the path. */
void batch_details_handle(struct batch_details *details, struct http_request *req, struct slice id);

#endif
