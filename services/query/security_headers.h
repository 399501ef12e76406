/*
 * security_headers - what every answer tells browsers not to do with it.
 *
 * One table (in security_headers.c), after OWASP's recommendations for REST services:
 * https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html
 */
#ifndef CALLBOARD_QUERY_SECURITY_HEADERS_H
#define CALLBOARD_QUERY_SECURITY_HEADERS_H

#include "buf.h"
#include "slice.h"

/* Appends complete header lines. `policy` is the Content-Security-Policy of what is to be looked
 * at; SLICE_NONE: nothing of it is rendered or run. */
void security_headers_append(struct buf *headers, struct slice policy);

#endif
