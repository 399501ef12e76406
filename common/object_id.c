#include "object_id.h"

#define NOT_A_DIGIT 0x80

/* 0..15, or NOT_A_DIGIT. */
static unsigned hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return (unsigned)(digit - '0');
    }
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a') + 10 : NOT_A_DIGIT;
}

bool object_id_parse(struct slice text, struct object_id *out)
{
    if (text.len != OBJECT_ID_HEX) {
        return false;
    }
    unsigned seen = 0;
    for (size_t i = 0; i < OBJECT_ID_BYTES; i++) {
        unsigned high = hex_value(text.data[2 * i]);
        unsigned low = hex_value(text.data[2 * i + 1]);
        seen |= high | low;
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return !(seen & NOT_A_DIGIT);
}

void object_id_format(const struct object_id *id, char out[OBJECT_ID_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < OBJECT_ID_BYTES; i++) {
        out[2 * i] = digits[id->bytes[i] >> 4];
        out[2 * i + 1] = digits[id->bytes[i] & 0x0F];
    }
}
