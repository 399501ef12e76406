/*
 * ranking - which calls of a batch match, in the order asked for: a set of (key, position), ordered
 * by key, then position, that tells the call at a rank and the rank of a key.
 *
 * Made in two steps: ranking_append() for each call in any order, then ranking_sort_step() until it
 * is done. Then it is kept current, call by call, by ranking_put() and ranking_remove().
 *
 * Without keys, the order is the position's, and a call takes four bytes. With keys, it takes 16
 * and its key, and four for each call of the batch; while it is made, 48 more.
 *
 * Costs:     reading a rank and finding a key go through the blocks of up to 2048 calls: some
 *            microseconds for a million calls. A change moves at most one block's calls.
 * Ownership: keys are copied.
 * Threads:   none of its own; one at a time.
 */
#ifndef CALLBOARD_QUERY_RANKING_H
#define CALLBOARD_QUERY_RANKING_H

#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer keys are refused: what sorts by long texts would hold all of them. */
#define RANKING_KEY_MAX_BYTES 1024
/* A ranking names its entries by 32 bits, in units of four bytes. */
#define RANKING_BYTES_MAX (INT64_C(1) << 34)

struct ranking;

struct ranking *ranking_new(bool has_keys);
/* Accepts NULL; sets NULL. */
void ranking_free(struct ranking **ranking);

/* While it is being made. Each position, from 1, once, or without keys as often as one likes; the
 * key of at most RANKING_KEY_MAX_BYTES, SLICE_NONE without keys. */
void ranking_append(struct ranking *ranking, int32_t position, struct slice key);
/* Does some milliseconds' work towards the order. True when it is there. */
NODISCARD bool ranking_sort_step(struct ranking *ranking);

/* Once it is in order. The call is there with this key, wherever it was before. */
void ranking_put(struct ranking *ranking, int32_t position, struct slice key);
/* The call is not there, whether it was or not. */
void ranking_remove(struct ranking *ranking, int32_t position);

size_t ranking_count(const struct ranking *ranking);
/* The positions of `count` calls from `rank` (counted from 0) on, which must be there. */
void ranking_read(const struct ranking *ranking, size_t rank, size_t count, int32_t *out_positions);
/* How many calls stand before (key, position), or, if `or_same`, before or in its place. */
size_t ranking_count_before(const struct ranking *ranking, int32_t position, struct slice key,
                            bool or_same);
/* Memory held. */
size_t ranking_bytes(const struct ranking *ranking);

#endif
