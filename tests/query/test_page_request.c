#include "page_request.h"

#include <criterion/criterion.h>
#include <string.h>

static const char GOOD_ID[] = "67def9053495307c718d9dfb";
#define SIXTEEN "0123456789abcdef"
#define MAX_LIMIT 1000

static struct arena arena;

static void set_up(void)
{
    arena_init(&arena);
}

static void tear_down(void)
{
    arena_done(&arena);
}

TestSuite(page_request, .init = set_up, .fini = tear_down);

static bool parse(const char *query, struct page_request *out, struct problem *problem)
{
    return page_request_parse(slice_of(GOOD_ID), slice_of(query), MAX_LIMIT, &arena, out, problem);
}

struct accepted_case {
    const char *query; /* NULL: none */
    int64_t page;
    int64_t limit;
    enum field_kind sort;
    bool descending;
};

static const struct accepted_case accepted[] = {
    {NULL, 1, 10, FIELD_ARRIVAL, false},
    {"", 1, 10, FIELD_ARRIVAL, false},
    {"&&", 1, 10, FIELD_ARRIVAL, false},
    {"page=1&limit=10&sortBy=createdAt&sortOrder=desc", 1, 10, FIELD_CREATED_AT, true},
    {"page=7", 7, 10, FIELD_ARRIVAL, false},
    {"page=1000000000&limit=1000", 1000000000, 1000, FIELD_ARRIVAL, false},
    {"page=0000000000000000000000000000007", 7, 10, FIELD_ARRIVAL, false},
    {"limit=1", 1, 1, FIELD_ARRIVAL, false},
    {"limit=%31%30%30", 1, 100, FIELD_ARRIVAL, false},
    {"p%61ge=3", 3, 10, FIELD_ARRIVAL, false},
    {"sortOrder=asc", 1, 10, FIELD_ARRIVAL, false},
    {"sortOrder=desc", 1, 10, FIELD_ARRIVAL, true},
    {"sortBy=createdAt", 1, 10, FIELD_CREATED_AT, false},
    {"page=&limit=&sortBy=&sortOrder=&filter=&search=&cursor=", 1, 10, FIELD_ARRIVAL, false},
    {"page&limit", 1, 10, FIELD_ARRIVAL, false},
    {"unknown=x&unknown=y&page=2", 2, 10, FIELD_ARRIVAL, false},
    {"unknown=%zz&page=2", 2, 10, FIELD_ARRIVAL, false},
    {"Page=9&PAGE=8", 1, 10, FIELD_ARRIVAL, false},
};

Test(page_request, reads_every_parameter_of_the_contract)
{
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        const struct accepted_case *row = &accepted[i];
        struct page_request request;
        struct problem problem = {0};
        cr_assert(parse(row->query, &request, &problem), "%s: %s", row->query, problem.detail);
        cr_expect_eq(request.page, row->page, "%s: page", row->query);
        cr_expect_eq(request.limit, row->limit, "%s: limit", row->query);
        cr_expect_eq(request.sort.kind, row->sort, "%s: sort", row->query);
        cr_expect_eq(request.descending, row->descending, "%s: direction", row->query);
    }
}

struct refused_case {
    const char *query;
    const char *hint; /* part of the detail */
};

static const struct refused_case refused[] = {
    {"page=0", "page must be an integer from 1 to 1000000000"},
    {"page=00", "page must be"},
    {"page=-1", "page must be"},
    {"page=+1", "page must be"},
    {"page=%2B1", "page must be"},
    {"page=1.0", "page must be"},
    {"page=1e3", "page must be"},
    {"page=0x10", "page must be"},
    {"page=1%20", "page must be"},
    {"page=1000000001", "page must be"},
    {"page=99999999999999999999999999999999", "page must be"},
    {"page=9223372036854775808", "page must be"},
    {"page=\xd9\xa1", "page must be"}, /* U+0661, a digit, but not a decimal digit of ours */
    {"limit=0", "limit must be an integer from 1 to 1000"},
    {"limit=1001", "limit must be"},
    {"limit=abc", "limit must be"},
    {"limit=18446744073709551617", "limit must be"},
    {"sortOrder=ASC", "sortOrder must be \"asc\" or \"desc\""},
    {"sortOrder=up", "sortOrder must be"},
    {"sortOrder=asc%20", "sortOrder must be"},
    {"sortBy=" SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN "x",
     "sortBy must be the name of a field, 1 to 128 bytes"},
    {"filter=[]", "filter: it must be a JSON object"},
    {"filter={", "filter: "},
    {"filter={\"a\":{\"$foo\":1}}", "\"$foo\" of \"a\" is not an operator"},
    {"search=(a)\\1", "search uses a back-reference (\\1)"},
    {"search=" SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN
         SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN "x",
     "search is longer than 256 bytes"},
    {"cursor=abc&page=1", "cursor and page exclude each other"},
    {"page=2&cursor=abc", "cursor and page exclude each other"},
    {"page=1&page=1", "page is given more than once"},
    {"page=&page=1", "page is given more than once"},
    {"page=1&p%61ge=", "page is given more than once"},
    {"search=&search=", "search is given more than once"},
    {"page=%", "page: \"%"},
    {"page=%1", "page: \"%"},
    {"search=%zz", "search: \"%zz\" is not a percent-encoded byte"},
    {"%zz=1", "name of a parameter: \"%zz\""},
    {"search=%ff", "search: the text is not UTF-8"},
    {"search=%c0%af", "search: the text is not UTF-8"},
    {"search=%ed%a0%80", "search: the text is not UTF-8"},
    {"search=\xff", "search: the text is not UTF-8"},
    {"search=a%00b", "search: the control character"},
    {"search=%0a", "search: the control character"},
    {"search=%7f", "search: the control character"},
    {"sortBy=%1f", "sortBy: the control character"},
};

Test(page_request, refuses_what_the_contract_refuses_and_says_what_to_change)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct page_request request;
        struct problem problem = {0};
        cr_assert_not(parse(refused[i].query, &request, &problem), "%s", refused[i].query);
        cr_expect_eq(problem.kind, PROBLEM_BAD_PARAMETER, "%s", refused[i].query);
        cr_expect_not_null(strstr(problem.detail, refused[i].hint), "%s: %s", refused[i].query,
                           problem.detail);
    }
}

Test(page_request, takes_a_tab_for_text)
{
    struct page_request request;
    struct problem problem = {0};
    cr_assert(parse("search=%09", &request, &problem), "%s", problem.detail);
    cr_assert_not_null(request.search);
    cr_expect(slice_equal(request.search->text, SLICE("\t")));
    cr_expect(request.search->ignores_case);
}

Test(page_request, takes_a_name_of_128_bytes_and_a_pattern_of_256)
{
    struct page_request request;
    struct problem problem = {0};
    cr_expect(parse("sortBy=" SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN,
                    &request, &problem),
              "%s", problem.detail);
    cr_expect_eq(request.sort.kind, FIELD_DYNAMIC);
    cr_expect(parse("search=" SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN
                        SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN,
                    &request, &problem),
              "%s", problem.detail);
    cr_expect(parse("cursor=abc&page=", &request, &problem), "%s", problem.detail);
}

struct id_case {
    const char *id;
    bool is_good;
};

static const struct id_case ids[] = {
    {"67def9053495307c718d9dfb", true},
    {"67DEF9053495307C718D9DFB", true},
    {"67dEf9053495307c718d9dfb", true},
    {"%367def9053495307c718d9dfb", true},
    {"", false},
    {"67def9053495307c718d9df", false},
    {"67def9053495307c718d9dfb0", false},
    {"67def9053495307c718d9dfg", false},
    {"67def9053495307c718d9df%", false},
    {"67def9053495307c718d9df%00", false},
    {" 7def9053495307c718d9dfb", false},
    {"{id}", false},
};

Test(page_request, wants_24_hexadecimal_digits_for_a_batch_id)
{
    struct page_request lower;
    struct problem problem;
    cr_assert(parse(NULL, &lower, &problem));
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct page_request request;
        bool ok = page_request_parse(slice_of(ids[i].id), SLICE_NONE, MAX_LIMIT, &arena, &request,
                                     &problem);
        cr_assert_eq(ok, ids[i].is_good, "%s", ids[i].id);
        if (ok) {
            cr_expect_eq(object_id_compare(&request.batch_id, &lower.batch_id), 0, "%s", ids[i].id);
        } else {
            cr_expect_eq(problem.kind, PROBLEM_BAD_BATCH_ID, "%s", ids[i].id);
        }
    }
}

Test(page_request, keeps_the_values_decoded_for_links)
{
    struct page_request request;
    struct problem problem;
    cr_assert(parse("limit=%32%30&sortOrder=desc&page=", &request, &problem));
    cr_expect(slice_equal(request.given[PARAMETER_LIMIT], SLICE("20")));
    cr_expect(slice_equal(request.given[PARAMETER_SORT_ORDER], SLICE("desc")));
    cr_expect_not(slice_is_set(request.given[PARAMETER_PAGE]));
    cr_expect_not(slice_is_set(request.given[PARAMETER_SEARCH]));
}

Test(page_request, lowers_the_default_limit_to_a_smaller_maximum)
{
    struct page_request request;
    struct problem problem;
    cr_assert(page_request_parse(slice_of(GOOD_ID), SLICE_NONE, 3, &arena, &request, &problem));
    cr_expect_eq(request.limit, 3);
}

struct arithmetic_case {
    int64_t page, limit, total;
    int64_t skip, total_pages;
};

static const struct arithmetic_case arithmetic[] = {
    {1, 10, 0, 0, 0},
    {1, 10, 1, 0, 1},
    {2, 10, 10, 10, 1},
    {3, 10, 11, 20, 2},
    {1000000000, 1000, 2147483647, 999999999000, 2147484},
};

Test(page_request, counts_pages_without_overflow)
{
    for (size_t i = 0; i < sizeof(arithmetic) / sizeof(arithmetic[0]); i++) {
        const struct arithmetic_case *row = &arithmetic[i];
        struct page_request request = {.page = row->page, .limit = row->limit};
        cr_expect_eq(page_request_skip(&request), row->skip, "row %zu", i);
        cr_expect_eq(page_request_total_pages(&request, row->total), row->total_pages, "row %zu",
                     i);
    }
}
