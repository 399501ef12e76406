/*
 * heap - what comes first: items of one size, taken out by ascending key, equal keys in the order
 * in which they were put in.
 *
 * Ownership: items are copied in and out.
 */
#ifndef CALLBOARD_DIALSIM_HEAP_H
#define CALLBOARD_DIALSIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap {
    struct heap_entry *entries; /* a binary heap; the items themselves stay in their slots */
    char *slots;
    size_t *free_slots; /* a stack */
    size_t item_bytes;
    size_t count;
    size_t cap;
    uint64_t pushed;
};

void heap_init(struct heap *heap, size_t item_bytes);
void heap_done(struct heap *heap);
bool heap_is_empty(const struct heap *heap);
void heap_push(struct heap *heap, int64_t key, const void *item);
/* The least key. The heap is not empty. */
int64_t heap_first_key(const struct heap *heap);
/* Takes the first item out. The heap is not empty. */
void heap_pop(struct heap *heap, void *out_item);

#endif
