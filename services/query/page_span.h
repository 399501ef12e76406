/*
 * page_span - which calls of a ranking a page is.
 */
#ifndef CALLBOARD_QUERY_PAGE_SPAN_H
#define CALLBOARD_QUERY_PAGE_SPAN_H

#include "page.h"
#include "ranking.h"

#include <stdbool.h>
#include <stddef.h>

/* In ascending order, whatever the page's own. */
struct page_span {
    size_t low; /* rank of the first call, from 0 */
    size_t count;
};

/* By number, or beside the mark: which must not hold a digest. */
struct page_span page_span_find(const struct page_selection *asked, const struct ranking *ranking);
bool page_span_is_same(const struct page_span *a, const struct page_span *b);

#endif
