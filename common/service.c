#include "service.h"

#include "alloc.h"
#include "exit_guard.h"
#include "log.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum service_state {
    SERVICE_RUNNING,
    SERVICE_STOPPING, /* the first signal came: on_stop drains */
    SERVICE_STOPPED,  /* drained */
    SERVICE_FAILED,
};

struct service {
    struct event_base *base;
    void (*on_stop)(void *arg);
    void *arg;
    enum service_state state;
    int drain_ms;
    int exit_ms;
    struct exit_guard *exit_guard; /* NULL: nothing is to end yet */
    struct event *terminated;
    struct event *interrupted;
    struct event *drain_deadline;
};

/* --- libevent ---------------------------------------------------------------------------- */

static enum log_level level_of(int severity)
{
    static const enum log_level levels[] = {
        [EVENT_LOG_DEBUG] = LOG_LEVEL_DEBUG,
        [EVENT_LOG_MSG] = LOG_LEVEL_INFO,
        [EVENT_LOG_WARN] = LOG_LEVEL_WARN,
        [EVENT_LOG_ERR] = LOG_LEVEL_ERROR,
    };
    bool is_known = severity >= 0 && (size_t)severity < ARRAY_LEN(levels);
    return is_known ? levels[severity] : LOG_LEVEL_WARN;
}

static void on_libevent_log(int severity, const char *message)
{
    log_write(level_of(severity), "libevent", "text=%s", log_quote(message).text);
}

static void out_of_events(const char *what)
{
    log_error("cannot use libevent", "what=%s", what);
    abort();
}

struct event_base *service_event_base_new(void)
{
    struct event_config *config = event_config_new();
    if (!config || event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) != 0) {
        out_of_events("event_config");
    }
    struct event_base *base = event_base_new_with_config(config);
    if (!base) {
        out_of_events("event_base");
    }
    event_config_free(config);
    return base;
}

/* --- the process ------------------------------------------------------------------------- */

static void ignore_sigpipe(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

/* Ten thousand connections need as many files; the usual soft limit of 1,024 is for select(2),
 * which nothing here uses. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) {
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* --- stopping ---------------------------------------------------------------------------- */

static void end_loop(struct service *service, enum service_state state)
{
    if (service->state != SERVICE_FAILED) {
        service->state = state;
    }
    event_base_loopbreak(service->base);
}

static void begin_to_stop(struct service *service)
{
    struct timeval deadline = {service->drain_ms / 1000, service->drain_ms % 1000 * 1000L};
    service->state = SERVICE_STOPPING;
    service->exit_guard = exit_guard_new(service->drain_ms + service->exit_ms, EXIT_FAILURE);
    event_add(service->drain_deadline, &deadline);
    service->on_stop(service->arg);
}

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
    (void)what;
    struct service *service = arg;
    const char *name = signal_number == SIGTERM ? "SIGTERM" : "SIGINT";
    if (service->state == SERVICE_RUNNING) {
        log_info("stopping", "signal=%s", name);
        begin_to_stop(service);
        return;
    }
    log_warn("stopping at once: a second signal came", "signal=%s", name);
    end_loop(service, SERVICE_FAILED);
}

static void on_drain_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct service *service = arg;
    log_error("the drain took too long", "timeout_ms=%d", service->drain_ms);
    end_loop(service, SERVICE_FAILED);
}

/* --- life -------------------------------------------------------------------------------- */

static struct event *signal_event_new(struct service *service, int signal_number)
{
    struct event *event = evsignal_new(service->base, signal_number, on_signal, service);
    if (!event || event_add(event, NULL) != 0) {
        out_of_events("signals");
    }
    return event;
}

struct service *service_new(struct event_base *base, void (*on_stop)(void *arg), void *arg)
{
    struct service *service = alloc_zeroed(1, sizeof(*service));
    service->base = base;
    service->on_stop = on_stop;
    service->arg = arg;
    service->drain_ms = SERVICE_DRAIN_MS;
    service->exit_ms = SERVICE_EXIT_MS;
    event_set_log_callback(on_libevent_log);
    ignore_sigpipe();
    raise_file_limit();
    service->terminated = signal_event_new(service, SIGTERM);
    service->interrupted = signal_event_new(service, SIGINT);
    service->drain_deadline = evtimer_new(base, on_drain_deadline, service);
    if (!service->drain_deadline) {
        out_of_events("timers");
    }
    return service;
}

static bool has_ended(const struct service *service)
{
    return service->state == SERVICE_STOPPED || service->state == SERVICE_FAILED;
}

static void guard_the_end(struct service *service, int status)
{
    if (service->exit_guard) {
        exit_guard_set(service->exit_guard, service->exit_ms, status);
    } else {
        service->exit_guard = exit_guard_new(service->exit_ms, status);
    }
}

/* A loop broken before it began forgets that it was: the state says so. */
int service_run(struct service *service)
{
    if (!has_ended(service) && event_base_loop(service->base, EVLOOP_NO_EXIT_ON_EMPTY) != 0) {
        log_error("the event loop failed", "state=%d", (int)service->state);
        service->state = SERVICE_FAILED;
    }
    int status = service->state == SERVICE_STOPPED ? EXIT_SUCCESS : EXIT_FAILURE;
    guard_the_end(service, status);
    return status;
}

void service_stopped(struct service *service)
{
    end_loop(service, SERVICE_STOPPED);
}

void service_fail(struct service *service)
{
    end_loop(service, SERVICE_FAILED);
}

void service_set_deadlines(struct service *service, int drain_ms, int exit_ms)
{
    service->drain_ms = drain_ms;
    service->exit_ms = exit_ms;
}

bool service_is_stopping(const struct service *service)
{
    return service->state != SERVICE_RUNNING;
}

void service_free(struct service **service)
{
    struct service *gone = *service;
    if (!gone) {
        return;
    }
    *service = NULL;
    event_free(gone->terminated);
    event_free(gone->interrupted);
    event_free(gone->drain_deadline);
    exit_guard_free(&gone->exit_guard);
    free(gone);
}
