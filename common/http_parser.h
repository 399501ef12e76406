/*
 * http_parser - the head of one HTTP/1.x request (RFC 9112), incrementally and strictly.
 *
 * Pure: it looks at bytes that the caller keeps and remembers places in them, so the bytes may be
 * moved between calls. It allocates nothing. The result does not depend on how the bytes were
 * split: feeding them one at a time gives the same.
 *
 * Refused: bare CR or LF, control characters, white space before a colon, folded lines, anything
 * but exactly one valid Host (HTTP/1.1), ambiguous framing, and for GET and HEAD any body.
 * Tolerated: one empty line before the request line (RFC 9112, 2.2), "Content-Length: 0", "Expect:
 * 100-continue" (there is no body to wait for).
 */
#ifndef CALLBOARD_HTTP_PARSER_H
#define CALLBOARD_HTTP_PARSER_H

#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_PARSER_MAX_FIELDS 100

enum http_method { HTTP_METHOD_OTHER, HTTP_METHOD_GET, HTTP_METHOD_HEAD, HTTP_METHOD_OPTIONS };

enum http_parser_result {
    HTTP_PARSER_MORE,  /* incomplete: call again with more behind the same bytes */
    HTTP_PARSER_DONE,  /* `head_bytes`, `method`, `path`, ... hold */
    HTTP_PARSER_ERROR, /* `status` and `detail` hold; where the next request begins is not known */
};

/* Both below 1 GiB. */
struct http_parser_limits {
    size_t max_request_line; /* bytes without CRLF; beyond: 414 */
    size_t max_header_bytes; /* all header lines with their CRLFs; beyond: 431 */
};

/* A run of the caller's bytes. */
struct http_span {
    uint32_t at;
    uint32_t len;
};

struct http_field {
    struct http_span name;
    struct http_span value; /* without surrounding white space */
};

/* Fields above the line are for the caller to read. */
struct http_parser {
    enum http_parser_result result;
    int status;         /* of an error: 400, 413, 414, 417, 431, 501 or 505 */
    const char *detail; /* of an error, constant: what the client has to change */
    uint32_t head_bytes;
    enum http_method method; /* set as soon as the request line is complete */
    struct http_span path;   /* empty for an absolute-form target without one: means "/" */
    struct http_span query;
    bool has_query;
    bool has_body;   /* never with GET and HEAD */
    bool keep_alive; /* the connection may serve another request; false with a body */
    bool is_http_1_0;
    /* --- */
    struct http_parser_limits limits;
    uint32_t scanned;    /* bytes known not to end the line */
    uint32_t line_start; /* of the line that is being read */
    uint32_t fields_start;
    bool has_request_line;
    bool has_skipped_line;
    uint32_t field_count;
    struct http_field fields[HTTP_PARSER_MAX_FIELDS];
};

/* Begins a request. The limits stay until the next call. */
void http_parser_init(struct http_parser *parser, const struct http_parser_limits *limits);

/* `data` begins with the request's first byte and holds all that earlier calls were given, with
 * more behind it. After DONE or ERROR it changes nothing. */
enum http_parser_result http_parser_run(struct http_parser *parser, const char *data, size_t len);

/* Whether anything but the tolerated empty line has been seen. */
bool http_parser_has_begun(const struct http_parser *parser);

/* After DONE. The next field with this name (in any case) from `*index` on, which is moved behind
 * it; false when there is none. Begin with 0. */
bool http_parser_next_field(const struct http_parser *parser, const char *data, const char *name,
                            size_t *index, struct slice *out_value);
/* After DONE. The first field with this name (in any case), SLICE_NONE when there is none. */
struct slice http_parser_field(const struct http_parser *parser, const char *data,
                               const char *name);
size_t http_parser_field_count(const struct http_parser *parser, const char *data,
                               const char *name);

#endif
