#include "db_resolver.h"

#include "alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ADDRESS_BYTES 8192 /* of one name, as text */

/*
 * What the thread works on. Loop and thread hold it together, because either may end first; the
 * last one to let go frees it.
 */
struct lookup_job {
    atomic_int holders;
    atomic_bool is_done; /* before it only the thread touches the rest, after it only the loop */
    int wake_fd;
    db_lookup_fn *lookup;
    struct db_targets targets; /* names before, addresses after */
    struct error err;
};

struct db_resolver {
    struct event *woken;
    struct lookup_job *job;
    db_resolver_fn *fn;
    void *arg;
};

/* --- the connection string --------------------------------------------------------------- */

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *option = options; option && option->keyword; option++) {
        if (strcmp(option->keyword, keyword) == 0) {
            return option->val;
        }
    }
    return NULL;
}

static PQconninfoOption *parse_conninfo(const char *conninfo)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &message);
    PQfreemem(message);
    return options;
}

bool db_conninfo_check(const char *conninfo, struct error *err)
{
    PQconninfoOption *options = parse_conninfo(conninfo);
    if (!options) {
        return error_set(err, ERR_FATAL,
                         "the database connection string is not valid: neither key=value pairs "
                         "nor a postgresql:// URL");
    }
    PQconninfoFree(options);
    return true;
}

static char *default_value(const char *keyword)
{
    PQconninfoOption *defaults = PQconndefaults();
    char *value = alloc_string(option_value(defaults, keyword));
    PQconninfoFree(defaults);
    return value;
}

char *db_conninfo_value(const char *conninfo, const char *keyword)
{
    PQconninfoOption *options = parse_conninfo(conninfo);
    char *value = alloc_string(option_value(options, keyword));
    bool is_in_service = !value && option_value(options, "service");
    PQconninfoFree(options);
    return value || is_in_service ? value : default_value(keyword);
}

/* --- lists ------------------------------------------------------------------------------- */

static size_t list_count(const char *list)
{
    size_t count = 1;
    for (const char *at = list; *at; at++) {
        count += *at == ',';
    }
    return count;
}

/* A copy of the item; a list of one item stands for all. */
static char *list_item(const char *list, size_t index)
{
    if (list_count(list) == 1) {
        index = 0;
    }
    for (; index > 0; index--) {
        list = strchr(list, ',') + 1;
    }
    return alloc_bytes(list, strcspn(list, ","));
}

static void targets_add(struct db_targets *targets, struct db_target target)
{
    targets->items = alloc_resize(targets->items, targets->count + 1, sizeof(*targets->items));
    targets->items[targets->count++] = target;
}

static void target_done(struct db_target *target)
{
    free(target->host);
    free(target->hostaddr);
    free(target->port);
}

static void targets_done(struct db_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        target_done(&targets->items[i]);
    }
    free(targets->items);
    *targets = (struct db_targets){NULL, 0};
}

/* Lists whose lengths contradict each other are left for libpq to refuse. */
static void split_targets(struct db_targets *targets, const char *host, const char *hostaddr,
                          const char *port)
{
    const char *longer = *host ? host : hostaddr;
    size_t count = *longer ? list_count(longer) : 0;
    bool fits = (!*hostaddr || list_count(hostaddr) == count) &&
                (list_count(port) == count || list_count(port) == 1);
    for (size_t i = 0; fits && i < count; i++) {
        targets_add(targets, (struct db_target){list_item(host, i), list_item(hostaddr, i),
                                                list_item(port, i)});
    }
}

static void read_targets(struct db_targets *targets, const char *conninfo)
{
    char *host = db_conninfo_value(conninfo, "host");
    char *hostaddr = db_conninfo_value(conninfo, "hostaddr");
    char *port = db_conninfo_value(conninfo, "port");
    split_targets(targets, host ? host : "", hostaddr ? hostaddr : "", port ? port : "");
    free(host);
    free(hostaddr);
    free(port);
}

/* --- looking names up -------------------------------------------------------------------- */

static bool is_socket_path(const char *host)
{
    return host[0] == '/' || host[0] == '@';
}

static bool is_numeric(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    char *bare = alloc_bytes(host, strcspn(host, "%")); /* without an IPv6 zone */
    bool is_address =
        inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, bare, address) == 1;
    free(bare);
    return is_address;
}

static bool needs_lookup(const struct db_target *target)
{
    return target->hostaddr[0] == '\0' && target->host[0] != '\0' &&
           !is_socket_path(target->host) && !is_numeric(target->host);
}

static void append_address(const struct addrinfo *info, struct buf *out)
{
    char text[NI_MAXHOST];
    if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) ==
        0) {
        buf_append_format(out, "%s,", text);
    }
}

const char *db_lookup_system(const char *name, struct buf *out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(name, NULL, &hints, &found);
    if (status != 0) {
        return gai_strerror(status);
    }
    for (const struct addrinfo *info = found; info; info = info->ai_next) {
        append_address(info, out);
    }
    freeaddrinfo(found);
    return NULL;
}

/* One target for each address, each followed by a comma. */
static void add_addresses(struct db_targets *targets, const struct db_target *name,
                          const char *addresses)
{
    for (const char *at = addresses, *comma; (comma = strchr(at, ',')); at = comma + 1) {
        targets_add(targets, (struct db_target){alloc_string(name->host),
                                                alloc_bytes(at, (size_t)(comma - at)),
                                                alloc_string(name->port)});
    }
}

static void look_up(struct lookup_job *job, struct db_targets *found, const struct db_target *name)
{
    struct buf addresses;
    buf_init(&addresses, MAX_ADDRESS_BYTES);
    size_t before = found->count;
    const char *reason = job->lookup(name->host, &addresses);
    if (!reason) {
        add_addresses(found, name, buf_text(&addresses));
    }
    if (found->count == before) {
        error_set(&job->err, ERR_RETRY, "could not resolve host name \"%s\": %s", name->host,
                  reason ? reason : "no address");
    }
    buf_done(&addresses);
}

/* Replaces the names by their addresses. */
static void run_job(struct lookup_job *job)
{
    struct db_targets found = {NULL, 0};
    for (size_t i = 0; i < job->targets.count; i++) {
        struct db_target *target = &job->targets.items[i];
        if (needs_lookup(target)) {
            look_up(job, &found, target);
        } else {
            targets_add(&found, *target);
            *target = (struct db_target){NULL, NULL, NULL};
        }
    }
    targets_done(&job->targets);
    job->targets = found;
    if (found.count > 0) {
        job->err.kind = ERR_NONE;
    }
}

static bool job_needs_lookup(const struct lookup_job *job)
{
    for (size_t i = 0; i < job->targets.count; i++) {
        if (needs_lookup(&job->targets.items[i])) {
            return true;
        }
    }
    return false;
}

/* --- the thread -------------------------------------------------------------------------- */

static void release_job(struct lookup_job *job)
{
    if (atomic_fetch_sub(&job->holders, 1) > 1) {
        return;
    }
    targets_done(&job->targets);
    (void)close(job->wake_fd);
    free(job);
}

static void wake_loop(struct lookup_job *job)
{
    const uint64_t one = 1;
    atomic_store(&job->is_done, true);
    while (write(job->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

static void *run_thread(void *arg)
{
    struct lookup_job *job = arg;
    run_job(job);
    wake_loop(job);
    release_job(job);
    return NULL;
}

/* Signals stay with the threads that expect them. */
static int start_thread(struct lookup_job *job)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int status = pthread_create(&thread, NULL, run_thread, job);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == 0) {
        (void)pthread_detach(thread);
    }
    return status;
}

static void start_job(struct lookup_job *job)
{
    if (!job_needs_lookup(job)) {
        wake_loop(job);
        return;
    }
    atomic_fetch_add(&job->holders, 1);
    int status = start_thread(job);
    if (status != 0) {
        atomic_fetch_sub(&job->holders, 1);
        error_set(&job->err, ERR_RETRY, "could not start a thread for name resolution: %s",
                  strerror(status));
        wake_loop(job);
    }
}

/* --- the loop's side --------------------------------------------------------------------- */

/* The callback may free the resolver: the job is kept for its sake, the resolver not touched again.
 */
static void on_woken(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    const struct db_resolver *resolver = arg;
    struct lookup_job *job = resolver->job;
    if (!atomic_load(&job->is_done)) {
        return;
    }
    atomic_fetch_add(&job->holders, 1);
    const struct error *err = job->err.kind == ERR_NONE ? NULL : &job->err;
    resolver->fn(err ? NULL : &job->targets, err, resolver->arg);
    release_job(job);
}

struct db_resolver *db_resolver_start(struct event_base *base, const char *conninfo,
                                      db_lookup_fn *lookup, db_resolver_fn *fn, void *arg)
{
    struct lookup_job *job = alloc_zeroed(1, sizeof(*job));
    atomic_init(&job->holders, 1);
    job->lookup = lookup;
    job->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct db_resolver *resolver = alloc_zeroed(1, sizeof(*resolver));
    *resolver = (struct db_resolver){
        .job = job,
        .fn = fn,
        .arg = arg,
        .woken = event_new(base, job->wake_fd, EV_READ, on_woken, resolver),
    };
    if (job->wake_fd < 0) {
        error_set(&job->err, ERR_RETRY, "could not make an eventfd: %s", strerror(errno));
        atomic_store(&job->is_done, true);
        event_active(resolver->woken, EV_READ, 0);
        return resolver;
    }
    (void)event_add(resolver->woken, NULL);
    if (db_conninfo_check(conninfo, &job->err)) {
        read_targets(&job->targets, conninfo);
        start_job(job);
    } else {
        wake_loop(job);
    }
    return resolver;
}

void db_resolver_free(struct db_resolver **resolver)
{
    if (!*resolver) {
        return;
    }
    event_free((*resolver)->woken);
    release_job((*resolver)->job);
    free(*resolver);
    *resolver = NULL;
}
