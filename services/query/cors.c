#include "cors.h"

#include <ctype.h>
#include <string.h>

static const char EXPOSED[] =
    "Access-Control-Expose-Headers: ETag, Link, RateLimit, RateLimit-Policy, Retry-After\r\n";
/* Authorization has to be named: "*" does not cover it. */
static const char PREFLIGHT[] =
    "Access-Control-Allow-Methods: GET, HEAD\r\n"
    "Access-Control-Allow-Headers: Authorization, If-None-Match, If-Match\r\n"
    "Access-Control-Max-Age: 7200\r\n";

static bool is_any(const struct option_list *origins)
{
    return origins->count == 1 && strcmp(origins->items[0], "*") == 0;
}

/* host, or host:port, as an origin is serialized. */
static bool is_authority(const char *text)
{
    for (const char *at = text; *at; at++) {
        bool is_plain = islower((unsigned char)*at) || isdigit((unsigned char)*at);
        if (!is_plain && !strchr(".-_:[]", *at)) {
            return false;
        }
    }
    return *text != '\0';
}

static bool is_origin(const char *text)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(text, schemes[i], len) == 0) {
            return is_authority(text + len);
        }
    }
    return false;
}

bool cors_check_origins(const struct option_list *origins, struct error *err)
{
    for (size_t i = 0; !is_any(origins) && i < origins->count; i++) {
        if (!is_origin(origins->items[i])) {
            return error_set(err, ERR_REJECT,
                             "\"%s\" is no origin: give * alone, or origins like "
                             "https://app.example:8443 in lower case and without a path",
                             origins->items[i]);
        }
    }
    return true;
}

bool cors_is_enabled(const struct option_list *origins)
{
    return origins->count > 0;
}

static bool is_listed(const struct option_list *origins, struct slice origin)
{
    for (size_t i = 0; i < origins->count; i++) {
        if (slice_equal(origin, slice_of(origins->items[i]))) {
            return true;
        }
    }
    return false;
}

static void append_allowed(struct buf *headers, struct slice origin, bool is_preflight)
{
    buf_append_text(headers, "Access-Control-Allow-Origin: ");
    buf_append_slice(headers, origin);
    buf_append_text(headers, "\r\n");
    buf_append_text(headers, is_preflight ? PREFLIGHT : EXPOSED);
}

/* "*" goes on every answer, so that it does not vary; a listed origin only back to itself. */
void cors_append_headers(const struct option_list *origins, const struct cors_request *request,
                         struct buf *headers)
{
    if (!cors_is_enabled(origins)) {
        return;
    }
    if (is_any(origins)) {
        append_allowed(headers, SLICE("*"), request->is_preflight);
        return;
    }
    buf_append_text(headers, "Vary: Origin\r\n");
    if (slice_is_set(request->origin) && is_listed(origins, request->origin)) {
        append_allowed(headers, request->origin, request->is_preflight);
    }
}
