#include "exit_guard.h"

#include "alloc.h"
#include "clock.h"
#include "log.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct exit_guard {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool has_thread;
    int64_t deadline_us; /* of clock_monotonic_us() */
    int timeout_ms;
    int status;
    bool is_over;
};

static void *run(void *arg)
{
    struct exit_guard *guard = arg;
    pthread_mutex_lock(&guard->lock);
    while (!guard->is_over && clock_monotonic_us() < guard->deadline_us) {
        struct timespec deadline = {guard->deadline_us / 1000000,
                                    guard->deadline_us % 1000000 * 1000};
        (void)pthread_cond_timedwait(&guard->changed, &guard->lock, &deadline);
    }
    if (!guard->is_over) {
        log_error("the process does not end by itself, ending it", "timeout_ms=%d status=%d",
                  guard->timeout_ms, guard->status);
        _exit(guard->status);
    }
    pthread_mutex_unlock(&guard->lock);
    return NULL;
}

/* Signals are for the thread with the loop. */
static void start_thread(struct exit_guard *guard)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&guard->thread, NULL, run, guard);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    guard->has_thread = status == 0;
    if (status) {
        log_warn("nothing guards the end of the process", "error=%s",
                 log_quote(strerror(status)).text);
    }
}

struct exit_guard *exit_guard_new(int timeout_ms, int status)
{
    struct exit_guard *guard = alloc_zeroed(1, sizeof(*guard));
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&guard->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&guard->lock, NULL);
    exit_guard_set(guard, timeout_ms, status);
    start_thread(guard);
    return guard;
}

void exit_guard_set(struct exit_guard *guard, int timeout_ms, int status)
{
    pthread_mutex_lock(&guard->lock);
    guard->deadline_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    guard->timeout_ms = timeout_ms;
    guard->status = status;
    pthread_cond_signal(&guard->changed);
    pthread_mutex_unlock(&guard->lock);
}

void exit_guard_free(struct exit_guard **guard)
{
    struct exit_guard *gone = *guard;
    if (!gone) {
        return;
    }
    *guard = NULL;
    pthread_mutex_lock(&gone->lock);
    gone->is_over = true;
    pthread_cond_signal(&gone->changed);
    pthread_mutex_unlock(&gone->lock);
    if (gone->has_thread) {
        pthread_join(gone->thread, NULL);
    }
    pthread_cond_destroy(&gone->changed);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
}
