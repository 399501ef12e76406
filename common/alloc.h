/*
 * alloc - allocation that never returns NULL.
 *
 * Out of memory ends the process with a message and abort(): every service is restartable by
 * design, and a half-handled allocation failure is a worse defect than a restart. What peers can
 * make us allocate is bounded elsewhere (struct buf has a maximum).
 */
#ifndef CALLBOARD_ALLOC_H
#define CALLBOARD_ALLOC_H

#include <stddef.h>

/* Zeroed memory for `count` objects of `size` bytes; release with free(). */
void *alloc_zeroed(size_t count, size_t size);
/* As realloc(3) for `count` objects of `size` bytes; checks the product. */
void *alloc_resize(void *memory, size_t count, size_t size);
/* A copy of `text`, or NULL for NULL; release with free(). */
char *alloc_string(const char *text);
/* A NUL-terminated copy of `len` bytes; release with free(). */
char *alloc_bytes(const char *data, size_t len);

#endif
