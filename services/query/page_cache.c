#include "page_cache.h"

#include "alloc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

/* One answer may take this part of the whole. */
#define LARGEST_PART 8
/* For sizing the table: few answers are smaller. */
#define TYPICAL_BYTES ((size_t)2048)
#define MIN_BUCKETS ((size_t)16)

/* One piece of memory, its texts behind it; each coded body is a piece of its own. */
struct entry {
    struct page_answer answer;
    char *coded[CODING_COUNT];
    bool is_kept;
    unsigned owners;
    size_t bytes;
    uint64_t hash;
    LIST_ENTRY(entry) in_bucket;
    TAILQ_ENTRY(entry) by_use;
    char texts[];
};

LIST_HEAD(bucket, entry);
TAILQ_HEAD(entry_list, entry);

struct page_cache {
    size_t max_bytes;
    size_t bytes;
    uint64_t seed;       /* so that nobody can choose targets that fall together */
    size_t bucket_count; /* a power of two */
    struct bucket *buckets;
    struct entry_list by_use; /* the one used last comes last */
};

/* --- references ----------------------------------------------------------------------------- */

static struct entry *entry_of(const struct page_answer *answer)
{
    return (struct entry *)(uintptr_t)answer; /* its first member */
}

const struct page_answer *page_answer_acquire(const struct page_answer *answer)
{
    entry_of(answer)->owners++;
    return answer;
}

static void entry_free(struct entry *entry)
{
    for (int i = 0; i < CODING_COUNT; i++) {
        free(entry->coded[i]);
    }
    free(entry);
}

void page_answer_release(const struct page_answer **answer)
{
    if (*answer && --entry_of(*answer)->owners == 0) {
        entry_free(entry_of(*answer));
    }
    *answer = NULL;
}

/* --- the table ------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t word)
{
    word ^= word >> 32;
    word *= UINT64_C(0x9E3779B97F4A7C15);
    return word ^ word >> 29;
}

static uint64_t hash_of(const struct page_cache *cache, struct slice text)
{
    uint64_t hash = cache->seed ^ text.len;
    while (text.len > 0) {
        uint64_t word = 0;
        size_t len = text.len < sizeof(word) ? text.len : sizeof(word);
        memcpy(&word, text.data, len);
        hash = mix((hash ^ word) + cache->seed);
        text = (struct slice){text.data + len, text.len - len};
    }
    return hash;
}

static struct bucket *bucket_of(const struct page_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & (cache->bucket_count - 1)];
}

static struct entry *find(const struct page_cache *cache, struct slice target, uint64_t hash)
{
    struct entry *entry;
    LIST_FOREACH(entry, bucket_of(cache, hash), in_bucket)
    {
        if (entry->hash == hash && slice_equal(entry->answer.target, target)) {
            return entry;
        }
    }
    return NULL;
}

static void drop(struct page_cache *cache, struct entry *entry)
{
    LIST_REMOVE(entry, in_bucket);
    TAILQ_REMOVE(&cache->by_use, entry, by_use);
    cache->bytes -= entry->bytes;
    entry->is_kept = false;
    const struct page_answer *answer = &entry->answer;
    page_answer_release(&answer);
}

static void make_room(struct page_cache *cache, size_t bytes)
{
    struct entry *oldest;
    while (cache->bytes + bytes > cache->max_bytes && (oldest = TAILQ_FIRST(&cache->by_use))) {
        /* It has left the list by then; the analyzer loses track in the list's pointers.
         * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        drop(cache, oldest);
    }
}

static void mark_used(struct page_cache *cache, struct entry *entry)
{
    TAILQ_REMOVE(&cache->by_use, entry, by_use);
    TAILQ_INSERT_TAIL(&cache->by_use, entry, by_use);
}

static void keep(struct page_cache *cache, struct entry *entry)
{
    make_room(cache, entry->bytes);
    LIST_INSERT_HEAD(bucket_of(cache, entry->hash), entry, in_bucket);
    TAILQ_INSERT_TAIL(&cache->by_use, entry, by_use);
    cache->bytes += entry->bytes;
    entry->is_kept = true;
}

static bool may_have(const struct page_cache *cache, size_t bytes)
{
    return bytes <= cache->max_bytes / LARGEST_PART;
}

/* --- entries -------------------------------------------------------------------------------- */

static struct slice put_text(char **at, struct slice text)
{
    struct slice copy = {*at, text.len};
    memcpy(*at, text.data, text.len);
    *at += text.len;
    return copy;
}

static size_t bytes_of(const struct page_answer *answer)
{
    return sizeof(struct entry) + answer->target.len + answer->headers.len + answer->body.len;
}

static struct entry *entry_new(const struct page_answer *answer, uint64_t hash)
{
    struct entry *entry = alloc_resize(NULL, bytes_of(answer), 1);
    char *at = entry->texts;
    *entry =
        (struct entry){.answer = *answer, .owners = 1, .bytes = bytes_of(answer), .hash = hash};
    entry->answer.target = put_text(&at, answer->target);
    entry->answer.headers = put_text(&at, answer->headers);
    entry->answer.body = put_text(&at, answer->body);
    return entry;
}

/* --- for its owner -------------------------------------------------------------------------- */

static size_t bucket_count_for(size_t max_bytes)
{
    size_t count = MIN_BUCKETS;
    while (count < max_bytes / TYPICAL_BYTES) {
        count *= 2;
    }
    return count;
}

struct page_cache *page_cache_new(size_t max_bytes)
{
    struct page_cache *cache = alloc_zeroed(1, sizeof(*cache));
    cache->max_bytes = max_bytes;
    cache->bucket_count = bucket_count_for(max_bytes);
    cache->buckets = alloc_zeroed(cache->bucket_count, sizeof(*cache->buckets));
    (void)!getrandom(&cache->seed, sizeof(cache->seed), GRND_NONBLOCK); /* zero still works */
    TAILQ_INIT(&cache->by_use);
    return cache;
}

void page_cache_free(struct page_cache **cache)
{
    if (!*cache) {
        return;
    }
    page_cache_clear(*cache);
    free((*cache)->buckets);
    free(*cache);
    *cache = NULL;
}

const struct page_answer *page_cache_find(struct page_cache *cache, struct slice target)
{
    struct entry *entry = find(cache, target, hash_of(cache, target));
    if (!entry) {
        return NULL;
    }
    mark_used(cache, entry);
    return &entry->answer;
}

const struct page_answer *page_cache_put(struct page_cache *cache, const struct page_answer *answer)
{
    uint64_t hash = hash_of(cache, answer->target);
    struct entry *former = find(cache, answer->target, hash);
    if (former) {
        drop(cache, former);
    }
    if (!may_have(cache, bytes_of(answer))) {
        return NULL;
    }
    struct entry *entry = entry_new(answer, hash);
    keep(cache, entry);
    return &entry->answer;
}

void page_cache_put_coded(struct page_cache *cache, const struct page_answer *answer,
                          enum content_coding coding, struct slice body)
{
    struct entry *entry = entry_of(answer);
    if (!entry->is_kept || entry->coded[coding] || !may_have(cache, entry->bytes + body.len)) {
        return;
    }
    mark_used(cache, entry); /* so that it is not among those that make room */
    make_room(cache, body.len);
    entry->coded[coding] = alloc_resize(NULL, body.len, 1);
    memcpy(entry->coded[coding], body.data, body.len);
    entry->answer.coded[coding] = (struct slice){entry->coded[coding], body.len};
    entry->bytes += body.len;
    cache->bytes += body.len;
}

void page_cache_confirm(const struct page_answer *answer,
                        const uint8_t token_hash[API_TOKEN_HASH_BYTES])
{
    memcpy(entry_of(answer)->answer.confirmed_by, token_hash, API_TOKEN_HASH_BYTES);
}

void page_cache_clear(struct page_cache *cache)
{
    struct entry *entry;
    while ((entry = TAILQ_FIRST(&cache->by_use))) {
        drop(cache, entry);
    }
}

size_t page_cache_bytes(const struct page_cache *cache)
{
    return cache->bytes;
}
