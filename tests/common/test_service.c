#include "service.h"

#include "capture.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    struct event_base *base;
    struct service *service;
    int stops;
    void (*on_stop)(struct fixture *fixture);
    bool was_stopping;
};

static void on_stop(void *arg)
{
    struct fixture *fixture = arg;
    fixture->stops++;
    fixture->was_stopping = service_is_stopping(fixture->service);
    if (fixture->on_stop) {
        fixture->on_stop(fixture);
    }
}

static void start(struct fixture *fixture, void (*react)(struct fixture *fixture))
{
    *fixture = (struct fixture){.base = service_event_base_new(), .on_stop = react};
    fixture->service = service_new(fixture->base, on_stop, fixture);
}

static void stop(struct fixture *fixture)
{
    service_free(&fixture->service);
    cr_assert_null(fixture->service);
    event_base_free(fixture->base);
}

static void finish_at_once(struct fixture *fixture)
{
    service_stopped(fixture->service);
}

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    service_stopped(arg);
}

static void finish_later(struct fixture *fixture)
{
    struct timeval delay = {0, 1000};
    event_base_once(fixture->base, -1, EV_TIMEOUT, on_drained, fixture->service, &delay);
}

static void send_second_signal(struct fixture *fixture)
{
    (void)fixture;
    raise(SIGINT);
}

static void fail(struct fixture *fixture)
{
    service_fail(fixture->service);
}

/* A drain that succeeds although something has failed is not a clean stop. */
static void fail_and_finish(struct fixture *fixture)
{
    service_fail(fixture->service);
    service_stopped(fixture->service);
}

TestSuite(service, .timeout = 60);

struct stop_row {
    const char *name;
    int signal_number;
    void (*react)(struct fixture *fixture);
    int status;
};

static const struct stop_row stop_rows[] = {
    {"SIGTERM, drained at once", SIGTERM, finish_at_once, 0},
    {"SIGINT, drained at once", SIGINT, finish_at_once, 0},
    {"drained later", SIGTERM, finish_later, 0},
    {"a second signal", SIGTERM, send_second_signal, 1},
    {"a failure while draining", SIGTERM, fail, 1},
    {"a failure, then drained", SIGTERM, fail_and_finish, 1},
};

Test(service, stops_on_a_signal)
{
    for (size_t i = 0; i < ARRAY_LEN(stop_rows); i++) {
        const struct stop_row *row = &stop_rows[i];
        struct fixture fixture;
        start(&fixture, row->react);
        cr_expect_not(service_is_stopping(fixture.service), "%s", row->name);
        raise(row->signal_number);
        cr_expect(service_run(fixture.service) == row->status, "%s", row->name);
        cr_expect(fixture.stops == 1, "%s: told %d times", row->name, fixture.stops);
        cr_expect(fixture.was_stopping, "%s", row->name);
        stop(&fixture);
    }
}

Test(service, ends_without_running_when_it_was_over_before)
{
    struct fixture fixture;
    start(&fixture, NULL);
    service_fail(fixture.service);
    cr_expect(service_run(fixture.service) == 1);
    stop(&fixture);
    start(&fixture, NULL);
    service_stopped(fixture.service);
    cr_expect(service_run(fixture.service) == 0);
    stop(&fixture);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    service_fail(arg);
}

Test(service, ends_on_a_failure_in_the_loop)
{
    struct fixture fixture;
    struct timeval delay = {0, 1000};
    start(&fixture, NULL);
    event_base_once(fixture.base, -1, EV_TIMEOUT, on_tick, fixture.service, &delay);
    cr_expect(service_run(fixture.service) == 1);
    cr_expect(fixture.stops == 0);
    stop(&fixture);
}

Test(service, ends_a_drain_that_takes_too_long)
{
    struct fixture fixture;
    start(&fixture, NULL);
    service_set_deadlines(fixture.service, 20, SERVICE_EXIT_MS);
    raise(SIGTERM);
    cr_expect(service_run(fixture.service) == 1);
    cr_expect(fixture.stops == 1);
    stop(&fixture);
}

static void stand_still(struct fixture *fixture)
{
    (void)fixture;
    for (;;) {
        pause();
    }
}

struct end_row {
    const char *name;
    void (*react)(struct fixture *fixture);
    int status;
};

static const struct end_row end_rows[] = {
    {"stands still within the loop", stand_still, 1},
    {"drained, then stands still", finish_at_once, 0},
    {"failed, then stands still", fail, 1},
};

Test(service, ends_a_process_that_stands_still)
{
    for (size_t i = 0; i < ARRAY_LEN(end_rows); i++) {
        const struct end_row *row = &end_rows[i];
        pid_t child = fork();
        cr_assert(child >= 0);
        if (child == 0) {
            struct fixture fixture;
            start(&fixture, row->react);
            service_set_deadlines(fixture.service, 20, 20);
            raise(SIGTERM);
            (void)service_run(fixture.service);
            stand_still(&fixture);
        }
        int status = -1;
        cr_assert(waitpid(child, &status, 0) == child);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == row->status, "%s: %#x", row->name,
                  (unsigned)status);
    }
}

static int count_threads(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert(tasks);
    while (readdir(tasks)) {
        count++;
    }
    closedir(tasks);
    return count;
}

Test(service, guards_its_end_no_longer_once_it_has_been_freed)
{
    int before = count_threads();
    struct fixture fixture;
    start(&fixture, finish_at_once);
    raise(SIGTERM);
    cr_expect(service_run(fixture.service) == 0);
    cr_expect(count_threads() == before + 1, "guarded");
    stop(&fixture);
    /* A thread that has been joined stands there for a moment more; the suite's timeout ends this.
     */
    while (count_threads() != before) {
        sched_yield();
    }
}

/* Something that libevent complains of. */
static void run_the_loop_within_itself(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct fixture *fixture = arg;
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    service_stopped(fixture->service);
}

Test(service, writes_what_libevent_says_to_the_log)
{
    struct fixture fixture;
    struct capture capture;
    struct timeval delay = {0, 0};
    start(&fixture, NULL);
    event_base_once(fixture.base, -1, EV_TIMEOUT, run_the_loop_within_itself, &fixture, &delay);
    capture_start(&capture, STDERR_FILENO);
    cr_expect(service_run(fixture.service) == 0);
    const char *line = capture_next(&capture);
    capture_stop(&capture);
    cr_expect(strstr(line, "level=warn") && strstr(line, "msg=\"libevent\" text=\"event_base_loop"),
              "%s", line);
    stop(&fixture);
}

Test(service, ignores_broken_pipes)
{
    struct fixture fixture;
    int ends[2];
    start(&fixture, NULL);
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    cr_expect(write(ends[1], "a", 1) == -1, "and the process lives");
    close(ends[1]);
    stop(&fixture);
}

Test(service, raises_the_limit_of_open_files)
{
    struct fixture fixture;
    struct rlimit limit;
    cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = 64;
    cr_assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    start(&fixture, NULL);
    cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    cr_expect(limit.rlim_cur == limit.rlim_max);
    stop(&fixture);
}

Test(service, frees_nothing_without_complaint)
{
    struct service *none = NULL;
    service_free(&none);
    cr_expect_null(none);
}
