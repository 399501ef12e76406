#include "worker.h"

#include "alloc.h"
#include "api_documents.h"
#include "batch_details.h"
#include "bell.h"
#include "cors.h"
#include "document.h"
#include "http_server.h"
#include "log.h"
#include "page_loader.h"
#include "response.h"
#include "route.h"
#include "security_headers.h"
#include "service.h"
#include "traffic.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Waiting costs a request its deadline; beyond this many, they are better told at once. */
#define MAX_WAITING 4096
#define GAUGE_INTERVAL_S 1

/* What the main thread asks of a worker, added up in its bell. */
enum command { COMMAND_DRAIN = 1, COMMAND_STOP = 1 << 16 };

/* What other threads may see. */
struct worker_state {
    pthread_mutex_t lock;
    bool is_ready;
    char why[256];
};

struct worker {
    const struct query_config *options;
    struct event_base *base;
    struct http_server *server;
    struct page_loader *loader;
    struct batch_details *details;
    const struct api_documents *documents;
    struct traffic *traffic;
    struct gauge *connections;
    struct gauge *remembered_bytes;
    struct event *on_tick;
    struct worker_state state;
    struct bell command;
    const struct bell *stopped;
    int index;
    bool has_thread;
    bool is_draining;
    pthread_t thread;
};

/* --- HTTP --------------------------------------------------------------------------------- */

static void reply_no_route(struct http_request *req)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_NO_ROUTE,
                "there is nothing at this path: ask for /api/call/batch-details/{id}, which /docs "
                "and /openapi.json describe");
    response_reply_problem(req, &problem);
}

static void on_request(struct http_request *req, void *arg)
{
    struct worker *worker = arg;
    struct slice parameter;
    enum route route = route_find(http_request_path(req), &parameter);
    http_request_set_route(req, route_name(route));
    switch (route) {
    case ROUTE_BATCH_DETAILS:
        batch_details_handle(worker->details, req, parameter);
        return;
    case ROUTE_DOCS:
        document_reply(&worker->documents->docs, req);
        return;
    case ROUTE_OPENAPI:
        document_reply(&worker->documents->openapi, req);
        return;
    case ROUTE_NONE:
    case ROUTE_COUNT:
    default:
        reply_no_route(req);
    }
}

static struct slice policy_for(const struct worker *worker, const struct http_request *req)
{
    struct slice parameter;
    bool is_docs = req && route_find(http_request_path(req), &parameter) == ROUTE_DOCS;
    return is_docs ? buf_slice(&worker->documents->docs_policy) : SLICE_NONE;
}

static void append_common_headers(struct buf *headers, const struct http_request *req, void *arg)
{
    const struct worker *worker = arg;
    struct cors_request cors = {.origin = SLICE_NONE};
    if (req) {
        cors.origin = http_request_header(req, "Origin");
        cors.is_preflight = http_request_is_options(req) &&
                            slice_is_set(http_request_header(req, "Access-Control-Request-Method"));
    }
    security_headers_append(headers, policy_for(worker, req));
    cors_append_headers(&worker->options->http_cors_origins, &cors, headers);
}

static bool knows_path(struct slice path, void *arg)
{
    (void)arg;
    struct slice parameter;
    return route_find(path, &parameter) != ROUTE_NONE;
}

static void write_error_body(struct buf *body, int status, const char *detail, void *arg)
{
    (void)arg;
    response_append_error(body, status, http_status_text(status), detail);
}

static void on_answered(const char *route, int status, double seconds, void *arg)
{
    struct worker *worker = arg;
    traffic_count(worker->traffic, route, status, seconds);
}

static bool start_server(struct worker *worker, const struct worker_config *config,
                         struct error *err)
{
    struct http_server_config server_config = {
        .listen = config->listen,
        .max_connections = config->max_connections,
        .request_timeout_ms = (int)config->options->http_request_timeout_ms,
        .handler = on_request,
        .knows_path = knows_path,
        .error_body = write_error_body,
        .observe = on_answered,
        .append_headers = append_common_headers,
        .answers_options = cors_is_enabled(&config->options->http_cors_origins),
        .arg = worker,
    };
    worker->server = http_server_new(worker->base, &server_config, err);
    return worker->server != NULL;
}

/* --- PostgreSQL --------------------------------------------------------------------------- */

static void on_loader_state(bool is_ready, const char *why, void *arg)
{
    struct worker_state *state = &((struct worker *)arg)->state;
    pthread_mutex_lock(&state->lock);
    state->is_ready = is_ready;
    (void)snprintf(state->why, sizeof(state->why), "%s", why);
    pthread_mutex_unlock(&state->lock);
}

static void start_loader(struct worker *worker, const struct worker_config *config)
{
    static const double page_bounds[] = {1, 2, 4, 8, 16, 32, 64};
    struct metrics *metrics = config->metrics;
    struct page_loader_config loader_config = {
        .conninfo = config->options->database_url,
        .timeout_ms = (int)config->options->query_timeout_ms,
        .exchange = config->exchange,
        .max_waiting = MAX_WAITING,
        .metrics =
            {
                .pages_per_statement = metrics_histogram(metrics, "callboard_pages_per_statement",
                                                         "", "Pages asked for by one statement.",
                                                         page_bounds, ARRAY_LEN(page_bounds)),
                .statement_seconds =
                    metrics_histogram(metrics, "callboard_query_seconds", "",
                                      "From a statement being sent to its answer.",
                                      metrics_duration_bounds, metrics_duration_bounds_count),
                .waiting = metrics_gauge(metrics, "callboard_requests_waiting", "",
                                         "Requests that wait for the database."),
                .connections_ready = metrics_gauge(metrics, "callboard_db_connections",
                                                   "state=\"ready\"", "Connections to PostgreSQL."),
                .connections_away = metrics_gauge(metrics, "callboard_db_connections",
                                                  "state=\"away\"", "Connections to PostgreSQL."),
            },
        .on_state = on_loader_state,
        .arg = worker,
    };
    worker->loader = page_loader_new(worker->base, &loader_config);
}

static struct counter *page_counter(struct metrics *metrics, const char *labels)
{
    return metrics_counter(metrics, "callboard_pages_total", labels,
                           "Pages answered, by where their body came from.");
}

static struct counter *coded_counter(struct metrics *metrics, const char *labels)
{
    return metrics_counter(metrics, "callboard_coded_bodies_total", labels,
                           "Pages sent compressed, by where their coded body came from.");
}

static void start_details(struct worker *worker, const struct worker_config *config)
{
    const struct batch_details_config details_config = {
        .loader = worker->loader,
        .limiter = config->limiter,
        .max_limit = config->options->http_max_limit,
        .remember_bytes = config->cache_bytes,
        .metrics =
            {
                .confirmed = page_counter(config->metrics, "source=\"remembered\""),
                .shared = page_counter(config->metrics, "source=\"shared\""),
                .rendered = page_counter(config->metrics, "source=\"rendered\""),
                .compressed = coded_counter(config->metrics, "source=\"compressed\""),
                .code_remembered = coded_counter(config->metrics, "source=\"remembered\""),
                .rate_limited = metrics_counter(config->metrics, "callboard_rate_limited_total", "",
                                                "Requests refused for their token's rate."),
            },
    };
    worker->details = batch_details_new(&details_config);
}

void worker_append_missing(struct worker *worker, struct buf *missing)
{
    struct worker_state *state = &worker->state;
    pthread_mutex_lock(&state->lock);
    if (!state->is_ready) {
        buf_append_format(missing, "postgresql: %s\n", state->why);
    }
    pthread_mutex_unlock(&state->lock);
}

/* --- the thread ----------------------------------------------------------------------------- */

static void on_drained(void *arg)
{
    struct worker *worker = arg;
    event_base_loopbreak(worker->base);
}

static void on_command(uint64_t commands, void *arg)
{
    struct worker *worker = arg;
    if (commands >= COMMAND_STOP) {
        event_base_loopbreak(worker->base);
    } else if (!worker->is_draining) {
        worker->is_draining = true;
        http_server_drain(worker->server, on_drained, worker);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *worker = arg;
    gauge_set(worker->connections, (double)http_server_stats(worker->server).connections);
    gauge_set(worker->remembered_bytes, (double)batch_details_remembered_bytes(worker->details));
}

static void add_events(struct worker *worker)
{
    static const struct timeval interval = {GAUGE_INTERVAL_S, 0};
    bell_init(&worker->command, worker->base, on_command, worker);
    worker->on_tick = event_new(worker->base, -1, EV_PERSIST, on_tick, worker);
    event_add(worker->on_tick, &interval);
}

static void add_metrics(struct worker *worker, struct metrics *metrics)
{
    char labels[32];
    (void)snprintf(labels, sizeof(labels), "worker=\"%d\"", worker->index);
    worker->connections =
        metrics_gauge(metrics, "callboard_http_connections", labels, "Open HTTP connections.");
    worker->remembered_bytes = metrics_gauge(metrics, "callboard_remembered_bytes", labels,
                                             "Memory of the answers that are remembered.");
    worker->traffic = traffic_new(metrics);
}

struct worker *worker_new(const struct worker_config *config, struct error *err)
{
    struct worker *worker = alloc_zeroed(1, sizeof(*worker));
    worker->options = config->options;
    worker->documents = config->documents;
    worker->index = config->index;
    worker->stopped = config->stopped;
    worker->base = service_event_base_new();
    pthread_mutex_init(&worker->state.lock, NULL);
    (void)snprintf(worker->state.why, sizeof(worker->state.why), "connecting");
    add_metrics(worker, config->metrics);
    add_events(worker);
    if (!start_server(worker, config, err)) {
        worker_free(&worker);
        return NULL;
    }
    start_loader(worker, config);
    start_details(worker, config);
    return worker;
}

int worker_port(const struct worker *worker)
{
    return http_server_port(worker->server);
}

static void *run(void *arg)
{
    struct worker *worker = arg;
    event_base_dispatch(worker->base);
    bell_ring(worker->stopped, 1);
    return NULL;
}

bool worker_start(struct worker *worker, struct error *err)
{
    int failed = pthread_create(&worker->thread, NULL, run, worker);
    if (failed) {
        return error_set(err, ERR_FATAL, "cannot start a thread: %s", strerror(failed));
    }
    worker->has_thread = true;
    return true;
}

void worker_drain(struct worker *worker)
{
    bell_ring(&worker->command, COMMAND_DRAIN);
}

void worker_free(struct worker **worker)
{
    struct worker *gone = *worker;
    if (!gone) {
        return;
    }
    if (gone->has_thread) {
        bell_ring(&gone->command, COMMAND_STOP);
        pthread_join(gone->thread, NULL);
    }
    http_server_free(&gone->server);
    batch_details_free(&gone->details);
    page_loader_free(&gone->loader);
    traffic_free(&gone->traffic);
    event_free(gone->on_tick);
    bell_done(&gone->command);
    event_base_free(gone->base);
    pthread_mutex_destroy(&gone->state.lock);
    free(gone);
    *worker = NULL;
}
