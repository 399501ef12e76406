#include "utf8.h"

#include "macros.h"

#include <criterion/criterion.h>

static const struct {
    const char *name;
    struct slice text;
    size_t valid; /* bytes of the longest well-formed beginning */
} rows[] = {
    {"absent", {NULL, 0}, 0},
    {"empty", SLICE(""), 0},
    {"ASCII", SLICE("The quick brown fox jumps over it"), 33},
    {"NUL and DEL", SLICE("\0\x7F"), 2},
    {"two, three and four bytes", SLICE("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), 9},
    {"the limits of two bytes", SLICE("\xC2\x80\xDF\xBF"), 4},
    {"the limits of three bytes", SLICE("\xE0\xA0\x80\xEF\xBF\xBF"), 6},
    {"around the surrogates", SLICE("\xED\x9F\xBF\xEE\x80\x80"), 6},
    {"the limits of four bytes", SLICE("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"), 8},
    {"ASCII behind a long character",
     SLICE("\xC3\xA9"
           "abcdefghij"),
     12},
    {"a continuation byte alone", SLICE("abc\x80"), 3},
    {"overlong in two bytes", SLICE("\xC0\x80"), 0},
    {"overlong slash", SLICE("/\xC0\xAF"), 1},
    {"overlong, C1", SLICE("\xC1\xBF"), 0},
    {"overlong in three bytes", SLICE("\xE0\x9F\xBF"), 0},
    {"overlong in four bytes", SLICE("\xF0\x8F\xBF\xBF"), 0},
    {"high surrogate", SLICE("\xED\xA0\x80"), 0},
    {"low surrogate", SLICE("\xED\xBF\xBF"), 0},
    {"a pair of surrogates (CESU-8)", SLICE("\xED\xA0\xBD\xED\xB8\x80"), 0},
    {"above U+10FFFF", SLICE("\xF4\x90\x80\x80"), 0},
    {"lead byte F5", SLICE("\xF5\x80\x80\x80"), 0},
    {"FE and FF", SLICE("\xFE\xFF"), 0},
    {"cut within two bytes", SLICE("abcdefgh\xC3"), 8},
    {"cut within three bytes", SLICE("\xE2\x82"), 0},
    {"cut within four bytes", SLICE("\xF0\x9F\x98"), 0},
    {"a lead byte instead of a continuation", SLICE("\xE2\x82\xC3\xA9"), 0},
    {"ASCII instead of a continuation",
     SLICE("\xF0\x9F\x98"
           "a"),
     0},
    {"bad byte in a long run", SLICE("abcdefghijklmnop\xFFqrstuvwxyz"), 16},
};

Test(utf8, finds_the_longest_well_formed_beginning)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t valid = utf8_valid_prefix(rows[i].text);
        cr_expect(valid == rows[i].valid, "%s: %zu", rows[i].name, valid);
        cr_expect(utf8_is_valid(rows[i].text) == (rows[i].valid == rows[i].text.len), "%s",
                  rows[i].name);
    }
}

/* Decodes four bytes by arithmetic, as table 3-7 is derived: length by the lead byte, no value that
 * a shorter form could have, no surrogate, nothing above U+10FFFF. Returns the length, 0 when
 * malformed. */
static size_t decode_by_arithmetic(const uint8_t *bytes, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = bytes[0] < 0x80           ? 1
                 : (bytes[0] >> 5) == 0x6  ? 2
                 : (bytes[0] >> 4) == 0xE  ? 3
                 : (bytes[0] >> 3) == 0x1E ? 4
                                           : 0;
    uint32_t value = len > 1 ? bytes[0] & (0x7Fu >> len) : bytes[0];
    for (size_t i = 1; i < len; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
        value = value << 6 | (bytes[i] & 0x3F);
    }
    *out = value;
    bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
    return len > 0 && value >= least[len] && !is_surrogate && value <= 0x10FFFF ? len : 0;
}

static const uint8_t edges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};

static size_t valid_by_arithmetic(const uint8_t bytes[4])
{
    size_t at = 0;
    uint32_t value;
    while (at < 4) {
        size_t len = decode_by_arithmetic(bytes + at, &value); /* NULs behind end a cut sequence */
        if (len == 0) {
            break;
        }
        at += len;
    }
    return at;
}

Test(utf8, agrees_with_arithmetic_on_every_four_bytes_of_the_edges)
{
    uint8_t bytes[8] = {0};
    const size_t count = ARRAY_LEN(edges);
    for (size_t i = 0; i < count * count * count * count; i++) {
        bytes[0] = edges[i % count];
        bytes[1] = edges[i / count % count];
        bytes[2] = edges[i / count / count % count];
        bytes[3] = edges[i / count / count / count];
        size_t valid = utf8_valid_prefix((struct slice){(const char *)bytes, 4});
        cr_assert(valid == valid_by_arithmetic(bytes), "%02x %02x %02x %02x: %zu", bytes[0],
                  bytes[1], bytes[2], bytes[3], valid);
    }
}

Test(utf8, finds_a_bad_byte_at_every_place_among_ASCII)
{
    char text[33];
    for (size_t len = 1; len < sizeof(text); len++) {
        for (size_t place = 0; place < len; place++) {
            memset(text, 'a', sizeof(text));
            text[place] = (char)0xFF;
            cr_assert(utf8_valid_prefix((struct slice){text, len}) == place, "%zu of %zu", place,
                      len);
        }
    }
}

Test(utf8, encodes_every_code_point_so_that_it_is_valid)
{
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        if (code_point == 0xD800) {
            code_point = 0xE000;
        }
        char text[5] = {0};
        size_t len = utf8_encode(code_point, text);
        uint32_t decoded;
        cr_assert(decode_by_arithmetic((const uint8_t *)text, &decoded) == len, "U+%04X",
                  code_point);
        cr_assert(decoded == code_point, "U+%04X is U+%04X", code_point, decoded);
        cr_assert(utf8_is_valid((struct slice){text, len}), "U+%04X", code_point);
    }
}

static const struct {
    uint32_t code_point;
    const char *text;
} encodings[] = {
    {0x41, "A"},
    {0x7F, "\x7F"},
    {0x80, "\xC2\x80"},
    {0xE9, "\xC3\xA9"},
    {0x7FF, "\xDF\xBF"},
    {0x800, "\xE0\xA0\x80"},
    {0x20AC, "\xE2\x82\xAC"},
    {0xFFFD, UTF8_REPLACEMENT},
    {0x10000, "\xF0\x90\x80\x80"},
    {0x1F600, "\xF0\x9F\x98\x80"},
    {0x10FFFF, "\xF4\x8F\xBF\xBF"},
};

Test(utf8, encodes_code_points)
{
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        char text[5] = {0};
        size_t len = utf8_encode(encodings[i].code_point, text);
        cr_expect(len == strlen(encodings[i].text), "U+%04X", encodings[i].code_point);
        cr_expect_str_eq(text, encodings[i].text, "U+%04X", encodings[i].code_point);
    }
}

static const struct {
    const char *name;
    struct slice text;
    size_t max, expected;
} cuts[] = {
    {"absent", {NULL, 0}, 5, 0},
    {"fits", SLICE("abc"), 3, 3},
    {"ASCII", SLICE("abc"), 2, 2},
    {"to nothing", SLICE("abc"), 0, 0},
    {"behind a character", SLICE("a\xC3\xA9z"), 3, 3},
    {"within two bytes", SLICE("a\xC3\xA9"), 2, 1},
    {"within three bytes", SLICE("\xE2\x82\xAC"), 2, 0},
    {"within four bytes", SLICE("ab\xF0\x9F\x98\x80"), 5, 2},
    {"no UTF-8", SLICE("\x80\x80\x80\x80\x80\x80"), 5, 2},
};

Test(utf8, cuts_between_characters)
{
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        size_t cut = utf8_cut(cuts[i].text, cuts[i].max);
        cr_expect(cut == cuts[i].expected, "%s: %zu", cuts[i].name, cut);
    }
}

Test(utf8, counts_code_points)
{
    cr_expect(utf8_length(SLICE_NONE) == 0);
    cr_expect(utf8_length(SLICE("abc")) == 3);
    cr_expect(utf8_length(SLICE("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80x")) == 4);
}
