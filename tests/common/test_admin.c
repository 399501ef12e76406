#include "admin.h"

#include "http_client.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

struct fixture {
    struct event_base *base;
    struct metrics *metrics;
    struct admin *admin;
    struct gauge *collected;
    const char *missing;
    struct http_client client;
};

static void append_missing(struct buf *missing, void *arg)
{
    const struct fixture *fixture = arg;
    buf_append_text(missing, fixture->missing);
}

static void collect(void *arg)
{
    const struct fixture *fixture = arg;
    gauge_add(fixture->collected, 1);
}

static void start(struct fixture *fixture)
{
    struct error err = {0};
    *fixture = (struct fixture){.base = event_base_new(), .metrics = metrics_new(), .missing = ""};
    fixture->collected = metrics_gauge(fixture->metrics, "collected", "", "How often.");
    fixture->admin = admin_new(fixture->base, "127.0.0.1:0", fixture->metrics, append_missing,
                               collect, fixture, &err);
    cr_assert(fixture->admin, "%s", err.text);
    http_client_open(&fixture->client, fixture->base, admin_port(fixture->admin));
}

static void stop(struct fixture *fixture)
{
    http_client_close(&fixture->client);
    admin_free(&fixture->admin);
    cr_assert_null(fixture->admin);
    metrics_free(&fixture->metrics);
    event_base_free(fixture->base);
}

static struct http_reply ask(struct fixture *fixture, const char *request)
{
    http_client_send(&fixture->client, request);
    return http_client_take(&fixture->client);
}

static bool body_has(const struct http_reply *reply, const char *text)
{
    return memmem(reply->body.data, reply->body.len, text, strlen(text)) != NULL;
}

TestSuite(admin, .timeout = 60);

Test(admin, is_live_while_the_loop_turns)
{
    struct fixture fixture;
    start(&fixture);
    fixture.missing = "database: away\n";
    struct http_reply reply = ask(&fixture, GET("/livez"));
    cr_expect(reply.status == 200);
    cr_expect(http_reply_body_is(&reply, "ok\n"));
    cr_expect(http_reply_has(&reply, "Content-Type: text/plain; charset=utf-8"));
    stop(&fixture);
}

Test(admin, is_ready_when_nothing_is_missing)
{
    struct fixture fixture;
    start(&fixture);
    struct http_reply reply = ask(&fixture, GET("/readyz"));
    cr_expect(reply.status == 200);
    cr_expect(http_reply_body_is(&reply, "ok\n"));
    fixture.missing = "database: away\nkafka: away\n";
    reply = ask(&fixture, GET("/readyz"));
    cr_expect(reply.status == 503);
    cr_expect(http_reply_body_is(&reply, fixture.missing));
    cr_expect(http_reply_has(&reply, "Retry-After: 1"));
    stop(&fixture);
}

Test(admin, is_ready_when_nobody_says_otherwise)
{
    struct fixture fixture;
    start(&fixture);
    struct error err = {0};
    struct http_client client;
    struct admin *plain =
        admin_new(fixture.base, "127.0.0.1:0", fixture.metrics, NULL, NULL, NULL, &err);
    cr_assert(plain, "%s", err.text);
    http_client_open(&client, fixture.base, admin_port(plain));
    http_client_send(&client, GET("/readyz") GET("/metrics"));
    cr_expect(http_client_take(&client).status == 200);
    cr_expect(http_client_take(&client).status == 200);
    http_client_close(&client);
    admin_free(&plain);
    stop(&fixture);
}

Test(admin, shows_metrics_collected_at_that_moment)
{
    struct fixture fixture;
    start(&fixture);
    struct http_reply first = ask(&fixture, GET("/metrics"));
    struct http_reply second = ask(&fixture, GET("/metrics"));
    cr_expect(first.status == 200);
    cr_expect(http_reply_has(&first, "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
    cr_expect(body_has(&first, "\ncollected 1\n"));
    cr_expect(body_has(&second, "\ncollected 2\n"));
    cr_expect(body_has(&first, "\ncallboard_build_info{version=\""));
    stop(&fixture);
}

static double sample(const struct http_reply *reply, const char *name)
{
    char line[128];
    int len = snprintf(line, sizeof(line), "\n%s ", name);
    const char *found = memmem(reply->body.data, reply->body.len, line, (size_t)len);
    cr_assert(found, "%s is missing", name);
    return strtod(found + len, NULL);
}

Test(admin, tells_what_the_kernel_knows_of_the_process)
{
    struct fixture fixture;
    start(&fixture);
    struct http_reply before = ask(&fixture, GET("/metrics"));
    int file = dup(0);
    struct http_reply after = ask(&fixture, GET("/metrics"));
    close(file);
    double now = (double)time(NULL);
    double started = sample(&after, "process_start_time_seconds");
    cr_expect(started > now - 600 && started <= now + 2, "%f at %f", started, now);
    cr_expect(sample(&after, "process_open_fds") == sample(&before, "process_open_fds") + 1);
    cr_expect(sample(&after, "process_resident_memory_bytes") > 100000);
    cr_expect(sample(&after, "process_max_fds") >= sample(&after, "process_open_fds"));
    cr_expect(sample(&after, "process_cpu_seconds_total") >= 0);
    cr_expect(body_has(&after, "# TYPE process_cpu_seconds_total counter\n"));
    stop(&fixture);
}

struct refused_row {
    const char *request;
    int status;
    const char *body; /* its beginning */
};

static const struct refused_row refused_rows[] = {
    {GET("/"), 404, "there is nothing here: ask for /livez, /readyz or /metrics\n"},
    {GET("/livez/"), 404, "there is nothing here"},
    {"POST /livez HTTP/1.1\r\nHost: a\r\n\r\n", 405, "405 Method Not Allowed: only GET"},
    {"POST /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, "404 Not Found: "},
    {"GET /livez HTTP/1.1\r\n\r\n", 400, "400 Bad Request: the Host header field is missing\n"},
};

Test(admin, answers_errors_in_plain_text)
{
    for (size_t i = 0; i < ARRAY_LEN(refused_rows); i++) {
        const struct refused_row *row = &refused_rows[i];
        struct fixture fixture;
        start(&fixture);
        struct http_reply reply = ask(&fixture, row->request);
        cr_expect(reply.status == row->status, "%s: %d", row->request, reply.status);
        cr_expect(reply.body.len >= strlen(row->body) &&
                      memcmp(reply.body.data, row->body, strlen(row->body)) == 0,
                  "%s: %.*s", row->request, (int)reply.body.len, reply.body.data);
        cr_expect(http_reply_has(&reply, "Content-Type: text/plain; charset=utf-8"), "%s",
                  row->request);
        stop(&fixture);
    }
}

Test(admin, does_not_share_its_port)
{
    struct fixture fixture;
    start(&fixture);
    char listen[32];
    struct error err = {0};
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", admin_port(fixture.admin));
    cr_expect_null(admin_new(fixture.base, listen, fixture.metrics, NULL, NULL, NULL, &err));
    cr_expect(err.kind == ERR_FATAL && strstr(err.text, listen), "%s", err.text);
    stop(&fixture);
}

Test(admin, frees_nothing_without_complaint)
{
    struct admin *none = NULL;
    admin_free(&none);
    cr_expect_null(none);
}
