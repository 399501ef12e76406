#include "link_header.h"

#include <criterion/criterion.h>

struct link_case {
    const char *name;
    int64_t page;
    int64_t total_pages;
    const char *relations;
};

#define LINK(page, relation) "</p?page=" page "&limit=5>; rel=\"" relation "\""

static const struct link_case cases[] = {
    {"only page", 1, 1, "Link: " LINK("1", "first") ", " LINK("1", "last") "\r\n"},
    {"first of three", 1, 3,
     "Link: " LINK("1", "first") ", " LINK("2", "next") ", " LINK("3", "last") "\r\n"},
    {"in the middle", 2, 3,
     "Link: " LINK("1", "first") ", " LINK("1", "prev") ", " LINK("3", "next") ", " LINK(
         "3", "last") "\r\n"},
    {"last of three", 3, 3,
     "Link: " LINK("1", "first") ", " LINK("2", "prev") ", " LINK("3", "last") "\r\n"},
    {"behind the last", 9, 3,
     "Link: " LINK("1", "first") ", " LINK("3", "prev") ", " LINK("3", "last") "\r\n"},
    {"an empty batch", 1, 0, "Link: " LINK("1", "first") ", " LINK("1", "last") "\r\n"},
    {"behind an empty batch", 2, 0,
     "Link: " LINK("1", "first") ", " LINK("1", "prev") ", " LINK("1", "last") "\r\n"},
};

Test(link_header, names_the_pages_around)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct page_request request = {.page = cases[i].page, .limit = 5};
        request.given[PARAMETER_LIMIT] = SLICE("5");
        struct buf headers;
        buf_init(&headers, 1 << 20);
        link_header_append(&headers, SLICE("/p"), &request, cases[i].total_pages);
        cr_expect_str_eq(buf_text(&headers), cases[i].relations, "%s: %s", cases[i].name,
                         buf_text(&headers));
        buf_done(&headers);
    }
}

Test(link_header, encodes_the_parameters_anew_and_leaves_out_page_and_cursor)
{
    struct page_request request = {.page = 1, .limit = 10};
    request.given[PARAMETER_PAGE] = SLICE("1");
    request.given[PARAMETER_SORT_BY] = SLICE("Acct. No");
    request.given[PARAMETER_SORT_ORDER] = SLICE("desc");
    request.given[PARAMETER_FILTER] = SLICE("{\"a\":\"<\xc3\xa9>&=+%\"}");
    request.given[PARAMETER_SEARCH] = SLICE("-._~\t");
    request.given[PARAMETER_CURSOR] = SLICE("c");
    struct buf headers;
    buf_init(&headers, 1 << 20);
    link_header_append(&headers, SLICE("/p"), &request, 1);
    const char wanted[] =
        "Link: </p?page=1&sortBy=Acct.%20No&sortOrder=desc"
        "&filter=%7B%22a%22%3A%22%3C%C3%A9%3E%26%3D%2B%25%22%7D&search=-._~%09>; rel=\"first\"";
    cr_expect_eq(strncmp(buf_text(&headers), wanted, strlen(wanted)), 0, "%s", buf_text(&headers));
    buf_done(&headers);
}
