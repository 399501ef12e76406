#include "response.h"

#include <criterion/criterion.h>
#include <string.h>

static struct buf headers;
static struct buf body;

static void set_up(void)
{
    buf_init(&headers, 1 << 16);
    buf_init(&body, 1 << 16);
}

static void tear_down(void)
{
    buf_done(&headers);
    buf_done(&body);
}

TestSuite(response, .init = set_up, .fini = tear_down);

Test(response, writes_an_error_with_the_members_of_the_published_example)
{
    response_append_error(&body, 431, "Request Header Fields Too Large", "send \"less\"");
    cr_expect_str_eq(buf_text(&body),
                     "{\"message\":\"Request Header Fields Too Large\",\"status\":false,"
                     "\"code\":431,\"errorMessage\":\"send \\\"less\\\"\",\"data\":null}");
}

Test(response, wraps_a_success)
{
    response_open_success(&body);
    buf_append_text(&body, "1");
    response_close(&body);
    cr_expect_str_eq(buf_text(&body), "{\"message\":\"Calls fetched successfully\",\"status\":true,"
                                      "\"code\":200,\"errorMessage\":\"\",\"data\":1}");
}

struct problem_case {
    enum problem_kind kind;
    int status;
    const char *message;
    const char *header; /* a line that must be there */
};

static const struct problem_case problems[] = {
    {PROBLEM_BAD_BATCH_ID, 400, "Invalid batch id", "Content-Type: application/json\r\n"},
    {PROBLEM_BAD_PARAMETER, 400, "Invalid query parameter", "Cache-Control: no-store\r\n"},
    {PROBLEM_NO_CREDENTIALS, 401, "Authentication required",
     "WWW-Authenticate: Bearer realm=\"callboard\"\r\n"},
    {PROBLEM_INVALID_TOKEN, 401, "Invalid token",
     "WWW-Authenticate: Bearer realm=\"callboard\", error=\"invalid_token\"\r\n"},
    {PROBLEM_NO_ROUTE, 404, "Not Found", "Content-Type: application/json\r\n"},
    {PROBLEM_NO_BATCH, 404, "Batch not found", "Content-Type: application/json\r\n"},
    {PROBLEM_OTHER_PAGE, 412, "Precondition Failed", "Cache-Control: no-store\r\n"},
    {PROBLEM_TOO_MANY_REQUESTS, 429, "Too Many Requests", "Cache-Control: no-store\r\n"},
    {PROBLEM_QUERY_FAILED, 500, "Failed to aggregate batch data", "Cache-Control: no-store\r\n"},
    {PROBLEM_UNAVAILABLE, 503, "Service Unavailable", "Retry-After: 1\r\n"},
};

Test(response, answers_every_kind_of_problem)
{
    cr_assert_eq(sizeof(problems) / sizeof(problems[0]), PROBLEM_KIND_COUNT);
    for (size_t i = 0; i < PROBLEM_KIND_COUNT; i++) {
        const struct problem_case *row = &problems[i];
        struct problem problem;
        cr_expect_not(problem_set(&problem, row->kind, "change %s", "this"));
        cr_expect_eq(problem_status(row->kind), row->status, "%s", row->message);
        buf_reset(&headers);
        buf_reset(&body);
        response_append_problem(&headers, &body, &problem);
        struct buf wanted;
        buf_init(&wanted, 1024);
        buf_append_format(&wanted,
                          "{\"message\":\"%s\",\"status\":false,\"code\":%d,"
                          "\"errorMessage\":\"change this\",\"data\":null}",
                          row->message, row->status);
        cr_expect_str_eq(buf_text(&body), buf_text(&wanted), "%s", row->message);
        cr_expect_not_null(strstr(buf_text(&headers), row->header), "%s: %s", row->message,
                           buf_text(&headers));
        buf_done(&wanted);
    }
}

Test(response, cuts_a_long_detail_between_characters)
{
    char text[512];
    for (size_t i = 0; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xa9", 3);
    }
    struct problem problem;
    problem_set(&problem, PROBLEM_BAD_PARAMETER, "%s", text);
    size_t len = strlen(problem.detail);
    cr_expect_eq(len, 254, "%zu", len);
    cr_expect_eq((unsigned char)problem.detail[len - 1], 0xa9);
}
