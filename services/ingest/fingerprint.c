#include "fingerprint.h"

/* http://www.isthe.com/chongo/tech/comp/fnv/: the 64-bit offset basis and prime. */
#define FNV_BASIS 0xcbf29ce484222325U
#define FNV_PRIME 0x100000001b3U

static uint64_t add_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * FNV_PRIME;
    return hash;
}

static uint64_t add_number(uint64_t hash, int64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)((uint64_t)number >> (8 * i));
    return add_bytes(hash, bytes, sizeof bytes);
}

/* The length first, so that no byte can move from the key to the value unseen. */
static uint64_t add_slice(uint64_t hash, struct slice slice)
{
    hash = add_number(hash, slice_is_set(slice) ? (int64_t)slice.len : -1);
    return add_bytes(hash, slice.data, slice.len);
}

int64_t fingerprint_of(int64_t timestamp_ms, struct slice key, struct slice value)
{
    uint64_t hash = add_slice(add_slice(add_number(FNV_BASIS, timestamp_ms), key), value);
    return hash == FINGERPRINT_UNKNOWN ? 1 : (int64_t)hash;
}

static struct slice bytes_of(const void *bytes, size_t len)
{
    return bytes ? (struct slice){bytes, len} : SLICE_NONE;
}

int64_t fingerprint_of_message(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    return fingerprint_of(rd_kafka_message_timestamp(message, &type),
                          bytes_of(message->key, message->key_len),
                          bytes_of(message->payload, message->len));
}
