/*
 * change_list - which calls of a batch have changed since a version.
 */
#ifndef CALLBOARD_QUERY_CHANGE_LIST_H
#define CALLBOARD_QUERY_CHANGE_LIST_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is beyond these is not worth to be known. */
#define CHANGE_LIST_MAX_CALLS 20000
#define CHANGE_LIST_MAX_VERSIONS 10000

struct change_list {
    int32_t *positions; /* ascending, each once */
    size_t count;
    size_t cap;
    bool is_whole; /* else there are more, or nobody knows */
};

void change_list_init(struct change_list *list);
void change_list_done(struct change_list *list);
/* From the rows of STORE_CHANGES, asked for CHANGE_LIST_MAX_VERSIONS; `versions` is how many there
 * have been, each of which leaves a row until it is pruned. */
void change_list_read(struct change_list *list, const PGresult *result, int64_t versions);

#endif
