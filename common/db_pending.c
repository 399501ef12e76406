#include "db_pending.h"

#include "alloc.h"

#include <assert.h>
#include <stdlib.h>

void db_pending_init(struct db_pending_queue *queue, size_t cap)
{
    *queue =
        (struct db_pending_queue){.items = alloc_zeroed(cap, sizeof(*queue->items)), .cap = cap};
}

void db_pending_done(struct db_pending_queue *queue)
{
    free(queue->items);
    *queue = (struct db_pending_queue){.items = NULL};
}

static struct db_pending *at(const struct db_pending_queue *queue, size_t index)
{
    return &queue->items[(queue->head + index) % queue->cap];
}

void db_pending_push(struct db_pending_queue *queue, struct db_pending pending)
{
    assert(queue->count < queue->cap);
    *at(queue, queue->count) = pending;
    queue->count++;
    queue->statements += pending.fn != NULL;
}

struct db_pending db_pending_pop(struct db_pending_queue *queue)
{
    assert(queue->count > 0);
    struct db_pending pending = *at(queue, 0);
    queue->head = (queue->head + 1) % queue->cap;
    queue->count--;
    queue->statements -= pending.fn != NULL;
    return pending;
}

const struct db_pending *db_pending_first(const struct db_pending_queue *queue)
{
    return queue->count > 0 ? at(queue, 0) : NULL;
}

bool db_pending_is_group_end(const struct db_pending_queue *queue)
{
    assert(queue->count > 0);
    return !at(queue, 0)->fn;
}

const struct db_pending *db_pending_first_group_end(const struct db_pending_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        const struct db_pending *pending = at(queue, i);
        if (!pending->fn) {
            return pending;
        }
    }
    return NULL;
}
