/*
 * object_id - the 12-byte id of a batch or a call, written as 24 hex digits (lower case when we
 * write, either case when we read).
 */
#ifndef CALLBOARD_OBJECT_ID_H
#define CALLBOARD_OBJECT_ID_H

#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define OBJECT_ID_BYTES 12
#define OBJECT_ID_HEX 24

struct object_id {
    uint8_t bytes[OBJECT_ID_BYTES];
};

/* False when the text is not exactly 24 hex digits. */
NODISCARD bool object_id_parse(struct slice text, struct object_id *out);
/* Writes 24 digits, no NUL. */
void object_id_format(const struct object_id *id, char out[OBJECT_ID_HEX]);

static inline int object_id_compare(const struct object_id *a, const struct object_id *b)
{
    return memcmp(a->bytes, b->bytes, OBJECT_ID_BYTES);
}

#endif
