#include "variant.h"

#include <stdio.h>

static void add_header(struct http_request *req, const char *name, const char *value)
{
    char line[128];
    int len = snprintf(line, sizeof(line), "%s: %s\r\n", name, value);
    http_request_add_headers(req, (struct slice){line, (size_t)len});
}

struct variant variant_choose(struct http_request *req, const struct etag *plain, size_t body_bytes)
{
    enum content_coding coding =
        content_coding_choose(http_request_header_list(req, "Accept-Encoding"), body_bytes);
    const char *name = content_coding_name(coding);
    struct etag etag = coding == CODING_IDENTITY ? *plain : etag_of_coding(plain, name);
    if (!etag_is_allowed_by(http_request_header_list(req, "If-Match"), &etag)) {
        return (struct variant){412, coding};
    }
    add_header(req, "ETag", etag.text);
    if (etag_is_named_by(http_request_header_list(req, "If-None-Match"), &etag)) {
        return (struct variant){304, coding};
    }
    if (coding != CODING_IDENTITY) {
        add_header(req, "Content-Encoding", name);
    }
    return (struct variant){200, coding};
}
