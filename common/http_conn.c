#include "http_conn.h"

#include "alloc.h"
#include "clock.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* After the last answer, what the client still sends is read for this long and this much: closing
 * at once would make the kernel throw the answer away (RFC 9112, 9.6). */
#define LINGER_MS 2000
#define LINGER_BYTES ((size_t)256 * 1024)
/* Lingering connections do not count towards the cap, and have this one. */
#define MAX_LINGERING 256
/* Around the limits: an empty line, the ends of line, and one byte more to see that it is too much.
 */
#define INPUT_SLACK_BYTES 16
/* Answers to pipelined requests are written together up to here. */
#define GATHER_BYTES ((size_t)64 * 1024)
#define ERROR_BODY_BYTES ((size_t)64 * 1024)
#define ALLOW "Allow: GET, HEAD\r\n"
#define ALLOW_OPTIONS "Allow: GET, HEAD, OPTIONS\r\n"
#define COMMON_HEADER_BYTES ((size_t)16 * 1024)
#define RETRY_AFTER "Retry-After: 1\r\n"

enum conn_state {
    CONN_IDLE,      /* nothing of a request received */
    CONN_READING,   /* receiving a request's head */
    CONN_HANDLING,  /* the handler has the request */
    CONN_WRITING,   /* answered, perhaps not all written */
    CONN_LINGERING, /* all written, waiting for the client's end */
    CONN_CLOSED,    /* to be freed in the next turn */
};

struct http_conn {
    struct http_conns *conns;
    TAILQ_ENTRY(http_conn) link;
    TAILQ_ENTRY(http_conn) runnable_link;
    struct http_request *req; /* NULL while idle or lingering */
    int64_t deadline_us;
    struct buf out; /* from `out_sent` on: not yet taken by the kernel */
    size_t out_sent;
    size_t discarded_bytes;
    struct event readable;
    struct event writable;
    int fd;
    enum conn_state state;
    bool is_running;  /* within conn_run() */
    bool is_runnable; /* in the list of these */
    bool is_last;     /* no further request is answered */
    bool is_broken;   /* writing failed */
    bool has_ended;   /* the client sends no more */
    bool waits_readable;
    bool waits_writable;
};

/* An answer on its way out. */
struct answer {
    int status;
    struct slice headers;
    struct slice body;
};

/* --- states ------------------------------------------------------------------------------ */

typedef void expire_fn(struct http_conn *conn);

static expire_fn conn_close, conn_cut, expire_reading, expire_handling;

struct conn_state_def {
    enum http_conn_queue_id queue;
    unsigned from;     /* the states it may follow */
    expire_fn *expire; /* at the deadline; leaves the queue */
};

#define FROM(state) (1U << (state))
#define FROM_ANY (~0U)

static const struct conn_state_def conn_states[] = {
    [CONN_IDLE] = {HTTP_QUEUE_IDLE, FROM(CONN_WRITING), conn_close},
    [CONN_READING] = {HTTP_QUEUE_ACTIVE, FROM(CONN_IDLE) | FROM(CONN_WRITING), expire_reading},
    [CONN_HANDLING] = {HTTP_QUEUE_ACTIVE, FROM(CONN_READING), expire_handling},
    [CONN_WRITING] = {HTTP_QUEUE_ACTIVE, FROM(CONN_IDLE) | FROM(CONN_READING) | FROM(CONN_HANDLING),
                      conn_cut},
    [CONN_LINGERING] = {HTTP_QUEUE_LINGERING, FROM(CONN_WRITING), conn_close},
    [CONN_CLOSED] = {HTTP_QUEUE_CLOSED, FROM_ANY, NULL},
};

static struct timeval timeval_of_us(int64_t us)
{
    int64_t positive = us > 0 ? us : 0;
    return (struct timeval){positive / 1000000, positive % 1000000};
}

/* Once armed, the timer is left alone until it fires: the first deadline only moves later. */
static void queue_arm(struct http_conn_queue *queue, int64_t now)
{
    const struct http_conn *first = TAILQ_FIRST(&queue->list);
    if (first && !queue->is_armed && queue->lifetime_us > 0) {
        struct timeval delay = timeval_of_us(first->deadline_us - now);
        queue->is_armed = event_add(&queue->timer, &delay) == 0;
    }
}

static struct http_conn_queue *conn_queue(struct http_conn *conn)
{
    return &conn->conns->queues[conn_states[conn->state].queue];
}

static void queue_leave(struct http_conn *conn)
{
    struct http_conn_queue *queue = conn_queue(conn);
    TAILQ_REMOVE(&queue->list, conn, link);
    queue->count--;
}

static void queue_join(struct http_conn *conn)
{
    struct http_conn_queue *queue = conn_queue(conn);
    int64_t now = clock_monotonic_us();
    conn->deadline_us = now + queue->lifetime_us;
    TAILQ_INSERT_TAIL(&queue->list, conn, link);
    queue->count++;
    queue_arm(queue, now);
}

/* Reading begins a request, and with it a new deadline. */
static void conn_set_state(struct http_conn *conn, enum conn_state state)
{
    assert(conn_states[state].from & FROM(conn->state));
    if (state != CONN_READING && conn_states[state].queue == conn_states[conn->state].queue) {
        conn->state = state;
        return;
    }
    queue_leave(conn);
    conn->state = state;
    queue_join(conn);
}

static void schedule_turn(struct http_conns *conns)
{
    event_active(conns->turn, EV_TIMEOUT, 0);
}

/* --- buffers ----------------------------------------------------------------------------- */

static size_t input_left(const struct http_conn *conn)
{
    return conn->req ? http_input_len(&conn->req->input) : 0;
}

static void conn_release_request(struct http_conn *conn)
{
    if (conn->req) {
        http_request_pool_give_back(&conn->conns->requests, conn->req);
        conn->req = NULL;
    }
}

/* What the handler was lent must not move: while it has the request, only the room behind is used.
 */
static bool has_room(const struct http_conn *conn)
{
    const struct http_request *req = conn->req;
    if (!req || http_input_room(&req->input) > 0) {
        return true;
    }
    return conn->state == CONN_READING || (conn->state == CONN_WRITING && req->input.start > 0);
}

/* Called where has_room() holds. The parser fails before a head outgrows max_input_bytes. */
static void make_room(struct http_conn *conn)
{
    struct http_input *input = &conn->req->input;
    if (http_input_room(input) == 0 && !http_input_compact(input)) {
        bool has_grown = http_input_grow(input, conn->conns->max_input_bytes);
        assert(has_grown);
        (void)has_grown;
    }
}

/* --- waiting and closing ----------------------------------------------------------------- */

static void set_waiting(struct event *event, bool *is_waiting, bool waits)
{
    if (*is_waiting != waits) {
        (void)(waits ? event_add(event, NULL) : event_del(event));
        *is_waiting = waits;
    }
}

/* After the client's end, the socket would be readable for ever. */
static void conn_update_waits(struct http_conn *conn)
{
    set_waiting(&conn->readable, &conn->waits_readable, !conn->has_ended && has_room(conn));
    set_waiting(&conn->writable, &conn->waits_writable, conn->out.len > conn->out_sent);
}

static void conn_forget_turn(struct http_conn *conn)
{
    if (conn->is_runnable) {
        TAILQ_REMOVE(&conn->conns->runnable, conn, runnable_link);
        conn->is_runnable = false;
    }
}

/* Callers up the stack may still look at it: it is freed in the next turn. */
static void conn_close(struct http_conn *conn)
{
    if (conn->state == CONN_CLOSED) {
        return;
    }
    if (conn->state == CONN_HANDLING) {
        http_request_notify_gone(conn->req);
    }
    event_del(&conn->readable);
    event_del(&conn->writable);
    close(conn->fd);
    conn_release_request(conn);
    conn_forget_turn(conn);
    buf_done(&conn->out);
    conn_set_state(conn, CONN_CLOSED);
    schedule_turn(conn->conns);
}

/* Closes without leaving the kernel to deliver what the client does not take. */
static void conn_cut(struct http_conn *conn)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    conn_close(conn);
}

/* --- writing ----------------------------------------------------------------------------- */

static bool is_would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* How much the kernel took. */
static size_t conn_send(struct http_conn *conn, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && !is_would_block(errno)) {
        conn->is_broken = true;
    }
    return sent > 0 ? (size_t)sent : 0;
}

/* True when nothing is left to write. Then the memory goes, too. */
static bool conn_flush(struct http_conn *conn)
{
    size_t left = conn->out.len - conn->out_sent;
    if (left > 0 && !conn->is_broken) {
        struct iovec part = {conn->out.data + conn->out_sent, left};
        conn->out_sent += conn_send(conn, &part, 1);
    }
    if (conn->out_sent < conn->out.len) {
        return false;
    }
    buf_done(&conn->out);
    conn->out_sent = 0;
    return true;
}

/* The part of `slice` that is not among the first `skip` bytes; `skip` is lessened. */
static struct slice skip_bytes(struct slice slice, size_t *skip)
{
    size_t skipped = *skip < slice.len ? *skip : slice.len;
    *skip -= skipped;
    return (struct slice){skipped > 0 ? slice.data + skipped : slice.data, slice.len - skipped};
}

static struct iovec iovec_of(struct slice slice)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)slice.data, .iov_len = slice.len};
}

static bool is_gathering(const struct http_conn *conn)
{
    return conn->is_running && !conn->is_last && input_left(conn) > 0;
}

/* Written at once from where it stands; only what the kernel does not take is copied. */
static void conn_write(struct http_conn *conn, const struct slice *parts, size_t count)
{
    struct iovec vector[6];
    assert(count <= ARRAY_LEN(vector));
    size_t sent = 0;
    if (conn->out.len == 0 && !is_gathering(conn)) {
        for (size_t i = 0; i < count; i++) {
            vector[i] = iovec_of(parts[i]);
        }
        sent = conn_send(conn, vector, count);
    }
    for (size_t i = 0; i < count; i++) {
        buf_append_slice(&conn->out, skip_bytes(parts[i], &sent));
    }
}

/* --- answers ----------------------------------------------------------------------------- */

static bool may_keep_alive(const struct http_conn *conn)
{
    const struct http_request *req = conn->req;
    return req && !conn->is_last && req->parser.result == HTTP_PARSER_DONE &&
           req->parser.keep_alive && !conn->conns->is_draining &&
           !(conn->has_ended && input_left(conn) == 0);
}

static enum http_connection connection_of(const struct http_conn *conn)
{
    if (conn->is_last) {
        return HTTP_CONNECTION_CLOSE;
    }
    return conn->req->parser.is_http_1_0 ? HTTP_CONNECTION_KEEP_ALIVE : HTTP_CONNECTION_DEFAULT;
}

static void conn_write_answer(struct http_conn *conn, const struct answer *answer)
{
    struct http_conns *conns = conn->conns;
    bool is_head = conn->req && http_request_is_head(conn->req);
    bool has_body = !is_head && http_status_has_body(answer->status);
    struct http_response response = {
        .status = answer->status,
        .connection = connection_of(conn),
        .date = http_date_text(&conns->date, time(NULL)),
        .body_bytes = answer->body.len,
    };
    buf_reset(&conns->head);
    http_response_append_head(&conns->head, &response);
    const struct slice parts[] = {
        buf_slice(&conns->head),
        answer->headers,
        buf_slice(&conns->common),
        conn->req ? conn->req->added_headers : SLICE_NONE,
        SLICE("\r\n"),
        has_body ? answer->body : SLICE_NONE,
    };
    conn_write(conn, parts, ARRAY_LEN(parts));
}

static void observe(const struct http_conn *conn, int status)
{
    const struct http_server_config *config = conn->conns->config;
    const struct http_request *req = conn->req;
    if (config->observe) {
        int64_t took_us = req ? clock_monotonic_us() - req->started_us : 0;
        config->observe(req ? req->route : "none", status, (double)took_us / 1e6, config->arg);
    }
}

/* The request's fields can be read only until it is finished. */
static void prepare_common_headers(struct http_conn *conn)
{
    const struct http_server_config *config = conn->conns->config;
    const struct http_request *req = conn->req;
    bool is_whole = req && req->parser.result == HTTP_PARSER_DONE;
    buf_reset(&conn->conns->common);
    if (config->append_headers) {
        config->append_headers(&conn->conns->common, is_whole ? req : NULL, config->arg);
    }
}

static void conn_answer(struct http_conn *conn, const struct answer *answer)
{
    prepare_common_headers(conn);
    if (conn->req) {
        http_request_finish(conn->req);
    }
    conn->is_last = !may_keep_alive(conn);
    conn_write_answer(conn, answer);
    observe(conn, answer->status);
    conn_set_state(conn, CONN_WRITING);
}

/* An answer of the server's own. */
static void conn_answer_error(struct http_conn *conn, int status, const char *extra_headers,
                              const char *detail)
{
    const struct http_server_config *config = conn->conns->config;
    struct buf headers;
    struct buf body;
    buf_init(&headers, ERROR_BODY_BYTES);
    buf_init(&body, ERROR_BODY_BYTES);
    buf_append_format(&headers,
                      "Content-Type: %s\r\n"
                      "Cache-Control: no-store\r\n"
                      "%s",
                      config->error_content_type, extra_headers);
    if (config->error_body) {
        config->error_body(&body, status, detail, config->arg);
    }
    conn_answer(conn, &(struct answer){status, buf_slice(&headers), buf_slice(&body)});
    buf_done(&headers);
    buf_done(&body);
}

/* Answers, and nothing more on this connection. */
static void conn_fail(struct http_conn *conn, int status, const char *extra_headers,
                      const char *detail)
{
    conn->is_last = true;
    conn_answer_error(conn, status, extra_headers, detail);
}

/* --- clients that have ended ------------------------------------------------------------- */

static bool is_reset(const struct http_conn *conn)
{
    int error = 0;
    socklen_t len = sizeof(error);
    return getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0;
}

/* RFC 9110, 15.2: no interim responses to HTTP/1.0. */
static void send_probe(struct http_conn *conn)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct http_request *req = conn->req;
    if (!req->has_probed && !req->parser.is_http_1_0 && conn->out.len == 0) {
        const struct slice part = SLICE(interim);
        req->has_probed = true;
        conn_write(conn, &part, 1);
    }
}

static void on_probe(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_conn *conn = arg;
    send_probe(conn);
    if (conn->is_broken || is_reset(conn)) {
        conn_close(conn);
        return;
    }
    conn_update_waits(conn);
}

static void start_probing(struct http_conn *conn)
{
    struct http_request *req = conn->req;
    struct timeval interval = timeval_of_us((int64_t)HTTP_PROBE_MS * 1000);
    event_assign(&req->probe, conn->conns->base, -1, EV_PERSIST, on_probe, conn);
    req->is_probing = event_add(&req->probe, &interval) == 0;
}

/* --- steps ------------------------------------------------------------------------------- */

static void conn_begin_request(struct http_conn *conn)
{
    struct http_request *req = conn->req;
    http_request_begin(req, &conn->conns->limits);
    conn_set_state(conn, CONN_READING);
    req->deadline_us = conn->deadline_us;
    req->started_us = conn->deadline_us - conn_queue(conn)->lifetime_us;
}

static void conn_become_idle(struct http_conn *conn)
{
    conn_release_request(conn);
    conn_set_state(conn, CONN_IDLE);
    if (conn->has_ended || conn->conns->is_draining) {
        conn_close(conn);
    }
}

/* The oldest lingering connection makes room: its client had time to take its answer. */
static void bound_lingering(struct http_conns *conns)
{
    struct http_conn_queue *lingering = &conns->queues[HTTP_QUEUE_LINGERING];
    if (lingering->count > MAX_LINGERING) {
        conn_close(TAILQ_FIRST(&lingering->list));
    }
}

static void conn_begin_lingering(struct http_conn *conn)
{
    conn_release_request(conn);
    conn_set_state(conn, CONN_LINGERING);
    if (conn->has_ended || shutdown(conn->fd, SHUT_WR) != 0) {
        conn_close(conn);
        return;
    }
    bound_lingering(conn->conns);
}

static void refuse_method(struct http_conn *conn)
{
    const struct http_server_config *config = conn->conns->config;
    if (config->knows_path && !config->knows_path(http_request_path(conn->req), config->arg)) {
        conn_answer_error(conn, 404, "", "there is nothing at this path");
        return;
    }
    conn_answer_error(conn, 405, config->answers_options ? ALLOW_OPTIONS : ALLOW,
                      "only GET and HEAD are answered here");
}

static bool is_answered_options(const struct http_conn *conn)
{
    const struct http_server_config *config = conn->conns->config;
    struct slice path = http_request_path(conn->req);
    return config->answers_options && http_request_is_options(conn->req) &&
           (!config->knows_path || slice_equal(path, SLICE("*")) ||
            config->knows_path(path, config->arg));
}

static void dispatch(struct http_conn *conn)
{
    const struct http_server_config *config = conn->conns->config;
    enum http_method method = conn->req->parser.method;
    if (is_answered_options(conn)) {
        conn_answer(conn, &(struct answer){204, SLICE(ALLOW_OPTIONS), SLICE_NONE});
        return;
    }
    if (method != HTTP_METHOD_GET && method != HTTP_METHOD_HEAD) {
        refuse_method(conn);
        return;
    }
    conn_set_state(conn, CONN_HANDLING);
    config->handler(conn->req, config->arg);
}

/* A request that the client's end cut short. */
static bool end_truncated(struct http_conn *conn)
{
    if (!http_parser_has_begun(&conn->req->parser)) {
        conn_close(conn);
        return false;
    }
    conn_fail(conn, 400, "", "the request ended before the empty line behind its header");
    return true;
}

static bool step_reading(struct http_conn *conn)
{
    const struct http_parser *parser = &conn->req->parser;
    switch (http_request_parse(conn->req)) {
    case HTTP_PARSER_MORE:
        return conn->has_ended && end_truncated(conn);
    case HTTP_PARSER_ERROR:
        conn_fail(conn, parser->status, "", parser->detail);
        return true;
    case HTTP_PARSER_DONE:
        dispatch(conn);
        return true;
    }
    return false;
}

static bool step_writing(struct http_conn *conn)
{
    bool has_next = !conn->is_last && input_left(conn) > 0;
    bool may_gather = has_next && conn->out.len - conn->out_sent < GATHER_BYTES;
    if (!may_gather && !conn_flush(conn)) {
        return false;
    }
    if (conn->is_last) {
        conn_begin_lingering(conn);
        return false;
    }
    if (!has_next) {
        conn_become_idle(conn);
        return false;
    }
    conn_begin_request(conn);
    return true;
}

/* False when there is nothing to do but to wait. */
static bool conn_step(struct http_conn *conn)
{
    if (conn->is_broken) {
        return false;
    }
    if (conn->state == CONN_READING) {
        return step_reading(conn);
    }
    return conn->state == CONN_WRITING && step_writing(conn);
}

/* Takes the connection as far as it goes. A loop, so that the stack does not grow with the number
 * of pipelined requests. */
static void conn_run(struct http_conn *conn)
{
    conn->is_running = true;
    while (conn_step(conn)) {
    }
    conn->is_running = false;
    if (conn->state == CONN_CLOSED) {
        return;
    }
    (void)conn_flush(conn);
    if (conn->is_broken) {
        conn_close(conn);
        return;
    }
    if (conn->state == CONN_HANDLING && conn->has_ended && !conn->req->is_probing) {
        start_probing(conn);
    }
    conn_update_waits(conn);
}

/* The next handler must not run within this one's caller: a pipelined request waits for its turn.
 */
void http_request_reply(struct http_request *req, int status, struct slice headers,
                        struct slice body)
{
    struct http_conn *conn = req->conn;
    assert(conn->state == CONN_HANDLING && conn->req == req);
    conn_answer(conn, &(struct answer){status, headers, body});
    if (conn->is_running) {
        return;
    }
    if (conn->is_last || input_left(conn) == 0) {
        conn_run(conn);
        return;
    }
    TAILQ_INSERT_TAIL(&conn->conns->runnable, conn, runnable_link);
    conn->is_runnable = true;
    schedule_turn(conn->conns);
}

/* --- reading ----------------------------------------------------------------------------- */

static void conn_discard(struct http_conn *conn)
{
    char unwanted[16 * 1024];
    ssize_t got = recv(conn->fd, unwanted, sizeof(unwanted), MSG_DONTWAIT);
    if (got < 0 && is_would_block(errno)) {
        return;
    }
    conn->discarded_bytes += got > 0 ? (size_t)got : 0;
    if (got <= 0 || conn->discarded_bytes > LINGER_BYTES) {
        conn_close(conn);
    }
}

static void conn_take_input(struct http_conn *conn, size_t bytes)
{
    conn->req->input.end += bytes;
    if (conn->state == CONN_IDLE) {
        conn_begin_request(conn);
    }
    conn_run(conn);
}

static void conn_end_input(struct http_conn *conn)
{
    conn->has_ended = true;
    if (conn->state == CONN_IDLE) {
        conn_close(conn);
        return;
    }
    conn_run(conn);
}

/* Nothing was there to read: an idle connection holds no buffers. */
static void conn_read_nothing(struct http_conn *conn)
{
    if (conn->state == CONN_IDLE) {
        conn_release_request(conn);
    }
}

static void conn_read(struct http_conn *conn)
{
    if (!conn->req) {
        conn->req = http_request_pool_take(&conn->conns->requests, conn);
    }
    make_room(conn);
    struct http_input *input = &conn->req->input;
    ssize_t got = recv(conn->fd, input->data + input->end, http_input_room(input), MSG_DONTWAIT);
    if (got > 0) {
        conn_take_input(conn, (size_t)got);
    } else if (got == 0) {
        conn_end_input(conn);
    } else if (is_would_block(errno)) {
        conn_read_nothing(conn);
    } else {
        conn_close(conn);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_conn *conn = arg;
    if (conn->state == CONN_LINGERING) {
        conn_discard(conn);
    } else if (has_room(conn)) {
        conn_read(conn);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    conn_run(arg);
}

/* --- deadlines --------------------------------------------------------------------------- */

static void expire_reading(struct http_conn *conn)
{
    if (!http_parser_has_begun(&conn->req->parser)) {
        conn_close(conn);
        return;
    }
    conn_fail(conn, 408, "", "the request did not arrive in time");
    conn_run(conn);
}

static void expire_handling(struct http_conn *conn)
{
    http_request_notify_gone(conn->req);
    conn_fail(conn, 503, RETRY_AFTER, "there was no answer in time: try again later");
    conn_run(conn);
}

/* Whoever does not take its answer, not even the one that its time is over, is cut off. */
static void conn_expire(struct http_conn *conn)
{
    enum http_conn_queue_id queue = conn_states[conn->state].queue;
    conn_states[conn->state].expire(conn);
    if (conn_states[conn->state].queue == queue) {
        conn_cut(conn);
    }
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_conn_queue *queue = arg;
    int64_t now = clock_monotonic_us();
    struct http_conn *first;
    queue->is_armed = false;
    while ((first = TAILQ_FIRST(&queue->list)) && first->deadline_us <= now) {
        conn_expire(first);
    }
    queue_arm(queue, now);
}

/* --- turns ------------------------------------------------------------------------------- */

static void run_runnable(struct http_conns *conns)
{
    struct http_conn *conn;
    while ((conn = TAILQ_FIRST(&conns->runnable))) {
        conn_forget_turn(conn);
        conn_run(conn);
    }
}

static void free_closed(struct http_conns *conns)
{
    struct http_conn_queue *closed = &conns->queues[HTTP_QUEUE_CLOSED];
    struct http_conn *conn = TAILQ_FIRST(&closed->list);
    TAILQ_INIT(&closed->list);
    closed->count = 0;
    while (conn) {
        struct http_conn *next = TAILQ_NEXT(conn, link);
        free(conn);
        conn = next;
    }
}

/* Its last act, because all may be freed in on_empty. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_conns *conns = arg;
    run_runnable(conns);
    free_closed(conns);
    if (conns->on_empty && http_conns_open(conns) == 0) {
        void (*on_empty)(void *arg) = conns->on_empty;
        conns->on_empty = NULL;
        on_empty(conns->on_empty_arg);
    }
}

/* --- all of them ------------------------------------------------------------------------- */

static void init_queues(struct http_conns *conns)
{
    const int lifetimes_ms[HTTP_QUEUE_COUNT] = {
        [HTTP_QUEUE_IDLE] = conns->config->keepalive_timeout_ms,
        [HTTP_QUEUE_ACTIVE] = conns->config->request_timeout_ms,
        [HTTP_QUEUE_LINGERING] = LINGER_MS,
    };
    for (int i = 0; i < HTTP_QUEUE_COUNT; i++) {
        struct http_conn_queue *queue = &conns->queues[i];
        queue->lifetime_us = (int64_t)lifetimes_ms[i] * 1000;
        TAILQ_INIT(&queue->list);
        evtimer_assign(&queue->timer, conns->base, on_deadline, queue);
    }
}

void http_conns_init(struct http_conns *conns, struct event_base *base,
                     const struct http_server_config *config)
{
    *conns = (struct http_conns){
        .base = base,
        .config = config,
        .limits = {config->max_request_line, config->max_header_bytes},
        .max_input_bytes = config->max_request_line + config->max_header_bytes + INPUT_SLACK_BYTES,
    };
    init_queues(conns);
    TAILQ_INIT(&conns->runnable);
    buf_init(&conns->head, SIZE_MAX);
    buf_init(&conns->common, COMMON_HEADER_BYTES);
    conns->turn = event_new(base, -1, 0, on_turn, conns);
}

void http_conns_done(struct http_conns *conns)
{
    for (int i = 0; i < HTTP_QUEUE_CLOSED; i++) {
        struct http_conn *conn;
        while ((conn = TAILQ_FIRST(&conns->queues[i].list))) {
            conn_close(conn);
        }
        event_del(&conns->queues[i].timer);
    }
    free_closed(conns);
    http_request_pool_done(&conns->requests);
    event_free(conns->turn);
    buf_done(&conns->head);
    buf_done(&conns->common);
}

static struct http_conn *conn_new(struct http_conns *conns, int fd)
{
    struct http_conn *conn = alloc_zeroed(1, sizeof(*conn));
    conn->conns = conns;
    conn->fd = fd;
    buf_init(&conn->out, SIZE_MAX);
    event_assign(&conn->readable, conns->base, fd, EV_READ | EV_PERSIST, on_readable, conn);
    event_assign(&conn->writable, conns->base, fd, EV_WRITE | EV_PERSIST, on_writable, conn);
    conn->state = CONN_IDLE;
    queue_join(conn);
    return conn;
}

void http_conns_add(struct http_conns *conns, int fd)
{
    conn_update_waits(conn_new(conns, fd));
}

void http_conns_refuse(struct http_conns *conns, int fd)
{
    struct http_conn *conn = conn_new(conns, fd);
    conn_fail(conn, 503, RETRY_AFTER, "too many connections are open: try again later");
    conn_run(conn);
}

bool http_conns_close_idle(struct http_conns *conns)
{
    struct http_conn *conn;
    while ((conn = TAILQ_FIRST(&conns->queues[HTTP_QUEUE_IDLE].list))) {
        conn_read(conn);
        if (conn->state == CONN_IDLE) {
            conn_close(conn);
        }
        if (conn->state == CONN_CLOSED) {
            return true;
        }
    }
    return false;
}

void http_conns_drain(struct http_conns *conns, void (*on_empty)(void *arg), void *arg)
{
    conns->on_empty = on_empty;
    conns->on_empty_arg = arg;
    conns->is_draining = true;
    while (http_conns_close_idle(conns)) {
    }
    schedule_turn(conns);
}

size_t http_conns_serving(const struct http_conns *conns)
{
    return conns->queues[HTTP_QUEUE_IDLE].count + conns->queues[HTTP_QUEUE_ACTIVE].count;
}

size_t http_conns_active(const struct http_conns *conns)
{
    return conns->queues[HTTP_QUEUE_ACTIVE].count;
}

size_t http_conns_open(const struct http_conns *conns)
{
    return http_conns_serving(conns) + conns->queues[HTTP_QUEUE_LINGERING].count;
}
