/*
 * page - what the database says to one question for a page of calls.
 *
 * Ownership: a page points into the PGresult and dies with it; what a question points to is the
 *            caller's.
 */
#ifndef CALLBOARD_QUERY_PAGE_H
#define CALLBOARD_QUERY_PAGE_H

#include "api_token.h"
#include "field.h"
#include "filter.h"
#include "object_id.h"
#include "pattern.h"
#include "slice.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* The call at whose side a page begins or ends, as it was when an earlier page was made. */
struct page_mark {
    int64_t position;
    bool is_backward; /* the page ends just before the call; else it begins just behind it */
    bool is_digest;   /* `key` is the SHA-256 of the sort key, which was long */
    struct slice key; /* the sort key as one text (see sort_sql.h); SLICE_NONE: missing */
};

/* Which calls, in which order, beyond what arrival numbers can tell. */
struct page_selection {
    struct slice filter_text;     /* what `filter` was made of; SLICE_NONE where it is NULL */
    const struct filter *filter;  /* NULL: all */
    const struct pattern *search; /* NULL: all */
    struct field sort;
    bool descending;
    int64_t skip;                 /* calls before the page, without a mark */
    int64_t take;                 /* calls of the page, at most */
    const struct page_mark *mark; /* NULL: the page is found by `skip` */
};

struct page_question {
    struct object_id batch_id;
    uint8_t token_hash[API_TOKEN_HASH_BYTES];
    int64_t skip; /* calls before the page */
    int64_t take; /* calls of the page, at most */
    bool descending;
    bool by_created_at;    /* else by arrival */
    bool must_select;      /* arrival numbers are no answer: `selection` has to be asked */
    int64_t known_version; /* of the batch, for which the asker has the answer; 0: for none */
    bool is_steady; /* most likely it still has it: asking for the version alone will do (without
                       must_select) */
    struct page_selection selection;
};

enum page_outcome {
    PAGE_TOKEN_REFUSED, /* unknown, revoked or expired */
    PAGE_NO_BATCH,      /* absent, nobody's, or another owner's */
    PAGE_NEEDS_SORT,    /* createdAt is not in arrival order: the selection has to be asked */
    PAGE_FOUND,
    PAGE_MARK_LOST = 6, /* the call that the mark holds a digest of has changed since */
    PAGE_UNCHANGED = 7, /* the batch still has the version that the asker knows: no rows came */
    PAGE_NOT_KEPT = 8,  /* the selection cannot be kept in memory: it has to be asked anew */
};

/* Consecutive rows of the result. */
struct row_range {
    int first;
    int count;
};

struct page {
    enum page_outcome outcome;
    /* Of PAGE_FOUND: */
    int64_t version; /* of the batch, of which everything here is a function; 0: not told */
    struct slice batch_name;
    struct slice batch_status;
    int64_t total;
    const PGresult *result;
    struct row_range calls;    /* in ascending order, whatever the question's direction */
    struct row_range attempts; /* of these calls, in the calls' order, each call's ascending */
};

#endif
