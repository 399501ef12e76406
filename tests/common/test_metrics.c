#include "metrics.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static void expect_text(const struct metrics *metrics, const char *expected)
{
    struct buf out;
    buf_init(&out, 100000);
    metrics_render(metrics, &out);
    cr_expect_str_eq(buf_text(&out), expected);
    buf_done(&out);
}

Test(metrics, renders_nothing_when_there_is_nothing)
{
    struct metrics *metrics = metrics_new();
    expect_text(metrics, "");
    metrics_free(&metrics);
    cr_expect_null(metrics);
    metrics_free(&metrics);
}

Test(metrics, renders_counters)
{
    struct metrics *metrics = metrics_new();
    struct counter *plain = metrics_counter(metrics, "events_total", "", "Events read");
    counter_add(plain, 3);
    counter_add(plain, UINT64_MAX - 10);
    cr_expect(counter_value(plain) == UINT64_MAX - 7);
    (void)metrics_counter(metrics, "errors_total", "", "Errors");
    expect_text(metrics, "# HELP events_total Events read\n"
                         "# TYPE events_total counter\n"
                         "events_total 18446744073709551608\n"
                         "# HELP errors_total Errors\n"
                         "# TYPE errors_total counter\n"
                         "errors_total 0\n");
    metrics_free(&metrics);
}

Test(metrics, renders_all_series_of_a_name_together_under_the_first_help)
{
    struct metrics *metrics = metrics_new();
    counter_add(metrics_counter(metrics, "http_total", "code=\"200\"", "Answers"), 1);
    gauge_set(metrics_gauge(metrics, "up", "", "Ready"), 1);
    counter_add(metrics_counter(metrics, "http_total", "code=\"404\",route=\"none\"", "Other"), 2);
    expect_text(metrics, "# HELP http_total Answers\n"
                         "# TYPE http_total counter\n"
                         "http_total{code=\"200\"} 1\n"
                         "http_total{code=\"404\",route=\"none\"} 2\n"
                         "# HELP up Ready\n"
                         "# TYPE up gauge\n"
                         "up 1\n");
    metrics_free(&metrics);
}

Test(metrics, gives_the_same_series_for_the_same_name_and_labels)
{
    static const double bounds[] = {1, 2};
    struct metrics *m = metrics_new();
    cr_expect(metrics_counter(m, "a", "x=\"1\"", "") == metrics_counter(m, "a", "x=\"1\"", "h"));
    cr_expect(metrics_counter(m, "a", "x=\"1\"", "") != metrics_counter(m, "a", "x=\"2\"", ""));
    cr_expect(metrics_counter(m, "a", "", "") != metrics_counter(m, "b", "", ""));
    cr_expect(metrics_gauge(m, "g", "", "") == metrics_gauge(m, "g", "", ""));
    cr_expect(metrics_histogram(m, "h", "", "", bounds, 2) ==
              metrics_histogram(m, "h", "", "", bounds, 2));
    metrics_free(&m);
}

Test(metrics, renders_histograms_cumulatively)
{
    double bounds[] = {0.1, 1, 10};
    struct metrics *metrics = metrics_new();
    struct histogram *plain = metrics_histogram(metrics, "seconds", "", "Time", bounds, 3);
    struct histogram *labelled =
        metrics_histogram(metrics, "seconds", "route=\"x\"", "Time", bounds, 3);
    bounds[0] = 99; /* the registry has its own copy */
    static const double observed[] = {0, 0.05, 0.1, 0.5, 1, 9.5, 11, 100};
    for (size_t i = 0; i < ARRAY_LEN(observed); i++) {
        histogram_observe(plain, observed[i]);
    }
    histogram_observe(labelled, 2.5);
    expect_text(metrics, "# HELP seconds Time\n"
                         "# TYPE seconds histogram\n"
                         "seconds_bucket{le=\"0.1\"} 3\n"
                         "seconds_bucket{le=\"1\"} 5\n"
                         "seconds_bucket{le=\"10\"} 6\n"
                         "seconds_bucket{le=\"+Inf\"} 8\n"
                         "seconds_sum 122.15\n"
                         "seconds_count 8\n"
                         "seconds_bucket{route=\"x\",le=\"0.1\"} 0\n"
                         "seconds_bucket{route=\"x\",le=\"1\"} 0\n"
                         "seconds_bucket{route=\"x\",le=\"10\"} 1\n"
                         "seconds_bucket{route=\"x\",le=\"+Inf\"} 1\n"
                         "seconds_sum{route=\"x\"} 2.5\n"
                         "seconds_count{route=\"x\"} 1\n");
    metrics_free(&metrics);
}

Test(metrics, escapes_help)
{
    struct metrics *metrics = metrics_new();
    (void)metrics_counter(metrics, "a_total", "", "back\\slash\nline \"quoted\"");
    expect_text(metrics, "# HELP a_total back\\\\slash\\nline \"quoted\"\n"
                         "# TYPE a_total counter\n"
                         "a_total 0\n");
    metrics_free(&metrics);
}

static const struct {
    double value;
    const char *text;
} doubles[] = {
    {0, "0"},
    {1, "1"},
    {-17, "-17"},
    {0.1, "0.1"},
    {0.00025, "0.00025"},
    {-2.5, "-2.5"},
    {1747319400.125, "1747319400.125"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1.0 / 3, "0.3333333333333333"},
    {123456789012345, "123456789012345"},
    {1e15, "1e+15"},
    {9007199254740993.0, "9007199254740992"},
    {1e300, "1e+300"},
    {5e-324, "4.94065645841247e-324"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {HUGE_VAL, "+Inf"},
    {-HUGE_VAL, "-Inf"},
    {NAN, "NaN"},
};

Test(metrics, writes_numbers_so_that_they_read_back_exactly)
{
    for (size_t i = 0; i < ARRAY_LEN(doubles); i++) {
        struct metrics *metrics = metrics_new();
        struct buf out;
        buf_init(&out, 1000);
        gauge_set(metrics_gauge(metrics, "g", "", "h"), doubles[i].value);
        metrics_render(metrics, &out);
        const char *text = strstr(buf_text(&out), "\ng ");
        cr_assert_not_null(text);
        char *end;
        double read = strtod(text + 3, &end);
        cr_expect(read == doubles[i].value || isnan(doubles[i].value), "row %zu", i);
        cr_expect(strncmp(text + 3, doubles[i].text, strlen(doubles[i].text)) == 0 && *end == '\n',
                  "row %zu: %s", i, text + 3);
        buf_done(&out);
        metrics_free(&metrics);
    }
}

Test(metrics, adds_to_and_takes_from_gauges)
{
    struct metrics *metrics = metrics_new();
    struct gauge *gauge = metrics_gauge(metrics, "connections", "", "Open");
    gauge_add(gauge, 2.5);
    gauge_add(gauge, -1);
    expect_text(metrics, "# HELP connections Open\n"
                         "# TYPE connections gauge\n"
                         "connections 1.5\n");
    metrics_free(&metrics);
}

Test(metrics, counts_what_is_not_a_number_above_every_bound)
{
    static const double bounds[] = {1};
    struct metrics *metrics = metrics_new();
    histogram_observe(metrics_histogram(metrics, "h", "", "", bounds, 1), NAN);
    expect_text(metrics, "# HELP h \n"
                         "# TYPE h histogram\n"
                         "h_bucket{le=\"1\"} 0\n"
                         "h_bucket{le=\"+Inf\"} 1\n"
                         "h_sum NaN\n"
                         "h_count 1\n");
    metrics_free(&metrics);
}

Test(metrics, has_ascending_bounds_for_durations)
{
    cr_assert(metrics_duration_bounds_count > 2);
    cr_expect(metrics_duration_bounds[0] == 0.0001);
    cr_expect(metrics_duration_bounds[metrics_duration_bounds_count - 1] == 10);
    for (size_t i = 1; i < metrics_duration_bounds_count; i++) {
        cr_expect(metrics_duration_bounds[i] > metrics_duration_bounds[i - 1], "bound %zu", i);
    }
}

enum { UPDATERS = 3, ROUNDS = 3000 };

static const double thread_bounds[] = {1, 2};

/* Makes series while others do, and while a rendering runs. */
static void *update(void *arg)
{
    struct metrics *metrics = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char labels[32];
        (void)snprintf(labels, sizeof(labels), "n=\"%d\"", i % 20);
        counter_add(metrics_counter(metrics, "c", labels, "h"), 1);
        gauge_add(metrics_gauge(metrics, "g", "", "h"), 0.5);
        histogram_observe(metrics_histogram(metrics, "h", "", "h", thread_bounds, 2), i % 3);
    }
    return NULL;
}

/* In every rendering the count is what the last bucket has. */
static void expect_consistent(struct metrics *metrics, struct buf *out)
{
    uint64_t last = 0;
    uint64_t count = 0;
    buf_reset(out);
    metrics_render(metrics, out);
    const char *bucket = strstr(buf_text(out), "h_bucket{le=\"+Inf\"} ");
    if (bucket) {
        cr_assert(sscanf(bucket, "h_bucket{le=\"+Inf\"} %" SCNu64, &last) == 1);
        cr_assert(sscanf(strstr(bucket, "h_count"), "h_count %" SCNu64, &count) == 1);
    }
    cr_assert(last == count, "%" PRIu64 " and %" PRIu64, last, count);
}

Test(metrics, may_be_updated_and_rendered_at_once)
{
    struct metrics *metrics = metrics_new();
    pthread_t threads[UPDATERS];
    struct buf out;
    buf_init(&out, 100000);
    for (int i = 0; i < UPDATERS; i++) {
        cr_assert(pthread_create(&threads[i], NULL, update, metrics) == 0);
    }
    for (int i = 0; i < 200; i++) {
        expect_consistent(metrics, &out);
    }
    for (int i = 0; i < UPDATERS; i++) {
        cr_assert(pthread_join(threads[i], NULL) == 0);
    }
    expect_consistent(metrics, &out);
    uint64_t total = 0;
    for (int i = 0; i < 20; i++) {
        char labels[32];
        (void)snprintf(labels, sizeof(labels), "n=\"%d\"", i);
        total += counter_value(metrics_counter(metrics, "c", labels, "h"));
    }
    cr_expect(total == (uint64_t)UPDATERS * ROUNDS);
    cr_expect(strstr(buf_text(&out), "\ng 4500\n"), "%s", buf_text(&out));
    cr_expect(strstr(buf_text(&out), "\nh_sum 9000\nh_count 9000\n"), "%s", buf_text(&out));
    buf_done(&out);
    metrics_free(&metrics);
}
