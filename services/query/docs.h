/*
 * docs - the API's description for people: assets/docs.html with assets/docs.css, filled from the
 * tables that the code uses (page_request, filter, field, api_status, problem) and from the
 * options. One page that fetches nothing and runs nothing.
 */
#ifndef CALLBOARD_QUERY_DOCS_H
#define CALLBOARD_QUERY_DOCS_H

#include "buf.h"
#include "query_config.h"

/* Appends the whole page, of a service with these options. */
void docs_append(struct buf *out, const struct query_config *options);
/* Appends the Content-Security-Policy under which it looks as it should: its style sheet, by hash,
 * and its icon, which is part of it, are all that it lets through. */
void docs_append_policy(struct buf *out);

#endif
