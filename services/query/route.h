/*
 * route - which handler a path belongs to.
 */
#ifndef CALLBOARD_QUERY_ROUTE_H
#define CALLBOARD_QUERY_ROUTE_H

#include "slice.h"

enum route { ROUTE_NONE, ROUTE_BATCH_DETAILS, ROUTE_DOCS, ROUTE_OPENAPI, ROUTE_COUNT };

/* The route of a path as received. `out_parameter` is the part of the path that the route leaves
 * open (the batch id; of other routes nothing), not decoded; it may be empty but holds no '/'. */
enum route route_find(struct slice path, struct slice *out_parameter);

/* For metrics: "batch_details", "none". */
const char *route_name(enum route route);

#endif
