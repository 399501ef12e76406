#include "http_parser.h"

#include "alloc.h"
#include "buf.h"
#include "macros.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define H "Host: a\r\n"

static const struct http_parser_limits wide = {32768, 32768};

/* --- requests that are understood ---------------------------------------------------------- */

struct accepted_row {
    const char *name;
    struct slice input; /* ends with the head */
    enum http_method method;
    const char *path;
    const char *query; /* NULL: none */
    bool closes;
    bool has_body;
};

static const struct accepted_row accepted[] = {
    {"9112 3: origin-form", BYTES("GET /a/b HTTP/1.1\r\n" H "\r\n"), HTTP_METHOD_GET, "/a/b", NULL,
     false, false},
    {"9112 3.2.1: with a query", BYTES("GET /a?b=c&d HTTP/1.1\r\n" H "\r\n"), HTTP_METHOD_GET, "/a",
     "b=c&d", false, false},
    {"9112 3.2.1: with an empty query", BYTES("GET /a? HTTP/1.1\r\n" H "\r\n"), HTTP_METHOD_GET,
     "/a", "", false, false},
    {"3986 3.4: a question mark within the query", BYTES("GET /?a?b HTTP/1.1\r\n" H "\r\n"),
     HTTP_METHOD_GET, "/", "a?b", false, false},
    {"9110 9.3.2: HEAD", BYTES("HEAD / HTTP/1.1\r\n" H "\r\n"), HTTP_METHOD_HEAD, "/", NULL, false,
     false},
    {"9110 9.1: methods are case-sensitive", BYTES("get / HTTP/1.1\r\n" H "\r\n"),
     HTTP_METHOD_OTHER, "/", NULL, false, false},
    {"9110 9.1: an unknown method", BYTES("M-SEARCH /a HTTP/1.1\r\n" H "\r\n"), HTTP_METHOD_OTHER,
     "/a", NULL, false, false},
    {"9112 3.2.2: absolute-form", BYTES("GET http://b:80/a?c HTTP/1.1\r\n" H "\r\n"),
     HTTP_METHOD_GET, "/a", "c", false, false},
    {"9112 3.2.2: absolute-form without a path", BYTES("GET HTTPS://b HTTP/1.1\r\n" H "\r\n"),
     HTTP_METHOD_GET, "", NULL, false, false},
    {"9112 3.2.2: absolute-form with only a query", BYTES("GET http://b?c HTTP/1.1\r\n" H "\r\n"),
     HTTP_METHOD_GET, "", "c", false, false},
    {"9112 3.2.4: asterisk-form", BYTES("OPTIONS * HTTP/1.1\r\n" H "\r\n"), HTTP_METHOD_OPTIONS,
     "*", NULL, false, false},
    {"9112 2.2: one empty line before", BYTES("\r\nGET / HTTP/1.1\r\n" H "\r\n"), HTTP_METHOD_GET,
     "/", NULL, false, false},
    {"9112 2.3: a later minor version", BYTES("GET / HTTP/1.7\r\n" H "\r\n"), HTTP_METHOD_GET, "/",
     NULL, false, false},
    {"9112 2.3: 1.0 without Host", BYTES("GET / HTTP/1.0\r\n\r\n"), HTTP_METHOD_GET, "/", NULL,
     true, false},
    {"9112 9.3: 1.0 asking for more", BYTES("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
     HTTP_METHOD_GET, "/", NULL, false, false},
    {"9112 9.3: close wins", BYTES("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"),
     HTTP_METHOD_GET, "/", NULL, true, false},
    {"9112 9.6: close", BYTES("GET / HTTP/1.1\r\n" H "Connection: Close\r\n\r\n"), HTTP_METHOD_GET,
     "/", NULL, true, false},
    {"9112 9.6: close in a second line",
     BYTES("GET / HTTP/1.1\r\n" H "Connection: te\r\nConnection: ,close\r\n\r\n"), HTTP_METHOD_GET,
     "/", NULL, true, false},
    {"9110 7.6.1: another option", BYTES("GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n"),
     HTTP_METHOD_GET, "/", NULL, false, false},
    {"9110 7.2: Host with a port", BYTES("GET / HTTP/1.1\r\nhOST:a.b-c:8080\r\n\r\n"),
     HTTP_METHOD_GET, "/", NULL, false, false},
    {"9110 7.2: Host with an empty port", BYTES("GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
     HTTP_METHOD_GET, "/", NULL, false, false},
    {"3986 3.2.2: Host as IPv6", BYTES("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), HTTP_METHOD_GET,
     "/", NULL, false, false},
    {"9110 8.6: Content-Length: 0", BYTES("GET / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"),
     HTTP_METHOD_GET, "/", NULL, false, false},
    {"9112 6.3: the same length twice",
     BYTES("GET / HTTP/1.1\r\n" H "Content-Length: 0\r\ncontent-length: 00\r\n\r\n"),
     HTTP_METHOD_GET, "/", NULL, false, false},
    {"9110 10.1.1: 100-continue without a body",
     BYTES("GET / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n\r\n"), HTTP_METHOD_GET, "/", NULL,
     false, false},
    {"9110 10.1.1: any expectation of 1.0 is ignored",
     BYTES("GET / HTTP/1.0\r\nExpect: tea\r\n\r\n"), HTTP_METHOD_GET, "/", NULL, true, false},
    {"9112 6: another method's body ends the connection",
     BYTES("POST /a HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\n"), HTTP_METHOD_OTHER, "/a", NULL,
     true, true},
    {"9112 6.1: another method's unknown coding too",
     BYTES("POST /a HTTP/1.1\r\n" H "Transfer-Encoding: rot13\r\n\r\n"), HTTP_METHOD_OTHER, "/a",
     NULL, true, true},
    {"9110 5.5: tab and obs-text in a value",
     BYTES("GET / HTTP/1.1\r\n" H "X: a\tb\xFF\xE9\r\n\r\n"), HTTP_METHOD_GET, "/", NULL, false,
     false},
    {"9112 5: no space, many spaces, nothing",
     BYTES("GET / HTTP/1.1\r\n" H "A:b\r\nC: \t d \t\r\nE:\r\n\r\n"), HTTP_METHOD_GET, "/", NULL,
     false, false},
    {"9110 5.6.2: every token byte in a name",
     BYTES("GET / HTTP/1.1\r\n" H "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"), HTTP_METHOD_GET, "/", NULL,
     false, false},
    {"ours: braces and quotes in a query, as people paste them",
     BYTES("GET /?f={\"a\":[1]} HTTP/1.1\r\n" H "\r\n"), HTTP_METHOD_GET, "/", "f={\"a\":[1]}",
     false, false},
};

/* --- requests that are refused ------------------------------------------------------------- */

struct refused_row {
    const char *name;
    struct slice input;
    int status;
    const char *detail; /* a part of it */
};

static const struct refused_row refused[] = {
    {"9112 2.2: bare LF behind the request line", BYTES("GET / HTTP/1.1\n" H "\r\n"), 400,
     "line feed"},
    {"9112 2.2: bare LF behind a field", BYTES("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400,
     "line feed"},
    {"9112 2.2: bare LF at the end", BYTES("GET / HTTP/1.1\r\n" H "\n"), 400, "line feed"},
    {"9112 2.2: bare CR in the request line", BYTES("GET /\r HTTP/1.1\r\n"), 400,
     "carriage return"},
    {"9112 2.2: bare CR in a value", BYTES("GET / HTTP/1.1\r\nHost: a\rb\r\n"), 400,
     "carriage return"},
    {"9112 2.2: CR CR LF", BYTES("GET / HTTP/1.1\r\r\n"), 400, "carriage return"},
    {"9112 2.2: two empty lines before", BYTES("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), 400,
     "method"},
    {"9112 2.2: LF before", BYTES("\nGET / HTTP/1.1\r\n"), 400, "line feed"},
    {"9112 2.2: white space behind the request line", BYTES("GET / HTTP/1.1\r\n Host: a\r\n"), 400,
     "second line"},
    {"9112 3: two spaces", BYTES("GET  / HTTP/1.1\r\n"), 400, "single spaces"},
    {"9112 3: a space at the end", BYTES("GET / HTTP/1.1 \r\n"), 400, "single spaces"},
    {"9112 3: a space before", BYTES(" GET / HTTP/1.1\r\n"), 400, "method"},
    {"9112 3: a tab for a space", BYTES("GET\t/ HTTP/1.1\r\n"), 400, "control character"},
    {"9112 3: no target", BYTES("GET HTTP/1.1\r\n"), 400, "single spaces"},
    {"9112 3: a method alone", BYTES("GET\r\n"), 400, "single spaces"},
    {"9112 3.2: a space in the target", BYTES("GET /a b HTTP/1.1\r\n"), 400, "single spaces"},
    {"9112 3.1: a method that is no token", BYTES("GE/T / HTTP/1.1\r\n"), 400, "method"},
    {"9112 3.2: NUL in the target", BYTES("GET /\0 HTTP/1.1\r\n"), 400, "control character"},
    {"9112 3.2: DEL in the target", BYTES("GET /\x7F HTTP/1.1\r\n"), 400, "control character"},
    {"9112 3.2: not ASCII", BYTES("GET /\xC3\xA9 HTTP/1.1\r\n"), 400, "not ASCII"},
    {"9112 3.2: a fragment", BYTES("GET /a#b HTTP/1.1\r\n"), 400, "%23"},
    {"9112 3.2: a relative path", BYTES("GET a HTTP/1.1\r\n"), 400, "\"/\""},
    {"9112 3.2: an empty target", BYTES("GET  HTTP/1.1\r\n"), 400, "\"/\""},
    {"9112 3.2: another scheme", BYTES("GET ftp://a/ HTTP/1.1\r\n"), 400, "\"/\""},
    {"9112 3.2.2: no host", BYTES("GET http:///a HTTP/1.1\r\n"), 400, "valid host"},
    {"9112 3.2.2: user information", BYTES("GET http://u@h/a HTTP/1.1\r\n"), 400, "valid host"},
    {"9112 3.2.3: authority-form", BYTES("CONNECT a:443 HTTP/1.1\r\n"), 400, "\"/\""},
    {"9112 3.2.4: asterisk-form of GET", BYTES("GET * HTTP/1.1\r\n"), 400, "\"/\""},
    {"9112 3: one word that is no method", BYTES("/\r\n"), 400, "method"},
    {"9112 2.3: no version", BYTES("GET /\r\n"), 400, "single spaces"},
    {"9112 2.3: lower case", BYTES("GET / http/1.1\r\n"), 400, "single spaces"},
    {"9112 2.3: two digits", BYTES("GET / HTTP/1.10\r\n"), 400, "single spaces"},
    {"9112 2.3: no minor version", BYTES("GET / HTTP/1\r\n"), 400, "single spaces"},
    {"9112 2.3: not a digit", BYTES("GET / HTTP/1.x\r\n"), 400, "single spaces"},
    {"9110 15.6.6: version 2.0", BYTES("GET / HTTP/2.0\r\n"), 505, "HTTP/1.1"},
    {"9113 3.4: the preface of HTTP/2", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, "HTTP/1.1"},
    {"8446 5.1: a TLS handshake", BYTES("\x16\x03\x01\x02"), 400, "control character"},
    {"9112 5.1: a space before the colon", BYTES("GET / HTTP/1.1\r\nHost : a\r\n"), 400,
     "directly behind"},
    {"9112 5: no colon", BYTES("GET / HTTP/1.1\r\nHost\r\n"), 400, "directly behind"},
    {"9112 5: no name", BYTES("GET / HTTP/1.1\r\n: a\r\n"), 400, "directly behind"},
    {"9110 5.1: a name that is no token", BYTES("GET / HTTP/1.1\r\nA(b): c\r\n"), 400,
     "directly behind"},
    {"9110 5.1: a name that is not ASCII", BYTES("GET / HTTP/1.1\r\n\xC3\xA9: c\r\n"), 400,
     "directly behind"},
    {"9112 5.2: obs-fold", BYTES("GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n"), 400, "second line"},
    {"9112 5.2: a line of white space", BYTES("GET / HTTP/1.1\r\n" H " \r\n"), 400, "second line"},
    {"9110 5.5: NUL in a value", BYTES("GET / HTTP/1.1\r\nA: b\0c\r\n"), 400, "control character"},
    {"9110 5.5: a control character in a value", BYTES("GET / HTTP/1.1\r\nA: \x01\r\n"), 400,
     "control character"},
    {"9110 5.5: DEL in a value", BYTES("GET / HTTP/1.1\r\nA: \x7F\r\n"), 400, "control character"},
    {"9112 3.2: no Host", BYTES("GET / HTTP/1.1\r\n\r\n"), 400, "missing"},
    {"9112 3.2: two Hosts", BYTES("GET / HTTP/1.1\r\n" H H "\r\n"), 400, "more than one"},
    {"9112 3.2: two Hosts of 1.0", BYTES("GET / HTTP/1.0\r\n" H H "\r\n"), 400, "more than one"},
    {"9112 3.2: Host with a path", BYTES("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400, "valid host"},
    {"9112 3.2: Host with a space", BYTES("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400,
     "valid host"},
    {"9112 3.2: Host with user information", BYTES("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400,
     "valid host"},
    {"9112 3.2: Host with a bad port", BYTES("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"), 400,
     "valid host"},
    {"3986 3.2.2: an open bracket", BYTES("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400,
     "valid host"},
    {"3986 3.2.2: empty brackets", BYTES("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), 400, "valid host"},
    {"3986 3.2.2: something behind the bracket", BYTES("GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"),
     400, "valid host"},
    {"9110 4.2.1: an empty Host", BYTES("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400, "valid host"},
    {"9110 15.5.14: a body", BYTES("GET / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx"), 413,
     "no body"},
    {"9110 15.5.14: a body beyond every number",
     BYTES("GET / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n"), 413, "no body"},
    {"9110 8.6: a length that is no number",
     BYTES("GET / HTTP/1.1\r\n" H "Content-Length: +0\r\n\r\n"), 400, "number"},
    {"9110 8.6: an empty length", BYTES("GET / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"), 400,
     "number"},
    {"9110 8.6: a list of lengths", BYTES("GET / HTTP/1.1\r\n" H "Content-Length: 0, 0\r\n\r\n"),
     400, "number"},
    {"9112 6.3: lengths that differ",
     BYTES("GET / HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 1\r\n\r\n"), 400, "differ"},
    {"9112 6.3: another method's lengths that differ",
     BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 2\r\nContent-Length: 1\r\n\r\n"), 400,
     "differ"},
    {"9112 6.1: chunked", BYTES("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"), 400,
     "Transfer-Encoding"},
    {"9112 6.1: chunked in any case, behind another",
     BYTES("GET / HTTP/1.1\r\n" H "transfer-encoding: gzip;q=1,\tCHUNKED\r\n\r\n"), 400,
     "Transfer-Encoding"},
    {"9112 6.1: nothing", BYTES("GET / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n"), 400,
     "Transfer-Encoding"},
    {"9112 6.1: of 1.0", BYTES("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
     "Transfer-Encoding"},
    {"9112 6.1: an unknown coding",
     BYTES("GET / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"), 501, "coding"},
    {"9112 6.3: both framings",
     BYTES("GET / HTTP/1.1\r\n" H "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
     "Transfer-Encoding"},
    {"9110 10.1.1: an unknown expectation", BYTES("GET / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n"),
     417, "Expect"},
};

/* --- running it ------------------------------------------------------------------------------ */

/* Feeds growing beginnings of the input, each in memory of its own size, so that a look beyond what
 * was given is found by the sanitizers. */
static void run_in_steps(struct http_parser *parser, const struct http_parser_limits *limits,
                         struct slice input, size_t first, size_t step)
{
    http_parser_init(parser, limits);
    for (size_t len = first; parser->result == HTTP_PARSER_MORE; len += step) {
        size_t given = len < input.len ? len : input.len;
        char *copy = alloc_bytes(input.data, given);
        char *exact = memcpy(alloc_resize(NULL, given + (given == 0), 1), copy, given);
        free(copy);
        (void)http_parser_run(parser, exact, given);
        free(exact);
        if (given == input.len) {
            return;
        }
    }
}

static void run_whole(struct http_parser *parser, struct slice input)
{
    run_in_steps(parser, &wide, input, input.len, 1);
}

static bool spans_equal(struct http_span a, struct http_span b)
{
    return a.at == b.at && a.len == b.len;
}

static bool fields_equal(const struct http_parser *a, const struct http_parser *b)
{
    bool equal = a->field_count == b->field_count;
    for (size_t i = 0; equal && i < a->field_count; i++) {
        equal = spans_equal(a->fields[i].name, b->fields[i].name) &&
                spans_equal(a->fields[i].value, b->fields[i].value);
    }
    return equal;
}

static bool parsers_equal(const struct http_parser *a, const struct http_parser *b)
{
    return a->result == b->result && a->status == b->status && a->detail == b->detail &&
           a->head_bytes == b->head_bytes && a->method == b->method &&
           spans_equal(a->path, b->path) && spans_equal(a->query, b->query) &&
           a->has_query == b->has_query && a->has_body == b->has_body &&
           a->keep_alive == b->keep_alive && a->is_http_1_0 == b->is_http_1_0 && fields_equal(a, b);
}

static void expect_same_however_split(const char *name, struct slice input,
                                      const struct http_parser_limits *limits)
{
    struct http_parser whole;
    struct http_parser split;
    run_in_steps(&whole, limits, input, input.len, 1);
    run_in_steps(&split, limits, input, 0, 1);
    cr_expect(parsers_equal(&whole, &split), "%s: one byte at a time", name);
    for (size_t first = 1; first < input.len && input.len < 1024; first++) {
        run_in_steps(&split, limits, input, first, input.len);
        cr_expect(parsers_equal(&whole, &split), "%s: split at %zu", name, first);
    }
}

static bool span_is(struct slice input, struct http_span span, const char *text)
{
    return slice_equal((struct slice){input.data + span.at, span.len}, slice_of(text));
}

Test(http_parser, understands_what_the_rfcs_allow)
{
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        const struct accepted_row *row = &accepted[i];
        struct http_parser parser;
        run_whole(&parser, row->input);
        cr_expect(parser.result == HTTP_PARSER_DONE, "%s: %d %s", row->name, parser.status,
                  parser.detail ? parser.detail : "more");
        cr_expect(parser.method == row->method, "%s: method", row->name);
        cr_expect(span_is(row->input, parser.path, row->path), "%s: path", row->name);
        cr_expect(parser.has_query == (row->query != NULL), "%s: has a query", row->name);
        cr_expect(!row->query || span_is(row->input, parser.query, row->query), "%s: query",
                  row->name);
        cr_expect(parser.keep_alive == !row->closes, "%s: keep-alive", row->name);
        cr_expect(parser.has_body == row->has_body, "%s: body", row->name);
        cr_expect(parser.head_bytes == row->input.len, "%s: %u bytes", row->name,
                  parser.head_bytes);
    }
}

Test(http_parser, refuses_what_the_rfcs_do_not_allow)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct refused_row *row = &refused[i];
        struct http_parser parser;
        run_whole(&parser, row->input);
        cr_expect(parser.result == HTTP_PARSER_ERROR, "%s: result %d", row->name,
                  (int)parser.result);
        cr_expect(parser.status == row->status, "%s: %d", row->name, parser.status);
        cr_expect(parser.detail && strstr(parser.detail, row->detail), "%s: %s", row->name,
                  parser.detail ? parser.detail : "no detail");
    }
}

Test(http_parser, gives_the_same_however_the_bytes_are_split)
{
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        expect_same_however_split(accepted[i].name, accepted[i].input, &wide);
    }
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        expect_same_however_split(refused[i].name, refused[i].input, &wide);
    }
}

Test(http_parser, waits_for_more_at_every_beginning_of_a_request)
{
    const struct slice request = BYTES("\r\nGET /a?b HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n");
    for (size_t len = 0; len < request.len; len++) {
        struct http_parser parser;
        run_whole(&parser, (struct slice){request.data, len});
        cr_expect(parser.result == HTTP_PARSER_MORE, "after %zu bytes: %d", len,
                  (int)parser.result);
        cr_expect(http_parser_has_begun(&parser) == (len > 2), "after %zu bytes", len);
    }
}

Test(http_parser, stops_where_the_head_ends)
{
    const struct slice requests = BYTES("GET /a HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n");
    struct http_parser parser;
    run_whole(&parser, requests);
    cr_expect(parser.result == HTTP_PARSER_DONE);
    cr_expect(parser.head_bytes == strlen("GET /a HTTP/1.1\r\n" H "\r\n"));
    cr_expect(parser.field_count == 1);
}

Test(http_parser, finds_fields_by_name_in_any_case)
{
    const struct slice request =
        BYTES("GET / HTTP/1.1\r\n" H "If-None-Match: \"x\" \r\nx: 1\r\nX:2\r\nEmpty:\r\n\r\n");
    struct http_parser parser;
    http_parser_init(&parser, &wide);
    cr_assert(http_parser_run(&parser, request.data, request.len) == HTTP_PARSER_DONE);
    struct slice tag = http_parser_field(&parser, request.data, "if-none-match");
    cr_expect(slice_equal(tag, SLICE("\"x\"")));
    cr_expect(slice_equal(http_parser_field(&parser, request.data, "X"), SLICE("1")), "the first");
    cr_expect(http_parser_field_count(&parser, request.data, "x") == 2);
    cr_expect(slice_is_set(http_parser_field(&parser, request.data, "empty")));
    cr_expect_not(slice_is_set(http_parser_field(&parser, request.data, "If-None")));
    cr_expect(http_parser_field_count(&parser, request.data, "If-None") == 0);
}

/* --- limits ---------------------------------------------------------------------------------- */

struct limit_row {
    const char *name;
    size_t max_request_line;
    size_t max_header_bytes;
    const char *input;
    int status; /* 0: accepted */
};

static const struct limit_row limits[] = {
    {"a line as long as it may be", 16, 64, "GET /ab HTTP/1.1\r\n" H "\r\n", 0},
    {"a line one byte longer", 15, 64, "GET /ab HTTP/1.1\r\n" H "\r\n", 414},
    {"a line without an end", 15, 64, "GET /abcdefghijklmnopqrstuvwxyz", 414},
    {"an unfinished line as long as it may be", 15, 64, "GET /abcdefghij", -1},
    {"the empty line does not count", 16, 64, "\r\nGET /ab HTTP/1.1\r\n" H "\r\n", 0},
    {"a bad byte within the limit", 15, 64, "GET /\1bcdefghijklmnop", 400},
    {"a bad byte beyond the limit", 15, 64, "GET /abcdefghijk\1", 414},
    {"fields as large as they may be", 16, 15, "GET / HTTP/1.1\r\n" H "A:bc\r\n\r\n", 0},
    {"fields one byte larger", 16, 14, "GET / HTTP/1.1\r\n" H "A:bc\r\n\r\n", 431},
    {"a field without an end", 16, 14, "GET / HTTP/1.1\r\n" H "A:bcdefghijk", 431},
    {"fields that leave no room", 16, 9, "GET / HTTP/1.1\r\n" H "A\r\n\r\n", 431},
    {"fields without a byte to spare", 16, 9, "GET / HTTP/1.1\r\n" H "\r\n", 0},
};

static int result_of(const struct http_parser *parser)
{
    return parser->result == HTTP_PARSER_MORE ? -1 : parser->status;
}

Test(http_parser, keeps_its_limits_to_the_byte)
{
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        const struct limit_row *row = &limits[i];
        struct http_parser_limits given = {row->max_request_line, row->max_header_bytes};
        struct http_parser parser;
        run_in_steps(&parser, &given, slice_of(row->input), strlen(row->input), 1);
        cr_expect(result_of(&parser) == row->status, "%s: %d", row->name, result_of(&parser));
        expect_same_however_split(row->name, slice_of(row->input), &given);
    }
}

static void append_request_with_fields(struct buf *out, int count)
{
    buf_append_text(out, "GET / HTTP/1.1\r\n" H);
    for (int i = 1; i < count; i++) {
        buf_append_text(out, "a:b\r\n");
    }
    buf_append_text(out, "\r\n");
}

Test(http_parser, takes_a_hundred_fields_and_no_more)
{
    for (int count = HTTP_PARSER_MAX_FIELDS; count <= HTTP_PARSER_MAX_FIELDS + 1; count++) {
        struct buf request;
        struct http_parser parser;
        buf_init(&request, 4096);
        append_request_with_fields(&request, count);
        run_whole(&parser, buf_slice(&request));
        int expected = count == HTTP_PARSER_MAX_FIELDS ? 0 : 431;
        cr_expect(parser.status == expected, "%d fields: %d", count, parser.status);
        expect_same_however_split("many fields", buf_slice(&request), &wide);
        buf_done(&request);
    }
}

Test(http_parser, forgets_the_last_request_on_init)
{
    struct http_parser parser;
    run_whole(&parser, SLICE("GET /?a HTTP/1.0\r\n" H "Content-Length: 1\r\n\r\n"));
    cr_assert(parser.result == HTTP_PARSER_ERROR);
    run_whole(&parser, SLICE("GET / HTTP/1.1\r\nHost: b\r\n\r\n"));
    cr_expect(parser.result == HTTP_PARSER_DONE);
    cr_expect(parser.status == 0 && !parser.detail);
    cr_expect_not(parser.has_query);
    cr_expect(parser.field_count == 1);
}
