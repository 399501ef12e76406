#include "rate_limiter.h"

#include "alloc.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 8
#define SHARDS 64
#define SETS_A_SHARD (RATE_LIMITER_ENTRIES / WAYS / SHARDS)
/* Of the hash, enough to tell tokens apart. */
#define KEY_BYTES 16

struct bucket {
    uint8_t key[KEY_BYTES];
    int64_t full_at_us; /* 0: nobody's */
    bool is_confirmed;
};

struct bucket_set {
    struct bucket ways[WAYS];
};

struct shard {
    pthread_mutex_t lock;
    struct bucket_set sets[SETS_A_SHARD];
};

struct rate_limiter {
    int64_t quota;
    int64_t window_s;
    int64_t window_us;
    int64_t cost_us; /* how long one request takes to come back */
    struct shard shards[SHARDS];
};

struct rate_limiter *rate_limiter_new(int64_t quota, int64_t window_s)
{
    if (quota == 0) {
        return NULL;
    }
    struct rate_limiter *limiter = alloc_zeroed(1, sizeof(*limiter));
    limiter->quota = quota;
    limiter->window_s = window_s;
    /* Whole microseconds, rounded up: the bucket is as large as the quota's cost, not as the
     * window. */
    limiter->cost_us = (window_s * 1000000 + quota - 1) / quota;
    limiter->window_us = limiter->cost_us * quota;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&limiter->shards[i].lock, NULL);
    }
    return limiter;
}

void rate_limiter_free(struct rate_limiter **limiter)
{
    for (size_t i = 0; *limiter && i < SHARDS; i++) {
        pthread_mutex_destroy(&(*limiter)->shards[i].lock);
    }
    free(*limiter);
    *limiter = NULL;
}

/* --- the table ------------------------------------------------------------------------------ */

/* The hash is uniform: any of its bytes beyond the key will do. */
static struct shard *shard_of(struct rate_limiter *limiter, const uint8_t *hash)
{
    return &limiter->shards[hash[KEY_BYTES] % SHARDS];
}

static struct bucket_set *set_of(struct shard *shard, const uint8_t *hash)
{
    size_t number = ((size_t)hash[KEY_BYTES + 1] << 8) | hash[KEY_BYTES + 2];
    return &shard->sets[number % SETS_A_SHARD];
}

static struct bucket *find(struct bucket_set *set, const uint8_t *hash)
{
    for (size_t i = 0; i < WAYS; i++) {
        struct bucket *bucket = &set->ways[i];
        if (bucket->full_at_us > 0 && memcmp(bucket->key, hash, KEY_BYTES) == 0) {
            return bucket;
        }
    }
    return NULL;
}

static bool goes_before(const struct bucket *a, const struct bucket *b, int64_t now_us)
{
    bool a_matters = a->is_confirmed && a->full_at_us > now_us;
    bool b_matters = b->is_confirmed && b->full_at_us > now_us;
    return a_matters == b_matters ? a->full_at_us < b->full_at_us : b_matters;
}

static struct bucket *make_room(struct bucket_set *set, const uint8_t *hash, int64_t now_us)
{
    struct bucket *bucket = &set->ways[0];
    for (size_t i = 1; i < WAYS; i++) {
        if (goes_before(&set->ways[i], bucket, now_us)) {
            bucket = &set->ways[i];
        }
    }
    *bucket = (struct bucket){.full_at_us = now_us};
    memcpy(bucket->key, hash, KEY_BYTES);
    return bucket;
}

/* --- buckets -------------------------------------------------------------------------------- */

static bool take(const struct rate_limiter *limiter, struct bucket *bucket, int64_t now_us,
                 struct rate_state *out)
{
    int64_t full_at_us = bucket->full_at_us > now_us ? bucket->full_at_us : now_us;
    int64_t over_us = full_at_us + limiter->cost_us - now_us - limiter->window_us;
    bool is_taken = over_us <= 0;
    if (is_taken) {
        full_at_us += limiter->cost_us;
        bucket->full_at_us = full_at_us;
    }
    *out = (struct rate_state){
        .remaining = (limiter->window_us - (full_at_us - now_us)) / limiter->cost_us,
        .full_in_us = full_at_us - now_us,
        .retry_in_us = is_taken ? 0 : over_us,
    };
    return is_taken;
}

bool rate_limiter_take(struct rate_limiter *limiter, const uint8_t hash[API_TOKEN_HASH_BYTES],
                       int64_t now_us, struct rate_state *out)
{
    struct shard *shard = shard_of(limiter, hash);
    pthread_mutex_lock(&shard->lock);
    struct bucket_set *set = set_of(shard, hash);
    struct bucket *bucket = find(set, hash);
    bool is_taken = take(limiter, bucket ? bucket : make_room(set, hash, now_us), now_us, out);
    pthread_mutex_unlock(&shard->lock);
    return is_taken;
}

void rate_limiter_confirm(struct rate_limiter *limiter, const uint8_t hash[API_TOKEN_HASH_BYTES],
                          bool is_valid)
{
    struct shard *shard = shard_of(limiter, hash);
    pthread_mutex_lock(&shard->lock);
    struct bucket *bucket = find(set_of(shard, hash), hash);
    if (bucket && is_valid) {
        bucket->is_confirmed = true;
    } else if (bucket) {
        *bucket = (struct bucket){0};
    }
    pthread_mutex_unlock(&shard->lock);
}

/* --- what is told of it --------------------------------------------------------------------- */

/* Rounded up: whoever waits that long has waited long enough. */
static int64_t seconds_of(int64_t us)
{
    return (us + 999999) / 1000000;
}

void rate_limiter_append_headers(const struct rate_limiter *limiter, const struct rate_state *state,
                                 struct buf *headers)
{
    buf_append_format(headers,
                      "RateLimit-Policy: \"token\";q=%" PRId64 ";w=%" PRId64 "\r\n"
                      "RateLimit: \"token\";r=%" PRId64 ";t=%" PRId64 "\r\n",
                      limiter->quota, limiter->window_s, state->remaining,
                      seconds_of(state->full_in_us));
    if (state->retry_in_us > 0) {
        buf_append_format(headers, "Retry-After: %" PRId64 "\r\n", seconds_of(state->retry_in_us));
    }
}
