/*
 * fuzz_input - what the fuzzers share: the promise that must hold, and the input as they look at
 * it.
 */
#ifndef CALLBOARD_FUZZ_INPUT_H
#define CALLBOARD_FUZZ_INPUT_H

#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* abort() is what libFuzzer takes for a finding; an assert would be gone in a release build. */
static inline void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Memory of exactly the input's size, so that a look beyond is noticed, and the input in it (`data`
 * may be NULL: nothing is). Released with free(). */
static inline char *fuzz_copy(const uint8_t *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    require(copy != NULL);
    if (data && size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

/* Takes what stands before `byte` off the front of `rest`, and the byte; all where there is none.
 */
static inline struct slice fuzz_take_until(struct slice *rest, char byte)
{
    const char *at = rest->len > 0 ? memchr(rest->data, byte, rest->len) : NULL;
    struct slice taken = {rest->data, at ? (size_t)(at - rest->data) : rest->len};
    size_t skipped = taken.len + (at != NULL);
    rest->data += skipped;
    rest->len -= skipped;
    return taken;
}

/* Takes up to eight bytes off the front as a number. */
static inline uint64_t fuzz_take_number(struct slice *rest, size_t bytes)
{
    uint64_t number = 0;
    for (; bytes > 0 && rest->len > 0; bytes--) {
        number = number << 8 | (uint8_t)*rest->data;
        rest->data++;
        rest->len--;
    }
    return number;
}

#endif
