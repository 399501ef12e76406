#include "api_status.h"

#include "http_server.h"
#include "macros.h"
#include "problem.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct api_status *find(int status)
{
    for (size_t i = 0; i < api_status_count; i++) {
        if (api_statuses[i].status == status) {
            return &api_statuses[i];
        }
    }
    return NULL;
}

Test(api_status, describes_every_problem)
{
    for (int kind = 0; kind < PROBLEM_KIND_COUNT; kind++) {
        int status = problem_status((enum problem_kind)kind);
        cr_expect(find(status) && find(status)->answers[API_BATCH], "%d", status);
    }
}

/* What http_server.h says that the server answers by itself. */
Test(api_status, describes_what_the_server_answers_by_itself)
{
    static const int statuses[] = {400, 405, 408, 413, 414, 417, 431, 501, 503, 505};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        const struct api_status *status = find(statuses[i]);
        cr_assert_not_null(status, "%d", statuses[i]);
        cr_expect(status->answers[API_BATCH] && status->answers[API_DOCUMENT], "%d", statuses[i]);
    }
}

Test(api_status, is_in_order_and_known)
{
    for (size_t i = 0; i < api_status_count; i++) {
        int status = api_statuses[i].status;
        cr_expect(i == 0 || status > api_statuses[i - 1].status, "%d", status);
        cr_expect_str_not_empty(http_status_text(status), "%d", status);
        cr_expect_str_not_empty(api_statuses[i].description, "%d", status);
    }
}

Test(api_status, every_problem_has_the_fields_that_go_with_it)
{
    for (int kind = 0; kind < PROBLEM_KIND_COUNT; kind++) {
        const char *lines = problem_headers((enum problem_kind)kind);
        const struct api_status *status = find(problem_status((enum problem_kind)kind));
        for (int i = 0; i < API_HEADER_COUNT; i++) {
            enum api_header header = (enum api_header)i;
            cr_expect(!strstr(lines, api_header_doc(header)->name) ||
                          api_status_has_header(status, API_BATCH, header),
                      "%d lacks %s", status->status, api_header_doc(header)->name);
        }
    }
}

Test(api_status, documents_have_neither_links_nor_a_rate)
{
    const struct api_status *ok = find(200);
    cr_expect(api_status_has_header(ok, API_BATCH, API_HEADER_LINK));
    cr_expect(api_status_has_header(ok, API_BATCH, API_HEADER_RATE_LIMIT));
    cr_expect(!api_status_has_header(ok, API_DOCUMENT, API_HEADER_LINK));
    cr_expect(!api_status_has_header(ok, API_DOCUMENT, API_HEADER_RATE_LIMIT));
    cr_expect(api_status_has_header(ok, API_DOCUMENT, API_HEADER_ETAG));
}
