/*
 * worker - one thread that serves the API: an event base, an HTTP server on the shared port, and
 * its own connections to PostgreSQL.
 *
 * Threads:   workers share the configuration and the documents (read only) and the metrics
 * (atomic). What other threads may call says so; the rest belongs to the thread that made the
 * worker, while the worker does not run.
 */
#ifndef CALLBOARD_QUERY_WORKER_H
#define CALLBOARD_QUERY_WORKER_H

#include "api_documents.h"
#include "buf.h"
#include "error.h"
#include "macros.h"
#include "metrics.h"
#include "query_config.h"
#include "rate_limiter.h"

#include <stdbool.h>
#include <stddef.h>

struct bell;
struct exchange;
struct worker;

struct worker_config {
    const struct query_config *options;
    const struct api_documents *documents;
    const char
        *listen; /* in place of options->http_listen: with the port that the first worker got */
    size_t max_connections; /* this worker's share */
    size_t cache_bytes;     /* likewise */
    int index;
    struct metrics *metrics;
    struct exchange *exchange;    /* to the selector of all workers; NULL: none */
    struct rate_limiter *limiter; /* of all workers; NULL: no limit */
    const struct bell *stopped;   /* rung when the worker's loop has ended */
};

/* Binds the port and begins to connect; nothing is served before worker_start(). ERR_FATAL when the
 * address cannot be bound. */
NODISCARD struct worker *worker_new(const struct worker_config *config, struct error *err);
int worker_port(const struct worker *worker);
NODISCARD bool worker_start(struct worker *worker, struct error *err);

/* From any thread: stops accepting, finishes what is under way, then ends the loop. */
void worker_drain(struct worker *worker);
/* From any thread: appends a line when the worker cannot serve. */
void worker_append_missing(struct worker *worker, struct buf *missing);

/* Ends the loop at once where it still runs, joins the thread and frees all. Accepts NULL; sets
 * NULL. */
void worker_free(struct worker **worker);

#endif
