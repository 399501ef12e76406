#include "api_status.h"

#include "macros.h"

#define BIT(header) (1U << (header))
#define ON_ANY                                                                                     \
    (BIT(API_HEADER_CACHE_CONTROL) | BIT(API_HEADER_VARY) | BIT(API_HEADER_ALLOW_ORIGIN) |         \
     BIT(API_HEADER_EXPOSE_HEADERS))
#define RATE (BIT(API_HEADER_RATE_LIMIT) | BIT(API_HEADER_RATE_LIMIT_POLICY))
/* What only answers about a batch carry. */
#define OF_BATCH (BIT(API_HEADER_LINK) | RATE)

static const struct api_header_doc headers[API_HEADER_COUNT] = {
    [API_HEADER_ETAG] = {"ETag",
                         "Names the answer, coding included, by its content: the same bytes have "
                         "the same tag, whoever asks",
                         "\"4d0f1c2ab3e95f67a8b1c2d3e4f50617\"", false},
    [API_HEADER_LINK] = {"Link",
                         "The pages `first`, `prev`, `next`, `last` (RFC 8288), by number and with "
                         "the other parameters of the request",
                         "</api/call/batch-details/67def9053495307c718d9dfb?page=1>; rel=\"first\"",
                         false},
    [API_HEADER_CACHE_CONTROL] = {"Cache-Control",
                                  "Answers may be kept, but have to be validated each time; errors "
                                  "are not for keeping",
                                  "private, no-cache", false},
    [API_HEADER_VARY] = {"Vary", "The request's fields that the answer depends on",
                         "Authorization, Accept-Encoding", false},
    [API_HEADER_CONTENT_ENCODING] = {"Content-Encoding",
                                     "`gzip` or `zstd`, by `Accept-Encoding`, where it pays",
                                     "zstd", false},
    [API_HEADER_RATE_LIMIT] = {"RateLimit",
                               "Where the service limits the rate of a token: how many requests "
                               "are left (`r`), and in how many seconds all are there again (`t`)",
                               "\"token\";r=59;t=1", false},
    [API_HEADER_RATE_LIMIT_POLICY] = {"RateLimit-Policy",
                                      "Where the service limits the rate of a token: how many "
                                      "requests (`q`) in how many seconds (`w`)",
                                      "\"token\";q=60;w=60", false},
    [API_HEADER_RETRY_AFTER] = {"Retry-After", "Seconds to wait before the next attempt", "1",
                                false},
    [API_HEADER_CHALLENGE] = {"WWW-Authenticate",
                              "Which credentials are wanted (RFC 6750); `error` is there where "
                              "some came",
                              "Bearer realm=\"callboard\", error=\"invalid_token\"", false},
    [API_HEADER_ALLOW] = {"Allow", "The methods that can be used here", "GET, HEAD", false},
    [API_HEADER_ALLOW_ORIGIN] = {"Access-Control-Allow-Origin",
                                 "The origin whose scripts may read the answer, or `*`",
                                 "https://app.example", true},
    [API_HEADER_EXPOSE_HEADERS] = {"Access-Control-Expose-Headers",
                                   "The header fields of the answer that scripts may read",
                                   "ETag, Link, RateLimit, RateLimit-Policy, Retry-After", true},
    [API_HEADER_ALLOW_METHODS] = {"Access-Control-Allow-Methods",
                                  "The methods that scripts may use", "GET, HEAD", true},
    [API_HEADER_ALLOW_HEADERS] = {"Access-Control-Allow-Headers",
                                  "The header fields that scripts may set",
                                  "Authorization, If-None-Match, If-Match", true},
    [API_HEADER_MAX_AGE] = {"Access-Control-Max-Age",
                            "Seconds for which a browser need not ask again what scripts may do",
                            "7200", true},
};

const struct api_status api_statuses[] = {
    {200,
     "What was asked for",
     {true, true, false},
     BIT(API_HEADER_ETAG) | BIT(API_HEADER_LINK) | BIT(API_HEADER_CONTENT_ENCODING) | RATE},
    {204,
     "The answer to `OPTIONS`: what scripts of other origins may do",
     {false, false, true},
     BIT(API_HEADER_ALLOW) | BIT(API_HEADER_ALLOW_METHODS) | BIT(API_HEADER_ALLOW_HEADERS) |
         BIT(API_HEADER_MAX_AGE)},
    {304,
     "The answer would be the same bytes as the one that `If-None-Match` names",
     {true, true, false},
     BIT(API_HEADER_ETAG) | BIT(API_HEADER_LINK) | RATE},
    {400,
     "The batch id or a parameter is not as described here, or the request is malformed; "
     "`errorMessage` names which and says what to change",
     {true, true, true},
     RATE},
    {401,
     "No bearer token came, or it is unknown, revoked or expired",
     {true, false, false},
     BIT(API_HEADER_CHALLENGE) | RATE},
    {404,
     "There is no such batch, or it belongs to another owner, which is not told apart; or there is "
     "nothing at the path",
     {true, false, false},
     RATE},
    {405, "The method is none of those in `Allow`", {true, true, false}, BIT(API_HEADER_ALLOW)},
    {408, "The request did not arrive in time", {true, true, true}, 0},
    {412, "The answer is not the one that `If-Match` names", {true, true, false}, RATE},
    {413, "The request has a body: no body is taken", {true, true, true}, 0},
    {414, "The request line is longer than 32 KiB", {true, true, true}, 0},
    {417, "`Expect` asks for what cannot be met", {true, true, true}, 0},
    {429,
     "The token has used up its requests: wait as long as `Retry-After` says",
     {true, false, false},
     BIT(API_HEADER_RETRY_AFTER) | RATE},
    {431,
     "The header section is longer than 32 KiB, or has over 100 fields",
     {true, true, true},
     0},
    {500,
     "The batch could not be read: try again, or contact support if it stays so",
     {true, false, false},
     RATE},
    {501, "The transfer coding is unknown; no body is taken in any", {true, true, true}, 0},
    {503,
     "The database is away or took too long, or too many requests wait: try again after "
     "`Retry-After`",
     {true, true, true},
     BIT(API_HEADER_RETRY_AFTER) | RATE},
    {505, "The request is neither HTTP/1.1 nor HTTP/1.0", {true, true, true}, 0},
};
const size_t api_status_count = ARRAY_LEN(api_statuses);

const struct api_header_doc *api_header_doc(enum api_header header)
{
    return &headers[header];
}

bool api_status_has_header(const struct api_status *status, enum api_request request,
                           enum api_header header)
{
    unsigned possible = request == API_BATCH ? ~0U : ~OF_BATCH;
    return ((status->headers & possible) | ON_ANY) & BIT(header);
}
