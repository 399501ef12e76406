#include "time_spec.h"

#include "rfc3339.h"
#include "slice.h"

#include <ctype.h>
#include <stddef.h>
#include <time.h>

/* A thousand years: the sum with any time of ours stays far from the ends of int64_t. */
#define DURATION_MAX_S (INT64_C(1000) * 365 * 86400)

static const struct {
    char letter;
    int64_t seconds;
} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};

int64_t time_spec_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t unit_seconds(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].letter == letter)
            return units[i].seconds;
    }
    return 0;
}

static bool parse_duration(const char *text, int64_t *out_us)
{
    int64_t number = 0;
    const char *at = text;
    for (; isdigit((unsigned char)*at) && number <= DURATION_MAX_S; at++)
        number = number * 10 + (*at - '0');
    int64_t unit = at > text && *at ? unit_seconds(*at) : 0;
    if (unit == 0 || at[1] != '\0' || number == 0 || number > DURATION_MAX_S / unit)
        return false;
    *out_us = number * unit * 1000000;
    return true;
}

static bool parse(const char *text, int64_t now_us, int direction, int64_t *out_us,
                  struct error *err)
{
    int64_t duration_us = 0;
    if (parse_duration(text, &duration_us)) {
        *out_us = now_us + direction * duration_us;
        return true;
    }
    return rfc3339_parse(slice_of(text), out_us) ||
           error_set(err, ERR_REJECT,
                     "\"%.64s\" is neither a time such as 2030-01-31T00:00:00Z nor a duration such "
                     "as 30d or 12h",
                     text);
}

bool time_spec_parse_future(const char *text, int64_t now_us, int64_t *out_us, struct error *err)
{
    return parse(text, now_us, 1, out_us, err) &&
           (*out_us > now_us || error_set(err, ERR_REJECT, "\"%.64s\" is in the past", text));
}

bool time_spec_parse_past(const char *text, int64_t now_us, int64_t *out_us, struct error *err)
{
    return parse(text, now_us, -1, out_us, err);
}
