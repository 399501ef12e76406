#include "metrics.h"

#include "alloc.h"
#include "macros.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const double metrics_duration_bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                          0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                          1,      2.5,     5,      10};
const size_t metrics_duration_bounds_count = ARRAY_LEN(metrics_duration_bounds);

enum series_type { SERIES_COUNTER, SERIES_GAUGE, SERIES_HISTOGRAM };

struct counter {
    atomic_uint_fast64_t value;
};

struct gauge {
    _Atomic double value;
};

struct histogram {
    double *bounds;
    atomic_uint_fast64_t *hits; /* of each bucket alone; the last one is above every bound */
    size_t count;               /* of the bounds */
    _Atomic double sum;
};

/* Series and families are only ever appended, each published by one atomic store of the pointer to
 * it: rendering needs no lock. */
struct series {
    struct series *_Atomic next;
    char *labels;
    union {
        struct counter counter;
        struct gauge gauge;
        struct histogram histogram;
    };
};

struct family {
    struct family *_Atomic next;
    char *name;
    char *help;
    enum series_type type;
    struct series *_Atomic first;
};

struct metrics {
    pthread_mutex_t appending;
    struct family *_Atomic first;
};

/* --- the registry ------------------------------------------------------------------------ */

struct metrics *metrics_new(void)
{
    struct metrics *metrics = alloc_zeroed(1, sizeof(*metrics));
    int failed = pthread_mutex_init(&metrics->appending, NULL);
    assert(!failed);
    (void)failed;
    return metrics;
}

static void series_free(struct series *series, enum series_type type)
{
    if (type == SERIES_HISTOGRAM) {
        free(series->histogram.bounds);
        free(series->histogram.hits);
    }
    free(series->labels);
    free(series);
}

static void family_free(struct family *family)
{
    struct series *series = family->first;
    while (series) {
        struct series *next = series->next;
        series_free(series, family->type);
        series = next;
    }
    free(family->name);
    free(family->help);
    free(family);
}

void metrics_free(struct metrics **metrics)
{
    if (!*metrics) {
        return;
    }
    struct family *family = (*metrics)->first;
    while (family) {
        struct family *next = family->next;
        family_free(family);
        family = next;
    }
    (void)pthread_mutex_destroy(&(*metrics)->appending);
    free(*metrics);
    *metrics = NULL;
}

static struct family *find_or_add_family(struct metrics *metrics, const char *name,
                                         const char *help, enum series_type type)
{
    struct family *_Atomic *place = &metrics->first;
    struct family *family;
    while ((family = *place)) {
        if (strcmp(family->name, name) == 0) {
            return family;
        }
        place = &family->next;
    }
    family = alloc_zeroed(1, sizeof(*family));
    family->name = alloc_string(name);
    family->help = alloc_string(help);
    family->type = type;
    *place = family;
    return family;
}

/* What a series is made from besides its name. */
struct series_def {
    enum series_type type;
    const char *labels;
    const double *bounds;
    size_t count;
};

static struct series *series_new(const struct series_def *def)
{
    struct series *series = alloc_zeroed(1, sizeof(*series));
    series->labels = alloc_string(def->labels);
    if (def->type == SERIES_HISTOGRAM) {
        struct histogram *histogram = &series->histogram;
        histogram->count = def->count;
        histogram->hits = alloc_zeroed(def->count + 1, sizeof(*histogram->hits));
        histogram->bounds = alloc_zeroed(def->count, sizeof(*histogram->bounds));
        memcpy(histogram->bounds, def->bounds, def->count * sizeof(*histogram->bounds));
    }
    return series;
}

static struct series *find_or_add_series(struct family *family, const struct series_def *def)
{
    struct series *_Atomic *place = &family->first;
    struct series *series;
    while ((series = *place)) {
        if (strcmp(series->labels, def->labels) == 0) {
            return series;
        }
        place = &series->next;
    }
    series = series_new(def);
    *place = series;
    return series;
}

static struct series *get_series(struct metrics *metrics, const char *name, const char *help,
                                 const struct series_def *def)
{
    (void)pthread_mutex_lock(&metrics->appending);
    struct family *family = find_or_add_family(metrics, name, help, def->type);
    assert(family->type == def->type); /* one name, one type */
    struct series *series = find_or_add_series(family, def);
    (void)pthread_mutex_unlock(&metrics->appending);
    return series;
}

struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *labels,
                                const char *help)
{
    const struct series_def def = {.type = SERIES_COUNTER, .labels = labels};
    return &get_series(metrics, name, help, &def)->counter;
}

struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *labels,
                            const char *help)
{
    const struct series_def def = {.type = SERIES_GAUGE, .labels = labels};
    return &get_series(metrics, name, help, &def)->gauge;
}

struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *labels,
                                    const char *help, const double *bounds, size_t count)
{
    const struct series_def def = {SERIES_HISTOGRAM, labels, bounds, count};
    return &get_series(metrics, name, help, &def)->histogram;
}

/* --- updates ----------------------------------------------------------------------------- */

static void add_double(_Atomic double *value, double amount)
{
    double seen = atomic_load_explicit(value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(value, &seen, seen + amount, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

void counter_add(struct counter *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(&counter->value, amount, memory_order_relaxed);
}

uint64_t counter_value(const struct counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

void gauge_set(struct gauge *gauge, double value)
{
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

void gauge_add(struct gauge *gauge, double amount)
{
    add_double(&gauge->value, amount);
}

/* A bound belongs to its bucket ("le"); NaN is above every bound. */
void histogram_observe(struct histogram *histogram, double value)
{
    size_t bucket = 0;
    while (bucket < histogram->count && !(value <= histogram->bounds[bucket])) {
        bucket++;
    }
    atomic_fetch_add_explicit(&histogram->hits[bucket], 1, memory_order_relaxed);
    add_double(&histogram->sum, value);
}

/* --- rendering --------------------------------------------------------------------------- */

/* The fewest digits that read back as the same number. */
static void append_double(struct buf *out, double value)
{
    char text[32];
    if (!isfinite(value)) {
        buf_append_text(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (fabs(value) < 1e15 && value == (double)(int64_t)value) {
        buf_append_int(out, (int64_t)value);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    buf_append_text(out, text);
}

/* In HELP a backslash and a line feed are escaped. */
static void append_help(struct buf *out, const char *help)
{
    for (; *help; help++) {
        if (*help == '\\') {
            buf_append_text(out, "\\\\");
        } else if (*help == '\n') {
            buf_append_text(out, "\\n");
        } else {
            buf_append_char(out, *help);
        }
    }
}

/* `name_suffix{labels} `, without the braces where there is nothing to put in. */
static void append_name(struct buf *out, const char *name, const char *suffix, const char *labels)
{
    buf_append_text(out, name);
    buf_append_text(out, suffix);
    if (labels[0] != '\0') {
        buf_append_format(out, "{%s}", labels);
    }
    buf_append_char(out, ' ');
}

static void append_uint(struct buf *out, uint64_t value)
{
    buf_append_format(out, "%llu\n", (unsigned long long)value);
}

static void render_bucket(struct buf *out, const char *name, const char *labels, double bound,
                          uint64_t total)
{
    buf_append_format(out, "%s_bucket{%s%sle=\"", name, labels, labels[0] != '\0' ? "," : "");
    append_double(out, bound);
    buf_append_text(out, "\"} ");
    append_uint(out, total);
}

/* Each bucket is read once and the count is their sum, so that what is rendered agrees with itself.
 */
static void render_histogram(struct buf *out, const char *name, const struct series *series)
{
    const struct histogram *histogram = &series->histogram;
    uint64_t total = 0;
    for (size_t i = 0; i <= histogram->count; i++) {
        total += atomic_load_explicit(&histogram->hits[i], memory_order_relaxed);
        double bound = i < histogram->count ? histogram->bounds[i] : INFINITY;
        render_bucket(out, name, series->labels, bound, total);
    }
    append_name(out, name, "_sum", series->labels);
    append_double(out, atomic_load_explicit(&histogram->sum, memory_order_relaxed));
    buf_append_char(out, '\n');
    append_name(out, name, "_count", series->labels);
    append_uint(out, total);
}

static void render_counter(struct buf *out, const char *name, const struct series *series)
{
    append_name(out, name, "", series->labels);
    append_uint(out, counter_value(&series->counter));
}

static void render_gauge(struct buf *out, const char *name, const struct series *series)
{
    append_name(out, name, "", series->labels);
    append_double(out, atomic_load_explicit(&series->gauge.value, memory_order_relaxed));
    buf_append_char(out, '\n');
}

static const struct {
    const char *name;
    void (*render)(struct buf *out, const char *name, const struct series *series);
} types[] = {
    [SERIES_COUNTER] = {"counter", render_counter},
    [SERIES_GAUGE] = {"gauge", render_gauge},
    [SERIES_HISTOGRAM] = {"histogram", render_histogram},
};

static void render_family(struct buf *out, const struct family *family)
{
    buf_append_format(out, "# HELP %s ", family->name);
    append_help(out, family->help);
    buf_append_format(out, "\n# TYPE %s %s\n", family->name, types[family->type].name);
    for (const struct series *series = family->first; series; series = series->next) {
        types[family->type].render(out, family->name, series);
    }
}

void metrics_render(const struct metrics *metrics, struct buf *out)
{
    for (const struct family *family = metrics->first; family; family = family->next) {
        render_family(out, family);
    }
}
