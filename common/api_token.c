#include "api_token.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

static const char prefix[] = "cbt_";
static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum {
    BASE = sizeof(alphabet) - 1,
    PREFIX_LEN = sizeof(prefix) - 1,
    RANDOM_LEN = 32,
    CHECKSUM_LEN = 6,
    CHECKED_LEN = PREFIX_LEN + RANDOM_LEN,
};

static_assert(CHECKED_LEN + CHECKSUM_LEN == API_TOKEN_LEN, "the parts make the whole");

/* CRC-32 as zlib and IEEE 802.3 have it; bit by bit, as 36 characters are no load. */
static uint32_t crc32_of(const char *text, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= (uint8_t)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) ? UINT32_C(0xEDB88320) : 0);
    }
    return ~crc;
}

static void write_checksum(const char *text, char out[CHECKSUM_LEN])
{
    uint32_t crc = crc32_of(text, CHECKED_LEN);
    for (int i = CHECKSUM_LEN - 1; i >= 0; i--) {
        out[i] = alphabet[crc % BASE];
        crc /= BASE;
    }
}

static bool is_base62(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || !strchr(alphabet, text[i]))
            return false;
    }
    return true;
}

bool api_token_is_well_formed(struct slice text)
{
    char checksum[CHECKSUM_LEN];
    if (text.len != API_TOKEN_LEN || memcmp(text.data, prefix, PREFIX_LEN) != 0 ||
        !is_base62(text.data + PREFIX_LEN, RANDOM_LEN))
        return false;
    write_checksum(text.data, checksum);
    return memcmp(text.data + CHECKED_LEN, checksum, CHECKSUM_LEN) == 0;
}

void api_token_hash(struct slice text, uint8_t out[API_TOKEN_HASH_BYTES])
{
    unsigned len = 0;
    int ok = EVP_Digest(text.data, text.len, out, &len, EVP_sha256(), NULL);
    assert(ok == 1 && len == API_TOKEN_HASH_BYTES); /* fails only without memory */
    (void)ok;
}

static bool random_bytes(uint8_t *out, size_t len, struct error *err)
{
    size_t have = 0;
    while (have < len) {
        ssize_t got = getrandom(out + have, len - have, 0);
        if (got < 0 && errno != EINTR)
            return error_set(err, ERR_FATAL, "no random bytes: %s", strerror(errno));
        have += got > 0 ? (size_t)got : 0;
    }
    return true;
}

bool api_token_new(char out[API_TOKEN_LEN + 1], struct error *err)
{
    size_t at = PREFIX_LEN;
    memcpy(out, prefix, PREFIX_LEN);
    while (at < CHECKED_LEN) {
        uint8_t bytes[2 * RANDOM_LEN];
        if (!random_bytes(bytes, sizeof(bytes), err))
            return false;
        for (size_t i = 0; i < sizeof(bytes) && at < CHECKED_LEN; i++) {
            /* The largest multiple of 62: what lies above would favour the first characters. */
            if (bytes[i] < 256 / BASE * BASE)
                out[at++] = alphabet[bytes[i] % BASE];
        }
    }
    write_checksum(out, out + CHECKED_LEN);
    out[API_TOKEN_LEN] = '\0';
    return true;
}
