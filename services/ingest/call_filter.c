#include "call_filter.h"

#include "alloc.h"
#include "hash_index.h"

#include <stdint.h>
#include <stdlib.h>

/* Slots of the parts: 1,024, 4,096, ... up to a MiB of them at a time. Powers of two. */
#define FIRST_SLOTS 1024
#define GROWTH 4
#define PART_SLOTS_MAX ((size_t)256 * 1024)

/* Linear probing, three quarters full at most. */
struct part {
    uint32_t *prints; /* 0: free */
    size_t slot_count;
    size_t used;
};

struct call_filter {
    struct part *parts; /* the last one has room */
    size_t part_count;
};

static void add_part(struct call_filter *filter, size_t slot_count)
{
    filter->parts = alloc_resize(filter->parts, filter->part_count + 1, sizeof *filter->parts);
    filter->parts[filter->part_count++] = (struct part){
        .prints = alloc_zeroed(slot_count, sizeof(uint32_t)), .slot_count = slot_count};
}

struct call_filter *call_filter_new(void)
{
    struct call_filter *filter = alloc_zeroed(1, sizeof *filter);
    add_part(filter, FIRST_SLOTS);
    return filter;
}

void call_filter_free(struct call_filter **filter)
{
    if (!*filter)
        return;
    for (size_t i = 0; i < (*filter)->part_count; i++)
        free((*filter)->parts[i].prints);
    free((*filter)->parts);
    free(*filter);
    *filter = NULL;
}

static uint32_t print_of(uint64_t hash)
{
    uint32_t print = (uint32_t)(hash >> 32);
    return print ? print : 1;
}

/* Where the print is, or would be put. */
static uint32_t *slot_of(const struct part *part, uint64_t hash)
{
    uint32_t print = print_of(hash);
    size_t at = hash & (part->slot_count - 1);
    while (part->prints[at] && part->prints[at] != print)
        at = (at + 1) & (part->slot_count - 1);
    return &part->prints[at];
}

void call_filter_add(struct call_filter *filter, const struct object_id *call_id)
{
    uint64_t hash = hash_object_id(call_id, 0);
    struct part *last = &filter->parts[filter->part_count - 1];
    uint32_t *slot = slot_of(last, hash);
    last->used += *slot == 0;
    *slot = print_of(hash);
    if (4 * last->used < 3 * last->slot_count)
        return;
    size_t next = GROWTH * last->slot_count;
    add_part(filter, next < PART_SLOTS_MAX ? next : PART_SLOTS_MAX);
}

bool call_filter_may_have(const struct call_filter *filter, const struct object_id *call_id)
{
    uint64_t hash = hash_object_id(call_id, 0);
    for (size_t i = filter->part_count; i-- > 0;)
        if (*slot_of(&filter->parts[i], hash))
            return true;
    return false;
}

size_t call_filter_bytes(const struct call_filter *filter)
{
    size_t bytes = sizeof *filter + filter->part_count * sizeof *filter->parts;
    for (size_t i = 0; i < filter->part_count; i++)
        bytes += filter->parts[i].slot_count * sizeof(uint32_t);
    return bytes;
}
