#include "content_coding.h"

#include "alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* Measured on pages of 10 and of 1000 calls (services/query/README.md): the next level costs more
 * than it saves. */
#define GZIP_LEVEL 2
#define ZSTD_LEVEL 1
#define GZIP_WRAPPER 16 /* added to the window's bits: deflateInit2() */
#define WINDOW_BITS 15
#define MEMORY_LEVEL 8
/* What the buffer may keep between answers. */
#define KEEP_BYTES ((size_t)1 << 20)
#define MAX_QVALUE 1000

/* --- choosing ------------------------------------------------------------------------------- */

struct coding_def {
    const char *name;
    const char *alias; /* RFC 9110, 8.4.1.3 */
    size_t max_bytes;
    int rank; /* among those that the caller likes as well */
};

static const struct coding_def codings[CODING_COUNT] = {
    [CODING_IDENTITY] = {"identity", NULL, SIZE_MAX, 0},
    [CODING_GZIP] = {"gzip", "x-gzip", CODING_MAX_GZIP_BYTES, 1},
    [CODING_ZSTD] = {"zstd", NULL, CODING_MAX_ZSTD_BYTES, 2},
};

const char *content_coding_name(enum content_coding coding)
{
    return codings[coding].name;
}

/* "0.25" in thousandths (RFC 9110, 12.4.2); -1: it is no qvalue. */
static int parse_qvalue(struct slice text)
{
    if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.len > 1 && text.data[1] != '.')) {
        return -1;
    }
    int value = (text.data[0] - '0') * MAX_QVALUE;
    int unit = MAX_QVALUE / 10;
    for (size_t i = 2; i < text.len; i++, unit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }
        value += (text.data[i] - '0') * unit;
    }
    return value <= MAX_QVALUE ? value : -1;
}

/* Of what stands behind a coding's name: 1000 where there is no weight. */
static int weight_of(struct slice parameters)
{
    while (slice_is_set(parameters)) {
        struct slice value = slice_take_until(&parameters, ';');
        struct slice name = slice_trim(slice_take_until(&value, '='));
        if (slice_equal_any_case(name, SLICE("q"))) {
            return slice_is_set(value) ? parse_qvalue(slice_trim(value)) : -1;
        }
    }
    return MAX_QVALUE;
}

static bool names_coding(struct slice name, enum content_coding coding)
{
    return slice_equal_any_case(name, slice_of(codings[coding].name)) ||
           (codings[coding].alias && slice_equal_any_case(name, slice_of(codings[coding].alias)));
}

/* What the caller says of each coding, in thousandths; not said: what it says of `*`, else 0. */
static void read_weights(struct slice list, int weights[CODING_COUNT])
{
    int of_others = 0;
    for (int i = 0; i < CODING_COUNT; i++) {
        weights[i] = -1;
    }
    while (slice_is_set(list)) {
        struct slice parameters = slice_take_until(&list, ',');
        struct slice name = slice_trim(slice_take_until(&parameters, ';'));
        int weight = weight_of(parameters);
        if (weight >= 0 && slice_equal_any_case(name, SLICE("*"))) {
            of_others = weight;
        }
        for (int i = 0; i < CODING_COUNT; i++) {
            weights[i] = names_coding(name, (enum content_coding)i) ? weight : weights[i];
        }
    }
    for (int i = 0; i < CODING_COUNT; i++) {
        weights[i] = weights[i] < 0 ? of_others : weights[i];
    }
}

static bool is_better(enum content_coding a, enum content_coding b, const int weights[CODING_COUNT])
{
    return weights[a] > weights[b] ||
           (weights[a] == weights[b] && codings[a].rank > codings[b].rank);
}

enum content_coding content_coding_choose(struct slice accept_encoding, size_t body_bytes)
{
    int weights[CODING_COUNT];
    enum content_coding best = CODING_IDENTITY;
    if (!slice_is_set(accept_encoding) || body_bytes < CODING_MIN_BYTES) {
        return CODING_IDENTITY;
    }
    read_weights(accept_encoding, weights);
    for (int i = 0; i < CODING_COUNT; i++) {
        bool is_possible = weights[i] > 0 && body_bytes <= codings[i].max_bytes;
        if (is_possible && is_better((enum content_coding)i, best, weights)) {
            best = (enum content_coding)i;
        }
    }
    return best;
}

/* --- coding --------------------------------------------------------------------------------- */

struct content_coder {
    z_stream gzip;
    ZSTD_CCtx *zstd;
    struct buf coded;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "callboard: %s\n", what);
    abort();
}

struct content_coder *content_coder_new(void)
{
    struct content_coder *coder = alloc_zeroed(1, sizeof(*coder));
    buf_init(&coder->coded, SIZE_MAX);
    coder->zstd = ZSTD_createCCtx();
    if (!coder->zstd ||
        deflateInit2(&coder->gzip, GZIP_LEVEL, Z_DEFLATED, WINDOW_BITS + GZIP_WRAPPER, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        die("out of memory for compression");
    }
    return coder;
}

void content_coder_free(struct content_coder **coder)
{
    struct content_coder *gone = *coder;
    if (!gone) {
        return;
    }
    (void)deflateEnd(&gone->gzip);
    ZSTD_freeCCtx(gone->zstd);
    buf_done(&gone->coded);
    free(gone);
    *coder = NULL;
}

static size_t encode_gzip(struct content_coder *coder, struct slice body)
{
    z_stream *stream = &coder->gzip;
    if (deflateReset(stream) != Z_OK) {
        die("zlib cannot be reset");
    }
    /* Of a stream that has ended, the bound leaves out what gzip puts around: zlib marks the
     * wrapper as written. */
    size_t room = deflateBound(stream, body.len);
    stream->next_in = (Bytef *)(uintptr_t)body.data;
    stream->avail_in = (uInt)body.len;
    stream->next_out = (Bytef *)buf_reserve(&coder->coded, room);
    stream->avail_out = (uInt)room;
    if (deflate(stream, Z_FINISH) != Z_STREAM_END) {
        die("zlib did not take its own bound");
    }
    return room - stream->avail_out;
}

static size_t encode_zstd(struct content_coder *coder, struct slice body)
{
    size_t room = ZSTD_compressBound(body.len);
    char *out = buf_reserve(&coder->coded, room);
    size_t len = ZSTD_compressCCtx(coder->zstd, out, room, body.data, body.len, ZSTD_LEVEL);
    if (ZSTD_isError(len)) {
        die("zstd did not take its own bound");
    }
    return len;
}

struct slice content_coder_encode(struct content_coder *coder, enum content_coding coding,
                                  struct slice body)
{
    if (coder->coded.cap > KEEP_BYTES) {
        buf_done(&coder->coded);
        buf_init(&coder->coded, SIZE_MAX);
    }
    buf_reset(&coder->coded);
    size_t len = coding == CODING_ZSTD ? encode_zstd(coder, body) : encode_gzip(coder, body);
    buf_commit(&coder->coded, len);
    return buf_slice(&coder->coded);
}
