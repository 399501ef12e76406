#include "query.h"

#include "admin.h"
#include "alloc.h"
#include "api_documents.h"
#include "bell.h"
#include "log.h"
#include "metrics.h"
#include "rate_limiter.h"
#include "selector.h"
#include "service.h"
#include "worker.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct query {
    const struct query_config *config;
    struct event_base *base;
    struct service *service;
    struct metrics *metrics;
    struct rate_limiter *limiter;
    struct api_documents documents;
    struct selector *selector; /* NULL: selections are not kept */
    struct admin *admin;
    struct worker **workers;
    size_t worker_count;
    size_t stopped_count;
    struct bell stopped; /* by a worker whose loop has ended */
};

/* --- readiness ------------------------------------------------------------------------------ */

/* The workers ask the same database: the first one that cannot serve tells enough. */
static void append_missing(struct buf *missing, void *arg)
{
    struct query *query = arg;
    if (service_is_stopping(query->service)) {
        buf_append_text(missing, "service: is stopping\n");
    }
    size_t before = missing->len;
    for (size_t i = 0; i < query->worker_count && missing->len == before; i++) {
        worker_append_missing(query->workers[i], missing);
    }
}

/* --- stopping ------------------------------------------------------------------------------- */

static void on_stop(void *arg)
{
    struct query *query = arg;
    for (size_t i = 0; i < query->worker_count; i++) {
        worker_drain(query->workers[i]);
    }
    /* Once it can be read, what is answered from then on closes its connection. */
    log_info("draining", "workers=%zu", query->worker_count);
}

static void on_worker_stopped(uint64_t count, void *arg)
{
    struct query *query = arg;
    query->stopped_count += count;
    if (query->stopped_count == query->worker_count) {
        service_stopped(query->service);
    }
}

/* --- workers -------------------------------------------------------------------------------- */

static size_t worker_count(const struct query_config *config)
{
    if (config->http_workers > 0) {
        return (size_t)config->http_workers;
    }
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors > 0 ? (size_t)processors : 1;
}

/* "HOST:0" with the port that the first worker was given: all share one. */
static char *listen_with_port(const char *listen, int port)
{
    const char *colon = strrchr(listen, ':');
    int host_len = colon ? (int)(colon - listen) : (int)strlen(listen);
    char *text = NULL;
    int len = asprintf(&text, "%.*s:%d", host_len, listen, port);
    return len >= 0 ? text : alloc_string(listen);
}

static bool add_worker(struct query *query, const char *listen, struct error *err)
{
    size_t total = worker_count(query->config);
    size_t share = ((size_t)query->config->http_max_connections + total - 1) / total;
    struct worker_config config = {
        .options = query->config,
        .documents = &query->documents,
        .listen = listen,
        .max_connections = share,
        .cache_bytes = (size_t)query->config->query_cache_bytes / total,
        .index = (int)query->worker_count,
        .metrics = query->metrics,
        .exchange = query->selector ? selector_exchange(query->selector) : NULL,
        .limiter = query->limiter,
        .stopped = &query->stopped,
    };
    struct worker *worker = worker_new(&config, err);
    if (!worker) {
        return false;
    }
    query->workers[query->worker_count++] = worker;
    return true;
}

static bool add_workers(struct query *query, struct error *err)
{
    size_t total = worker_count(query->config);
    query->workers = alloc_zeroed(total, sizeof(struct worker *));
    if (!add_worker(query, query->config->http_listen, err)) {
        return false;
    }
    char *listen = listen_with_port(query->config->http_listen, worker_port(query->workers[0]));
    bool ok = true;
    while (ok && query->worker_count < total) {
        ok = add_worker(query, listen, err);
    }
    if (ok) {
        log_info("listening", "http=%s workers=%zu", listen, total);
    }
    free(listen);
    return ok;
}

/* Signals are for the main thread's loop alone. */
static bool start_workers(struct query *query, struct error *err)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = !query->selector || selector_start(query->selector, err);
    for (size_t i = 0; ok && i < query->worker_count; i++) {
        ok = worker_start(query->workers[i], err);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

/* --- life ----------------------------------------------------------------------------------- */

static struct selector *make_selector(const struct query *query)
{
    const struct selector_config config = {
        .conninfo = query->config->database_url,
        .timeout_ms = (int)query->config->query_timeout_ms,
        .max_bytes = (size_t)query->config->query_selection_bytes,
        .metrics = query->metrics,
    };
    return config.max_bytes > 0 ? selector_new(&config) : NULL;
}

static bool bind_all(struct query *query, struct error *err)
{
    query->admin = admin_new(query->base, query->config->admin_listen, query->metrics,
                             append_missing, NULL, query, err);
    return query->admin && add_workers(query, err);
}

struct query *query_new(const struct query_config *config, struct error *err)
{
    struct query *query = alloc_zeroed(1, sizeof(*query));
    query->config = config;
    query->base = service_event_base_new();
    query->metrics = metrics_new();
    api_documents_init(&query->documents, config);
    query->limiter = rate_limiter_new(config->http_rate_limit, config->http_rate_window_s);
    query->selector = make_selector(query);
    query->service = service_new(query->base, on_stop, query);
    bell_init(&query->stopped, query->base, on_worker_stopped, query);
    if (!bind_all(query, err)) {
        query_free(&query);
        return NULL;
    }
    log_info("admin listening", "port=%d", admin_port(query->admin));
    return query;
}

int query_run(struct query *query)
{
    struct error err;
    if (!start_workers(query, &err)) {
        log_error("cannot start", "error=%s", log_quote(err.text).text);
        return 1;
    }
    int status = service_run(query->service);
    log_info("stopped", "status=%d", status);
    return status;
}

void query_free(struct query **query)
{
    struct query *gone = *query;
    if (!gone) {
        return;
    }
    for (size_t i = 0; i < gone->worker_count; i++) {
        worker_free(&gone->workers[i]);
    }
    free(gone->workers);
    selector_free(&gone->selector);
    admin_free(&gone->admin);
    bell_done(&gone->stopped);
    service_free(&gone->service);
    rate_limiter_free(&gone->limiter);
    api_documents_done(&gone->documents);
    metrics_free(&gone->metrics);
    event_base_free(gone->base);
    free(gone);
    *query = NULL;
}
