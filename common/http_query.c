#include "http_query.h"

#include "utf8.h"

#include <stdint.h>
#include <string.h>

static struct slice slice_from(struct slice slice, size_t at)
{
    return (struct slice){slice.data + at, slice.len - at};
}

/* Where `byte` is first found, or the length. */
static size_t find_byte(struct slice slice, char byte)
{
    const char *found = slice.len > 0 ? memchr(slice.data, byte, slice.len) : NULL;
    return found ? (size_t)(found - slice.data) : slice.len;
}

static void skip_separators(struct slice *rest)
{
    while (rest->len > 0 && rest->data[0] == '&') {
        *rest = slice_from(*rest, 1);
    }
}

bool http_query_next(struct slice *rest, struct slice *out_name, struct slice *out_value)
{
    skip_separators(rest);
    if (rest->len == 0) {
        return false;
    }
    struct slice pair = {rest->data, find_byte(*rest, '&')};
    *rest = slice_from(*rest, pair.len);
    size_t equals = find_byte(pair, '=');
    *out_name = (struct slice){pair.data, equals};
    *out_value = slice_from(pair, equals < pair.len ? equals + 1 : equals);
    return true;
}

/* -1 when it is not a hexadecimal digit. */
static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte that "%XX" at `at` stands for, or -1. */
static int escaped_byte(struct slice raw, size_t at)
{
    if (raw.len - at < 3) {
        return -1;
    }
    int high = hex_value(raw.data[at + 1]);
    int low = hex_value(raw.data[at + 2]);
    return high >= 0 && low >= 0 ? high * 16 + low : -1;
}

static bool is_control(char byte)
{
    return ((uint8_t)byte < 0x20 && byte != '\t') || byte == 0x7F;
}

/* Names the escape as far as it can be shown. */
static bool reject_escape(struct slice raw, size_t at, struct error *err)
{
    int len = 1;
    while (len < 3 && at + (size_t)len < raw.len && raw.data[at + (size_t)len] > ' ' &&
           raw.data[at + (size_t)len] < 0x7F) {
        len++;
    }
    return error_set(err, ERR_REJECT,
                     "\"%.*s\" is not a percent-encoded byte: write a percent sign as %%25", len,
                     raw.data + at);
}

static bool decode_bytes(struct slice raw, bool plus_is_space, char *out, size_t *out_len,
                         struct error *err)
{
    size_t len = 0;
    for (size_t at = 0; at < raw.len; at++) {
        char byte = raw.data[at];
        if (byte == '%') {
            int value = escaped_byte(raw, at);
            if (value < 0) {
                return reject_escape(raw, at, err);
            }
            byte = (char)value;
            at += 2;
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        out[len++] = byte;
    }
    *out_len = len;
    return true;
}

static bool check_text(struct slice text, struct error *err)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_control(text.data[i])) {
            return error_set(err, ERR_REJECT,
                             "the control character %%%02X is not allowed (a tab, %%09, is)",
                             (unsigned)(uint8_t)text.data[i]);
        }
    }
    if (!utf8_is_valid(text)) {
        return error_set(err, ERR_REJECT,
                         "the text is not UTF-8: percent-encode the bytes of its UTF-8 form");
    }
    return true;
}

static bool needs_decoding(struct slice raw, bool plus_is_space)
{
    return find_byte(raw, '%') < raw.len || (plus_is_space && find_byte(raw, '+') < raw.len);
}

bool http_percent_decode(struct arena *arena, struct slice raw, bool plus_is_space,
                         struct slice *out, struct error *err)
{
    *out = raw;
    if (needs_decoding(raw, plus_is_space)) {
        char *text = arena_text(arena, raw.len);
        size_t len = 0;
        if (!decode_bytes(raw, plus_is_space, text, &len, err)) {
            return false;
        }
        arena_trim(arena, text + len);
        *out = (struct slice){text, len};
    }
    return check_text(*out, err);
}
