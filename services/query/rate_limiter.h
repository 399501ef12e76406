/*
 * rate_limiter - how many requests each token may make, whichever worker answers them.
 *
 * A token bucket for each token, kept as one time: when it will be full again (the generic cell
 * rate algorithm). So a bucket that is full needs no memory, and nothing has to be cleaned up.
 *
 * Bounds:  a fixed table of RATE_LIMITER_ENTRIES. Where a set of it is full, room is made first
 *          by buckets that are full, then by tokens not known to be valid, then by the bucket that
 *          would be full soonest (whose token is then let off the rest).
 * Threads: any; the table is locked in parts.
 */
#ifndef CALLBOARD_QUERY_RATE_LIMITER_H
#define CALLBOARD_QUERY_RATE_LIMITER_H

#include "api_token.h"
#include "buf.h"
#include "macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_LIMITER_ENTRIES ((size_t)32 * 1024)

struct rate_limiter;

/* What a token has left. */
struct rate_state {
    int64_t remaining;   /* requests */
    int64_t full_in_us;  /* until the whole quota is there again */
    int64_t retry_in_us; /* until the next request is let through; 0: now */
};

/* `quota` (1 or more) requests in `window_s` seconds: all at once if they like, then as they come
 * back. NULL for a quota of 0: no limit. */
struct rate_limiter *rate_limiter_new(int64_t quota, int64_t window_s);
/* Accepts NULL; sets NULL. */
void rate_limiter_free(struct rate_limiter **limiter);

/* Takes a request from the token's bucket at `now_us` (monotonic clock). False: it is empty. */
NODISCARD bool rate_limiter_take(struct rate_limiter *limiter,
                                 const uint8_t token_hash[API_TOKEN_HASH_BYTES], int64_t now_us,
                                 struct rate_state *out);
/* The token has proved valid, or not: then it takes no memory any more. */
void rate_limiter_confirm(struct rate_limiter *limiter,
                          const uint8_t token_hash[API_TOKEN_HASH_BYTES], bool is_valid);

/* The lines `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), and
 * `Retry-After` where the request was refused. */
void rate_limiter_append_headers(const struct rate_limiter *limiter, const struct rate_state *state,
                                 struct buf *headers);

#endif
