#include "rfc3339.h"

#include <stddef.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MILLI INT64_C(1000)
#define SECONDS_PER_DAY INT64_C(86400)
/* 0001-01-01T00:00:00Z, and the microsecond after the last one of 9999. */
#define FIRST_US (INT64_C(-62135596800) * US_PER_SECOND)
#define END_US (INT64_C(253402300800) * US_PER_SECOND)

#define DATE_TIME_LEN 19 /* 2025-05-15T14:30:00 */

/*
 * The Gregorian calendar repeats every 400 years (an "era" of 146,097 days). Years are taken to
 * begin in March, so that the leap day is a year's last (H. Hinnant, "chrono-compatible low-level
 * date algorithms").
 */
#define DAYS_PER_ERA 146097
#define EPOCH_DAY 719468 /* days from 0000-03-01 to 1970-01-01 */

struct civil {
    int year, month, day, hour, minute, second;
};

static int64_t days_from_civil(int year, int month, int day)
{
    int since_origin = year - (month <= 2) + 400; /* March of the year -400; never negative */
    int era = since_origin / 400;
    int year_of_era = since_origin % 400;
    int day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)(era - 1) * DAYS_PER_ERA + day_of_era - EPOCH_DAY;
}

/* Of a day of the years 1 to 9999. */
static void civil_from_days(int64_t days, struct civil *out)
{
    int since_origin = (int)(days + EPOCH_DAY + DAYS_PER_ERA); /* from March of the year -400 */
    int era = since_origin / DAYS_PER_ERA;
    int day_of_era = since_origin % DAYS_PER_ERA;
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (5 * day_of_year + 2) / 153;
    out->day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    out->month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    out->year = (era - 1) * 400 + year_of_era + (out->month <= 2);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Exactly `count` digits; -1 when there is something else among them. */
static int read_digits(const char *at, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!is_digit(at[i])) {
            return -1;
        }
        value = value * 10 + (at[i] - '0');
    }
    return value;
}

static bool is_within(int value, int min, int max)
{
    return value >= min && value <= max;
}

/* `at` has DATE_TIME_LEN bytes. */
static bool parse_date_time(const char *at, struct civil *out)
{
    if (at[4] != '-' || at[7] != '-' || (at[10] | 0x20) != 't' || at[13] != ':' || at[16] != ':') {
        return false;
    }
    *out =
        (struct civil){read_digits(at, 4),      read_digits(at + 5, 2),  read_digits(at + 8, 2),
                       read_digits(at + 11, 2), read_digits(at + 14, 2), read_digits(at + 17, 2)};
    return out->year >= 0 && is_within(out->month, 1, 12) &&
           is_within(out->day, 1, days_in_month(out->year, out->month)) &&
           is_within(out->hour, 0, 23) && is_within(out->minute, 0, 59) &&
           is_within(out->second, 0, 60);
}

/* Reads ".digits" where there is one and moves `at` behind it. */
static bool parse_fraction(const char **at, const char *end, int64_t *out_us)
{
    *out_us = 0;
    if (*at == end || **at != '.') {
        return true;
    }
    const char *digit = *at + 1;
    int64_t unit = US_PER_SECOND / 10;
    for (; digit < end && is_digit(*digit); digit++) {
        *out_us += unit * (*digit - '0');
        unit /= 10; /* 0 past the sixth digit */
    }
    bool has_digit = digit > *at + 1;
    *at = digit;
    return has_digit;
}

/* All that is left must be "Z" or "+hh:mm" or "-hh:mm". */
static bool parse_offset(const char *at, const char *end, int64_t *out_seconds)
{
    *out_seconds = 0;
    if (end - at == 1) {
        return (*at | 0x20) == 'z';
    }
    if (end - at != 6 || (*at != '+' && *at != '-') || at[3] != ':') {
        return false;
    }
    int hours = read_digits(at + 1, 2);
    int minutes = read_digits(at + 4, 2);
    int seconds = hours * 3600 + minutes * 60;
    *out_seconds = *at == '-' ? -seconds : seconds;
    return is_within(hours, 0, 23) && is_within(minutes, 0, 59);
}

static int64_t seconds_from_civil(const struct civil *civil)
{
    return days_from_civil(civil->year, civil->month, civil->day) * SECONDS_PER_DAY +
           (int64_t)civil->hour * 3600 + (int64_t)civil->minute * 60 + civil->second;
}

bool rfc3339_parse(struct slice text, int64_t *out_us)
{
    struct civil civil;
    int64_t fraction_us;
    int64_t offset;
    if (text.len <= DATE_TIME_LEN || !parse_date_time(text.data, &civil)) {
        return false;
    }
    const char *at = text.data + DATE_TIME_LEN;
    const char *end = text.data + text.len;
    if (!parse_fraction(&at, end, &fraction_us) || !parse_offset(at, end, &offset)) {
        return false;
    }
    *out_us = (seconds_from_civil(&civil) - offset) * US_PER_SECOND + fraction_us;
    return *out_us >= FIRST_US && *out_us < END_US;
}

static int64_t floor_div(int64_t value, int64_t divisor)
{
    return value / divisor - (value % divisor < 0);
}

int64_t rfc3339_floor_to_millis(int64_t us)
{
    return floor_div(us, US_PER_MILLI) * US_PER_MILLI;
}

static char *write_digits(char *at, int value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

/* Two digits for each value, each followed by its separator. */
static char *write_pair(char *at, int value, char separator)
{
    at = write_digits(at, value, 2);
    *at = separator;
    return at + 1;
}

static int64_t clamp(int64_t us)
{
    return us < FIRST_US ? FIRST_US : us >= END_US ? END_US - 1 : us;
}

void rfc3339_format_millis(int64_t us, char out[RFC3339_MILLIS_LEN])
{
    int64_t millis = floor_div(clamp(us), US_PER_MILLI);
    int64_t days = floor_div(millis, SECONDS_PER_DAY * 1000);
    int of_day = (int)(millis - days * SECONDS_PER_DAY * 1000);
    struct civil civil;
    civil_from_days(days, &civil);
    char *at = write_digits(out, civil.year, 4);
    *at++ = '-';
    at = write_pair(at, civil.month, '-');
    at = write_pair(at, civil.day, 'T');
    at = write_pair(at, of_day / 3600000, ':');
    at = write_pair(at, of_day / 60000 % 60, ':');
    at = write_pair(at, of_day / 1000 % 60, '.');
    at = write_digits(at, of_day % 1000, 3);
    *at = 'Z';
}
