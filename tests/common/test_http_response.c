#include "http_response.h"

#include "http_server.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <string.h>

struct date_row {
    time_t seconds;
    const char *text;
};

/* RFC 9110, 5.6.7 gives the first one. */
static const struct date_row date_rows[] = {
    {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},  {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
    {784111778, "Sun, 06 Nov 1994 08:49:38 GMT"},  {1, "Thu, 01 Jan 1970 00:00:01 GMT"},
    {1709251199, "Thu, 29 Feb 2024 23:59:59 GMT"},
};

Test(http_response, writes_dates_as_imf_fixdate)
{
    struct http_date date = {0};
    for (size_t i = 0; i < ARRAY_LEN(date_rows); i++) {
        struct slice text = http_date_text(&date, date_rows[i].seconds);
        cr_expect(slice_equal(text, slice_of(date_rows[i].text)), "row %zu: %.*s", i, (int)text.len,
                  text.data);
    }
}

struct head_row {
    struct http_response response;
    const char *head;
};

#define DATE                                                                                       \
    {                                                                                              \
        "D", 1                                                                                     \
    }

static const struct head_row head_rows[] = {
    {{200, HTTP_CONNECTION_DEFAULT, DATE, 12},
     "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 12\r\n"},
    {{404, HTTP_CONNECTION_CLOSE, DATE, 0},
     "HTTP/1.1 404 Not Found\r\nDate: D\r\nContent-Length: 0\r\nConnection: close\r\n"},
    {{304, HTTP_CONNECTION_KEEP_ALIVE, DATE, 12},
     "HTTP/1.1 304 Not Modified\r\nDate: D\r\nConnection: keep-alive\r\n"},
    {{204, HTTP_CONNECTION_DEFAULT, DATE, 0}, "HTTP/1.1 204 No Content\r\nDate: D\r\n"},
    {{299, HTTP_CONNECTION_DEFAULT, DATE, 0}, "HTTP/1.1 299 \r\nDate: D\r\nContent-Length: 0\r\n"},
};

Test(http_response, begins_with_status_date_length_and_connection)
{
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < ARRAY_LEN(head_rows); i++) {
        buf_reset(&out);
        http_response_append_head(&out, &head_rows[i].response);
        cr_expect_str_eq(buf_text(&out), head_rows[i].head, "row %zu: %s", i, buf_text(&out));
    }
    buf_done(&out);
}

/* Every code of the contract, and what the server itself answers with. */
static const int named[] = {200, 304, 400, 401, 404, 405, 408, 413,
                            414, 417, 429, 431, 500, 501, 503, 505};

Test(http_response, has_a_reason_phrase_for_every_status_that_is_answered)
{
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        cr_expect(strlen(http_status_text(named[i])) > 0, "%d", named[i]);
    }
    cr_expect_str_eq(http_status_text(431), "Request Header Fields Too Large");
    cr_expect_str_empty(http_status_text(999));
}
