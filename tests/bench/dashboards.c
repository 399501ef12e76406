/*
 * dashboards - many connections that ask for one page again and again, each answer checked.
 *
 * usage: dashboards PORT PATH CONNECTIONS SECONDS BATCH_ID
 * Environment: BENCH_TOKEN, DATABASE_URL (of the database that the page is of).
 *
 * A thread of its own asks PostgreSQL every few milliseconds how many calls the batch has: what it
 * is told has been committed. Each request remembers the count known when it was sent; an answer
 * with a lower `total` is stale. Prints one line of JSON: requests, seconds, percentiles, how many
 * answers were stale, and how far the count grew. Exit status 1 when a server answers anything but
 * 200, or closes a connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libpq-fe.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define CONNECTIONS_MAX 1024
#define LATENCIES_MAX ((size_t)8 << 20)
#define ASK_EVERY_NS 5000000
#define NS_PER_S INT64_C(1000000000)

struct dashboard {
    int fd;
    int64_t committed; /* calls known to be stored when the request was sent */
    int64_t sent_ns;
    size_t have;
    char answer[ANSWER_BYTES_MAX + 1];
};

struct load {
    char request[8192];
    size_t request_bytes;
    int epoll;
    size_t requests;
    size_t stale;
    uint32_t *latencies_us;
};

static atomic_int_fast64_t committed;
static atomic_bool is_over;

static void die(const char *what)
{
    (void)fprintf(stderr, "dashboards: %s\n", what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* --- what has been committed --------------------------------------------------------------- */

static PGconn *connect_to_database(void)
{
    PGconn *conn = PQconnectdb(getenv("DATABASE_URL"));
    if (PQstatus(conn) != CONNECTION_OK)
        die(PQerrorMessage(conn));
    PGresult *res =
        PQprepare(conn, "calls",
                  "SELECT calls FROM callboard.batch WHERE batch_id = decode($1, 'hex')", 1, NULL);
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        die(PQerrorMessage(conn));
    PQclear(res);
    return conn;
}

static int64_t read_calls(PGconn *conn, const char *batch_id)
{
    PGresult *res = PQexecPrepared(conn, "calls", 1, &batch_id, NULL, NULL, 0);
    if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1)
        die("the batch cannot be read");
    int64_t calls = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    return calls;
}

static void *watch_database(void *batch_id)
{
    const struct timespec pause = {.tv_nsec = ASK_EVERY_NS};
    PGconn *conn = connect_to_database();
    while (!atomic_load(&is_over)) {
        atomic_store(&committed, read_calls(conn, batch_id));
        (void)nanosleep(&pause, NULL);
    }
    PQfinish(conn);
    return NULL;
}

/* --- requests ------------------------------------------------------------------------------ */

static void write_request(struct load *load, const char *path)
{
    int length = snprintf(load->request, sizeof load->request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n\r\n",
                          path, getenv("BENCH_TOKEN"));
    if (length < 0 || (size_t)length >= sizeof load->request)
        die("the path is too long");
    load->request_bytes = (size_t)length;
}

/* A request is far smaller than a socket's buffer, which is empty when it is sent. */
static void ask(struct load *load, struct dashboard *dashboard)
{
    dashboard->have = 0;
    dashboard->committed = atomic_load(&committed);
    dashboard->sent_ns = now_ns();
    if (send(dashboard->fd, load->request, load->request_bytes, MSG_NOSIGNAL) !=
        (ssize_t)load->request_bytes)
        die("a request could not be sent");
}

static struct dashboard *connect_dashboard(struct load *load, uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    struct dashboard *dashboard = calloc(1, sizeof *dashboard);
    if (!dashboard)
        die("out of memory");
    dashboard->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (dashboard->fd < 0 ||
        connect(dashboard->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die("no connection");
    (void)setsockopt(dashboard->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = dashboard};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, dashboard->fd, &event) != 0)
        die("epoll_ctl");
    return dashboard;
}

/* --- answers ------------------------------------------------------------------------------- */

/* The bytes of the whole answer, 0 while its header section is not complete. */
static size_t answer_bytes(const struct dashboard *dashboard)
{
    const char *end = strstr(dashboard->answer, "\r\n\r\n");
    if (!end)
        return 0;
    const char *length = strcasestr(dashboard->answer, "\r\nContent-Length:");
    if (!length || length > end)
        die("an answer without Content-Length");
    return (size_t)(end + 4 - dashboard->answer) +
           strtoull(length + strlen("\r\nContent-Length:"), NULL, 10);
}

/* The envelope's `total` stands before all that a call may hold. */
static int64_t answer_total(const struct dashboard *dashboard)
{
    const char *total = strstr(dashboard->answer, "\"total\":");
    if (strncmp(dashboard->answer, "HTTP/1.1 200 ", strlen("HTTP/1.1 200 ")) != 0 || !total)
        die(dashboard->answer);
    return strtoll(total + strlen("\"total\":"), NULL, 10);
}

static void judge(struct load *load, const struct dashboard *dashboard)
{
    if (load->requests == LATENCIES_MAX)
        die("more answers than there is room for");
    load->stale += answer_total(dashboard) < dashboard->committed;
    load->latencies_us[load->requests++] = (uint32_t)((now_ns() - dashboard->sent_ns) / 1000);
}

static void read_answer(struct load *load, struct dashboard *dashboard)
{
    ssize_t got = recv(dashboard->fd, dashboard->answer + dashboard->have,
                       ANSWER_BYTES_MAX - dashboard->have, 0);
    if (got <= 0)
        die(got == 0 ? "a connection was closed" : strerror(errno));
    dashboard->have += (size_t)got;
    dashboard->answer[dashboard->have] = '\0';
    size_t whole = answer_bytes(dashboard);
    if (whole == 0 || dashboard->have < whole)
        return;
    judge(load, dashboard);
    ask(load, dashboard);
}

static void answer_until(struct load *load, int64_t end_ns)
{
    struct epoll_event events[CONNECTIONS_MAX];
    while (now_ns() < end_ns) {
        int ready = epoll_wait(load->epoll, events, CONNECTIONS_MAX, 100);
        for (int i = 0; i < ready; i++)
            read_answer(load, events[i].data.ptr);
    }
}

/* --- all of it ----------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void print_result(struct load *load, double seconds, int64_t first)
{
    if (load->requests == 0)
        die("no answer at all");
    qsort(load->latencies_us, load->requests, sizeof *load->latencies_us, by_size);
    (void)printf("{\"requests\": %zu, \"seconds\": %.6f, \"stale\": %zu, \"calls_before\": %lld, "
                 "\"calls_after\": %lld, \"p50_us\": %u, \"p99_us\": %u}\n",
                 load->requests, seconds, load->stale, (long long)first,
                 (long long)atomic_load(&committed), load->latencies_us[load->requests / 2],
                 load->latencies_us[load->requests * 99 / 100]);
}

static void wait_for_database(void)
{
    const struct timespec pause = {.tv_nsec = ASK_EVERY_NS};
    while (atomic_load(&committed) == 0)
        (void)nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 6 || !getenv("BENCH_TOKEN") || !getenv("DATABASE_URL")) {
        (void)fputs("usage: dashboards PORT PATH CONNECTIONS SECONDS BATCH_ID\n", stderr);
        return 2;
    }
    struct load load = {.epoll = epoll_create1(0),
                        .latencies_us = calloc(LATENCIES_MAX, sizeof *load.latencies_us)};
    pthread_t watcher;
    if (!load.latencies_us || pthread_create(&watcher, NULL, watch_database, argv[5]) != 0)
        die("out of memory");
    wait_for_database();
    int64_t first = atomic_load(&committed);
    write_request(&load, argv[2]);
    for (long i = 0; i < strtol(argv[3], NULL, 10); i++)
        ask(&load, connect_dashboard(&load, (uint16_t)strtoul(argv[1], NULL, 10)));
    int64_t began = now_ns();
    answer_until(&load, began + strtol(argv[4], NULL, 10) * NS_PER_S);
    double seconds = (double)(now_ns() - began) / (double)NS_PER_S;
    atomic_store(&is_over, true);
    (void)pthread_join(watcher, NULL);
    print_result(&load, seconds, first);
    return 0;
}
