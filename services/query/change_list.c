#include "change_list.h"

#include "alloc.h"
#include "db_value.h"
#include "store.h"

#include <stdlib.h>

void change_list_init(struct change_list *list)
{
    *list = (struct change_list){.positions = NULL};
}

void change_list_done(struct change_list *list)
{
    free(list->positions);
    change_list_init(list);
}

static void add_position(struct change_list *list, int32_t position)
{
    if (list->count == list->cap) {
        list->cap = 2 * list->cap + 64;
        list->positions = alloc_resize(list->positions, list->cap, sizeof(*list->positions));
    }
    list->positions[list->count++] = position;
}

static uint32_t read_be32(const char *bytes)
{
    const unsigned char *at = (const unsigned char *)bytes;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/*
 * A binary int4[] without NULLs (array_send() in src/backend/utils/adt/arrayfuncs.c): dimensions,
 * flags, element type, then for the one dimension its length and lower bound, then each element
 * with its length.
 */
enum { ARRAY_HEAD = 12, ARRAY_LENGTH_AT = 12, ARRAY_FIRST = 20, ARRAY_ELEMENT = 8 };

static void add_array(struct change_list *list, struct slice array)
{
    if (array.len <= ARRAY_HEAD) {
        return; /* no dimensions: empty */
    }
    size_t count = read_be32(array.data + ARRAY_LENGTH_AT);
    for (size_t i = 0; i < count; i++) {
        const char *element = array.data + ARRAY_FIRST + i * ARRAY_ELEMENT;
        add_position(list, (int32_t)read_be32(element + sizeof(uint32_t)));
    }
}

static int compare_positions(const void *a, const void *b)
{
    const int32_t *left = a;
    const int32_t *right = b;
    return (*left > *right) - (*left < *right);
}

/* In ascending order, each once. */
static void sort_positions(struct change_list *list)
{
    size_t kept = 0;
    if (list->count > 0) {
        qsort(list->positions, list->count, sizeof(*list->positions), compare_positions);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (kept == 0 || list->positions[kept - 1] != list->positions[i]) {
            list->positions[kept++] = list->positions[i];
        }
    }
    list->count = kept;
}

static bool has_room(const struct change_list *list)
{
    return list->count <= CHANGE_LIST_MAX_CALLS;
}

void change_list_begin(struct change_list *list)
{
    list->count = 0;
    list->version = 0;
    list->calls = 0;
    list->versions = 0;
    list->is_whole = false;
}

void change_list_add(struct change_list *list, const PGresult *row)
{
    int32_t before = db_value_int4(row, 0, CHANGE_CALLS_BEFORE);
    int32_t after = db_value_int4(row, 0, CHANGE_CALLS_AFTER);
    list->version = db_value_int8(row, 0, CHANGE_VERSION);
    list->calls = after;
    list->versions++;
    if (has_room(list)) {
        add_array(list, db_value_bytes(row, 0, CHANGE_CHANGED));
    }
    for (int32_t at = before + 1; at <= after && has_room(list); at++) {
        add_position(list, at);
    }
}

void change_list_end(struct change_list *list, int64_t versions)
{
    list->is_whole = list->versions == versions && has_room(list);
    sort_positions(list);
}
