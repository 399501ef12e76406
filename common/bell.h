/*
 * bell - one thread wakes another one's event loop. Rings add up until the loop hears them.
 *
 * Threads: bell_ring() from any; all else belongs to the loop's.
 */
#ifndef CALLBOARD_BELL_H
#define CALLBOARD_BELL_H

#include <stdint.h>

struct event;
struct event_base;

typedef void bell_fn(uint64_t rings, void *arg);

struct bell {
    int fd; /* an eventfd */
    struct event *heard;
    bell_fn *fn;
    void *arg;
};

/* `fn` is called from `base`'s loop, with how often was rung since it was last. Aborts when no
 * eventfd can be made. The bell must not move. */
void bell_init(struct bell *bell, struct event_base *base, bell_fn *fn, void *arg);
/* Nobody rings any more by then. */
void bell_done(struct bell *bell);
void bell_ring(const struct bell *bell, uint64_t rings);

#endif
