/*
 * change_list - which calls of a batch have changed since a version.
 */
#ifndef CALLBOARD_QUERY_CHANGE_LIST_H
#define CALLBOARD_QUERY_CHANGE_LIST_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is beyond these is not known. A call counts each time it was touched; a list takes up to
 * 8 MiB of memory. */
#define CHANGE_LIST_MAX_CALLS 1000000
#define CHANGE_LIST_MAX_VERSIONS 100000

struct change_list {
    int32_t *positions; /* ascending, each once, when the list has ended */
    size_t count;
    size_t cap;
    int64_t version; /* the last one that was added, 0: none; and how many calls it had */
    int64_t calls;
    int64_t versions; /* that were added */
    bool is_whole;    /* else there are more, or nobody knows */
};

void change_list_init(struct change_list *list);
void change_list_done(struct change_list *list);

/* Begins anew. Then comes each row of STORE_CHANGES, asked for CHANGE_LIST_MAX_VERSIONS; */
void change_list_begin(struct change_list *list);
void change_list_add(struct change_list *list, const PGresult *row);
/* and then how many versions there have been, each of which leaves a row until it is pruned. */
void change_list_end(struct change_list *list, int64_t versions);

#endif
