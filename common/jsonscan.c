#include "jsonscan.h"

#include "utf8.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define REPLACEMENT UINT32_C(0xFFFD)

void jsonscan_init(struct jsonscan *scan, struct slice text, unsigned max_depth)
{
    assert(max_depth >= 1 && max_depth <= JSONSCAN_DEPTH_MAX);
    const char *begin = slice_is_set(text) ? text.data : "";
    *scan = (struct jsonscan){
        .begin = begin, .at = begin, .end = begin + text.len, .max_depth = max_depth};
}

const char *jsonscan_error(const struct jsonscan *scan)
{
    return scan->error;
}

size_t jsonscan_offset(const struct jsonscan *scan)
{
    return scan->error ? scan->error_at : (size_t)(scan->at - scan->begin);
}

/* Goes to the end, so that whatever is asked next fails too. */
static bool fail_at(struct jsonscan *scan, const char *at, const char *reason)
{
    if (!scan->error) {
        scan->error = at == scan->end ? "the text ends too early" : reason;
        scan->error_at = (size_t)(at - scan->begin);
    }
    scan->at = scan->end;
    return false;
}

static inline bool fail(struct jsonscan *scan, const char *reason)
{
    return fail_at(scan, scan->at, reason);
}

static inline void skip_space(struct jsonscan *scan)
{
    const char *at = scan->at;
    while (at < scan->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    scan->at = at;
}

/* --- strings ------------------------------------------------------------------------------- */

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The high bit of each byte that is '"', '\' or a control character. Bytes above the first such one
 * may be marked wrongly (a borrow runs upwards), the first is right. */
static inline uint64_t mark_special(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"');
    uint64_t backslash = word ^ EACH_BYTE('\\');
    return (((quote - EACH_BYTE(1)) & ~quote) | ((backslash - EACH_BYTE(1)) & ~backslash) |
            ((word - EACH_BYTE(0x20)) & ~word)) &
           EACH_BYTE(0x80);
}

static inline bool is_special(char byte)
{
    return byte == '"' || byte == '\\' || (unsigned char)byte < 0x20;
}

#ifdef __SSE2__
/* One bit for each of sixteen bytes: whether it is special. */
static inline unsigned mark_special16(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i last_control = _mm_set1_epi8(0x1F);
    __m128i marks = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
    marks = _mm_or_si128(marks, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
    marks = _mm_or_si128(marks, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return (unsigned)_mm_movemask_epi8(marks);
}
#endif

/* The first special byte, or `end`. This is where most of the time goes. */
static inline const char *find_special(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        unsigned marks = mark_special16(at);
        if (marks)
            return at + __builtin_ctz(marks);
    }
#endif
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t marks = mark_special(le64toh(word));
        if (marks)
            return at + (__builtin_ctzll(marks) >> 3);
    }
    while (at < end && !is_special(*at))
        at++;
    return at;
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* `at` is behind the '\'; the end of the escape sequence, or NULL. */
static const char *check_escape(struct jsonscan *scan, const char *at)
{
    static const char letters[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't', 'u'};
    if (at == scan->end || !memchr(letters, *at, sizeof letters)) {
        fail_at(scan, at, "this is no escape sequence");
        return NULL;
    }
    if (*at++ != 'u')
        return at;
    for (int i = 0; i < 4; i++, at++) {
        if (at == scan->end || hex_digit(*at) < 0) {
            fail_at(scan, at, "\\u needs four hex digits");
            return NULL;
        }
    }
    return at;
}

/* At the opening quote. */
static bool scan_string(struct jsonscan *scan, struct jsonscan_value *out)
{
    const char *begin = scan->at + 1;
    const char *at = find_special(begin, scan->end);
    out->type = JSONSCAN_STRING;
    out->has_escapes = false;
    while (at < scan->end && *at == '\\') {
        out->has_escapes = true;
        at = check_escape(scan, at + 1);
        if (!at)
            return false;
        at = find_special(at, scan->end);
    }
    if (at == scan->end || *at != '"')
        return fail_at(scan, at, "a control character in a string has to be escaped");
    out->raw = (struct slice){begin, (size_t)(at - begin)};
    scan->at = at + 1;
    return true;
}

/* Four hex digits that were checked. */
static uint32_t read_hex4(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)hex_digit(at[i]);
    return value;
}

/* The code point of \uXXXX, and of the \uXXXX behind it where the two are a surrogate pair. */
static uint32_t read_unicode_escape(const char **at, const char *end)
{
    uint32_t unit = read_hex4(*at);
    *at += 4;
    if (unit < 0xD800 || unit > 0xDFFF)
        return unit;
    if (unit > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return REPLACEMENT;
    uint32_t low = read_hex4(*at + 2);
    if (low < 0xDC00 || low > 0xDFFF)
        return REPLACEMENT;
    *at += 6;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

uint32_t jsonscan_read_escape(const char **at, const char *end, uint64_t *replaced_nuls)
{
    char letter = *(*at)++;
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        break;
    default:
        return (unsigned char)letter;
    }
    uint32_t code_point = read_unicode_escape(at, end);
    if (code_point != 0)
        return code_point;
    ++*replaced_nuls;
    return REPLACEMENT;
}

size_t jsonscan_unescape(struct slice raw, char *out, uint64_t *replaced_nuls)
{
    char *start = out;
    const char *at = raw.data;
    const char *end = raw.data + raw.len;
    for (;;) {
        const char *backslash = memchr(at, '\\', (size_t)(end - at));
        size_t run = (size_t)((backslash ? backslash : end) - at);
        memcpy(out, at, run);
        out += run;
        if (!backslash)
            return (size_t)(out - start);
        at = backslash + 1;
        out += utf8_encode(jsonscan_read_escape(&at, end, replaced_nuls), out);
    }
}

struct slice jsonscan_text(const struct jsonscan_value *value, struct arena *arena,
                           uint64_t *replaced_nuls)
{
    assert(value->type == JSONSCAN_STRING);
    if (!value->has_escapes)
        return value->raw;
    char *out = arena_text(arena, value->raw.len);
    size_t len = jsonscan_unescape(value->raw, out, replaced_nuls);
    arena_trim(arena, out + len);
    return (struct slice){out, len};
}

/* --- numbers and literals ------------------------------------------------------------------ */

static inline bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* The end of one or more digits, or NULL. */
static const char *scan_digits(struct jsonscan *scan, const char *at)
{
    if (!is_digit(at, scan->end)) {
        fail_at(scan, at, "a digit is expected");
        return NULL;
    }
    while (is_digit(at, scan->end))
        at++;
    return at;
}

static const char *scan_exponent(struct jsonscan *scan, const char *at)
{
    if (at < scan->end && (*at == '+' || *at == '-'))
        at++;
    return scan_digits(scan, at);
}

static bool scan_number(struct jsonscan *scan, struct jsonscan_value *out)
{
    const char *at = scan->at + (*scan->at == '-');
    bool is_zero = at < scan->end && *at == '0';
    at = is_zero ? at + 1 : scan_digits(scan, at);
    if (at && at < scan->end && *at == '.')
        at = scan_digits(scan, at + 1);
    if (at && at < scan->end && (*at == 'e' || *at == 'E'))
        at = scan_exponent(scan, at + 1);
    if (!at)
        return false;
    *out = (struct jsonscan_value){JSONSCAN_NUMBER, false, {scan->at, (size_t)(at - scan->at)}};
    scan->at = at;
    return true;
}

static bool scan_literal(struct jsonscan *scan, enum jsonscan_type type, struct jsonscan_value *out)
{
    static const struct slice literals[] = {
        [JSONSCAN_NULL] = SLICE("null"),
        [JSONSCAN_FALSE] = SLICE("false"),
        [JSONSCAN_TRUE] = SLICE("true"),
    };
    size_t len = literals[type].len;
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, literals[type].data, len) != 0)
        return fail(scan, "a value is expected");
    *out = (struct jsonscan_value){type, false, {scan->at, len}};
    scan->at += len;
    return true;
}

/* --- values -------------------------------------------------------------------------------- */

enum jsonscan_type jsonscan_peek(struct jsonscan *scan)
{
    skip_space(scan);
    if (scan->at == scan->end)
        return JSONSCAN_NONE;
    switch (*scan->at) {
    case '"':
        return JSONSCAN_STRING;
    case '{':
        return JSONSCAN_OBJECT;
    case '[':
        return JSONSCAN_ARRAY;
    case 'n':
        return JSONSCAN_NULL;
    case 'f':
        return JSONSCAN_FALSE;
    case 't':
        return JSONSCAN_TRUE;
    default:
        return *scan->at == '-' || is_digit(scan->at, scan->end) ? JSONSCAN_NUMBER : JSONSCAN_NONE;
    }
}

static bool enter(struct jsonscan *scan)
{
    if (scan->depth == scan->max_depth)
        return fail(scan, "objects and arrays are nested too deeply");
    scan->depth++;
    scan->at++;
    scan->is_first = true;
    return true;
}

static bool leave(struct jsonscan *scan)
{
    assert(scan->depth > 0);
    scan->depth--;
    scan->at++;
    scan->is_first = false;
    return false;
}

bool jsonscan_enter_object(struct jsonscan *scan)
{
    if (jsonscan_peek(scan) != JSONSCAN_OBJECT)
        return fail(scan, "an object is expected");
    return enter(scan);
}

bool jsonscan_enter_array(struct jsonscan *scan)
{
    if (jsonscan_peek(scan) != JSONSCAN_ARRAY)
        return fail(scan, "an array is expected");
    return enter(scan);
}

static bool expect_comma(struct jsonscan *scan, const char *reason)
{
    if (scan->at == scan->end || *scan->at != ',')
        return fail(scan, reason);
    scan->at++;
    skip_space(scan);
    return true;
}

bool jsonscan_next_member(struct jsonscan *scan, struct jsonscan_value *out_key)
{
    skip_space(scan);
    if (scan->at < scan->end && *scan->at == '}')
        return leave(scan);
    if (!scan->is_first && !expect_comma(scan, "a comma or } is expected"))
        return false;
    scan->is_first = false;
    if (scan->at == scan->end || *scan->at != '"')
        return fail(scan, "a key in double quotes is expected");
    if (!scan_string(scan, out_key))
        return false;
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != ':')
        return fail(scan, "a colon is expected");
    scan->at++;
    return true;
}

bool jsonscan_next_element(struct jsonscan *scan)
{
    skip_space(scan);
    if (scan->at < scan->end && *scan->at == ']')
        return leave(scan);
    if (!scan->is_first && !expect_comma(scan, "a comma or ] is expected"))
        return false;
    scan->is_first = false;
    return true;
}

static bool scan_scalar(struct jsonscan *scan, enum jsonscan_type type, struct jsonscan_value *out)
{
    if (type == JSONSCAN_STRING)
        return scan_string(scan, out);
    if (type == JSONSCAN_NUMBER)
        return scan_number(scan, out);
    if (type == JSONSCAN_NONE)
        return fail(scan, "a value is expected");
    return scan_literal(scan, type, out);
}

/* Reads to the end of the container that begins here. One bit a level says what it is: no
 * recursion, whatever a peer sends. */
static bool scan_container(struct jsonscan *scan, enum jsonscan_type type)
{
    unsigned outside = scan->depth;
    uint64_t is_object = 0;
    struct jsonscan_value ignored;
    for (;;) {
        if (type == JSONSCAN_OBJECT || type == JSONSCAN_ARRAY) {
            if (!enter(scan))
                return false;
            uint64_t level = UINT64_C(1) << (scan->depth - 1);
            is_object = type == JSONSCAN_OBJECT ? is_object | level : is_object & ~level;
        } else if (!scan_scalar(scan, type, &ignored)) {
            return false;
        }
        while (!(is_object >> (scan->depth - 1) & 1 ? jsonscan_next_member(scan, &ignored)
                                                    : jsonscan_next_element(scan))) {
            if (scan->error)
                return false;
            if (scan->depth == outside)
                return true;
        }
        type = jsonscan_peek(scan);
    }
}

bool jsonscan_value(struct jsonscan *scan, struct jsonscan_value *out)
{
    enum jsonscan_type type = jsonscan_peek(scan);
    if (type != JSONSCAN_OBJECT && type != JSONSCAN_ARRAY)
        return scan_scalar(scan, type, out);
    const char *begin = scan->at;
    if (!scan_container(scan, type))
        return false;
    *out = (struct jsonscan_value){type, false, {begin, (size_t)(scan->at - begin)}};
    return true;
}

bool jsonscan_finish(struct jsonscan *scan)
{
    assert(scan->error || scan->depth == 0);
    skip_space(scan);
    if (!scan->error && scan->at < scan->end)
        return fail(scan, "there is more text behind the value");
    return !scan->error;
}
