/*
 * fuzz_content_coding - the value of Accept-Encoding as a client may write it, and bodies of any
 * content.
 *
 * The first line of the input is the one, the rest the other. A coding is chosen only where it is
 * named or `*` is, whatever else is said; what is said last of a coding holds; a coded body is the
 * body.
 */
#include "buf.h"
#include "content_coding.h"
#include "fuzz_input.h"

#include <ctype.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#define BODY_BYTES ((size_t)64 * 1024)
#define GZIP_WINDOW (15 + 16) /* inflateInit2(): the largest, in gzip's wrapper */

/* --- choosing -------------------------------------------------------------------------------- */

static bool mentions(struct slice text, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++) {
        if (strncasecmp(text.data + i, word, len) == 0) {
            return true;
        }
    }
    return false;
}

static enum content_coding choose_with(struct slice value, const char *more)
{
    struct buf list;
    buf_init(&list, (size_t)1 << 20);
    buf_append_slice(&list, value);
    buf_append_text(&list, more);
    enum content_coding coding = content_coding_choose(buf_slice(&list), BODY_BYTES);
    buf_done(&list);
    return coding;
}

static enum content_coding choose_in_capitals(struct slice value)
{
    char *capitals = fuzz_copy((const uint8_t *)value.data, value.len);
    for (size_t i = 0; i < value.len; i++) {
        capitals[i] = (char)toupper((unsigned char)capitals[i]);
    }
    enum content_coding coding =
        content_coding_choose((struct slice){capitals, value.len}, BODY_BYTES);
    free(capitals);
    return coding;
}

static void check_bounds(struct slice value, enum content_coding chosen)
{
    require(content_coding_choose(value, CODING_MIN_BYTES) == chosen);
    require(content_coding_choose(value, CODING_MIN_BYTES - 1) == CODING_IDENTITY);
    require(content_coding_choose(value, CODING_MAX_GZIP_BYTES) == chosen);
    require(content_coding_choose(value, CODING_MAX_GZIP_BYTES + 1) != CODING_GZIP);
    require(content_coding_choose(value, CODING_MAX_ZSTD_BYTES + 1) == CODING_IDENTITY);
}

static void check_choice(struct slice value)
{
    enum content_coding chosen = content_coding_choose(value, BODY_BYTES);
    require(chosen == CODING_IDENTITY || mentions(value, "*") ||
            mentions(value, content_coding_name(chosen)));
    require(choose_in_capitals(value) == chosen);
    require(choose_with(value, " ,\t,") == chosen);
    require(choose_with(value, ", br;q=1, deflate") == chosen);
    require(choose_with(value, ", gzip;q=0, zstd;q=0.000") == CODING_IDENTITY);
    require(choose_with(value, ", gzip ; q=1, zstd;q=0.999, identity;q=0") == CODING_GZIP);
    require(choose_with(value, ",zstd,x-gzip,identity") == CODING_ZSTD);
    check_bounds(value, chosen);
}

/* --- coding ---------------------------------------------------------------------------------- */

static void check_gzip(struct slice coded, struct slice body)
{
    char *plain = fuzz_copy(NULL, body.len);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)coded.data,
                       .avail_in = (uInt)coded.len,
                       .next_out = (Bytef *)plain,
                       .avail_out = (uInt)body.len};
    require(inflateInit2(&stream, GZIP_WINDOW) == Z_OK);
    require(inflate(&stream, Z_FINISH) == Z_STREAM_END);
    require(stream.avail_in == 0 && stream.total_out == body.len);
    require(body.len == 0 || memcmp(plain, body.data, body.len) == 0);
    (void)inflateEnd(&stream);
    free(plain);
}

static void check_zstd(struct slice coded, struct slice body)
{
    char *plain = fuzz_copy(NULL, body.len);
    require(ZSTD_decompress(plain, body.len, coded.data, coded.len) == body.len);
    require(body.len == 0 || memcmp(plain, body.data, body.len) == 0);
    free(plain);
}

static void check_codings(struct slice body)
{
    static struct content_coder *coder;
    if (!coder) {
        coder = content_coder_new();
    }
    check_gzip(content_coder_encode(coder, CODING_GZIP, body), body);
    check_zstd(content_coder_encode(coder, CODING_ZSTD, body), body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    struct slice rest = {copy, size};
    check_choice(fuzz_take_until(&rest, '\n'));
    check_codings(rest);
    free(copy);
    return 0;
}
