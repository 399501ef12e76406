#include "sort_key.h"

#include "db_value.h"
#include "jsonscan.h"
#include "rfc3339.h"

#include <string.h>

/* First byte of a key. */
enum key_class {
    KEY_MISSING,
    KEY_NUMBER, /* or a time */
    KEY_STRING,
    KEY_FALSE,
    KEY_TRUE,
    KEY_OBJECT,
    KEY_ARRAY,
};

static void append_class(struct buf *out, enum key_class key_class)
{
    buf_append_char(out, (char)key_class);
}

/* Two's complement with its sign turned over sorts as what it is. */
static void append_int8(struct buf *out, int64_t value)
{
    append_class(out, KEY_NUMBER);
    buf_append_be64(out, (uint64_t)value ^ (UINT64_C(1) << 63));
}

static void append_string(struct buf *out, struct slice utf8)
{
    append_class(out, KEY_STRING);
    buf_append_slice(out, utf8); /* by code point is by UTF-8's bytes */
}

/* --- numbers of JSON -------------------------------------------------------------------- */

enum number_range { RANGE_BELOW_ZERO = 1, RANGE_ZERO, RANGE_ABOVE_ZERO };

/* 0.d1d2d3... times ten to the `exponent`, where d1 is the digit at `first`: the value whatever its
 * spelling. */
struct decimal {
    bool is_negative;
    const char *first; /* not 0; `last`, behind the end, where there is none */
    const char *last;  /* behind the last digit that is not 0; a '.' may lie between */
    int32_t exponent;
};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at)) {
        at++;
    }
    return at;
}

/* Ingest takes exponents within 9,999 and numbers of up to 1,000 characters. */
static int32_t read_exponent(const char *at, const char *end)
{
    int32_t value = 0;
    bool is_negative = at < end && *at == '-';
    for (at += at < end && !is_digit(*at); at < end; at++) {
        value = value * 10 + (*at - '0');
    }
    return is_negative ? -value : value;
}

static struct decimal read_decimal(struct slice text)
{
    const char *end = text.data + text.len;
    struct decimal decimal = {.is_negative = text.len > 0 && *text.data == '-'};
    const char *whole = text.data + decimal.is_negative;
    const char *point = skip_digits(whole, end);
    const char *tail = point < end && *point == '.' ? skip_digits(point + 1, end) : point;
    decimal.first = whole;
    while (decimal.first < tail && (*decimal.first == '0' || *decimal.first == '.')) {
        decimal.first++;
    }
    decimal.last = tail;
    while (decimal.last > decimal.first && (decimal.last[-1] == '0' || decimal.last[-1] == '.')) {
        decimal.last--;
    }
    decimal.exponent = (int32_t)(point - decimal.first) + (decimal.first > point);
    if (tail < end) {
        decimal.exponent += read_exponent(tail + 1, end);
    }
    return decimal;
}

/* Exponent, then digits. Below zero all is turned over, and what goes on is less: so the end is
 * above every digit. */
static void append_magnitude(struct buf *out, const struct decimal *decimal)
{
    unsigned turn = decimal->is_negative ? 0xFF : 0;
    uint16_t exponent = (uint16_t)(decimal->exponent + 0x8000);
    buf_append_be16(out, decimal->is_negative ? (uint16_t)~exponent : exponent);
    for (const char *at = decimal->first; at < decimal->last; at++) {
        if (*at != '.') {
            buf_append_char(out, (char)((unsigned char)*at ^ turn));
        }
    }
    if (decimal->is_negative) {
        buf_append_char(out, (char)turn);
    }
}

static void append_number(struct buf *out, struct slice text)
{
    struct decimal decimal = read_decimal(text);
    append_class(out, KEY_NUMBER);
    if (decimal.first == decimal.last) {
        buf_append_char(out, RANGE_ZERO);
        return;
    }
    buf_append_char(out, decimal.is_negative ? RANGE_BELOW_ZERO : RANGE_ABOVE_ZERO);
    append_magnitude(out, &decimal);
}

/* --- values ----------------------------------------------------------------------------- */

static void append_json_string(struct buf *out, const struct jsonscan_value *value)
{
    uint64_t replaced_nuls = 0;
    append_class(out, KEY_STRING);
    char *room = buf_reserve(out, value->raw.len);
    if (room) {
        buf_commit(out, jsonscan_unescape(value->raw, room, &replaced_nuls));
    }
}

static const enum key_class json_classes[] = {
    [JSONSCAN_NONE] = KEY_MISSING, [JSONSCAN_NULL] = KEY_MISSING,  [JSONSCAN_FALSE] = KEY_FALSE,
    [JSONSCAN_TRUE] = KEY_TRUE,    [JSONSCAN_NUMBER] = KEY_NUMBER, [JSONSCAN_STRING] = KEY_STRING,
    [JSONSCAN_ARRAY] = KEY_ARRAY,  [JSONSCAN_OBJECT] = KEY_OBJECT,
};

/* A value that PostgreSQL gave as json: its text is JSON. What is in an object or array is not
 * looked at. */
static void append_json(struct buf *out, struct slice json)
{
    struct jsonscan scan;
    struct jsonscan_value value = {.type = JSONSCAN_NONE};
    jsonscan_init(&scan, json, JSONSCAN_DEPTH_MAX);
    value.type = jsonscan_peek(&scan);
    bool is_whole = (value.type == JSONSCAN_STRING || value.type == JSONSCAN_NUMBER) &&
                    jsonscan_value(&scan, &value);
    if (is_whole && value.type == JSONSCAN_STRING) {
        append_json_string(out, &value);
    } else if (is_whole) {
        append_number(out, value.raw);
    } else {
        append_class(out, json_classes[value.type]);
    }
}

void sort_key_append(struct buf *out, enum field_type type, const PGresult *result, int row,
                     int column)
{
    if (type == FIELD_NOTHING) {
        return;
    }
    if (db_value_is_null(result, row, column)) {
        append_class(out, KEY_MISSING);
    } else if (type == FIELD_NUMBER) {
        append_int8(out, db_value_int8(result, row, column));
    } else if (type == FIELD_TIME) {
        append_int8(out, db_value_time(result, row, column));
    } else if (type == FIELD_JSON) {
        append_json(out, db_value_bytes(result, row, column));
    } else {
        append_string(out, db_value_bytes(result, row, column));
    }
}

static int64_t read_integer(struct slice text)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.len && is_digit(text.data[i]); i++) {
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

/* Cursors are signed: their texts are ours. */
static int64_t read_time(struct slice text)
{
    int64_t us = 0;
    return rfc3339_parse(text, &us) ? us : 0;
}

void sort_key_append_text(struct buf *out, enum field_type type, struct slice text)
{
    if (type == FIELD_NOTHING) {
        return;
    }
    if (!slice_is_set(text)) {
        append_class(out, KEY_MISSING);
    } else if (type == FIELD_NUMBER) {
        append_int8(out, read_integer(text));
    } else if (type == FIELD_TIME) {
        append_int8(out, read_time(text));
    } else if (type == FIELD_JSON) {
        append_json(out, text);
    } else {
        append_string(out, text);
    }
}
