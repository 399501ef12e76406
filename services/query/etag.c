#include "etag.h"

#include "alloc.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_BYTES 16

struct etag_hasher {
    EVP_MD *sha256; /* fetched once: looking it up by name costs more than hashing a page */
    EVP_MD_CTX *context;
};

struct etag_hasher *etag_hasher_new(void)
{
    struct etag_hasher *hasher = alloc_zeroed(1, sizeof(*hasher));
    hasher->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hasher->context = EVP_MD_CTX_new();
    if (!hasher->sha256 || !hasher->context) {
        (void)fputs("callboard: libcrypto offers no SHA-256\n", stderr);
        abort();
    }
    return hasher;
}

void etag_hasher_free(struct etag_hasher **hasher)
{
    if (!*hasher) {
        return;
    }
    EVP_MD_CTX_free((*hasher)->context);
    EVP_MD_free((*hasher)->sha256);
    free(*hasher);
    *hasher = NULL;
}

static void digest(struct etag_hasher *hasher, struct slice body,
                   unsigned char out[EVP_MAX_MD_SIZE])
{
    if (EVP_DigestInit_ex2(hasher->context, hasher->sha256, NULL) != 1 ||
        EVP_DigestUpdate(hasher->context, body.data, body.len) != 1 ||
        EVP_DigestFinal_ex(hasher->context, out, NULL) != 1) {
        (void)fputs("callboard: SHA-256 failed\n", stderr);
        abort();
    }
}

struct etag etag_of(struct etag_hasher *hasher, struct slice body)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[EVP_MAX_MD_SIZE];
    digest(hasher, body, hash);
    struct etag etag;
    char *at = etag.text;
    *at++ = '"';
    for (size_t i = 0; i < TAG_BYTES; i++) {
        *at++ = digits[hash[i] >> 4];
        *at++ = digits[hash[i] & 15];
    }
    *at++ = '"';
    *at = '\0';
    return etag;
}

struct etag etag_of_coding(const struct etag *identity, const char *coding)
{
    struct etag etag;
    (void)snprintf(etag.text, sizeof(etag.text), "%.*s-%.*s\"", ETAG_LEN - 1, identity->text,
                   ETAG_CODING_MAX, coding);
    return etag;
}

static struct slice skip_separators(struct slice rest)
{
    while (rest.len > 0 && (*rest.data == ' ' || *rest.data == '\t' || *rest.data == ',')) {
        rest.data++;
        rest.len--;
    }
    return rest;
}

/* Takes one entity-tag off the front, without its W/. An empty slice: there is none. */
static struct slice take_tag(struct slice *rest, bool *out_is_weak)
{
    *rest = skip_separators(*rest);
    *out_is_weak = rest->len >= 2 && memcmp(rest->data, "W/", 2) == 0;
    if (*out_is_weak) {
        rest->data += 2;
        rest->len -= 2;
    }
    if (rest->len < 2 || *rest->data != '"') {
        return SLICE_NONE;
    }
    const char *close = memchr(rest->data + 1, '"', rest->len - 1);
    if (!close) {
        return SLICE_NONE;
    }
    struct slice tag = {rest->data, (size_t)(close + 1 - rest->data)};
    rest->data += tag.len;
    rest->len -= tag.len;
    return tag;
}

static bool list_names(struct slice list, const struct etag *etag, bool weak_ones_count)
{
    struct slice wanted = slice_of(etag->text);
    bool is_weak = false;
    for (struct slice tag = take_tag(&list, &is_weak); tag.len > 0;
         tag = take_tag(&list, &is_weak)) {
        if (slice_equal(tag, wanted) && (weak_ones_count || !is_weak)) {
            return true;
        }
    }
    return false;
}

bool etag_is_named_by(struct slice if_none_match, const struct etag *etag)
{
    return slice_is_set(if_none_match) &&
           (slice_equal(if_none_match, SLICE("*")) || list_names(if_none_match, etag, true));
}

bool etag_is_allowed_by(struct slice if_match, const struct etag *etag)
{
    return !slice_is_set(if_match) || slice_equal(if_match, SLICE("*")) ||
           list_names(if_match, etag, false);
}
