/*
 * page_cache - the answers that were made last, each with the version of the batch that it was made
 * from.
 *
 * An answer is a function of its target and of its batch: as long as the batch has the version, it
 * is the answer. Nothing here knows whether it has; nor who may see it. Whoever uses an answer must
 * have asked the database both, for this request and after it arrived.
 *
 * Bounds:    max_bytes, overhead and coded bodies included; those used least recently go first.
 * What is larger than an eighth of that is not kept. An answer in use lives on until it is
 *            released.
 * Ownership: the cache owns what it keeps; page_answer_acquire() makes its caller an owner, too.
 * Threads:   one cache a thread.
 */
#ifndef CALLBOARD_QUERY_PAGE_CACHE_H
#define CALLBOARD_QUERY_PAGE_CACHE_H

#include "api_token.h"
#include "content_coding.h"
#include "etag.h"
#include "macros.h"
#include "slice.h"

#include <stddef.h>
#include <stdint.h>

struct page_cache;

struct page_answer {
    struct slice target;  /* path and query, as received */
    struct slice headers; /* complete lines, the ETag among them */
    struct slice body;
    struct etag etag;
    int64_t version; /* of the batch */
    /* The token for which it was confirmed last since it was made; zeros: none. Set by the cache
     * alone. */
    uint8_t confirmed_by[API_TOKEN_HASH_BYTES];
    /* The body in each coding in which it has been sent; set by the cache alone. */
    struct slice coded[CODING_COUNT];
};

/* With max_bytes 0, nothing is ever kept. */
struct page_cache *page_cache_new(size_t max_bytes);
/* Answers in use live on. Accepts NULL; sets NULL. */
void page_cache_free(struct page_cache **cache);

/* The answer kept for the target, or NULL. Lent until the next call that is given the cache. */
const struct page_answer *page_cache_find(struct page_cache *cache, struct slice target);
/* Keeps a copy, in place of what was kept for the target (no text may be of that). The copy, lent
 * likewise; NULL where none is kept. */
const struct page_answer *page_cache_put(struct page_cache *cache,
                                         const struct page_answer *answer);
/* Keeps a copy of the answer's body in a coding, as the answer's. `answer` is one that the cache
 * gave; of one that it does not keep any more, or whose codings would make it too large, nothing is
 * kept. */
void page_cache_put_coded(struct page_cache *cache, const struct page_answer *answer,
                          enum content_coding coding, struct slice body);
/* The batch, which the token may see, still had the answer's version. `answer` is one that the
 * cache gave. */
void page_cache_confirm(const struct page_answer *answer,
                        const uint8_t token_hash[API_TOKEN_HASH_BYTES]);
void page_cache_clear(struct page_cache *cache);
/* What is kept, overhead included. */
size_t page_cache_bytes(const struct page_cache *cache);

/* `answer` is one that the cache gave. */
const struct page_answer *page_answer_acquire(const struct page_answer *answer);
/* Accepts NULL; sets NULL. */
void page_answer_release(const struct page_answer **answer);

#endif
