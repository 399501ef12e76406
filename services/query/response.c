#include "response.h"

#include "jsontext.h"

#include <stddef.h>

#define MAX_BYTES ((size_t)4096)

/* Errors are for this request alone; a stored 404 would outlive the batch's arrival. */
static const char ERROR_HEADERS[] = "Content-Type: application/json\r\n"
                                    "Cache-Control: no-store\r\n";

void response_open_success(struct buf *body)
{
    buf_append_text(body, "{\"message\":\"Calls fetched successfully\",\"status\":true,"
                          "\"code\":200,\"errorMessage\":\"\",\"data\":");
}

void response_close(struct buf *body)
{
    buf_append_char(body, '}');
}

void response_append_error(struct buf *body, int status, const char *message, const char *detail)
{
    buf_append_text(body, "{\"message\":");
    jsontext_append_string(body, slice_of(message));
    buf_append_text(body, ",\"status\":false,\"code\":");
    buf_append_int(body, status);
    buf_append_text(body, ",\"errorMessage\":");
    jsontext_append_string(body, slice_of(detail));
    buf_append_text(body, ",\"data\":null");
    response_close(body);
}

void response_append_problem(struct buf *headers, struct buf *body, const struct problem *problem)
{
    buf_append_text(headers, ERROR_HEADERS);
    buf_append_text(headers, problem_headers(problem->kind));
    response_append_error(body, problem_status(problem->kind), problem_message(problem->kind),
                          problem->detail);
}

void response_reply_problem(struct http_request *req, const struct problem *problem)
{
    struct buf headers;
    struct buf body;
    buf_init(&headers, MAX_BYTES);
    buf_init(&body, MAX_BYTES);
    response_append_problem(&headers, &body, problem);
    http_request_reply(req, problem_status(problem->kind), buf_slice(&headers), buf_slice(&body));
    buf_done(&headers);
    buf_done(&body);
}
