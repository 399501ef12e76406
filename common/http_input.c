#include "http_input.h"

#include "alloc.h"

#include <stdlib.h>
#include <string.h>

void http_input_init(struct http_input *input, size_t first_bytes)
{
    *input = (struct http_input){.data = alloc_resize(NULL, first_bytes, 1), .cap = first_bytes};
}

void http_input_done(struct http_input *input)
{
    free(input->data);
    *input = (struct http_input){0};
}

void http_input_reset(struct http_input *input)
{
    input->start = input->end = 0;
}

bool http_input_compact(struct http_input *input)
{
    struct slice left = http_input_slice(input);
    if (input->start == 0) {
        return false;
    }
    memmove(input->data, left.data, left.len);
    input->start = 0;
    input->end = left.len;
    return true;
}

bool http_input_grow(struct http_input *input, size_t max_bytes)
{
    size_t doubled = input->cap * 2;
    if (input->cap >= max_bytes) {
        return false;
    }
    input->cap = doubled < max_bytes ? doubled : max_bytes;
    input->data = alloc_resize(input->data, input->cap, 1);
    return true;
}
