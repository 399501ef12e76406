#include "bell.h"

#include "service.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <pthread.h>

struct listener {
    struct event_base *base;
    struct bell bell;
    int calls;
    uint64_t rings;
    uint64_t goal; /* the loop ends when it has heard so many */
};

static void on_rung(uint64_t rings, void *arg)
{
    struct listener *listener = arg;
    listener->calls++;
    listener->rings += rings;
    if (listener->rings >= listener->goal) {
        event_base_loopbreak(listener->base);
    }
}

static void start(struct listener *listener, uint64_t goal)
{
    *listener = (struct listener){.base = service_event_base_new(), .goal = goal};
    bell_init(&listener->bell, listener->base, on_rung, listener);
}

static void stop(struct listener *listener)
{
    bell_done(&listener->bell);
    event_base_free(listener->base);
}

TestSuite(bell, .timeout = 60);

Test(bell, tells_how_often_it_was_rung)
{
    struct listener listener;
    start(&listener, 70003);
    bell_ring(&listener.bell, 1);
    bell_ring(&listener.bell, 2);
    bell_ring(&listener.bell, 70000);
    event_base_dispatch(listener.base);
    cr_expect(listener.calls == 1 && listener.rings == 70003, "%d, %llu", listener.calls,
              (unsigned long long)listener.rings);
    stop(&listener);
}

Test(bell, is_silent_unless_rung)
{
    struct listener listener;
    start(&listener, 1);
    event_base_loop(listener.base, EVLOOP_NONBLOCK);
    cr_expect(listener.calls == 0);
    stop(&listener);
}

#define RINGS 1000

static void *ring_often(void *arg)
{
    const struct bell *bell = arg;
    for (int i = 0; i < RINGS; i++) {
        bell_ring(bell, 1);
    }
    return NULL;
}

Test(bell, loses_no_ring_of_other_threads)
{
    struct listener listener;
    pthread_t threads[3];
    start(&listener, 3 * RINGS);
    for (int i = 0; i < 3; i++) {
        cr_assert(pthread_create(&threads[i], NULL, ring_often, &listener.bell) == 0);
    }
    event_base_dispatch(listener.base);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    event_base_loop(listener.base, EVLOOP_NONBLOCK);
    cr_expect(listener.rings == 3 * RINGS);
    stop(&listener);
}
