#include "content_coding.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define BODY_BYTES ((size_t)64 * 1024)

struct choice_case {
    const char *accept; /* NULL: absent */
    size_t bytes;
    enum content_coding coding;
};

static const struct choice_case choices[] = {
    {NULL, BODY_BYTES, CODING_IDENTITY},
    {"", BODY_BYTES, CODING_IDENTITY},
    {"gzip", BODY_BYTES, CODING_GZIP},
    {"GZip", BODY_BYTES, CODING_GZIP},
    {"x-gzip", BODY_BYTES, CODING_GZIP},
    {"zstd", BODY_BYTES, CODING_ZSTD},
    {"gzip, deflate, br, zstd", BODY_BYTES, CODING_ZSTD},
    {"gzip, deflate, br", BODY_BYTES, CODING_GZIP},
    {"br", BODY_BYTES, CODING_IDENTITY},
    {"*", BODY_BYTES, CODING_ZSTD},
    {"*;q=0", BODY_BYTES, CODING_IDENTITY},
    {"zstd;q=0, *", BODY_BYTES, CODING_GZIP},
    {"gzip;q=0.9, zstd;q=0.8", BODY_BYTES, CODING_GZIP},
    {"gzip ; q=0.5 ,zstd; Q=0.501", BODY_BYTES, CODING_ZSTD},
    {"gzip;q=0", BODY_BYTES, CODING_IDENTITY},
    {"gzip;q=0.000", BODY_BYTES, CODING_IDENTITY},
    {"gzip;q=1.000", BODY_BYTES, CODING_GZIP},
    {"gzip;q=1.001", BODY_BYTES, CODING_IDENTITY},
    {"gzip;q=2", BODY_BYTES, CODING_IDENTITY},
    {"gzip;q=", BODY_BYTES, CODING_IDENTITY},
    {"gzip;q", BODY_BYTES, CODING_IDENTITY},
    {"gzip;q=0.0001", BODY_BYTES, CODING_IDENTITY},
    {"gzip;q=0.5, identity", BODY_BYTES, CODING_IDENTITY},
    {"identity;q=0, gzip;q=0.1", BODY_BYTES, CODING_GZIP},
    {"identity;q=0.5, gzip;q=0.5", BODY_BYTES, CODING_GZIP},
    {"identity;q=0", BODY_BYTES, CODING_IDENTITY},
    {",, gzip,,", BODY_BYTES, CODING_GZIP},
    {"gzip", CODING_MIN_BYTES - 1, CODING_IDENTITY},
    {"gzip", CODING_MIN_BYTES, CODING_GZIP},
    {"gzip", CODING_MAX_GZIP_BYTES, CODING_GZIP},
    {"gzip", CODING_MAX_GZIP_BYTES + 1, CODING_IDENTITY},
    {"gzip, zstd;q=0.5", CODING_MAX_GZIP_BYTES + 1, CODING_ZSTD},
    {"gzip, zstd", CODING_MAX_ZSTD_BYTES + 1, CODING_IDENTITY},
};

Test(content_coding, is_chosen_by_what_the_caller_takes)
{
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        const char *accept = choices[i].accept;
        cr_expect_eq(
            content_coding_choose(accept ? slice_of(accept) : SLICE_NONE, choices[i].bytes),
            choices[i].coding, "%s, %zu bytes", accept ? accept : "absent", choices[i].bytes);
    }
}

static size_t decode_gzip(struct slice coded, char *out, size_t room)
{
    z_stream stream = {0};
    cr_assert_eq(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)coded.data;
    stream.avail_in = (uInt)coded.len;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)room;
    cr_assert_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
    inflateEnd(&stream);
    return room - stream.avail_out;
}

static size_t decode(enum content_coding coding, struct slice coded, char *out, size_t room)
{
    return coding == CODING_ZSTD ? ZSTD_decompress(out, room, coded.data, coded.len)
                                 : decode_gzip(coded, out, room);
}

/* Compressible, and different for each `seed`. */
static void fill(char *body, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1103515245U + 12345U;
        body[i] = (char)('a' + (seed >> 16) % 4);
    }
}

Test(content_coding, gives_back_what_was_put_in_whatever_came_before)
{
    static char body[CODING_MAX_GZIP_BYTES];
    static char back[CODING_MAX_GZIP_BYTES];
    static const size_t sizes[] = {CODING_MIN_BYTES, CODING_MAX_GZIP_BYTES, 1, BODY_BYTES};
    struct content_coder *coder = content_coder_new();
    for (unsigned round = 0; round < 8; round++) {
        enum content_coding coding = round % 2 ? CODING_ZSTD : CODING_GZIP;
        size_t len = sizes[round / 2];
        fill(body, len, round);
        struct slice coded = content_coder_encode(coder, coding, (struct slice){body, len});
        cr_expect_eq(decode(coding, coded, back, sizeof(back)), len, "round %u", round);
        cr_expect_eq(memcmp(body, back, len), 0, "round %u", round);
        cr_expect(len < CODING_MIN_BYTES || coded.len < len / 2, "round %u: %zu", round, coded.len);
    }
    content_coder_free(&coder);
}

Test(content_coding, is_the_same_bytes_each_time)
{
    static char body[BODY_BYTES];
    static char first[BODY_BYTES];
    struct content_coder *coder = content_coder_new();
    fill(body, sizeof(body), 1);
    for (int coding = CODING_GZIP; coding < CODING_COUNT; coding++) {
        struct slice all = {body, sizeof(body)};
        struct slice coded = content_coder_encode(coder, (enum content_coding)coding, all);
        size_t len = coded.len;
        memcpy(first, coded.data, len);
        (void)content_coder_encode(coder, CODING_GZIP, SLICE("something else"));
        coded = content_coder_encode(coder, (enum content_coding)coding, all);
        cr_expect(slice_equal(coded, (struct slice){first, len}));
    }
    content_coder_free(&coder);
}
