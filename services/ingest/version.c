#include "version.h"

#include <assert.h>

#define MASK_BITS 8
#define TIME_BYTES 8
#define VARINT_BYTES_MAX 5 /* lengths are below 2^32 */

int version_compare(const struct version *a, const struct version *b)
{
    if (a->time_us != b->time_us)
        return a->time_us < b->time_us ? -1 : 1;
    int order = slice_compare(a->sequence, b->sequence);
    if (order == 0)
        order = slice_compare(a->source, b->source);
    if (order == 0)
        order = slice_compare(a->id, b->id);
    return order;
}

/* --- encoding ---------------------------------------------------------------------------- */

static void append_varint(struct buf *out, size_t value)
{
    while (value >= 0x80) {
        buf_append_char(out, (char)(0x80 | (value & 0x7f)));
        value >>= 7;
    }
    buf_append_char(out, (char)value);
}

static void append_text(struct buf *out, struct slice text)
{
    append_varint(out, text.len);
    buf_append_slice(out, text);
}

static void append_version(struct buf *out, unsigned mask, const struct version *version)
{
    buf_append_char(out, (char)mask);
    buf_append_be64(out, (uint64_t)version->time_us);
    if (slice_is_set(version->sequence)) {
        append_varint(out, version->sequence.len + 1);
        buf_append_slice(out, version->sequence);
    } else {
        append_varint(out, 0);
    }
    append_text(out, version->source);
    append_text(out, version->id);
}

/* The fields from `first` on that the same event set. */
static unsigned mask_of(const struct version *const *versions, size_t count, size_t first)
{
    unsigned mask = 0;
    for (size_t i = first; i < count; i++) {
        if (versions[i] &&
            (versions[i] == versions[first] || version_compare(versions[i], versions[first]) == 0))
            mask |= 1U << i;
    }
    return mask;
}

void versions_encode(const struct version *const *versions, size_t count, struct buf *out)
{
    assert(count <= MASK_BITS);
    unsigned written = 0;
    for (size_t i = 0; i < count; i++) {
        if (!versions[i] || (written & (1U << i)))
            continue;
        unsigned mask = mask_of(versions, count, i);
        append_version(out, mask, versions[i]);
        written |= mask;
    }
}

/* --- decoding ---------------------------------------------------------------------------- */

struct reader {
    const unsigned char *at;
    const unsigned char *end;
};

static size_t bytes_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static bool read_varint(struct reader *reader, size_t *out)
{
    size_t value = 0;
    for (unsigned shift = 0; shift < 7 * VARINT_BYTES_MAX; shift += 7) {
        if (reader->at == reader->end)
            return false;
        unsigned byte = *reader->at++;
        value |= (size_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool read_bytes(struct reader *reader, size_t len, struct slice *out)
{
    if (len > bytes_left(reader))
        return false;
    *out = (struct slice){(const char *)reader->at, len};
    reader->at += len;
    return true;
}

static bool read_text(struct reader *reader, struct slice *out)
{
    size_t len;
    return read_varint(reader, &len) && read_bytes(reader, len, out);
}

static bool read_sequence(struct reader *reader, struct slice *out)
{
    size_t len_plus_one;
    if (!read_varint(reader, &len_plus_one))
        return false;
    *out = SLICE_NONE;
    return len_plus_one == 0 || read_bytes(reader, len_plus_one - 1, out);
}

static bool read_time(struct reader *reader, int64_t *out)
{
    if (bytes_left(reader) < TIME_BYTES)
        return false;
    uint64_t value = 0;
    for (int i = 0; i < TIME_BYTES; i++)
        value = value << 8 | *reader->at++;
    *out = (int64_t)value;
    return true;
}

static bool read_version(struct reader *reader, struct version *version)
{
    return read_time(reader, &version->time_us) && read_sequence(reader, &version->sequence) &&
           read_text(reader, &version->source) && read_text(reader, &version->id);
}

bool versions_decode(struct slice encoded, struct arena *arena, const struct version **out,
                     size_t count)
{
    assert(count <= MASK_BITS);
    for (size_t i = 0; i < count; i++)
        out[i] = NULL;
    if (encoded.len == 0)
        return true;

    struct reader reader = {(const unsigned char *)encoded.data,
                            (const unsigned char *)encoded.data + encoded.len};
    unsigned seen = 0;
    while (reader.at < reader.end) {
        unsigned mask = *reader.at++;
        if (mask == 0 || mask >> count || (mask & seen))
            return false;
        struct version *version = arena_alloc(arena, sizeof *version);
        if (!read_version(&reader, version))
            return false;
        for (size_t i = 0; i < count; i++)
            if (mask & (1U << i))
                out[i] = version;
        seen |= mask;
    }
    return true;
}
