#include "rfc3339.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#define SECOND INT64_C(1000000)

static const struct {
    const char *text;
    int64_t us;
} accepted[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01t00:00:00z", 0},
    {"1970-01-01T00:00:00+00:00", 0},
    {"1970-01-01T00:00:00-00:00", 0},
    {"1970-01-01T00:00:01Z", SECOND},
    {"1969-12-31T23:59:59Z", -SECOND},
    {"1969-12-31T23:59:59.999999Z", -1},
    {"2000-01-01T00:00:00Z", RFC3339_POSTGRES_EPOCH_US},
    {"2025-05-15T14:30:00Z", 1747319400 * SECOND},
    {"2025-05-15T16:30:00+02:00", 1747319400 * SECOND},
    {"2025-05-15T20:00:00+05:30", 1747319400 * SECOND},
    {"2025-05-15T10:15:00-04:15", 1747319400 * SECOND},
    {"2025-05-16T14:29:00+23:59", 1747319400 * SECOND},
    {"2025-05-14T14:31:00-23:59", 1747319400 * SECOND},
    /* fractions: any number of digits, those past the sixth are cut */
    {"1970-01-01T00:00:00.1Z", 100000},
    {"1970-01-01T00:00:00.01Z", 10000},
    {"1970-01-01T00:00:00.000001Z", 1},
    {"1970-01-01T00:00:00.123456Z", 123456},
    {"1970-01-01T00:00:00.0000009Z", 0},
    {"1970-01-01T00:00:00.9999999Z", 999999},
    {"1970-01-01T00:00:00.12345678901234567890123456789+00:00", 123456},
    {"1969-12-31T23:59:59.9999999Z", -1},
    /* leap years */
    {"2000-02-29T00:00:00Z", 951782400 * SECOND},
    {"2024-02-29T23:59:59Z", 1709251199 * SECOND},
    {"1600-02-29T00:00:00Z", INT64_C(-11670998400) * SECOND},
    {"1900-03-01T00:00:00Z", INT64_C(-2203891200) * SECOND},
    /* second 60 is the next minute's 00 */
    {"1998-12-31T23:59:60Z", 915148800 * SECOND},
    {"1998-12-31T15:59:60.123-08:00", 915148800 * SECOND + 123000},
    {"1970-01-01T00:00:60Z", 60 * SECOND},
    {"1970-01-01T12:34:60Z", 45300 * SECOND},
    /* the first and the last instant, also by way of an offset */
    {"0001-01-01T00:00:00Z", INT64_C(-62135596800) * SECOND},
    {"0000-12-31T23:59:00-00:01", INT64_C(-62135596800) * SECOND},
    {"9999-12-31T23:59:59.999999Z", INT64_C(253402300800) * SECOND - 1},
    {"9999-12-31T23:58:60Z", INT64_C(253402300740) * SECOND},
};

Test(rfc3339, reads_times)
{
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        int64_t us = -42;
        cr_expect(rfc3339_parse(slice_of(accepted[i].text), &us), "%s", accepted[i].text);
        cr_expect(us == accepted[i].us, "%s: %lld", accepted[i].text, (long long)us);
    }
}

static const char *const refused[] = {
    "",
    "2025",
    "2025-05-15",
    "2025-05-15T14:30Z",
    "2025-05-15T14:30:00",
    "2025-05-15T14:30:00.",
    "2025-05-15T14:30:00.Z",
    "2025-05-15T14:30:00.+00:00",
    "2025-05-15T14:30:00,5Z",
    "2025-05-15T14:30:00.5",
    "2025-05-15T14:30:00.5 Z",
    "2025-05-15 14:30:00Z",
    "2025-05-15_14:30:00Z",
    "20250515T143000Z",
    "2025/05/15T14:30:00Z",
    "2025-05/15T14:30:00Z",
    "2025-05-15T14.30:00Z",
    "2025-05-15T14:30.00Z",
    " 2025-05-15T14:30:00Z",
    "2025-05-15T14:30:00Z ",
    "2025-05-15T14:30:00ZZ",
    "2025-05-15T14:30:00Y",
    "+025-05-15T14:30:00Z",
    "-025-05-15T14:30:00Z",
    "02025-05-15T14:30:00Z",
    "2025-5-15T14:30:00Z",
    "2025-+5-15T14:30:00Z",
    "2025-05- 1T14:30:00Z",
    "2025-05-15T1:30:00Z",
    "2025-05-15Ta4:30:00Z",
    "2025-05-15T14:3x:00Z",
    "2025-05-15T14:30:0xZ",
    /* out of range */
    "2025-00-15T14:30:00Z",
    "2025-13-15T14:30:00Z",
    "2025-05-00T14:30:00Z",
    "2025-05-32T14:30:00Z",
    "2025-04-31T14:30:00Z",
    "2025-06-31T14:30:00Z",
    "2025-09-31T14:30:00Z",
    "2025-11-31T14:30:00Z",
    "2025-02-29T14:30:00Z",
    "2024-02-30T14:30:00Z",
    "1900-02-29T14:30:00Z",
    "2100-02-29T14:30:00Z",
    "2025-05-15T24:00:00Z",
    "2025-05-15T14:60:00Z",
    "2025-05-15T14:30:61Z",
    /* offsets */
    "2025-05-15T14:30:00+24:00",
    "2025-05-15T14:30:00-24:00",
    "2025-05-15T14:30:00+02:60",
    "2025-05-15T14:30:00+0200",
    "2025-05-15T14:30:00+02",
    "2025-05-15T14:30:00+2:00",
    "2025-05-15T14:30:00+02.00",
    "2025-05-15T14:30:00 02:00",
    "2025-05-15T14:30:00+x2:00",
    "2025-05-15T14:30:00+02:0x",
    "2025-05-15T14:30:00Z+02:00",
    "2025-05-15T14:30:00+02:00Z",
    "2025-05-15T14:30:00+-2:00",
    /* instants outside the years 0001 to 9999 */
    "0000-12-31T23:59:59Z",
    "0000-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+00:01",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "9999-12-31T23:59:59-00:01",
    "9999-12-31T23:00:00-23:59",
};

Test(rfc3339, refuses_what_is_no_time)
{
    int64_t us;
    cr_expect_not(rfc3339_parse(SLICE_NONE, &us));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        cr_expect_not(rfc3339_parse(slice_of(refused[i]), &us), "%s", refused[i]);
    }
}

Test(rfc3339, refuses_every_wrong_byte_at_every_place)
{
    static const char good[] = "2025-05-15T14:30:00.5+02:00";
    static const char wrong[] = {'\0', ' ', '/', ';', 'x', '\x7F', '\xB2', '\xFF'};
    int64_t us;
    cr_assert(rfc3339_parse(SLICE(good), &us));
    for (size_t place = 0; place < sizeof(good) - 1; place++) {
        for (size_t i = 0; i < sizeof(wrong); i++) {
            char text[sizeof(good)];
            memcpy(text, good, sizeof(good));
            text[place] = wrong[i];
            cr_expect_not(rfc3339_parse((struct slice){text, sizeof(good) - 1}, &us),
                          "byte 0x%02x at %zu", (unsigned char)wrong[i], place);
        }
    }
}

Test(rfc3339, refuses_every_beginning_of_a_time)
{
    static const char good[] = "2025-05-15T14:30:00.123+02:00";
    int64_t us;
    for (size_t len = 0; len < sizeof(good) - 1; len++) {
        cr_expect_not(rfc3339_parse((struct slice){good, len}, &us), "%zu bytes", len);
    }
}

static const struct {
    int64_t us;
    const char *text;
} formatted[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1, "1970-01-01T00:00:00.000Z"},
    {999, "1970-01-01T00:00:00.000Z"},
    {1000, "1970-01-01T00:00:00.001Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {-1000, "1969-12-31T23:59:59.999Z"},
    {-1001, "1969-12-31T23:59:59.998Z"},
    {1747319400 * SECOND, "2025-05-15T14:30:00.000Z"},
    {951782400 * SECOND + 7000, "2000-02-29T00:00:00.007Z"},
    {INT64_C(-62135596800) * SECOND, "0001-01-01T00:00:00.000Z"},
    {INT64_C(253402300800) * SECOND - 1, "9999-12-31T23:59:59.999Z"},
    {INT64_MIN, "0001-01-01T00:00:00.000Z"},
    {INT64_MAX, "9999-12-31T23:59:59.999Z"},
};

Test(rfc3339, writes_milliseconds_in_UTC)
{
    for (size_t i = 0; i < ARRAY_LEN(formatted); i++) {
        char text[RFC3339_MILLIS_LEN + 1] = "";
        rfc3339_format_millis(formatted[i].us, text);
        cr_expect_str_eq(text, formatted[i].text, "row %zu", i);
    }
}

static const struct {
    int64_t us, floor;
} floors[] = {
    {0, 0},      {1, 0},        {999, 0},       {1000, 1000},   {1999, 1000},
    {-1, -1000}, {-999, -1000}, {-1000, -1000}, {-1001, -2000},
};

Test(rfc3339, cuts_to_milliseconds_towards_the_past)
{
    for (size_t i = 0; i < ARRAY_LEN(floors); i++) {
        int64_t floor = rfc3339_floor_to_millis(floors[i].us);
        cr_expect(floor == floors[i].floor, "row %zu: %lld", i, (long long)floor);
    }
}

/* The C library's calendar decides what `seconds` is called. */
static void expect_same_as_libc(int64_t seconds, int millis)
{
    time_t time = (time_t)seconds;
    struct tm tm;
    char expected[64];
    char text[RFC3339_MILLIS_LEN + 1] = "";
    int64_t us;
    cr_assert_not_null(gmtime_r(&time, &tm));
    (void)snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   millis);
    rfc3339_format_millis(seconds * SECOND + millis * 1000 + 999, text);
    cr_assert_str_eq(text, expected);
    cr_assert(rfc3339_parse(slice_of(expected), &us), "%s", expected);
    cr_assert(us == (int64_t)timegm(&tm) * SECOND + millis * 1000, "%s", expected);
}

Test(rfc3339, knows_every_day_from_1890_to_2110_as_the_C_library_does)
{
    for (int64_t day = -29220; day < 51500; day++) {
        expect_same_as_libc(day * 86400, 0);
    }
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(rfc3339, agrees_with_the_C_library_on_random_times_of_all_years)
{
    const int64_t first = INT64_C(-62135596800);
    const int64_t span = INT64_C(253402300800) - first;
    uint64_t state = 20250515;
    for (int i = 0; i < 50000; i++) {
        int64_t seconds = first + (int64_t)(next_random(&state) % (uint64_t)span);
        expect_same_as_libc(seconds, (int)(next_random(&state) % 1000));
    }
}

/* Whatever the offset, local time less offset is the instant. */
Test(rfc3339, takes_every_offset_off_the_local_time)
{
    for (int offset = -1439; offset <= 1439; offset++) {
        char text[64];
        int64_t us;
        time_t local = 1747319400 + (time_t)offset * 60;
        struct tm tm;
        int minutes = offset < 0 ? -offset : offset;
        cr_assert_not_null(gmtime_r(&local, &tm));
        size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        (void)snprintf(text + len, sizeof(text) - len, "%c%02d:%02d", offset < 0 ? '-' : '+',
                       minutes / 60, minutes % 60);
        cr_assert(rfc3339_parse(slice_of(text), &us), "%s", text);
        cr_assert(us == 1747319400 * SECOND, "%s", text);
    }
}
