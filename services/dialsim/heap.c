#include "heap.h"

#include "alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct heap_entry {
    int64_t key;
    uint64_t order;
    size_t slot;
};

void heap_init(struct heap *heap, size_t item_bytes)
{
    *heap = (struct heap){.item_bytes = item_bytes};
}

void heap_done(struct heap *heap)
{
    free(heap->entries);
    free(heap->slots);
    free(heap->free_slots);
    *heap = (struct heap){.item_bytes = heap->item_bytes};
}

bool heap_is_empty(const struct heap *heap)
{
    return heap->count == 0;
}

static void grow(struct heap *heap)
{
    size_t cap = heap->cap ? heap->cap * 2 : 64;
    heap->entries = alloc_resize(heap->entries, cap, sizeof(*heap->entries));
    heap->slots = alloc_resize(heap->slots, cap, heap->item_bytes);
    heap->free_slots = alloc_resize(heap->free_slots, cap, sizeof(*heap->free_slots));
    /* All old slots are taken, so the stack holds the new ones alone. */
    for (size_t i = heap->cap; i < cap; i++)
        heap->free_slots[i - heap->cap] = i;
    heap->cap = cap;
}

static bool is_before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void sift_up(struct heap *heap, size_t at)
{
    struct heap_entry entry = heap->entries[at];
    while (at > 0 && is_before(&entry, &heap->entries[(at - 1) / 2])) {
        heap->entries[at] = heap->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->entries[at] = entry;
}

static void sift_down(struct heap *heap, size_t at)
{
    struct heap_entry entry = heap->entries[at];
    for (size_t child = 2 * at + 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && is_before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!is_before(&heap->entries[child], &entry))
            break;
        heap->entries[at] = heap->entries[child];
        at = child;
    }
    heap->entries[at] = entry;
}

void heap_push(struct heap *heap, int64_t key, const void *item)
{
    if (heap->count == heap->cap)
        grow(heap);
    /* cap - count slots are free: the top of the stack is the last of them. */
    size_t slot = heap->free_slots[heap->cap - heap->count - 1];
    memcpy(heap->slots + slot * heap->item_bytes, item, heap->item_bytes);
    heap->entries[heap->count] = (struct heap_entry){key, heap->pushed++, slot};
    sift_up(heap, heap->count++);
}

int64_t heap_first_key(const struct heap *heap)
{
    assert(heap->count > 0);
    return heap->entries[0].key;
}

void heap_pop(struct heap *heap, void *out_item)
{
    assert(heap->count > 0);
    size_t slot = heap->entries[0].slot;
    memcpy(out_item, heap->slots + slot * heap->item_bytes, heap->item_bytes);
    heap->entries[0] = heap->entries[--heap->count];
    if (heap->count > 0)
        sift_down(heap, 0);
    heap->free_slots[heap->cap - heap->count - 1] = slot;
}
