#include "time_spec.h"

#include <criterion/criterion.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (20000 * DAY) /* 2024-10-04T00:00:00Z */

static const struct {
    const char *text;
    bool is_future; /* accepted where the future is asked for */
    bool is_past;
    int64_t future_us;
    int64_t past_us;
} cases[] = {
    {"1s", true, true, NOW + SECOND, NOW - SECOND},
    {"90s", true, true, NOW + 90 * SECOND, NOW - 90 * SECOND},
    {"15m", true, true, NOW + 900 * SECOND, NOW - 900 * SECOND},
    {"12h", true, true, NOW + DAY / 2, NOW - DAY / 2},
    {"30d", true, true, NOW + 30 * DAY, NOW - 30 * DAY},
    {"2w", true, true, NOW + 14 * DAY, NOW - 14 * DAY},
    {"007d", true, true, NOW + 7 * DAY, NOW - 7 * DAY},
    {"365000d", true, true, NOW + 365000 * DAY, NOW - 365000 * DAY},
    {"2024-10-05T00:00:00Z", true, true, NOW + DAY, NOW + DAY},
    {"2024-10-05T02:00:00.5+02:00", true, true, NOW + DAY + SECOND / 2, NOW + DAY + SECOND / 2},
    {"2024-10-04T00:00:00Z", false, true, 0, NOW},
    {"2024-10-03T00:00:00Z", false, true, 0, NOW - DAY},
    {"0d", false, false, 0, 0},
    {"365001d", false, false, 0, 0},
    {"99999999999999999999d", false, false, 0, 0},
    {"9223372036854775807s", false, false, 0, 0},
    {"-1d", false, false, 0, 0},
    {"+1d", false, false, 0, 0},
    {"1.5d", false, false, 0, 0},
    {"1", false, false, 0, 0},
    {"d", false, false, 0, 0},
    {"1y", false, false, 0, 0},
    {"1D", false, false, 0, 0},
    {"1dd", false, false, 0, 0},
    {"1d ", false, false, 0, 0},
    {" 1d", false, false, 0, 0},
    {"", false, false, 0, 0},
    {"tomorrow", false, false, 0, 0},
    {"2024-13-01T00:00:00Z", false, false, 0, 0},
    {"2024-10-05", false, false, 0, 0},
};

Test(time_spec, parses_times_and_durations)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        int64_t us = -1;
        bool is_future = time_spec_parse_future(cases[i].text, NOW, &us, &err);
        cr_expect(is_future == cases[i].is_future, "\"%s\" as future: %s", cases[i].text, err.text);
        if (is_future)
            cr_expect_eq(us, cases[i].future_us, "\"%s\" as future: %lld", cases[i].text,
                         (long long)us);
        bool is_past = time_spec_parse_past(cases[i].text, NOW, &us, &err);
        cr_expect(is_past == cases[i].is_past, "\"%s\" as past: %s", cases[i].text, err.text);
        if (is_past)
            cr_expect_eq(us, cases[i].past_us, "\"%s\" as past: %lld", cases[i].text,
                         (long long)us);
        if (!is_past)
            cr_expect_eq(err.kind, ERR_REJECT, "%s", cases[i].text);
    }
}
