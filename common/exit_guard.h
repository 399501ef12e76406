/*
 * exit_guard - ends the process when what should end it does not.
 *
 * A loop that stands still runs no timer, and freeing another one's client may wait for its threads
 * without a deadline (librdkafka's rd_kafka_destroy() does). A thread of its own holds the time.
 *
 * Threads: the owner's. The guard's own thread only ever logs one line and calls _exit().
 */
#ifndef CALLBOARD_EXIT_GUARD_H
#define CALLBOARD_EXIT_GUARD_H

struct exit_guard;

/* Unless it is set again or freed, the process ends with `status` in `timeout_ms`. */
struct exit_guard *exit_guard_new(int timeout_ms, int status);
void exit_guard_set(struct exit_guard *guard, int timeout_ms, int status);
/* Accepts NULL; sets NULL. */
void exit_guard_free(struct exit_guard **guard);

#endif
