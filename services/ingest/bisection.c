#include "bisection.h"

static void take(struct bisection *window, size_t size)
{
    size_t left = window->count - window->from;
    window->to = window->from + (size < left ? size : left);
}

void bisection_open(struct bisection *window, size_t from, size_t count)
{
    *window = (struct bisection){.from = from, .to = count, .count = count, .opened_at = from};
}

static bool is_suspected(const struct bisection *window)
{
    return window->suspect_to > window->from;
}

static void take_half_of_suspects(struct bisection *window)
{
    size_t suspects = window->suspect_to - window->from;
    take(window, suspects > 1 ? suspects / 2 : 1);
}

static void take_next(struct bisection *window, size_t size_before)
{
    take(window, window->next ? window->next : 2 * size_before);
    window->next = 0;
}

bool bisection_accept(struct bisection *window)
{
    size_t size = window->to - window->from;
    window->from = window->to;
    if (is_suspected(window))
        take_half_of_suspects(window);
    else
        take_next(window, size);
    return window->from == window->count;
}

/* How many messages it took to come to one at fault. */
static size_t mean_distance(const struct bisection *window)
{
    return (window->from + 1 - window->opened_at) / window->found;
}

/* The message at fault is stored together with those that are tried next; but where the next one is
 * likely at fault, too, that one is tried alone. */
static void go_on_behind_fault(struct bisection *window)
{
    size_t distance = mean_distance(window);
    take(window, distance > 1 ? 1 + distance : 1);
    window->next = distance > 1 ? 0 : 1;
    window->suspect_to = 0;
}

bool bisection_refuse(struct bisection *window)
{
    if (window->to - window->from > 1) {
        window->suspect_to = window->to;
        take_half_of_suspects(window);
        return false;
    }
    window->found++;
    go_on_behind_fault(window);
    return true;
}
