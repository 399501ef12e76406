/*
 * metrics - counters, gauges and histograms in Prometheus' text format (version 0.0.4).
 *
 * Threads:   updates are relaxed atomics, from any thread. Series are made before threads start, or
 *            by the owner's thread; rendering may run meanwhile.
 * Ownership: the registry owns every series; pointers are valid until metrics_free().
 */
#ifndef CALLBOARD_METRICS_H
#define CALLBOARD_METRICS_H

#include "buf.h"

#include <stddef.h>
#include <stdint.h>

struct metrics;
struct counter;
struct gauge;
struct histogram;

struct metrics *metrics_new(void);
void metrics_free(struct metrics **metrics);

/* `name` as Prometheus has it ("callboard_http_requests_total"), `labels` without braces
 * (`code="200",route="batch_details"`) or "". Asking for the same name and labels again gives the
 * same series, from any thread. `help` is taken from the first of a name. */
struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *labels,
                                const char *help);
struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *labels,
                            const char *help);
/* Buckets: upper bounds in ascending order, in the unit of the name (seconds, events, bytes). */
struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *labels,
                                    const char *help, const double *bounds, size_t count);

void counter_add(struct counter *counter, uint64_t amount);
uint64_t counter_value(const struct counter *counter);
void gauge_set(struct gauge *gauge, double value);
void gauge_add(struct gauge *gauge, double amount);
void histogram_observe(struct histogram *histogram, double value);

/* 100 us to 10 s, for durations in seconds. */
extern const double metrics_duration_bounds[];
extern const size_t metrics_duration_bounds_count;

void metrics_render(const struct metrics *metrics, struct buf *out);

#endif
