/*
 * page_request - what a caller asks of a batch, from the path and the query string.
 *
 * One table of parameters (in page_request.c) says how each is read; every rule of the contract's
 * parameter table is a row or a function of it.
 *
 * Ownership: decoded values live in the arena given, or in the query string itself.
 */
#ifndef CALLBOARD_QUERY_PAGE_REQUEST_H
#define CALLBOARD_QUERY_PAGE_REQUEST_H

#include "arena.h"
#include "field.h"
#include "filter.h"
#include "macros.h"
#include "object_id.h"
#include "pattern.h"
#include "problem.h"
#include "slice.h"

#include <stdbool.h>
#include <stdint.h>

#define PAGE_REQUEST_MAX_PAGE INT64_C(1000000000)
#define PAGE_REQUEST_DEFAULT_LIMIT 10

/* In the order in which a Link header repeats them. */
enum page_parameter {
    PARAMETER_PAGE,
    PARAMETER_LIMIT,
    PARAMETER_SORT_BY,
    PARAMETER_SORT_ORDER,
    PARAMETER_FILTER,
    PARAMETER_SEARCH,
    PARAMETER_CURSOR,
    PARAMETER_COUNT
};

enum page_parameter_type { PARAMETER_TEXT, PARAMETER_INTEGER, PARAMETER_ORDER };

/* What the API's description says of a parameter. */
struct page_parameter_doc {
    enum page_parameter_type type;
    const char *description; /* CommonMark, of which only `code` is used */
    const char *example;     /* or NULL */
    int64_t max;             /* the number, or bytes of a text; 0: what is configured, or none */
    int64_t fallback;        /* PARAMETER_INTEGER: when it is absent */
};

const struct page_parameter_doc *page_parameter_doc(enum page_parameter parameter);

/* As it stands in the query string: "sortBy". */
const char *page_parameter_name(enum page_parameter parameter);

struct page_request {
    struct object_id batch_id;
    int64_t page;      /* 1 .. PAGE_REQUEST_MAX_PAGE */
    int64_t limit;     /* 1 .. the configured maximum */
    struct field sort; /* FIELD_ARRIVAL where no sortBy was given */
    bool descending;
    const struct filter *filter;         /* NULL: none */
    const struct pattern *search;        /* NULL: none */
    struct slice given[PARAMETER_COUNT]; /* decoded; SLICE_NONE where absent or empty */
};

/* Reads `id` (the path segment, not decoded) and `query` (without '?', SLICE_NONE when there is
 * none). False: PROBLEM_BAD_BATCH_ID or PROBLEM_BAD_PARAMETER. */
NODISCARD bool page_request_parse(struct slice id, struct slice query, int64_t max_limit,
                                  struct arena *arena, struct page_request *out,
                                  struct problem *problem);

/* How many calls stand before the page. */
int64_t page_request_skip(const struct page_request *request);
/* How many pages `total` calls make: 0 for none. */
int64_t page_request_total_pages(const struct page_request *request, int64_t total);

#endif
