#include "bell.h"

#include "log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_heard(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    const struct bell *bell = arg;
    uint64_t rings = 0;
    if (read(fd, &rings, sizeof(rings)) == sizeof(rings)) {
        bell->fn(rings, bell->arg);
    }
}

void bell_init(struct bell *bell, struct event_base *base, bell_fn *fn, void *arg)
{
    bell->fn = fn;
    bell->arg = arg;
    bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    bell->heard = event_new(base, bell->fd, EV_READ | EV_PERSIST, on_heard, bell);
    if (bell->fd < 0 || !bell->heard || event_add(bell->heard, NULL) != 0) {
        log_error("cannot make an eventfd", "error=%s", log_quote(strerror(errno)).text);
        abort();
    }
}

void bell_done(struct bell *bell)
{
    event_free(bell->heard);
    close(bell->fd);
}

void bell_ring(const struct bell *bell, uint64_t rings)
{
    ssize_t written = write(bell->fd, &rings, sizeof(rings));
    (void)written; /* an eventfd refuses only beyond 2^64 - 2 */
}
