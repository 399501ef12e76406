#include "jsontext.h"

#include "rfc3339.h"

#include <assert.h>
#include <stddef.h>

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* What stands behind the backslash: a letter, 'u' for \u00xx, or 0 where the byte needs no escape.
 */
static const char escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
    ['\t'] = 't', [0x00] = 'u',  [0x01] = 'u', [0x02] = 'u', [0x03] = 'u', [0x04] = 'u',
    [0x05] = 'u', [0x06] = 'u',  [0x07] = 'u', [0x0B] = 'u', [0x0E] = 'u', [0x0F] = 'u',
    [0x10] = 'u', [0x11] = 'u',  [0x12] = 'u', [0x13] = 'u', [0x14] = 'u', [0x15] = 'u',
    [0x16] = 'u', [0x17] = 'u',  [0x18] = 'u', [0x19] = 'u', [0x1A] = 'u', [0x1B] = 'u',
    [0x1C] = 'u', [0x1D] = 'u',  [0x1E] = 'u', [0x1F] = 'u',
};

static uint64_t has_byte_below(uint64_t word, uint8_t limit)
{
    return (word - EACH_BYTE(limit)) & ~word & EACH_BYTE(0x80);
}

/* Whether one of eight bytes needs an escape ("Bit Twiddling Hacks", S. E. Anderson: hasless,
 * haszero). */
static bool word_needs_escape(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return (has_byte_below(word, 0x20) | has_byte_below(word ^ EACH_BYTE('"'), 1) |
            has_byte_below(word ^ EACH_BYTE('\\'), 1)) != 0;
}

/* The first byte that needs an escape, or `end`. */
static const char *skip_plain(const char *at, const char *end)
{
    while (end - at >= 8 && !word_needs_escape(at)) {
        at += 8;
    }
    while (at < end && !escapes[(uint8_t)*at]) {
        at++;
    }
    return at;
}

static void append_escape(struct buf *buf, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    char letter = escapes[byte];
    const char text[] = {'\\', letter, '0', '0', digits[byte >> 4], digits[byte & 0x0F]};
    buf_append(buf, text, letter == 'u' ? sizeof(text) : 2);
}

void jsontext_append_escaped(struct buf *buf, struct slice utf8)
{
    if (utf8.len == 0) {
        return;
    }
    const char *at = utf8.data;
    const char *end = at + utf8.len;
    for (;;) {
        const char *stop = skip_plain(at, end);
        buf_append(buf, at, (size_t)(stop - at));
        if (stop == end) {
            return;
        }
        append_escape(buf, (uint8_t)*stop);
        at = stop + 1;
    }
}

void jsontext_append_string(struct buf *buf, struct slice utf8)
{
    if (!slice_is_set(utf8)) {
        buf_append(buf, "null", 4);
        return;
    }
    buf_append_char(buf, '"');
    jsontext_append_escaped(buf, utf8);
    buf_append_char(buf, '"');
}

void jsontext_append_time(struct buf *buf, int64_t us)
{
    char *at = buf_reserve(buf, RFC3339_MILLIS_LEN + 2);
    if (at) {
        at[0] = '"';
        rfc3339_format_millis(us, at + 1);
        at[RFC3339_MILLIS_LEN + 1] = '"';
        buf_commit(buf, RFC3339_MILLIS_LEN + 2);
    }
}

void jsontext_append_millis(struct buf *buf, int64_t thousandths)
{
    assert(thousandths >= 0);
    buf_append_int(buf, thousandths / 1000);
    unsigned rest = (unsigned)(thousandths % 1000);
    if (rest == 0) {
        return;
    }
    const char text[] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                         (char)('0' + rest % 10)};
    size_t len = rest % 10 != 0 ? 4 : rest % 100 != 0 ? 3 : 2;
    buf_append(buf, text, len);
}
