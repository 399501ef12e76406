/*
 * openapi - the API's description (OpenAPI 3.1): assets/openapi.json, filled from the tables that
 * the code uses: parameters (page_request), status codes and header fields (api_status), options.
 */
#ifndef CALLBOARD_QUERY_OPENAPI_H
#define CALLBOARD_QUERY_OPENAPI_H

#include "buf.h"
#include "query_config.h"

/* Appends the whole document, of a service with these options. */
void openapi_append(struct buf *out, const struct query_config *options);

#endif
