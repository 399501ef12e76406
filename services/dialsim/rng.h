/*
 * rng - a seeded source of random numbers, the same on every machine.
 *
 * xoshiro256** by Blackman and Vigna (https://prng.di.unimi.it), its state filled by splitmix64.
 * Integers only: nothing depends on a machine's floating point. A generator costs 32 bytes and a
 * few multiplications, so that everything made at random has one of its own, named by (seed,
 * stream, item): what is drawn for one call never shifts what is drawn for the next.
 */
#ifndef CALLBOARD_DIALSIM_RNG_H
#define CALLBOARD_DIALSIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Probabilities are parts per million. */
#define RNG_CERTAIN 1000000U

struct rng {
    uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed, uint64_t stream, uint64_t item);
uint64_t rng_next(struct rng *rng);
/* 0 to bound - 1. The bias, below bound / 2^32, does not matter here. */
uint32_t rng_below(struct rng *rng, uint32_t bound);
/* low to high, both included, less than 2^32 apart. */
int64_t rng_between(struct rng *rng, int64_t low, int64_t high);
bool rng_chance(struct rng *rng, uint32_t parts_per_million);
/* The index of one of `count` weights, by weight. Their sum is above 0. */
size_t rng_weighted(struct rng *rng, const uint32_t *weights, size_t count);
/* A value of the distribution whose quantiles at 0, 1/(count-1), ... 1 are given, linear between.
 */
int64_t rng_quantile(struct rng *rng, const int32_t *quantiles, size_t count);

#endif
