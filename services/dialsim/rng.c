#include "rng.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_init(struct rng *rng, uint64_t seed, uint64_t stream, uint64_t item)
{
    uint64_t mix = seed;
    mix = splitmix64(&mix) ^ stream;
    mix = splitmix64(&mix) ^ item;
    for (size_t i = 0; i < 4; i++)
        rng->state[i] = splitmix64(&mix);
}

static uint64_t rotate_left(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t rng_below(struct rng *rng, uint32_t bound)
{
    return (uint32_t)(((rng_next(rng) >> 32) * bound) >> 32);
}

int64_t rng_between(struct rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(rng, (uint32_t)(high - low + 1));
}

bool rng_chance(struct rng *rng, uint32_t parts_per_million)
{
    return rng_below(rng, RNG_CERTAIN) < parts_per_million;
}

size_t rng_weighted(struct rng *rng, const uint32_t *weights, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += weights[i];
    uint32_t left = rng_below(rng, sum);
    size_t index = 0;
    while (index + 1 < count && left >= weights[index])
        left -= weights[index++];
    return index;
}

int64_t rng_quantile(struct rng *rng, const int32_t *quantiles, size_t count)
{
    uint32_t position = rng_below(rng, (uint32_t)(count - 1) << 16);
    size_t below = position >> 16;
    int64_t step = quantiles[below + 1] - quantiles[below];
    return quantiles[below] + ((step * (int64_t)(position & 0xffff)) >> 16);
}
