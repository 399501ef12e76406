/*
 * http_input - what a connection has received and not yet used up.
 *
 * Grows up to a maximum; what is used up at its front is reclaimed when room is needed.
 */
#ifndef CALLBOARD_HTTP_INPUT_H
#define CALLBOARD_HTTP_INPUT_H

#include "slice.h"

#include <stdbool.h>
#include <stddef.h>

struct http_input {
    char *data;
    size_t cap;
    size_t start; /* what stands before is used up */
    size_t end;
};

void http_input_init(struct http_input *input, size_t first_bytes);
void http_input_done(struct http_input *input);
void http_input_reset(struct http_input *input);

/* What is there: valid until room is made. */
static inline struct slice http_input_slice(const struct http_input *input)
{
    return (struct slice){input->data + input->start, input->end - input->start};
}

static inline size_t http_input_len(const struct http_input *input)
{
    return input->end - input->start;
}

/* Bytes that can be received without making room. */
static inline size_t http_input_room(const struct http_input *input)
{
    return input->cap - input->end;
}

/* Moves what is there to the front; false when it is there already, so that no room came of it. */
bool http_input_compact(struct http_input *input);
/* Gets more memory; false when `max_bytes` are held. */
bool http_input_grow(struct http_input *input, size_t max_bytes);

#endif
