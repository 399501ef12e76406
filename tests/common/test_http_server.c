#include "http_server.h"

#include "alloc.h"
#include "clock.h"
#include "http_client.h"
#include "http_listen.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define MAX_HELD 8
/* A deadline that a test waits for, long enough for what must come before it on a busy machine. */
#define SOON_MS 500
#define BIG_BYTES ((size_t)64 * 1024 * 1024)

/* --- the server under test ------------------------------------------------------------------- */

struct held {
    struct http_request *req;
    bool is_gone;
};

struct fixture {
    struct event_base *base;
    struct http_server *server;
    struct held held[MAX_HELD]; /* requests for /hold, in order */
    size_t held_count;
    size_t gone_count;
    size_t handled;
    int depth; /* of handlers within each other */
    int max_depth;
    char observed[1024]; /* "route status\n" */
    int drained;
};

static void on_gone(void *arg)
{
    struct held *held = arg;
    cr_assert_not(held->is_gone, "told twice");
    held->is_gone = true;
}

static void hold(struct fixture *fixture, struct http_request *req)
{
    cr_assert(fixture->held_count < MAX_HELD);
    struct held *held = &fixture->held[fixture->held_count++];
    *held = (struct held){.req = req};
    http_request_on_gone(req, on_gone, held);
}

static void reply_echo(struct http_request *req)
{
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_append_slice(&body, http_request_path(req));
    if (slice_is_set(http_request_query(req))) {
        buf_append_char(&body, '?');
        buf_append_slice(&body, http_request_query(req));
    }
    struct slice echo = http_request_header(req, "X-Echo");
    if (slice_is_set(echo)) {
        buf_append_format(&body, " %zu:", http_request_header_count(req, "x-echo"));
        buf_append_slice(&body, echo);
    }
    http_request_reply(req, 200, SLICE("Content-Type: text/plain\r\n"), buf_slice(&body));
    buf_done(&body);
}

static void reply_big(struct http_request *req)
{
    char *body = alloc_zeroed(BIG_BYTES, 1);
    http_request_reply(req, 200, SLICE_NONE, (struct slice){body, BIG_BYTES});
    free(body);
}

static bool path_is(const struct http_request *req, const char *path)
{
    return slice_equal(http_request_path(req), slice_of(path));
}

static void handle(struct http_request *req, struct fixture *fixture)
{
    if (path_is(req, "/hold")) {
        hold(fixture, req);
    } else if (path_is(req, "/big")) {
        reply_big(req);
    } else if (path_is(req, "/same")) {
        http_request_reply(req, 304, SLICE("ETag: \"a\"\r\n"), SLICE("not sent"));
    } else {
        http_request_set_route(req, "echo");
        reply_echo(req);
    }
}

static void on_request(struct http_request *req, void *arg)
{
    struct fixture *fixture = arg;
    fixture->handled++;
    fixture->depth++;
    if (fixture->depth > fixture->max_depth) {
        fixture->max_depth = fixture->depth;
    }
    handle(req, fixture);
    fixture->depth--;
}

static void write_error_body(struct buf *body, int status, const char *detail, void *arg)
{
    (void)arg;
    buf_append_format(body, "{\"code\":%d,\"detail\":\"%s\"}", status, detail);
}

static void on_observe(const char *route, int status, double seconds, void *arg)
{
    struct fixture *fixture = arg;
    size_t len = strlen(fixture->observed);
    cr_assert(seconds >= 0 && seconds < 3600);
    snprintf(fixture->observed + len, sizeof(fixture->observed) - len, "%s %d\n", route, status);
}

static bool knows_path(struct slice path, void *arg)
{
    (void)arg;
    return !slice_equal(path, SLICE("/unknown"));
}

/* What a test sets besides is in `config`. */
static void start(struct fixture *fixture, struct http_server_config config)
{
    struct error err = {0};
    *fixture = (struct fixture){.base = event_base_new()};
    config.listen = config.listen ? config.listen : "127.0.0.1:0";
    config.handler = on_request;
    config.error_body = write_error_body;
    config.observe = on_observe;
    config.knows_path = knows_path;
    config.arg = fixture;
    fixture->server = http_server_new(fixture->base, &config, &err);
    cr_assert(fixture->server, "%s", err.text);
}

static void stop(struct fixture *fixture)
{
    http_server_free(&fixture->server);
    cr_assert_null(fixture->server);
    event_base_free(fixture->base);
}

static void open_client(struct fixture *fixture, struct http_client *client)
{
    http_client_open(client, fixture->base, http_server_port(fixture->server));
}

static void turn(struct fixture *fixture)
{
    event_base_loop(fixture->base, EVLOOP_ONCE);
}

static void wait_held(struct fixture *fixture, size_t count)
{
    while (fixture->held_count < count) {
        turn(fixture);
    }
}

static void wait_connections(struct fixture *fixture, size_t count)
{
    while (http_server_stats(fixture->server).connections != count) {
        turn(fixture);
    }
}

static void reply_held(struct fixture *fixture, size_t index, const char *body)
{
    http_request_reply(fixture->held[index].req, 200, SLICE_NONE, slice_of(body));
}

/* A test that waits for what never comes is ended. */
TestSuite(http_server, .timeout = 60);

/* --- answers --------------------------------------------------------------------------------- */

Test(http_server, answers_with_date_and_length)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client,
                     "GET /a?b=%20 HTTP/1.1\r\nHost: a\r\nX-Echo:  c d\t\r\nx-echo: e\r\n\r\n");
    struct http_reply reply = http_client_take(&client);
    static const char status_line[] = "HTTP/1.1 200 OK\r\n";
    cr_expect(memcmp(reply.head.data, status_line, strlen(status_line)) == 0);
    cr_expect(http_reply_has(&reply, "Content-Length: 14"));
    cr_expect(http_reply_has(&reply, "Content-Type: text/plain"));
    cr_expect(memmem(reply.head.data, reply.head.len, " GMT\r\n", 6));
    cr_expect_not(memmem(reply.head.data, reply.head.len, "Connection", 10));
    cr_expect(http_reply_body_is(&reply, "/a?b=%20 2:c d"), "%.*s", (int)reply.body.len,
              reply.body.data);
    cr_expect_str_eq(fixture.observed, "echo 200\n");
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, reduces_an_absolute_target_to_its_path)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, GET("http://b") GET("http://b/c?d"));
    struct http_reply first = http_client_take(&client);
    struct http_reply second = http_client_take(&client);
    cr_expect(http_reply_body_is(&first, "/"));
    cr_expect(http_reply_body_is(&second, "/c?d"));
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, keeps_a_connection_for_the_next_request)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    for (int i = 0; i < 3; i++) {
        http_client_send(&client, GET("/a"));
        struct http_reply reply = http_client_take(&client);
        cr_expect(reply.status == 200);
    }
    cr_expect(http_server_stats(fixture.server).accepted == 1);
    cr_expect(http_server_stats(fixture.server).connections == 1);
    cr_expect(http_server_stats(fixture.server).requests_active == 0);
    http_client_close(&client);
    wait_connections(&fixture, 0);
    stop(&fixture);
}

Test(http_server, reads_a_request_byte_by_byte)
{
    static const char request[] = "\r\nGET /a?b HTTP/1.1\r\nHost: a\r\n\r\n";
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    for (size_t i = 0; i < strlen(request); i++) {
        cr_assert(fixture.handled == 0, "after %zu bytes", i);
        http_client_send_slice(&client, (struct slice){request + i, 1});
        while (event_pending(client.writable, EV_WRITE, NULL)) {
            turn(&fixture);
        }
        event_base_loop(fixture.base, EVLOOP_NONBLOCK);
    }
    struct http_reply reply = http_client_take(&client);
    cr_expect(http_reply_body_is(&reply, "/a?b"));
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, sends_no_body_to_head_and_with_304)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, "HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n");
    struct http_reply head = http_client_take_head(&client);
    cr_expect(head.status == 200);
    cr_expect(http_reply_has(&head, "Content-Length: 4"), "that of GET");
    http_client_send(&client, GET("/same"));
    struct http_reply same = http_client_take(&client);
    cr_expect(same.status == 304);
    cr_expect(http_reply_has(&same, "ETag: \"a\""));
    cr_expect_not(memmem(same.head.data, same.head.len, "Content-Length", 14));
    http_client_send(&client, GET("/next"));
    struct http_reply next = http_client_take(&client);
    cr_expect(http_reply_body_is(&next, "/next"), "nothing stood between");
    http_client_close(&client);
    stop(&fixture);
}

struct connection_row {
    const char *name;
    const char *request;
    const char *line; /* of the answer; NULL: no Connection line */
    bool closes;
};

static const struct connection_row connection_rows[] = {
    {"1.1", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", NULL, false},
    {"1.1 close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "Connection: close",
     true},
    {"1.0", "GET / HTTP/1.0\r\n\r\n", "Connection: close", true},
    {"1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive",
     false},
};

static void expect_connection(const struct connection_row *row)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, row->request);
    struct http_reply reply = http_client_take(&client);
    cr_expect(reply.status == 200, "%s", row->name);
    cr_expect(!row->line || http_reply_has(&reply, row->line), "%s", row->name);
    cr_expect((row->line != NULL) ==
                  (memmem(reply.head.data, reply.head.len, "Connection:", 11) != NULL),
              "%s", row->name);
    http_client_send(&client, row->request);
    cr_expect(http_client_take(&client).status == (row->closes ? 0 : 200), "%s", row->name);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, says_whether_the_connection_stays)
{
    for (size_t i = 0; i < ARRAY_LEN(connection_rows); i++) {
        expect_connection(&connection_rows[i]);
    }
}

/* --- pipelining ------------------------------------------------------------------------------ */

static void send_numbered(struct http_client *client, int count)
{
    for (int i = 0; i < count; i++) {
        char request[64];
        snprintf(request, sizeof(request), GET("/%d"), i);
        http_client_send(client, request);
    }
}

static void expect_numbered(struct http_client *client, int count)
{
    for (int i = 0; i < count; i++) {
        char path[16];
        snprintf(path, sizeof(path), "/%d", i);
        struct http_reply reply = http_client_take(client);
        cr_assert(http_reply_body_is(&reply, path), "%d: status %d", i, reply.status);
    }
}

Test(http_server, answers_pipelined_requests_in_order_without_recursion)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    send_numbered(&client, 1000);
    expect_numbered(&client, 1000);
    cr_expect(fixture.max_depth == 1);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, handles_one_request_of_a_connection_at_a_time)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, GET("/hold") GET("/hold") GET("/after"));
    wait_held(&fixture, 1);
    event_base_loop(fixture.base, EVLOOP_NONBLOCK);
    cr_expect(fixture.handled == 1);
    fixture.depth = 1;
    reply_held(&fixture, 0, "first");
    cr_expect(fixture.handled == 1, "the next one is not handled within the reply");
    fixture.depth = 0;
    wait_held(&fixture, 2);
    cr_expect(fixture.handled == 2);
    reply_held(&fixture, 1, "second");
    struct http_reply first = http_client_take(&client);
    struct http_reply second = http_client_take(&client);
    struct http_reply third = http_client_take(&client);
    cr_expect(http_reply_body_is(&first, "first"));
    cr_expect(http_reply_body_is(&second, "second"));
    cr_expect(http_reply_body_is(&third, "/after"));
    http_client_close(&client);
    stop(&fixture);
}

/* Sends while there is room on the way to the server. */
static void send_until_full(struct fixture *fixture, struct http_client *client)
{
    size_t before;
    do {
        before = client->sent;
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    } while (client->sent > before);
}

Test(http_server, stops_reading_ahead_while_a_request_is_pending)
{
    enum { COUNT = 20000 };
    static const char request[] = "GET /after HTTP/1.1\r\nHost: a\r\nPadding: %01000d\r\n\r\n";
    struct fixture fixture;
    struct http_client client;
    char padded[1100];
    start(&fixture, (struct http_server_config){.request_timeout_ms = 60000});
    open_client(&fixture, &client);
    http_client_send(&client, GET("/hold"));
    snprintf(padded, sizeof(padded), request, 0);
    for (int i = 0; i < COUNT; i++) {
        http_client_send(&client, padded);
    }
    wait_held(&fixture, 1);
    send_until_full(&fixture, &client);
    cr_expect(client.sent < client.unsent.len, "the server takes what the kernel cannot hold");
    cr_expect(fixture.handled == 1);
    reply_held(&fixture, 0, "first");
    cr_expect(http_client_take(&client).status == 200);
    for (int i = 0; i < COUNT; i++) {
        cr_assert(http_client_take(&client).status == 200, "%d", i);
    }
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, keeps_a_lent_request_in_place_while_more_arrives)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, "GET /hold HTTP/1.1\r\nHost: a\r\nX: value\r\n\r\n");
    wait_held(&fixture, 1);
    struct slice path = http_request_path(fixture.held[0].req);
    struct slice value = http_request_header(fixture.held[0].req, "X");
    send_numbered(&client, 2000);
    for (int i = 0; i < 100; i++) {
        event_base_loop(fixture.base, EVLOOP_NONBLOCK);
    }
    cr_expect(slice_equal(path, SLICE("/hold")));
    cr_expect(slice_equal(value, SLICE("value")));
    cr_expect(http_request_path(fixture.held[0].req).data == path.data);
    reply_held(&fixture, 0, "first");
    cr_expect(http_client_take(&client).status == 200);
    expect_numbered(&client, 2000);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, lends_several_lines_of_one_field_as_one_list)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, "GET /hold HTTP/1.1\r\nHost: a\r\nX: \"a\"\r\nY: y\r\nx:\r\n"
                              "X:  b,c \r\n\r\n");
    wait_held(&fixture, 1);
    struct http_request *req = fixture.held[0].req;
    cr_expect(slice_equal(http_request_header_list(req, "X"), SLICE("\"a\",,b,c")));
    cr_expect(slice_equal(http_request_header_list(req, "Y"), SLICE("y")));
    cr_expect_not(slice_is_set(http_request_header_list(req, "Z")));
    reply_held(&fixture, 0, "");
    cr_expect(http_client_take(&client).status == 200);
    http_client_close(&client);
    stop(&fixture);
}

static int64_t deadline_of(const struct http_request *req)
{
    return clock_monotonic_us() + http_request_time_left_us(req);
}

static void wait_us(struct fixture *fixture, int64_t us)
{
    int64_t until = clock_monotonic_us() + us;
    while (clock_monotonic_us() < until) {
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    }
}

Test(http_server, starts_a_pipelined_requests_time_when_its_turn_comes)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){.request_timeout_ms = 60000});
    open_client(&fixture, &client);
    http_client_send(&client, GET("/hold") GET("/hold"));
    wait_held(&fixture, 1);
    int64_t first = deadline_of(fixture.held[0].req);
    wait_us(&fixture, 20000);
    reply_held(&fixture, 0, "first");
    wait_held(&fixture, 2);
    int64_t second = deadline_of(fixture.held[1].req);
    cr_expect(second >= first + 19000, "%lld us later", (long long)(second - first));
    http_client_close(&client);
    stop(&fixture);
}

/* --- errors of the server's own -------------------------------------------------------------- */

struct error_row {
    const char *request;
    int status;
    const char *line; /* a further line of the answer, or NULL */
    bool keeps;       /* the connection */
};

static const struct error_row error_rows[] = {
    {"GET / HTTP/1.1\n", 400, NULL, false},
    {"GET / HTTP/1.1\r\n\r\n", 400, NULL, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL, false},
    {"DELETE /unknown HTTP/1.1\r\nHost: a\r\n\r\n", 404, NULL, true},
    {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Allow: GET, HEAD", true},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Allow: GET, HEAD", true},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ", 405, "Allow: GET, HEAD", false},
    {"POST /unknown HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 404, NULL, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 413, NULL, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417, NULL, false},
    {"GET /0123456789012345678901234567890123456789012345678901234567890 HTTP/1.1\r\n", 414, NULL,
     false},
    {"GET / HTTP/1.1\r\nA: 0123456789012345678901234567890123456789012345678901234567890\r\n", 431,
     NULL, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", 501, NULL, false},
    {"GET / HTTP/3.0\r\n", 505, NULL, false},
};

static void expect_error(const struct error_row *row)
{
    struct fixture fixture;
    struct http_client client;
    char code[32];
    start(&fixture, (struct http_server_config){.max_request_line = 64, .max_header_bytes = 64});
    open_client(&fixture, &client);
    http_client_send(&client, row->request);
    struct http_reply reply = http_client_take(&client);
    snprintf(code, sizeof(code), "{\"code\":%d,\"detail\":\"", row->status);
    cr_expect(reply.status == row->status, "%s: %d", row->request, reply.status);
    cr_expect(reply.body.len > strlen(code) && memcmp(reply.body.data, code, strlen(code)) == 0,
              "%s: %.*s", row->request, (int)reply.body.len, reply.body.data);
    cr_expect(http_reply_has(&reply, "Content-Type: application/json"), "%s", row->request);
    cr_expect(http_reply_has(&reply, "Connection: close") == !row->keeps, "%s", row->request);
    cr_expect(!row->line || http_reply_has(&reply, row->line), "%s", row->request);
    http_client_send(&client, GET("/"));
    cr_expect(http_client_take(&client).status == (row->keeps ? 200 : 0), "%s", row->request);
    cr_expect_not(client.was_reset, "%s", row->request);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, words_its_own_errors_through_the_callers_function)
{
    for (size_t i = 0; i < ARRAY_LEN(error_rows); i++) {
        expect_error(&error_rows[i]);
    }
}

Test(http_server, counts_its_own_errors)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, "PUT / HTTP/1.1\r\nHost: a\r\n\r\nGET /a b HTTP/1.1\r\n");
    http_client_wait_end(&client);
    cr_expect_str_eq(fixture.observed, "none 405\nnone 400\n");
    cr_expect(fixture.handled == 0);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, sends_no_body_with_an_error_of_head)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, "HEAD / HTTP/1.1\r\n\r\n");
    struct http_reply reply = http_client_take_head(&client);
    http_client_wait_end(&client);
    cr_expect(reply.status == 400);
    cr_expect(client.received.len == reply.head.len);
    http_client_close(&client);
    stop(&fixture);
}

/* RFC 9112, 9.6: closing with unread input would reset the connection and lose the answer. */
Test(http_server, lets_a_client_read_the_answer_although_it_sent_a_body)
{
    struct fixture fixture;
    struct http_client client;
    char *body = alloc_zeroed(200000, 1);
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_pause(&client);
    http_client_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    http_client_send_slice(&client, (struct slice){body, 200000});
    while (client.sent < client.unsent.len) {
        turn(&fixture);
    }
    http_client_resume(&client);
    cr_expect(http_client_take(&client).status == 405);
    http_client_wait_end(&client);
    cr_expect_not(client.was_reset);
    http_client_close(&client);
    wait_connections(&fixture, 0);
    free(body);
    stop(&fixture);
}

Test(http_server, takes_requests_as_large_as_the_limits)
{
    enum { LINE = 32768, PATH = LINE - (int)sizeof("GET  HTTP/1.1") + 1 };
    struct fixture fixture;
    struct buf request;
    buf_init(&request, 1 << 20);
    start(&fixture, (struct http_server_config){0});
    for (int extra = 0; extra <= 1; extra++) {
        struct http_client client;
        open_client(&fixture, &client);
        buf_reset(&request);
        buf_append_text(&request, "GET /");
        for (int i = 1; i < PATH + extra; i++) {
            buf_append_char(&request, 'a');
        }
        buf_append_text(&request, " HTTP/1.1\r\nHost: a\r\n\r\n");
        http_client_send_slice(&client, buf_slice(&request));
        struct http_reply reply = http_client_take(&client);
        cr_expect(reply.status == (extra ? 414 : 200), "%d more: %d", extra, reply.status);
        cr_expect(extra || reply.body.len == PATH);
        http_client_close(&client);
    }
    buf_done(&request);
    stop(&fixture);
}

/* --- deadlines ------------------------------------------------------------------------------- */

Test(http_server, answers_408_to_a_slow_sender)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){.request_timeout_ms = SOON_MS});
    open_client(&fixture, &client);
    http_client_send(&client, "GET / HT");
    struct http_reply reply = http_client_take(&client);
    cr_expect(reply.status == 408);
    cr_expect(http_reply_has(&reply, "Connection: close"));
    http_client_wait_end(&client);
    cr_expect_str_eq(fixture.observed, "none 408\n");
    http_client_close(&client);
    stop(&fixture);
}

static void on_drip(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    http_client_send(arg, "a");
}

/* RFC 9112, 9.8 leaves it to us: a byte now and then buys no time. */
Test(http_server, does_not_let_single_bytes_extend_the_deadline)
{
    struct fixture fixture;
    struct http_client client;
    struct timeval interval = {0, 5000};
    start(&fixture, (struct http_server_config){.request_timeout_ms = SOON_MS});
    open_client(&fixture, &client);
    struct event *drip = event_new(fixture.base, -1, EV_PERSIST, on_drip, &client);
    event_add(drip, &interval);
    http_client_send(&client, "GET /");
    cr_expect(http_client_take(&client).status == 408);
    event_free(drip);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, closes_an_idle_connection_without_a_word)
{
    static const char *const sent[] = {"", "\r\n", GET("/")};
    for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
        struct fixture fixture;
        struct http_client client;
        start(&fixture, (struct http_server_config){.request_timeout_ms = SOON_MS,
                                                    .keepalive_timeout_ms = SOON_MS});
        open_client(&fixture, &client);
        http_client_send(&client, sent[i]);
        cr_expect(i < 2 || http_client_take(&client).status == 200);
        size_t before = client.received.len;
        http_client_wait_end(&client);
        cr_expect(client.received.len == before, "row %zu", i);
        cr_expect_not(client.was_reset, "row %zu", i);
        http_client_close(&client);
        stop(&fixture);
    }
}

Test(http_server, answers_503_when_the_handler_does_not)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){.request_timeout_ms = SOON_MS});
    open_client(&fixture, &client);
    http_client_send(&client, GET("/hold"));
    wait_held(&fixture, 1);
    struct http_reply reply = http_client_take(&client);
    cr_expect(fixture.held[0].is_gone, "told before");
    cr_expect(reply.status == 503);
    cr_expect(http_reply_has(&reply, "Retry-After: 1"));
    cr_expect(http_reply_has(&reply, "Connection: close"));
    cr_expect_str_eq(fixture.observed, "none 503\n");
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, says_how_much_time_a_request_has_left)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){.request_timeout_ms = 1000000});
    open_client(&fixture, &client);
    http_client_send(&client, GET("/hold"));
    wait_held(&fixture, 1);
    int64_t left = http_request_time_left_us(fixture.held[0].req);
    cr_expect(left > 500000000 && left <= 1000000000, "%lld us", (long long)left);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, cuts_a_client_that_does_not_take_its_answer)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){.request_timeout_ms = SOON_MS});
    open_client(&fixture, &client);
    http_client_pause(&client);
    http_client_send(&client, GET("/big"));
    wait_connections(&fixture, 1);
    wait_connections(&fixture, 0);
    http_client_resume(&client);
    http_client_wait_end(&client);
    cr_expect(client.was_reset);
    cr_expect(client.received.len < BIG_BYTES);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, writes_a_large_answer_to_one_that_does)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){.request_timeout_ms = 60000});
    open_client(&fixture, &client);
    http_client_send(&client, GET("/big") GET("/after"));
    struct http_reply big = http_client_take(&client);
    struct http_reply after = http_client_take(&client);
    cr_expect(big.body.len == BIG_BYTES);
    cr_expect(http_reply_body_is(&after, "/after"));
    http_client_close(&client);
    stop(&fixture);
}

/* --- clients that leave ---------------------------------------------------------------------- */

static void expect_gone(void (*leave)(struct http_client *client), const char *name)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){.request_timeout_ms = 60000});
    open_client(&fixture, &client);
    http_client_send(&client, GET("/hold"));
    wait_held(&fixture, 1);
    leave(&client);
    while (!fixture.held[0].is_gone) {
        turn(&fixture);
    }
    cr_expect(http_server_stats(fixture.server).connections == 0, "%s", name);
    cr_expect_str_empty(fixture.observed, "%s: nobody was answered", name);
    stop(&fixture);
}

Test(http_server, tells_the_handler_that_the_client_is_gone)
{
    expect_gone(http_client_abort, "reset");
    expect_gone(http_client_close, "closed");
}

/* Between its end and its reset: the kernel would end a process that does not look out. */
Test(http_server, survives_a_reply_to_a_client_that_has_reset)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, GET("/hold"));
    http_client_end(&client);
    wait_held(&fixture, 1);
    event_base_loop(fixture.base, EVLOOP_NONBLOCK);
    http_client_abort(&client);
    cr_assert_not(fixture.held[0].is_gone);
    reply_held(&fixture, 0, "nobody reads this");
    cr_expect(http_server_stats(fixture.server).connections == 0);
    stop(&fixture);
}

Test(http_server, closes_after_its_answer_to_a_client_that_ended_meanwhile)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){.request_timeout_ms = 60000});
    open_client(&fixture, &client);
    http_client_pause(&client);
    http_client_send(&client, GET("/big"));
    while (fixture.handled == 0) {
        turn(&fixture);
    }
    http_client_end(&client);
    event_base_loop(fixture.base, EVLOOP_NONBLOCK);
    http_client_resume(&client);
    cr_expect(http_client_take(&client).body.len == BIG_BYTES);
    http_client_wait_end(&client);
    cr_expect_not(client.was_reset);
    wait_connections(&fixture, 0);
    http_client_close(&client);
    stop(&fixture);
}

struct half_close_row {
    const char *request;
    bool waits_for_probe;
    size_t interim; /* responses before the answer */
};

static const struct half_close_row half_close_rows[] = {
    {GET("/hold"), false, 0},
    {GET("/hold"), true, 1},
    {"GET /hold HTTP/1.0\r\n\r\n", true, 0},
};

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    *(bool *)arg = true;
}

/* Lets the server's look-outs for clients that have closed come and go. */
static void wait_probes(struct fixture *fixture)
{
    bool is_over = false;
    struct timeval delay = {0, 2 * HTTP_PROBE_MS * 1000 + 50000};
    struct event *timer = evtimer_new(fixture->base, on_timer, &is_over);
    event_add(timer, &delay);
    while (!is_over) {
        turn(fixture);
    }
    event_free(timer);
}

static void expect_half_close(size_t index)
{
    const struct half_close_row *row = &half_close_rows[index];
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, row->request);
    http_client_end(&client);
    wait_held(&fixture, 1);
    if (row->waits_for_probe) {
        wait_probes(&fixture);
    }
    cr_assert_not(fixture.held[0].is_gone, "row %zu", index);
    reply_held(&fixture, 0, "answer");
    for (size_t i = 0; i < row->interim; i++) {
        cr_expect(http_client_take(&client).status == 100, "row %zu", index);
    }
    struct http_reply reply = http_client_take(&client);
    cr_expect(http_reply_body_is(&reply, "answer"), "row %zu", index);
    http_client_wait_end(&client);
    cr_expect_not(client.was_reset, "row %zu", index);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, still_answers_a_client_that_sends_no_more)
{
    for (size_t i = 0; i < ARRAY_LEN(half_close_rows); i++) {
        expect_half_close(i);
    }
}

Test(http_server, answers_all_pipelined_requests_of_a_client_that_sends_no_more)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, GET("/hold"));
    send_numbered(&client, 100);
    http_client_end(&client);
    wait_held(&fixture, 1);
    reply_held(&fixture, 0, "first");
    cr_expect(http_client_take(&client).status == 200);
    expect_numbered(&client, 100);
    http_client_wait_end(&client);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, does_not_spin_on_a_client_that_sends_no_more)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, "GET /hold HTTP/1.0\r\n\r\n");
    http_client_end(&client);
    wait_held(&fixture, 1);
    int turns = 0;
    bool is_over = false;
    struct timeval delay = {0, 50000};
    struct event *timer = evtimer_new(fixture.base, on_timer, &is_over);
    event_add(timer, &delay);
    while (!is_over) {
        turn(&fixture);
        turns++;
    }
    cr_expect(turns < 10, "%d turns in 50 ms", turns);
    event_free(timer);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, tells_a_client_that_its_request_was_cut_short)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &client);
    http_client_send(&client, "GET / HTTP/1.1\r\nHost: a\r\n");
    http_client_end(&client);
    cr_expect(http_client_take(&client).status == 400);
    http_client_close(&client);
    stop(&fixture);
}

/* --- the cap --------------------------------------------------------------------------------- */

Test(http_server, closes_the_longest_idle_connection_for_a_new_one)
{
    struct fixture fixture;
    struct http_client clients[3];
    start(&fixture, (struct http_server_config){.max_connections = 2});
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        open_client(&fixture, &clients[i]);
        http_client_send(&clients[i], GET("/"));
        cr_expect(http_client_take(&clients[i]).status == 200, "client %zu", i);
    }
    http_client_wait_end(&clients[0]);
    http_client_send(&clients[1], GET("/"));
    cr_expect(http_client_take(&clients[1]).status == 200, "the other one stays");
    cr_expect(http_server_stats(fixture.server).refused == 0);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        http_client_close(&clients[i]);
    }
    stop(&fixture);
}

Test(http_server, refuses_a_connection_when_all_are_busy)
{
    struct fixture fixture;
    struct http_client busy;
    struct http_client refused;
    struct http_client later;
    start(&fixture, (struct http_server_config){.max_connections = 1});
    open_client(&fixture, &busy);
    http_client_send(&busy, GET("/hold"));
    wait_held(&fixture, 1);
    open_client(&fixture, &refused);
    http_client_send(&refused, GET("/"));
    struct http_reply reply = http_client_take(&refused);
    cr_expect(reply.status == 503);
    cr_expect(http_reply_has(&reply, "Retry-After: 1"));
    cr_expect(http_reply_has(&reply, "Connection: close"));
    http_client_wait_end(&refused);
    cr_expect_not(refused.was_reset);
    cr_expect(http_server_stats(fixture.server).refused == 1);
    reply_held(&fixture, 0, "answer");
    cr_expect(http_client_take(&busy).status == 200);
    open_client(&fixture, &later);
    http_client_send(&later, GET("/"));
    cr_expect(http_client_take(&later).status == 200);
    http_client_close(&busy);
    http_client_close(&refused);
    http_client_close(&later);
    stop(&fixture);
}

static rlim_t next_fd(void)
{
    int fd = dup(0);
    cr_assert(fd >= 0);
    close(fd);
    return (rlim_t)fd;
}

/* The first client is not asked for its answer: valgrind, out of files, accepts and closes. */
Test(http_server, accepts_again_once_there_are_files)
{
    struct fixture fixture;
    struct http_client waiting;
    struct http_client later;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &waiting);
    struct rlimit before;
    cr_assert(getrlimit(RLIMIT_NOFILE, &before) == 0);
    struct rlimit none = {next_fd(), before.rlim_max};
    cr_assert(setrlimit(RLIMIT_NOFILE, &none) == 0);
    wait_probes(&fixture);
    cr_expect(http_server_stats(fixture.server).accepted == 0);
    cr_assert(setrlimit(RLIMIT_NOFILE, &before) == 0);
    open_client(&fixture, &later);
    http_client_send(&later, GET("/"));
    cr_expect(http_client_take(&later).status == 200);
    http_client_close(&waiting);
    http_client_close(&later);
    stop(&fixture);
}

/* --- the end --------------------------------------------------------------------------------- */

static void on_drained(void *arg)
{
    struct fixture *fixture = arg;
    fixture->drained++;
}

static void wait_drained(struct fixture *fixture)
{
    while (fixture->drained == 0) {
        turn(fixture);
    }
}

Test(http_server, drains_what_is_under_way)
{
    struct fixture fixture;
    struct http_client idle;
    struct http_client busy;
    char listen[32];
    start(&fixture, (struct http_server_config){0});
    int port = http_server_port(fixture.server);
    open_client(&fixture, &idle);
    http_client_send(&idle, GET("/"));
    cr_expect(http_client_take(&idle).status == 200);
    open_client(&fixture, &busy);
    http_client_send(&busy, GET("/hold"));
    wait_held(&fixture, 1);
    http_server_drain(fixture.server, on_drained, &fixture);
    http_client_wait_end(&idle);
    cr_expect(fixture.drained == 0);
    reply_held(&fixture, 0, "answer");
    struct http_reply reply = http_client_take(&busy);
    cr_expect(http_reply_body_is(&reply, "answer"));
    cr_expect(http_reply_has(&reply, "Connection: close"));
    http_client_wait_end(&busy);
    http_client_close(&busy);
    wait_drained(&fixture);
    event_base_loop(fixture.base, EVLOOP_NONBLOCK);
    cr_expect(fixture.drained == 1);
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
    int fd = http_listen(listen, true, NULL);
    cr_expect(fd >= 0, "nobody listens there any more");
    close(fd);
    http_client_close(&idle);
    stop(&fixture);
}

Test(http_server, answers_in_a_drain_what_had_arrived_before)
{
    struct fixture fixture;
    struct http_client idle;
    struct http_client fresh;
    start(&fixture, (struct http_server_config){0});
    open_client(&fixture, &idle);
    http_client_send(&idle, GET("/"));
    cr_expect(http_client_take(&idle).status == 200);
    static const char request[] = GET("/");
    cr_assert(send(idle.fd, request, strlen(request), 0) == (ssize_t)strlen(request));
    open_client(&fixture, &fresh);
    cr_assert(send(fresh.fd, request, strlen(request), 0) == (ssize_t)strlen(request));
    http_server_drain(fixture.server, on_drained, &fixture);
    cr_expect(fixture.drained == 0, "not before it returns");
    cr_expect(http_client_take(&idle).status == 200);
    cr_expect(http_client_take(&fresh).status == 200);
    http_client_close(&idle);
    http_client_close(&fresh);
    wait_drained(&fixture);
    stop(&fixture);
}

Test(http_server, drains_behind_an_answer_that_is_being_written)
{
    struct fixture fixture;
    struct http_client client;
    start(&fixture, (struct http_server_config){.request_timeout_ms = 60000});
    open_client(&fixture, &client);
    http_client_pause(&client);
    http_client_send(&client, GET("/big"));
    while (fixture.handled == 0) {
        turn(&fixture);
    }
    http_server_drain(fixture.server, on_drained, &fixture);
    http_client_resume(&client);
    cr_expect(http_client_take(&client).body.len == BIG_BYTES);
    wait_drained(&fixture);
    http_client_close(&client);
    stop(&fixture);
}

Test(http_server, drains_at_once_when_there_is_nothing)
{
    struct fixture fixture;
    start(&fixture, (struct http_server_config){0});
    http_server_drain(fixture.server, on_drained, &fixture);
    cr_expect(fixture.drained == 0, "not before it returns");
    wait_drained(&fixture);
    stop(&fixture);
}

Test(http_server, tells_every_pending_handler_when_it_is_freed)
{
    struct fixture fixture;
    struct http_client clients[3];
    start(&fixture, (struct http_server_config){0});
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        open_client(&fixture, &clients[i]);
        http_client_send(&clients[i], GET("/hold"));
    }
    wait_held(&fixture, ARRAY_LEN(clients));
    http_server_free(&fixture.server);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        cr_expect(fixture.held[i].is_gone, "request %zu", i);
        http_client_close(&clients[i]);
    }
    http_server_free(&fixture.server);
    event_base_free(fixture.base);
}

/* --- listening ------------------------------------------------------------------------------- */

struct address_row {
    const char *text;
    int family; /* 0: refused */
};

static const struct address_row address_rows[] = {
    {"127.0.0.1:80", AF_INET},
    {"0.0.0.0:0", AF_INET},
    {"localhost:65535", AF_INET},
    {"[::1]:80", AF_INET6},
    {"[::]:0", AF_INET6},
    {"", 0},
    {"80", 0},
    {":80", 0},
    {"127.0.0.1", 0},
    {"127.0.0.1:", 0},
    {"127.0.0.1:65536", 0},
    {"127.0.0.1:99999999999999999999", 0},
    {"127.0.0.1:-1", 0},
    {"127.0.0.1:8x", 0},
    {"127.0.0:80", 0},
    {"::1:80", 0},
    {"[::1]", 0},
    {"[]:80", 0},
    {"[:80", 0},
    {"[127.0.0.1]:80", 0},
    {"example.org:80", 0},
    {"0123456789012345678901234567890123456789012345678901234567890:80", 0},
};

Test(http_server, listens_on_numeric_addresses_and_localhost)
{
    for (size_t i = 0; i < ARRAY_LEN(address_rows); i++) {
        const struct address_row *row = &address_rows[i];
        struct http_address address;
        struct error err = {0};
        bool ok = http_address_parse(row->text, &address, &err);
        cr_expect(ok == (row->family != 0), "%s", row->text);
        cr_expect(!ok || address.storage.ss_family == row->family, "%s", row->text);
        cr_expect(ok || (err.kind == ERR_FATAL && strstr(err.text, row->text)), "%s: %s", row->text,
                  err.text);
    }
}

Test(http_server, shares_its_port_unless_it_is_exclusive)
{
    struct error err = {0};
    char listen[32];
    int first = http_listen("127.0.0.1:0", false, &err);
    cr_assert(first >= 0, "%s", err.text);
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", http_listen_port(first));
    int second = http_listen(listen, false, &err);
    cr_expect(second >= 0, "%s", err.text);
    cr_expect(http_listen_port(second) == http_listen_port(first));
    int third = http_listen(listen, true, &err);
    cr_expect(third < 0);
    cr_expect(err.kind == ERR_FATAL && strstr(err.text, listen), "%s", err.text);
    close(first);
    close(second);
}

Test(http_server, says_why_it_cannot_listen)
{
    struct event_base *base = event_base_new();
    struct error err = {0};
    struct http_server_config config = {.listen = "nowhere", .handler = on_request};
    cr_expect_null(http_server_new(base, &config, &err));
    cr_expect(err.kind == ERR_FATAL && strstr(err.text, "nowhere"), "%s", err.text);
    event_base_free(base);
}
