/*
 * http_query - the query component of a request target: name=value pairs and percent-encoding
 * (RFC 3986, 2.1; the WHATWG URL standard, application/x-www-form-urlencoded).
 */
#ifndef CALLBOARD_HTTP_QUERY_H
#define CALLBOARD_HTTP_QUERY_H

#include "arena.h"
#include "error.h"
#include "macros.h"
#include "slice.h"

#include <stdbool.h>

/* Takes the next pair off the front of `rest` (a raw query without '?'; SLICE_NONE has no pairs);
 * false at the end. Pairs are separated by '&', empty ones are skipped. `out_name` and `out_value`
 * are as received, not decoded; a pair without '=' has an empty value. */
bool http_query_next(struct slice *rest, struct slice *out_name, struct slice *out_value);

/*
 * Decodes %XX, and '+' to a space where `plus_is_space` (queries; not paths). `out` lives as long
 * as both the arena and `raw` (what needs no decoding is not copied).
 *
 * ERR_REJECT, with a text that tells the caller what to change, for a '%' without two hexadecimal
 * digits, and when the result is not UTF-8 or holds a NUL or another control character but tab.
 */
NODISCARD bool http_percent_decode(struct arena *arena, struct slice raw, bool plus_is_space,
                                   struct slice *out, struct error *err);

#endif
