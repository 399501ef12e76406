/*
 * service - what every long-running program does around its event loop: logging, signals, drain.
 */
#ifndef CALLBOARD_SERVICE_H
#define CALLBOARD_SERVICE_H

#include <stdbool.h>

struct event_base;
struct service;

/* How long a drain may take before the loop ends anyway, and how long what comes after it may take
 * (what is freed then includes clients that wait for threads of their own), in milliseconds:
 * together the contract's 10 s less a margin. */
#define SERVICE_DRAIN_MS 8000
#define SERVICE_EXIT_MS 1500

/* Routes libevent's messages to our log, ignores SIGPIPE, raises the soft limit of open files to
 * the hard one, handles SIGTERM and SIGINT: the first one calls `on_stop` (begin to drain; then
 * service_stopped()), a second one or SERVICE_DRAIN_MS ends the loop. */
struct service *service_new(struct event_base *base, void (*on_stop)(void *arg), void *arg);
/* Runs the loop until stopped. Returns the process's exit status: 0 after a clean stop, 1 after a
 * failure or when the drain ran out of time. What has not come to service_free() SERVICE_EXIT_MS
 * later is ended with this status; with status 1 what stands still within the loop, as long after
 * its drain should have been over. */
int service_run(struct service *service);
/* Drained: ends the loop. */
void service_stopped(struct service *service);
/* Something that cannot go on: ends the loop, exit status 1. */
void service_fail(struct service *service);
/* Other times than SERVICE_DRAIN_MS and SERVICE_EXIT_MS, before the first signal. */
void service_set_deadlines(struct service *service, int drain_ms, int exit_ms);
bool service_is_stopping(const struct service *service);
void service_free(struct service **service);

/* An event_base with precise timers; aborts when none can be made. */
struct event_base *service_event_base_new(void);

#endif
