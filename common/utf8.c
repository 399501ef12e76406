#include "utf8.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* What may follow a lead byte (Unicode 15, table 3-7): how many bytes, and the range of the first
 * of them; the others are 80..BF. */
struct sequence {
    uint8_t lead_last; /* the row holds for lead bytes up to this one */
    uint8_t len;       /* lead byte included; 0: not a lead byte */
    uint8_t second_first, second_last;
};

static const struct sequence sequences[] = {
    {0x7F, 1, 0x00, 0x00}, {0xC1, 0, 0x00, 0x00}, {0xDF, 2, 0x80, 0xBF}, {0xE0, 3, 0xA0, 0xBF},
    {0xEC, 3, 0x80, 0xBF}, {0xED, 3, 0x80, 0x9F}, {0xEF, 3, 0x80, 0xBF}, {0xF0, 4, 0x90, 0xBF},
    {0xF3, 4, 0x80, 0xBF}, {0xF4, 4, 0x80, 0x8F}, {0xFF, 0, 0x00, 0x00},
};

static bool is_continuation(char byte)
{
    return ((uint8_t)byte & 0xC0) == 0x80;
}

static const struct sequence *sequence_of(uint8_t lead)
{
    const struct sequence *seq = sequences;
    while (lead > seq->lead_last) {
        seq++;
    }
    return seq;
}

/* Length of the well-formed sequence at `at`, 0 when there is none. */
static size_t sequence_length(const uint8_t *at, const uint8_t *end)
{
    const struct sequence *seq = sequence_of(*at);
    if (seq->len <= 1) {
        return seq->len;
    }
    if ((size_t)(end - at) < seq->len || at[1] < seq->second_first || at[1] > seq->second_last) {
        return 0;
    }
    for (size_t i = 2; i < seq->len; i++) {
        if (!is_continuation((char)at[i])) {
            return 0;
        }
    }
    return seq->len;
}

static const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        if (word & HIGH_BITS) {
            break;
        }
        at += sizeof(word);
    }
    while (at < end && *at < 0x80) {
        at++;
    }
    return at;
}

size_t utf8_valid_prefix(struct slice text)
{
    if (text.len == 0) {
        return 0;
    }
    const uint8_t *start = (const uint8_t *)text.data;
    const uint8_t *end = start + text.len;
    const uint8_t *at = skip_ascii(start, end);
    while (at < end) {
        size_t len = sequence_length(at, end);
        if (len == 0) {
            break;
        }
        at += len;
        if (at < end && *at < 0x80) {
            at = skip_ascii(at, end);
        }
    }
    return (size_t)(at - start);
}

bool utf8_is_valid(struct slice text)
{
    return utf8_valid_prefix(text) == text.len;
}

static char continuation(uint32_t code_point, unsigned shift)
{
    return (char)(0x80 | ((code_point >> shift) & 0x3F));
}

size_t utf8_encode(uint32_t code_point, char *out)
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | (code_point >> 6));
        out[1] = continuation(code_point, 0);
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | (code_point >> 12));
        out[1] = continuation(code_point, 6);
        out[2] = continuation(code_point, 0);
        return 3;
    }
    out[0] = (char)(0xF0 | (code_point >> 18));
    out[1] = continuation(code_point, 12);
    out[2] = continuation(code_point, 6);
    out[3] = continuation(code_point, 0);
    return 4;
}

size_t utf8_length(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += !is_continuation(text.data[i]);
    }
    return count;
}

/* At most three steps back, so that what is no UTF-8 is cut too. */
size_t utf8_cut(struct slice text, size_t max_bytes)
{
    if (text.len <= max_bytes) {
        return text.len;
    }
    size_t cut = max_bytes;
    while (cut > 0 && max_bytes - cut < 3 && is_continuation(text.data[cut])) {
        cut--;
    }
    return cut;
}
