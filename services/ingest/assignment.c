#include "assignment.h"

#include "alloc.h"

#include <stdlib.h>
#include <string.h>

struct assignment {
    struct partition **items;
    size_t count;
    size_t last_found; /* messages come in runs of one partition */
};

static const char *const state_names[PARTITION_STATE_COUNT] = {
    [PARTITION_CLAIMING] = "claiming", [PARTITION_VERIFYING] = "verifying",
    [PARTITION_STALLED] = "stalled",   [PARTITION_ACTIVE] = "active",
    [PARTITION_FENCED] = "fenced",     [PARTITION_REFUSED] = "refused",
};

const char *partition_state_name(enum partition_state state)
{
    return state_names[state];
}

struct assignment *assignment_new(void)
{
    return alloc_zeroed(1, sizeof(struct assignment));
}

static void partition_free(struct partition *partition)
{
    free(partition->topic);
    free(partition);
}

void assignment_clear(struct assignment *assignment)
{
    for (size_t i = 0; i < assignment->count; i++)
        partition_free(assignment->items[i]);
    assignment->count = 0;
    assignment->last_found = 0;
}

void assignment_free(struct assignment **assignment)
{
    struct assignment *self = *assignment;
    if (!self)
        return;
    *assignment = NULL;
    assignment_clear(self);
    free(self->items);
    free(self);
}

static bool is_partition(const struct partition *partition, const char *topic, int32_t number)
{
    return partition->number == number && strcmp(partition->topic, topic) == 0;
}

struct partition *assignment_find(struct assignment *assignment, const char *topic, int32_t number)
{
    size_t last = assignment->last_found;
    if (last < assignment->count && is_partition(assignment->items[last], topic, number))
        return assignment->items[last];
    for (size_t i = 0; i < assignment->count; i++) {
        if (is_partition(assignment->items[i], topic, number)) {
            assignment->last_found = i;
            return assignment->items[i];
        }
    }
    return NULL;
}

struct partition *assignment_add(struct assignment *assignment, const char *topic, int32_t number)
{
    struct partition *known = assignment_find(assignment, topic, number);
    if (known)
        return known;
    struct partition *partition = alloc_zeroed(1, sizeof *partition);
    partition->topic = alloc_string(topic);
    partition->number = number;
    partition->stored_offset = -1;
    partition->high_offset = -1;
    assignment->items =
        alloc_resize(assignment->items, assignment->count + 1, sizeof(struct partition *));
    assignment->items[assignment->count++] = partition;
    return partition;
}

void assignment_remove(struct assignment *assignment, const char *topic, int32_t number)
{
    for (size_t i = 0; i < assignment->count; i++) {
        if (is_partition(assignment->items[i], topic, number)) {
            partition_free(assignment->items[i]);
            assignment->items[i] = assignment->items[--assignment->count];
            return;
        }
    }
}

size_t assignment_count(const struct assignment *assignment)
{
    return assignment->count;
}

struct partition *assignment_at(const struct assignment *assignment, size_t index)
{
    return assignment->items[index];
}
