#include "security_headers.h"

#include "macros.h"

/* Strict-Transport-Security is for whoever ends TLS before the service. */
static const char *const security_headers[] = {
    "X-Content-Type-Options: nosniff\r\n",
    "Referrer-Policy: no-referrer\r\n",
    "Cross-Origin-Resource-Policy: same-origin\r\n",
};

/* Of JSON: nothing is ever rendered or run. */
static const char DEFAULT_POLICY[] = "default-src 'none'; frame-ancestors 'none'";

void security_headers_append(struct buf *headers, struct slice policy)
{
    for (size_t i = 0; i < ARRAY_LEN(security_headers); i++) {
        buf_append_text(headers, security_headers[i]);
    }
    buf_append_text(headers, "Content-Security-Policy: ");
    buf_append_slice(headers, slice_is_set(policy) ? policy : slice_of(DEFAULT_POLICY));
    buf_append_text(headers, "\r\n");
}
