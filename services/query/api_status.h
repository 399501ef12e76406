/*
 * api_status - the status codes that callers meet and the header fields that go with them, for the
 * API's description.
 */
#ifndef CALLBOARD_QUERY_API_STATUS_H
#define CALLBOARD_QUERY_API_STATUS_H

#include <stdbool.h>
#include <stddef.h>

enum api_header {
    API_HEADER_ETAG,
    API_HEADER_LINK,
    API_HEADER_CACHE_CONTROL,
    API_HEADER_VARY,
    API_HEADER_CONTENT_ENCODING,
    API_HEADER_RATE_LIMIT,
    API_HEADER_RATE_LIMIT_POLICY,
    API_HEADER_RETRY_AFTER,
    API_HEADER_CHALLENGE,
    API_HEADER_ALLOW,
    API_HEADER_ALLOW_ORIGIN,
    API_HEADER_EXPOSE_HEADERS,
    API_HEADER_ALLOW_METHODS,
    API_HEADER_ALLOW_HEADERS,
    API_HEADER_MAX_AGE,
    API_HEADER_COUNT
};

/* Descriptions are CommonMark, of which only `code` is used. */
struct api_header_doc {
    const char *name;
    const char *description;
    const char *example; /* a field value */
    bool is_of_cors;     /* only where other origins are served */
};

const struct api_header_doc *api_header_doc(enum api_header header);

/* A batch, a document that describes the API, or what may be done (OPTIONS). */
enum api_request { API_BATCH, API_DOCUMENT, API_OPTIONS, API_REQUEST_COUNT };

struct api_status {
    int status;
    const char *description;
    bool answers[API_REQUEST_COUNT];
    unsigned headers; /* bits: 1 << enum api_header */
};

/* In ascending order, and how many. */
extern const struct api_status api_statuses[];
extern const size_t api_status_count;

/* Whether answers of that status to such a request may carry the field. */
bool api_status_has_header(const struct api_status *status, enum api_request request,
                           enum api_header header);

#endif
