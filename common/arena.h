/*
 * arena - many small allocations that die together.
 *
 * One arena per micro-batch of events or per HTTP request. Memory is handed out from blocks and
 * freed all at once. Not for one thread's memory to be freed by another while in use.
 */
#ifndef CALLBOARD_ARENA_H
#define CALLBOARD_ARENA_H

#include "slice.h"

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    char *at;                   /* next free byte of the newest block */
    char *end;
    size_t total_bytes; /* memory held, for bounds and metrics */
};

void arena_init(struct arena *arena);
/* Frees every block. The arena may be used again. */
void arena_done(struct arena *arena);
/* Forgets all allocations but keeps one block for reuse. */
void arena_reset(struct arena *arena);

/* `size` bytes aligned to 16, not zeroed. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);
/* Zeroed. */
void *arena_alloc_zeroed(struct arena *arena, size_t size);
/* A copy of the bytes that lives as long as the arena. SLICE_NONE stays SLICE_NONE. */
struct slice arena_copy(struct arena *arena, struct slice slice);
/* Unaligned room for up to `size` bytes of text; give back what was not used with arena_trim(). */
char *arena_text(struct arena *arena, size_t size);
/* Ends the newest arena_text() at `end`. */
void arena_trim(struct arena *arena, char *end);

#endif
