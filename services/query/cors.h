/*
 * cors - which origins' scripts may read the answers (Fetch standard, section 3.3:
 * https://fetch.spec.whatwg.org/#http-cors-protocol).
 *
 * Off without origins. Credentials in the standard's sense (cookies) are never allowed: the bearer
 * token is a header that the script itself sets.
 */
#ifndef CALLBOARD_QUERY_CORS_H
#define CALLBOARD_QUERY_CORS_H

#include "buf.h"
#include "error.h"
#include "macros.h"
#include "options.h"
#include "slice.h"

#include <stdbool.h>

/* Whether the list can be served: empty, "*" alone, or origins as browsers send them
 * ("https://app.example:8443": scheme, host in lower case, no default port, no path). ERR_REJECT
 * names the one that is not. */
NODISCARD bool cors_check_origins(const struct option_list *origins, struct error *err);
bool cors_is_enabled(const struct option_list *origins);

struct cors_request {
    struct slice origin; /* the field value of `Origin`; SLICE_NONE when absent */
    bool is_preflight;   /* OPTIONS with Access-Control-Request-Method */
};

/* Appends the header lines that the answer to such a request carries: none where it is off. */
void cors_append_headers(const struct option_list *origins, const struct cors_request *request,
                         struct buf *headers);

#endif
