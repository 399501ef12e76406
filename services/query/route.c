#include "route.h"

#include <stdbool.h>
#include <string.h>

struct route_def {
    const char *name;
    struct slice prefix; /* what stands before the parameter, or the whole path */
    bool has_parameter;
};

static const struct route_def routes[ROUTE_COUNT] = {
    [ROUTE_NONE] = {"none", {NULL, 0}, false},
    [ROUTE_BATCH_DETAILS] = {"batch_details", {"/api/call/batch-details/", 24}, true},
    [ROUTE_DOCS] = {"docs", {"/docs", 5}, false},
    [ROUTE_OPENAPI] = {"openapi", {"/openapi.json", 13}, false},
};

static bool starts_with(struct slice path, struct slice prefix)
{
    return path.len >= prefix.len && memcmp(path.data, prefix.data, prefix.len) == 0;
}

enum route route_find(struct slice path, struct slice *out_parameter)
{
    for (int i = ROUTE_NONE + 1; i < ROUTE_COUNT; i++) {
        struct slice prefix = routes[i].prefix;
        if (!starts_with(path, prefix)) {
            continue;
        }
        struct slice rest = {path.data + prefix.len, path.len - prefix.len};
        if (rest.len == 0 || (routes[i].has_parameter && !memchr(rest.data, '/', rest.len))) {
            *out_parameter = rest;
            return (enum route)i;
        }
    }
    return ROUTE_NONE;
}

const char *route_name(enum route route)
{
    return routes[route].name;
}
