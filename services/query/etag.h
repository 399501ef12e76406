/*
 * etag - entity tags from the content (RFC 9110, sections 8.8.3 and 13.1).
 *
 * A tag is 128 bits of the body's SHA-256: equal bodies have equal tags whoever asks, different
 * bodies different ones, and a body cannot be built to collide.
 *
 * Threads: one hasher per thread.
 */
#ifndef CALLBOARD_QUERY_ETAG_H
#define CALLBOARD_QUERY_ETAG_H

#include "slice.h"

#include <stdbool.h>

#define ETAG_LEN 34 /* 32 hex digits in double quotes */
#define ETAG_CODING_MAX 8

struct etag {
    char text[ETAG_LEN + ETAG_CODING_MAX + 2];
};

struct etag_hasher;

struct etag_hasher *etag_hasher_new(void);
void etag_hasher_free(struct etag_hasher **hasher);

struct etag etag_of(struct etag_hasher *hasher, struct slice body);

/* The tag of the same body in a content coding ("gzip"), which is another body: "<32 digits>-gzip".
 */
struct etag etag_of_coding(const struct etag *identity, const char *coding);

/* Whether the field value of `If-None-Match` (SLICE_NONE when absent) names the tag: a list of
 * tags, compared weakly, or `*`. What is malformed matches nothing. */
bool etag_is_named_by(struct slice if_none_match, const struct etag *etag);
/* Whether the field value of `If-Match` lets the answer with this tag pass: it is absent, `*`, or a
 * list that names the tag, compared strongly (RFC 9110, section 13.1.1). */
bool etag_is_allowed_by(struct slice if_match, const struct etag *etag);

#endif
