/*
 * slice - a borrowed run of bytes. Not NUL-terminated. `data == NULL` means "not there", which
 * differs from an empty run ("" with len 0).
 */
#ifndef CALLBOARD_SLICE_H
#define CALLBOARD_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *data;
    size_t len;
};

#define SLICE_NONE ((struct slice){NULL, 0})
/* A slice over a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_is_set(struct slice slice)
{
    return slice.data != NULL;
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ASCII letters in either case are the same. */
bool slice_equal_any_case(struct slice a, struct slice b);
/* Without the spaces and tabs around it. */
struct slice slice_trim(struct slice text);
/* Takes what stands before the next `separator` off the front; all of it when there is none, and
 * then `rest` becomes SLICE_NONE, from which nothing can be taken. */
struct slice slice_take_until(struct slice *rest, char separator);

/* Orders by bytes, a prefix before what it begins: <0, 0 or >0. A slice that is not there comes
 * before every other. */
int slice_compare(struct slice a, struct slice b);

#endif
