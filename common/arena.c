#include "arena.h"

#include "alloc.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 16
#define BLOCK_BYTES_MIN ((size_t)16 * 1024)
#define BLOCK_BYTES_MAX ((size_t)1024 * 1024)
/* What is larger gets a block of its own, so that no more than a quarter of a block is ever left
 * unused. */
#define SHARED_BYTES_MAX (BLOCK_BYTES_MAX / 4)

/* Under AddressSanitizer, memory that was not handed out (or was forgotten) may not be touched. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SANITIZED 1
#endif
#endif
#ifdef ARENA_SANITIZED
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

/*
 * The block at the head of the list is the one that is being filled whenever `arena->end` is set:
 * blocks of their own are put behind it.
 */
struct arena_block {
    alignas(ALIGNMENT) struct arena_block *next;
    size_t bytes; /* header included */
    alignas(ALIGNMENT) char memory[];
};

static struct arena_block *block_new(struct arena *arena, size_t bytes)
{
    struct arena_block *block = alloc_resize(NULL, 1, bytes);
    block->bytes = bytes;
    arena->total_bytes += bytes;
    ASAN_POISON_MEMORY_REGION(block->memory, bytes - sizeof(*block));
    return block;
}

static void block_free(struct arena *arena, struct arena_block *block)
{
    arena->total_bytes -= block->bytes;
    ASAN_UNPOISON_MEMORY_REGION(block->memory, block->bytes - sizeof(*block));
    free(block);
}

/* Makes an empty block the one that is being filled. */
static void fill_block(struct arena *arena, struct arena_block *block)
{
    arena->at = block->memory;
    arena->end = (char *)block + block->bytes;
}

static void *alloc_own_block(struct arena *arena, size_t size)
{
    size_t bytes;
    if (__builtin_add_overflow(size, sizeof(struct arena_block), &bytes)) {
        bytes = SIZE_MAX; /* alloc_resize() says "out of memory" */
    }
    struct arena_block *block = block_new(arena, bytes);
    struct arena_block **place = arena->end ? &arena->blocks->next : &arena->blocks;
    block->next = *place;
    *place = block;
    ASAN_UNPOISON_MEMORY_REGION(block->memory, size);
    return block->memory;
}

/* Twice the last one, and large enough that the allocation at hand takes at most a quarter. */
static size_t next_block_bytes(const struct arena *arena, size_t size)
{
    size_t bytes = arena->end ? arena->blocks->bytes * 2 : BLOCK_BYTES_MIN;
    while (bytes / 4 < size) {
        bytes *= 2;
    }
    return bytes < BLOCK_BYTES_MAX ? bytes : BLOCK_BYTES_MAX;
}

static void add_block(struct arena *arena, size_t size)
{
    struct arena_block *block = block_new(arena, next_block_bytes(arena, size));
    block->next = arena->blocks;
    arena->blocks = block;
    fill_block(arena, block);
}

static void *take(struct arena *arena, char *from, size_t size)
{
    ASAN_UNPOISON_MEMORY_REGION(from, size);
    arena->at = from + size;
    return from;
}

static size_t bytes_to_alignment(const char *at)
{
    return -(uintptr_t)at & (ALIGNMENT - 1);
}

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

static void free_blocks(struct arena *arena, struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        block_free(arena, block);
        block = next;
    }
}

void arena_done(struct arena *arena)
{
    free_blocks(arena, arena->blocks);
    arena_init(arena);
}

void arena_reset(struct arena *arena)
{
    if (!arena->end) {
        arena_done(arena);
        return;
    }
    struct arena_block *kept = arena->blocks;
    free_blocks(arena, kept->next);
    kept->next = NULL;
    ASAN_POISON_MEMORY_REGION(kept->memory, kept->bytes - sizeof(*kept));
    fill_block(arena, kept);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t gap = bytes_to_alignment(arena->at);
    size_t room = (size_t)(arena->end - arena->at);
    if (size < room && gap <= room - size) {
        return take(arena, arena->at + gap, size);
    }
    if (size > SHARED_BYTES_MAX) {
        return alloc_own_block(arena, size);
    }
    add_block(arena, size);
    return take(arena, arena->at, size);
}

void *arena_alloc_zeroed(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

struct slice arena_copy(struct arena *arena, struct slice slice)
{
    if (!slice_is_set(slice)) {
        return SLICE_NONE;
    }
    char *copy = arena_text(arena, slice.len);
    if (slice.len > 0) {
        memcpy(copy, slice.data, slice.len);
    }
    return (struct slice){copy, slice.len};
}

char *arena_text(struct arena *arena, size_t size)
{
    if (size < (size_t)(arena->end - arena->at)) {
        return take(arena, arena->at, size);
    }
    return arena_alloc(arena, size);
}

/* A text in a block of its own keeps that block; there is nothing to give back. */
void arena_trim(struct arena *arena, char *end)
{
    uintptr_t at = (uintptr_t)end;
    if (at >= (uintptr_t)arena->blocks && at <= (uintptr_t)arena->at) {
        ASAN_POISON_MEMORY_REGION(end, (size_t)(arena->at - end));
        arena->at = end;
    }
}
