#include "cursor.h"

#include <endian.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define MAC_BYTES 32
#define VERSION 1

enum flag { FLAG_BACKWARD = 1, FLAG_HAS_KEY = 2, FLAG_IS_DIGEST = 4 };

/* What stands before the sort key and the MAC. Big-endian. */
#define HEAD_BYTES (1 + 1 + 8 + 8)
#define MAX_BYTES (HEAD_BYTES + CURSOR_SORT_KEY_MAX + MAC_BYTES)

/* --- base64url (RFC 4648, section 5), without padding --------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void append_base64(struct buf *out, struct slice bytes)
{
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | (uint8_t)bytes.data[i];
        held += 8;
        for (; held >= 6; held -= 6) {
            buf_append_char(out, digits[bits >> (held - 6) & 63]);
        }
    }
    if (held > 0) {
        buf_append_char(out, digits[bits << (6 - held) & 63]);
    }
}

/* Strict: unused bits are zero. */
static bool parse_base64(struct slice text, struct buf *out)
{
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.data[i] != '\0' ? strchr(digits, text.data[i]) : NULL;
        if (!digit) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            buf_append_char(out, (char)(bits >> held & 255));
        }
    }
    return held < 6 && (bits & ((1U << held) - 1)) == 0 && !out->overflow;
}

/* --- the signature --------------------------------------------------------------------------- */

/* Its length first, so that no two lists of texts look the same. */
static void append_bound(struct buf *out, struct slice text)
{
    buf_append_be64(out, text.len);
    buf_append_slice(out, text);
}

static void sign(struct slice key, const struct page_request *request, struct slice payload,
                 unsigned char mac[MAC_BYTES])
{
    struct buf signed_text;
    buf_init(&signed_text, (size_t)1 << 20);
    append_bound(&signed_text, payload);
    append_bound(&signed_text,
                 (struct slice){(const char *)request->batch_id.bytes, OBJECT_ID_BYTES});
    append_bound(&signed_text, request->given[PARAMETER_FILTER]);
    append_bound(&signed_text, request->given[PARAMETER_SORT_BY]);
    append_bound(&signed_text, request->given[PARAMETER_SEARCH]);
    buf_append_be64(&signed_text, (uint64_t)request->limit);
    buf_append_char(&signed_text, request->descending ? 'd' : 'a');
    struct slice text = buf_slice(&signed_text);
    unsigned len = 0;
    if (!HMAC(EVP_sha256(), key.data, (int)key.len, (const unsigned char *)text.data, text.len, mac,
              &len)) {
        abort(); /* out of memory: nothing else can fail */
    }
    buf_done(&signed_text);
}

/* --- making and reading ---------------------------------------------------------------------- */

static void append_key(struct buf *payload, struct slice key)
{
    if (key.len <= CURSOR_SORT_KEY_MAX) {
        buf_append_slice(payload, key);
        return;
    }
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)key.data, key.len, digest);
    buf_append(payload, digest, sizeof(digest));
}

static uint8_t flags_of(const struct page_mark *mark)
{
    unsigned flags = 0;
    flags |= mark->is_backward ? FLAG_BACKWARD : 0;
    flags |= slice_is_set(mark->key) ? FLAG_HAS_KEY : 0;
    flags |= mark->key.len > CURSOR_SORT_KEY_MAX ? FLAG_IS_DIGEST : 0;
    return (uint8_t)flags;
}

void cursor_append(struct buf *out, struct slice key, const struct page_request *request,
                   const struct page_mark *mark, int64_t page)
{
    struct buf payload;
    buf_init(&payload, MAX_BYTES);
    buf_append_char(&payload, VERSION);
    buf_append_char(&payload, (char)flags_of(mark));
    buf_append_be64(&payload, (uint64_t)page);
    buf_append_be64(&payload, (uint64_t)mark->position);
    append_key(&payload, mark->key);
    unsigned char mac[MAC_BYTES];
    sign(key, request, buf_slice(&payload), mac);
    buf_append(&payload, mac, sizeof(mac));
    append_base64(out, buf_slice(&payload));
    buf_done(&payload);
}

static int64_t read_be64(const char *at)
{
    uint64_t wire = 0;
    memcpy(&wire, at, sizeof(wire));
    return (int64_t)be64toh(wire);
}

static bool is_signed(struct slice bytes, struct slice key, const struct page_request *request)
{
    if (bytes.len < HEAD_BYTES + MAC_BYTES || bytes.data[0] != VERSION) {
        return false;
    }
    unsigned char mac[MAC_BYTES];
    struct slice payload = {bytes.data, bytes.len - MAC_BYTES};
    sign(key, request, payload, mac);
    return CRYPTO_memcmp(mac, bytes.data + payload.len, MAC_BYTES) == 0;
}

/* `bytes` is signed: it is as cursor_append() made it. */
static void read_payload(struct slice bytes, struct page_mark *out_mark, int64_t *out_page)
{
    unsigned flags = (uint8_t)bytes.data[1];
    struct slice key = {bytes.data + HEAD_BYTES, bytes.len - HEAD_BYTES - MAC_BYTES};
    *out_page = read_be64(bytes.data + 2);
    *out_mark = (struct page_mark){
        .is_backward = flags & FLAG_BACKWARD,
        .is_digest = flags & FLAG_IS_DIGEST,
        .position = read_be64(bytes.data + 10),
        .key = flags & FLAG_HAS_KEY ? key : SLICE_NONE,
    };
}

bool cursor_parse(struct slice text, struct slice key, const struct page_request *request,
                  struct arena *arena, struct page_mark *out_mark, int64_t *out_page)
{
    struct buf bytes;
    buf_init(&bytes, MAX_BYTES);
    bool is_good = parse_base64(text, &bytes) && is_signed(buf_slice(&bytes), key, request);
    if (is_good) {
        read_payload(arena_copy(arena, buf_slice(&bytes)), out_mark, out_page);
    }
    buf_done(&bytes);
    return is_good;
}
