#include "base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void append_group(struct buf *out, const unsigned char *bytes, size_t count)
{
    uint32_t bits = (uint32_t)bytes[0] << 16;
    if (count > 1)
        bits |= (uint32_t)bytes[1] << 8;
    if (count > 2)
        bits |= bytes[2];
    char digits[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                      count > 1 ? alphabet[bits >> 6 & 63] : '=',
                      count > 2 ? alphabet[bits & 63] : '='};
    buf_append(out, digits, sizeof(digits));
}

void base64_append(struct buf *out, struct slice bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    for (size_t left = bytes.len; left > 0; left -= left < 3 ? left : 3, at += 3)
        append_group(out, at, left < 3 ? left : 3);
}

static int digit_value(char digit)
{
    const char *at = digit ? strchr(alphabet, digit) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* The number of bytes that four digits stand for, or 0 when they are none. */
static size_t decode_group(const char *digits, bool is_last, unsigned char out[3])
{
    size_t count = 3;
    uint32_t bits = 0;
    if (is_last && digits[3] == '=')
        count = digits[2] == '=' ? 1 : 2;
    for (size_t i = 0; i < 4; i++) {
        int value = i <= count ? digit_value(digits[i]) : 0;
        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
    }
    out[0] = (unsigned char)(bits >> 16);
    out[1] = (unsigned char)(bits >> 8);
    out[2] = (unsigned char)bits;
    return count;
}

bool base64_decode(struct slice text, struct buf *out)
{
    unsigned char bytes[3];
    if (text.len % 4 != 0)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t count = decode_group(text.data + i, i + 4 == text.len, bytes);
        if (count == 0)
            return false;
        buf_append(out, bytes, count);
    }
    return true;
}
