#include "alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t count, size_t size)
{
    (void)fprintf(stderr, "out of memory: %zu objects of %zu bytes\n", count, size);
    abort();
}

/* malloc(0) and realloc(p, 0) may give NULL, which here would look like a failure. */
static size_t at_least_one(size_t bytes)
{
    return bytes > 0 ? bytes : 1;
}

void *alloc_zeroed(size_t count, size_t size)
{
    void *memory = calloc(at_least_one(count), at_least_one(size));
    if (!memory) {
        out_of_memory(count, size);
    }
    return memory;
}

void *alloc_resize(void *memory, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        out_of_memory(count, size);
    }
    void *resized = realloc(memory, at_least_one(bytes));
    if (!resized) {
        out_of_memory(count, size);
    }
    return resized;
}

char *alloc_string(const char *text)
{
    return text ? alloc_bytes(text, strlen(text)) : NULL;
}

char *alloc_bytes(const char *data, size_t len)
{
    if (len == SIZE_MAX) {
        out_of_memory(1, len);
    }
    char *copy = alloc_resize(NULL, len + 1, 1);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    copy[len] = '\0';
    return copy;
}
