#include "decimal.h"

#define DIGITS_MAX 18 /* always fit into an int64_t */
/* Far beyond any text that fits into memory, and far from the ends of int64_t. */
#define EXPONENT_MAX INT64_C(1000000000000000)

/* What stands behind the 'e'. */
static int64_t read_exponent(const char *at, const char *end)
{
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    int64_t value = 0;
    for (; at < end; at++)
        if (value < EXPONENT_MAX)
            value = 10 * value + (*at - '0');
    return is_negative ? -value : value;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* The digits of a number from the first that is not zero on; its value is 0.d1d2d3... times ten to
 * the power of `point`. */
struct digits {
    const char *at;
    const char *end;
    int64_t point;
};

static struct digits split(const char *at, const char *end)
{
    const char *exponent = at;
    const char *dot = NULL;
    for (; exponent < end && (is_digit(*exponent) || *exponent == '.'); exponent++)
        if (*exponent == '.')
            dot = exponent;
    const char *digits_end = exponent;
    const char *whole_end = dot ? dot : digits_end;
    struct digits digits = {.end = digits_end};
    digits.point = whole_end - at + (exponent < end ? read_exponent(exponent + 1, end) : 0);
    for (; at < digits_end && (*at == '0' || *at == '.'); at++)
        digits.point -= *at == '0';
    digits.at = at;
    return digits;
}

/* Skips the dot, so that a digit is next, or the end. */
static void skip_dot(struct digits *digits)
{
    if (digits->at < digits->end && *digits->at == '.')
        digits->at++;
}

static int64_t take_whole(struct digits *digits)
{
    int64_t value = 0;
    for (; digits->point > 0; digits->point--) {
        skip_dot(digits);
        value = 10 * value + (digits->at < digits->end ? *digits->at++ - '0' : 0);
    }
    skip_dot(digits);
    return value;
}

static bool has_nonzero(const struct digits *digits)
{
    for (const char *at = digits->at; at < digits->end; at++)
        if (*at != '0' && *at != '.')
            return true;
    return false;
}

bool decimal_parse(struct slice number, int scale, struct decimal *out)
{
    const char *end = number.data + number.len;
    bool is_negative = *number.data == '-';
    struct digits digits = split(number.data + is_negative, end);
    *out = (struct decimal){0};
    if (digits.at == digits.end)
        return true; /* zero, whatever its exponent */
    digits.point += scale;
    if (digits.point > DIGITS_MAX)
        return false;
    out->is_negative = is_negative;
    out->magnitude = take_whole(&digits);
    /* Below zero there are more zeros between the point and the first digit. */
    out->is_half_or_more = digits.point == 0 && digits.at < digits.end && *digits.at >= '5';
    out->is_cut = has_nonzero(&digits);
    return true;
}
