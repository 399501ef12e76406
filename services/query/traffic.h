/*
 * traffic - counts the answered requests, by route and code, and their durations.
 *
 * Threads: one per worker; the series themselves are shared by all.
 */
#ifndef CALLBOARD_QUERY_TRAFFIC_H
#define CALLBOARD_QUERY_TRAFFIC_H

#include "metrics.h"

struct traffic;

struct traffic *traffic_new(struct metrics *metrics);
void traffic_free(struct traffic **traffic);

/* `route` is a name of route.h, or any other for "none". */
void traffic_count(struct traffic *traffic, const char *route, int status, double seconds);

#endif
