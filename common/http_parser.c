#include "http_parser.h"

#include "macros.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define CRLF_BYTES 2

/* --- bytes ------------------------------------------------------------------------------- */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_alphanumeric(char byte)
{
    char lower = (char)(byte | 0x20);
    return is_digit(byte) || (lower >= 'a' && lower <= 'z');
}

static bool is_one_of(char byte, const char *set)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

/* RFC 9110, 5.6.2 */
static bool is_token_byte(char byte)
{
    return is_alphanumeric(byte) || is_one_of(byte, "!#$%&'*+-.^_`|~");
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* RFC 9112, 3: a request line is visible ASCII and single spaces. */
static bool is_request_line_byte(char byte)
{
    return byte >= ' ' && byte < 0x7F;
}

/* RFC 9110, 5.5: visible ASCII, obs-text, space and tab. */
static bool is_field_line_byte(char byte)
{
    return (uint8_t)byte >= ' ' ? byte != 0x7F : byte == '\t';
}

/* --- slices ------------------------------------------------------------------------------ */

static struct slice slice_between(const char *start, const char *end)
{
    return (struct slice){start, (size_t)(end - start)};
}

static struct slice span_slice(const char *data, struct http_span span)
{
    return (struct slice){data + span.at, span.len};
}

static struct http_span span_of(const char *data, struct slice slice)
{
    return (struct http_span){(uint32_t)(slice.data - data), (uint32_t)slice.len};
}

static bool slice_is_all(struct slice text, bool (*is_allowed)(char byte))
{
    size_t i = 0;
    while (i < text.len && is_allowed(text.data[i])) {
        i++;
    }
    return i == text.len;
}

static bool is_token(struct slice text)
{
    return text.len > 0 && slice_is_all(text, is_token_byte);
}

static bool starts_with_any_case(struct slice text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && strncasecmp(text.data, prefix, len) == 0;
}

/* Takes the next element off a comma-separated list (RFC 9110, 5.6.1); empty ones are skipped. */
static bool next_element(struct slice *rest, struct slice *out)
{
    while (slice_is_set(*rest)) {
        *out = slice_trim(slice_take_until(rest, ','));
        if (out->len > 0) {
            return true;
        }
    }
    return false;
}

/* --- results ----------------------------------------------------------------------------- */

static bool fail(struct http_parser *parser, int status, const char *detail)
{
    parser->result = HTTP_PARSER_ERROR;
    parser->status = status;
    parser->detail = detail;
    return false;
}

/* --- lines ------------------------------------------------------------------------------- */

/* How long the line that is being read may get, without CRLF. */
static uint32_t max_line_bytes(const struct http_parser *parser)
{
    if (!parser->has_request_line) {
        return (uint32_t)parser->limits.max_request_line;
    }
    size_t used = parser->line_start - parser->fields_start + CRLF_BYTES;
    size_t max = parser->limits.max_header_bytes;
    return used < max ? (uint32_t)(max - used) : 0;
}

static bool fail_line_too_long(struct http_parser *parser)
{
    if (!parser->has_request_line) {
        return fail(parser, 414, "the request line is too long: shorten the query");
    }
    return fail(parser, 431,
                "the header fields are too large together: send fewer or shorter ones");
}

/* Says what is wrong with a byte that may not stand in a line. */
static bool fail_byte(struct http_parser *parser, char byte)
{
    if (byte == '\n') {
        return fail(parser, 400, "a line ends with a line feed alone: end lines with CR LF");
    }
    if (byte == '\r') {
        return fail(parser, 400, "a carriage return is not followed by a line feed");
    }
    if ((uint8_t)byte >= 0x80) {
        return fail(parser, 400, "the request line is not ASCII: percent-encode other characters");
    }
    return fail(parser, 400, "the request holds a control character");
}

/* The first place from `at` on, before `stop`, where a byte stands that cannot be within a line. */
static size_t skip_line_bytes(const struct http_parser *parser, const char *data, size_t at,
                              size_t stop)
{
    if (parser->has_request_line) {
        while (at < stop && is_field_line_byte(data[at])) {
            at++;
        }
        return at;
    }
    while (at < stop && is_request_line_byte(data[at])) {
        at++;
    }
    return at;
}

/* Finds the end of the line that is being read; false when it is incomplete or cannot be right. */
static bool take_line(struct http_parser *parser, const char *data, size_t len, struct slice *out)
{
    size_t limit = (size_t)parser->line_start + max_line_bytes(parser);
    size_t at = skip_line_bytes(parser, data, parser->scanned, len < limit ? len : limit);
    parser->scanned = (uint32_t)at;
    if (at == len || (data[at] == '\r' && at + 1 == len)) {
        return false;
    }
    if (data[at] != '\r' || data[at + 1] != '\n') {
        bool is_allowed = skip_line_bytes(parser, data, at, at + 1) > at;
        return is_allowed ? fail_line_too_long(parser) : fail_byte(parser, data[at]);
    }
    *out = slice_between(data + parser->line_start, data + at);
    parser->line_start = parser->scanned = (uint32_t)(at + CRLF_BYTES);
    return true;
}

/* --- the request line -------------------------------------------------------------------- */

static bool parse_version(struct http_parser *parser, struct slice version)
{
    static const char form[] = "HTTP/d.d";
    if (version.len != sizeof(form) - 1 || memcmp(version.data, form, 5) != 0 ||
        !is_digit(version.data[5]) || version.data[6] != '.' || !is_digit(version.data[7])) {
        return fail(parser, 400,
                    "the request line must be a method, a target and HTTP/1.1, with single spaces");
    }
    if (version.data[5] != '1') {
        return fail(parser, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    }
    parser->is_http_1_0 = version.data[7] == '0';
    return true;
}

static bool is_host_byte(char byte)
{
    return is_alphanumeric(byte) || is_one_of(byte, "-._~%!$&'()*+,;=");
}

static bool is_ip_literal_byte(char byte)
{
    return is_host_byte(byte) || byte == ':';
}

/* uri-host [ ":" port ], the host not empty (RFC 9110, 7.2 and 4.2.1; RFC 3986, 3.2.2). */
static bool is_host_and_port(struct slice text)
{
    const char *end = text.data + text.len;
    bool is_literal = text.len > 0 && text.data[0] == '[';
    const char *host = text.data + is_literal;
    const char *at = host;
    while (at < end && (is_literal ? is_ip_literal_byte(*at) : is_host_byte(*at))) {
        at++;
    }
    if (at == host || (is_literal && (at == end || *at++ != ']'))) {
        return false;
    }
    return at == end || (*at == ':' && slice_is_all(slice_between(at + 1, end), is_digit));
}

/* Splits "path?query". */
static bool set_path(struct http_parser *parser, const char *data, struct slice target)
{
    struct slice query = target;
    parser->path = span_of(data, slice_take_until(&query, '?'));
    parser->has_query = slice_is_set(query);
    parser->query = parser->has_query ? span_of(data, query) : (struct http_span){0, 0};
    return true;
}

/* RFC 9112, 3.2.2: the authority wins over Host; neither matters here. */
static bool parse_absolute_form(struct http_parser *parser, const char *data, struct slice target,
                                size_t scheme_len)
{
    const char *end = target.data + target.len;
    const char *authority = target.data + scheme_len;
    const char *at = authority;
    while (at < end && *at != '/' && *at != '?') {
        at++;
    }
    if (!is_host_and_port(slice_between(authority, at))) {
        return fail(parser, 400, "the request target does not name a valid host");
    }
    return set_path(parser, data, slice_between(at, end));
}

static bool parse_target(struct http_parser *parser, const char *data, struct slice target)
{
    static const char *const schemes[] = {"http://", "https://"};
    if (target.len > 0 && memchr(target.data, '#', target.len)) {
        return fail(parser, 400, "the request target holds a \"#\": write it as %23");
    }
    if (target.len > 0 && target.data[0] == '/') {
        return set_path(parser, data, target);
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (starts_with_any_case(target, schemes[i])) {
            return parse_absolute_form(parser, data, target, strlen(schemes[i]));
        }
    }
    return fail(parser, 400, "the request target must begin with \"/\"");
}

static enum http_method method_of(struct slice name)
{
    if (slice_equal(name, SLICE("GET"))) {
        return HTTP_METHOD_GET;
    }
    if (slice_equal(name, SLICE("HEAD"))) {
        return HTTP_METHOD_HEAD;
    }
    return slice_equal(name, SLICE("OPTIONS")) ? HTTP_METHOD_OPTIONS : HTTP_METHOD_OTHER;
}

static bool is_get_or_head(const struct http_parser *parser)
{
    return parser->method == HTTP_METHOD_GET || parser->method == HTTP_METHOD_HEAD;
}

/* RFC 9112, 3. The version comes before the target, so that other protocols' openings are told
 * apart from bad targets. */
static bool parse_request_line(struct http_parser *parser, const char *data, struct slice line)
{
    struct slice rest = line;
    struct slice method = slice_take_until(&rest, ' ');
    struct slice target = slice_take_until(&rest, ' ');
    if (!is_token(method)) {
        return fail(parser, 400, "the request line does not begin with a method");
    }
    if (!parse_version(parser, rest)) {
        return false;
    }
    parser->method = method_of(method);
    parser->has_request_line = true;
    parser->fields_start = parser->line_start;
    if (parser->method == HTTP_METHOD_OPTIONS && slice_equal(target, SLICE("*"))) {
        return set_path(parser, data, target);
    }
    return parse_target(parser, data, target);
}

/* --- fields ------------------------------------------------------------------------------ */

static bool parse_field_line(struct http_parser *parser, const char *data, struct slice line)
{
    struct slice value = line;
    struct slice name = slice_take_until(&value, ':');
    if (is_blank(line.data[0])) {
        return fail(parser, 400, "a header field continues on a second line: write it on one");
    }
    if (!slice_is_set(value) || !is_token(name)) {
        return fail(parser, 400, "a header line is not a name, a colon directly behind, a value");
    }
    if (parser->field_count == HTTP_PARSER_MAX_FIELDS) {
        return fail(parser, 431, "there are too many header fields: send 100 at most");
    }
    parser->fields[parser->field_count++] =
        (struct http_field){span_of(data, name), span_of(data, slice_trim(value))};
    return true;
}

bool http_parser_next_field(const struct http_parser *parser, const char *data, const char *name,
                            size_t *index, struct slice *out_value)
{
    while (*index < parser->field_count) {
        const struct http_field *field = &parser->fields[(*index)++];
        if (slice_equal_any_case(span_slice(data, field->name), slice_of(name))) {
            *out_value = span_slice(data, field->value);
            return true;
        }
    }
    return false;
}

/* --- what the fields must say ------------------------------------------------------------ */

/* RFC 9112, 3.2 */
static bool check_host(struct http_parser *parser, const char *data)
{
    size_t count = http_parser_field_count(parser, data, "Host");
    if (count == 0 && !parser->is_http_1_0) {
        return fail(parser, 400, "the Host header field is missing");
    }
    if (count > 1) {
        return fail(parser, 400, "there is more than one Host header field");
    }
    if (count == 1 && !is_host_and_port(http_parser_field(parser, data, "Host"))) {
        return fail(parser, 400, "the Host header field does not name a valid host");
    }
    return true;
}

static bool is_known_transfer_coding(struct slice coding)
{
    static const char *const known[] = {"chunked", "compress", "x-compress",
                                        "deflate", "gzip",     "x-gzip"};
    struct slice name = slice_trim(slice_take_until(&coding, ';'));
    size_t i = 0;
    while (i < ARRAY_LEN(known) && !slice_equal_any_case(name, slice_of(known[i]))) {
        i++;
    }
    return i < ARRAY_LEN(known);
}

/* RFC 9112, 6.1: a coding that is not understood is 501. */
static bool check_transfer_encoding(struct http_parser *parser, const char *data)
{
    size_t index = 0;
    struct slice list;
    while (http_parser_next_field(parser, data, "Transfer-Encoding", &index, &list)) {
        parser->has_body = true;
        struct slice coding;
        while (is_get_or_head(parser) && next_element(&list, &coding)) {
            if (!is_known_transfer_coding(coding)) {
                return fail(parser, 501, "the transfer coding is not known here: send no body");
            }
        }
    }
    if (parser->has_body && is_get_or_head(parser)) {
        return fail(parser, 400, "this endpoint takes no body: leave Transfer-Encoding out");
    }
    return true;
}

static struct slice without_leading_zeros(struct slice digits)
{
    while (digits.len > 0 && digits.data[0] == '0') {
        digits = (struct slice){digits.data + 1, digits.len - 1};
    }
    return digits;
}

/* RFC 9112, 6.3. Lengths are compared as text: any number of digits is read without overflow. */
static bool check_content_length(struct http_parser *parser, const char *data)
{
    size_t index = 0;
    struct slice value;
    struct slice length = SLICE_NONE;
    while (http_parser_next_field(parser, data, "Content-Length", &index, &value)) {
        if (value.len == 0 || !slice_is_all(value, is_digit)) {
            return fail(parser, 400, "Content-Length must be a number");
        }
        value = without_leading_zeros(value);
        if (slice_is_set(length) && !slice_equal(length, value)) {
            return fail(parser, 400, "there are two Content-Length header fields that differ");
        }
        length = value;
    }
    if (length.len > 0 && is_get_or_head(parser)) {
        return fail(parser, 413, "this endpoint takes no body");
    }
    parser->has_body |= length.len > 0;
    return true;
}

/* RFC 9110, 10.1.1. Another method than GET and HEAD has a greater trouble to be told. */
static bool check_expect(struct http_parser *parser, const char *data)
{
    bool matters = is_get_or_head(parser) && !parser->is_http_1_0;
    size_t index = 0;
    struct slice list;
    while (matters && http_parser_next_field(parser, data, "Expect", &index, &list)) {
        struct slice expectation;
        while (next_element(&list, &expectation)) {
            if (!slice_equal_any_case(expectation, slice_of("100-continue"))) {
                return fail(parser, 417, "the Expect header field cannot be met: leave it out");
            }
        }
    }
    return true;
}

/* RFC 9112, 9.3 */
static bool check_connection(struct http_parser *parser, const char *data)
{
    size_t index = 0;
    struct slice list;
    bool asks_close = false;
    bool asks_keep_alive = false;
    while (http_parser_next_field(parser, data, "Connection", &index, &list)) {
        struct slice option;
        while (next_element(&list, &option)) {
            asks_close |= slice_equal_any_case(option, slice_of("close"));
            asks_keep_alive |= slice_equal_any_case(option, slice_of("keep-alive"));
        }
    }
    parser->keep_alive =
        !asks_close && !parser->has_body && (asks_keep_alive || !parser->is_http_1_0);
    return true;
}

/* In the order in which they are told; the body before what follows from it. */
static bool (*const checks[])(struct http_parser *parser, const char *data) = {
    check_host, check_transfer_encoding, check_content_length, check_expect, check_connection,
};

static void finish(struct http_parser *parser, const char *data)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (!checks[i](parser, data)) {
            return;
        }
    }
    parser->head_bytes = parser->line_start;
    parser->result = HTTP_PARSER_DONE;
}

/* --- the whole --------------------------------------------------------------------------- */

static void parse_line(struct http_parser *parser, const char *data, struct slice line)
{
    if (parser->has_request_line) {
        if (line.len == 0) {
            finish(parser, data);
        } else {
            parse_field_line(parser, data, line);
        }
        return;
    }
    if (line.len == 0 && !parser->has_skipped_line) {
        parser->has_skipped_line = true;
        return;
    }
    parse_request_line(parser, data, line);
}

void http_parser_init(struct http_parser *parser, const struct http_parser_limits *limits)
{
    assert(limits->max_request_line < (1U << 30) && limits->max_header_bytes < (1U << 30));
    /* The fields are not cleared: field_count says how many there are. */
    memset(parser, 0, offsetof(struct http_parser, fields));
    parser->limits = *limits;
}

enum http_parser_result http_parser_run(struct http_parser *parser, const char *data, size_t len)
{
    struct slice line;
    while (parser->result == HTTP_PARSER_MORE && take_line(parser, data, len, &line)) {
        parse_line(parser, data, line);
    }
    return parser->result;
}

/* Whatever follows the empty line, if only a CR, is taken for a request. */
bool http_parser_has_begun(const struct http_parser *parser)
{
    return parser->has_request_line || parser->result != HTTP_PARSER_MORE ||
           parser->scanned > parser->line_start;
}

struct slice http_parser_field(const struct http_parser *parser, const char *data, const char *name)
{
    size_t index = 0;
    struct slice value;
    return http_parser_next_field(parser, data, name, &index, &value) ? value : SLICE_NONE;
}

size_t http_parser_field_count(const struct http_parser *parser, const char *data, const char *name)
{
    size_t index = 0;
    size_t count = 0;
    struct slice value;
    while (http_parser_next_field(parser, data, name, &index, &value)) {
        count++;
    }
    return count;
}
