#include "traffic.h"

#include "alloc.h"
#include "route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX 599

struct traffic {
    struct metrics *metrics;
    struct histogram *seconds[ROUTE_COUNT];
    /* Made when the code first occurs: looking a series up by its labels is not for every request.
     */
    struct counter *requests[ROUTE_COUNT][STATUS_MAX + 1];
};

struct traffic *traffic_new(struct metrics *metrics)
{
    struct traffic *traffic = alloc_zeroed(1, sizeof(*traffic));
    traffic->metrics = metrics;
    for (int i = 0; i < ROUTE_COUNT; i++) {
        char labels[64];
        (void)snprintf(labels, sizeof(labels), "route=\"%s\"", route_name((enum route)i));
        traffic->seconds[i] =
            metrics_histogram(metrics, "callboard_http_request_seconds", labels,
                              "From a request's first byte to its answer being queued.",
                              metrics_duration_bounds, metrics_duration_bounds_count);
    }
    return traffic;
}

void traffic_free(struct traffic **traffic)
{
    free(*traffic);
    *traffic = NULL;
}

static enum route route_of(const char *name)
{
    for (int i = ROUTE_NONE + 1; i < ROUTE_COUNT; i++) {
        if (strcmp(name, route_name((enum route)i)) == 0) {
            return (enum route)i;
        }
    }
    return ROUTE_NONE;
}

static struct counter *counter_for(struct traffic *traffic, enum route route, int status)
{
    struct counter **counter = &traffic->requests[route][status];
    if (!*counter) {
        char labels[64];
        (void)snprintf(labels, sizeof(labels), "route=\"%s\",code=\"%d\"", route_name(route),
                       status);
        *counter = metrics_counter(traffic->metrics, "callboard_http_requests_total", labels,
                                   "Requests answered, by route and status code.");
    }
    return *counter;
}

void traffic_count(struct traffic *traffic, const char *route_text, int status, double seconds)
{
    if (status < 0 || status > STATUS_MAX) {
        return;
    }
    enum route route = route_of(route_text);
    counter_add(counter_for(traffic, route, status), 1);
    histogram_observe(traffic->seconds[route], seconds);
}
