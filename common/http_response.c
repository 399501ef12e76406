#include "http_response.h"

#include "http_server.h"

#include <assert.h>
#include <stdio.h>

struct status_def {
    int status;
    const char *text;
};

/* RFC 9110, 15; RFC 6585. The frequent ones first. */
static const struct status_def statuses[] = {
    {200, "OK"},
    {304, "Not Modified"},
    {401, "Unauthorized"},
    {404, "Not Found"},
    {400, "Bad Request"},
    {503, "Service Unavailable"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {403, "Forbidden"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

static const char *const connection_lines[] = {
    [HTTP_CONNECTION_DEFAULT] = "",
    [HTTP_CONNECTION_CLOSE] = "Connection: close\r\n",
    [HTTP_CONNECTION_KEEP_ALIVE] = "Connection: keep-alive\r\n",
};

const char *http_status_text(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        if (statuses[i].status == status) {
            return statuses[i].text;
        }
    }
    return "";
}

bool http_status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

struct slice http_date_text(struct http_date *date, time_t now)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (date->second != now) {
        struct tm utc = {0};
        gmtime_r(&now, &utc);
        date->second = now;
        int len = snprintf(date->text, sizeof(date->text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                           days[utc.tm_wday % 7], utc.tm_mday, months[utc.tm_mon % 12],
                           (utc.tm_year + 1900) % 10000, utc.tm_hour, utc.tm_min, utc.tm_sec);
        assert(len == HTTP_DATE_BYTES);
        (void)len;
    }
    return (struct slice){date->text, HTTP_DATE_BYTES};
}

void http_response_append_head(struct buf *out, const struct http_response *response)
{
    buf_append_slice(out, SLICE("HTTP/1.1 "));
    buf_append_int(out, response->status);
    buf_append_char(out, ' ');
    buf_append_text(out, http_status_text(response->status));
    buf_append_slice(out, SLICE("\r\nDate: "));
    buf_append_slice(out, response->date);
    if (http_status_has_body(response->status)) {
        buf_append_slice(out, SLICE("\r\nContent-Length: "));
        buf_append_int(out, (int64_t)response->body_bytes);
    }
    buf_append_slice(out, SLICE("\r\n"));
    buf_append_text(out, connection_lines[response->connection]);
}
