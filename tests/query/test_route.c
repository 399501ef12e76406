#include "route.h"

#include <criterion/criterion.h>

struct route_case {
    const char *path;
    enum route route;
    const char *parameter;
};

static const struct route_case cases[] = {
    {"/api/call/batch-details/67def9053495307c718d9dfb", ROUTE_BATCH_DETAILS,
     "67def9053495307c718d9dfb"},
    {"/api/call/batch-details/nonsense", ROUTE_BATCH_DETAILS, "nonsense"},
    {"/api/call/batch-details/%36", ROUTE_BATCH_DETAILS, "%36"},
    {"/api/call/batch-details/", ROUTE_BATCH_DETAILS, ""},
    {"/api/call/batch-details", ROUTE_NONE, NULL},
    {"/api/call/batch-details/a/", ROUTE_NONE, NULL},
    {"/api/call/batch-details/a/b", ROUTE_NONE, NULL},
    {"/API/call/batch-details/a", ROUTE_NONE, NULL},
    {"//api/call/batch-details/a", ROUTE_NONE, NULL},
    {"/docs", ROUTE_DOCS, ""},
    {"/docs/", ROUTE_NONE, NULL},
    {"/openapi.json", ROUTE_OPENAPI, ""},
    {"/openapi.jsonx", ROUTE_NONE, NULL},
    {"/openapi.json/", ROUTE_NONE, NULL},
    {"/", ROUTE_NONE, NULL},
    {"*", ROUTE_NONE, NULL},
    {"", ROUTE_NONE, NULL},
};

Test(route, finds_the_handler_and_what_the_path_leaves_open)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice parameter = SLICE_NONE;
        enum route route = route_find(slice_of(cases[i].path), &parameter);
        cr_expect_eq(route, cases[i].route, "%s", cases[i].path);
        cr_expect(slice_equal(parameter, slice_of(cases[i].parameter)), "%s: parameter %.*s",
                  cases[i].path, (int)parameter.len, parameter.data);
    }
}

Test(route, has_a_name_for_every_route)
{
    for (int i = 0; i < ROUTE_COUNT; i++) {
        cr_expect_not_null(route_name((enum route)i), "route %d", i);
    }
}
