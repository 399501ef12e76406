#include "admin.h"

#include "alloc.h"
#include "http_server.h"
#include "process_metrics.h"
#include "program_version.h"

#include <stdlib.h>

/* Whoever scrapes is few; the services need the files. */
#define MAX_CONNECTIONS 64
#define METRICS_BYTES ((size_t)16 * 1024 * 1024)
#define READY_BYTES ((size_t)64 * 1024)

#define TEXT_HEADERS                                                                               \
    "Content-Type: text/plain; charset=utf-8\r\n"                                                  \
    "Cache-Control: no-store\r\n"

struct admin {
    struct http_server *server;
    struct metrics *metrics;
    admin_ready_fn *ready;
    admin_collect_fn *collect;
    void *arg;
};

struct admin_route {
    struct slice path;
    void (*handle)(struct admin *admin, struct http_request *req);
};

static void reply_text(struct http_request *req, int status, struct slice body)
{
    http_request_reply(req, status, SLICE(TEXT_HEADERS), body);
}

static void handle_livez(struct admin *admin, struct http_request *req)
{
    (void)admin;
    reply_text(req, 200, SLICE("ok\n"));
}

static void handle_readyz(struct admin *admin, struct http_request *req)
{
    struct buf missing;
    buf_init(&missing, READY_BYTES);
    if (admin->ready) {
        admin->ready(&missing, admin->arg);
    }
    if (missing.len == 0) {
        reply_text(req, 200, SLICE("ok\n"));
    } else {
        http_request_reply(req, 503, SLICE(TEXT_HEADERS "Retry-After: 1\r\n"), buf_slice(&missing));
    }
    buf_done(&missing);
}

static void handle_metrics(struct admin *admin, struct http_request *req)
{
    struct buf text;
    buf_init(&text, METRICS_BYTES);
    if (admin->collect) {
        admin->collect(admin->arg);
    }
    metrics_render(admin->metrics, &text);
    process_metrics_render(&text);
    if (text.overflow) {
        reply_text(req, 500, SLICE("there are too many metrics\n"));
    } else {
        http_request_reply(req, 200,
                           SLICE("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                                 "Cache-Control: no-store\r\n"),
                           buf_slice(&text));
    }
    buf_done(&text);
}

static const struct admin_route routes[] = {
    {{"/livez", 6}, handle_livez},
    {{"/readyz", 7}, handle_readyz},
    {{"/metrics", 8}, handle_metrics},
};

static const struct admin_route *find_route(struct slice path)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (slice_equal(routes[i].path, path)) {
            return &routes[i];
        }
    }
    return NULL;
}

static void on_request(struct http_request *req, void *arg)
{
    const struct admin_route *route = find_route(http_request_path(req));
    if (!route) {
        reply_text(req, 404, SLICE("there is nothing here: ask for /livez, /readyz or /metrics\n"));
        return;
    }
    route->handle(arg, req);
}

static bool knows_path(struct slice path, void *arg)
{
    (void)arg;
    return find_route(path) != NULL;
}

static void write_error_body(struct buf *body, int status, const char *detail, void *arg)
{
    (void)arg;
    buf_append_format(body, "%d %s: %s\n", status, http_status_text(status), detail);
}

static void append_headers(struct buf *headers, const struct http_request *req, void *arg)
{
    (void)req, (void)arg;
    buf_append_text(headers, "X-Content-Type-Options: nosniff\r\n");
}

static void add_build_info(struct metrics *metrics)
{
    gauge_set(metrics_gauge(metrics, "callboard_build_info", "version=\"" CALLBOARD_VERSION "\"",
                            "Always 1; the label tells what is running."),
              1);
}

struct admin *admin_new(struct event_base *base, const char *listen, struct metrics *metrics,
                        admin_ready_fn *ready, admin_collect_fn *collect, void *arg,
                        struct error *err)
{
    struct admin *admin = alloc_zeroed(1, sizeof(*admin));
    *admin = (struct admin){.metrics = metrics, .ready = ready, .collect = collect, .arg = arg};
    struct http_server_config config = {
        .listen = listen,
        .max_connections = MAX_CONNECTIONS,
        .error_content_type = "text/plain; charset=utf-8",
        .handler = on_request,
        .error_body = write_error_body,
        .knows_path = knows_path,
        .append_headers = append_headers,
        .arg = admin,
        .is_exclusive = true,
    };
    admin->server = http_server_new(base, &config, err);
    if (!admin->server) {
        admin_free(&admin);
        return NULL;
    }
    add_build_info(metrics);
    return admin;
}

void admin_free(struct admin **admin)
{
    if (!*admin) {
        return;
    }
    http_server_free(&(*admin)->server);
    free(*admin);
    *admin = NULL;
}

int admin_port(const struct admin *admin)
{
    return http_server_port(admin->server);
}
