/*
 * http_probe - one blocking GET against an admin port.
 */
#ifndef CALLBOARD_CTL_HTTP_PROBE_H
#define CALLBOARD_CTL_HTTP_PROBE_H

#include "buf.h"
#include "error.h"
#include "macros.h"

#include <stdbool.h>

/*
 * GET `path` of `address` ("HOST:PORT", "[v6]:PORT", with or without "http://" before it). Fills
 * the status code and appends the body, up to the buffer's maximum. `timeout_ms` bounds everything
 * but name resolution. ERR_REJECT when the address cannot be parsed.
 */
NODISCARD bool http_probe_get(const char *address, const char *path, int timeout_ms,
                              int *out_status, struct buf *body, struct error *err);

#endif
