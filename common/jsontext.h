/*
 * jsontext - writes JSON text (RFC 8259), compact, into a buf.
 *
 * Strings are written anew by one rule everywhere: '"' and '\' escaped, control characters as
 * \b \f \n \r \t or \u00xx (lower case), all else as it stands (UTF-8).
 */
#ifndef CALLBOARD_JSONTEXT_H
#define CALLBOARD_JSONTEXT_H

#include "buf.h"
#include "slice.h"

#include <stdint.h>

/* The string with its quotes; `null` for a slice that is not there. */
void jsontext_append_string(struct buf *buf, struct slice utf8);
/* What stands between the quotes. */
void jsontext_append_escaped(struct buf *buf, struct slice utf8);
/* A quoted RFC 3339 time with milliseconds. */
void jsontext_append_time(struct buf *buf, int64_t us);
/* Thousandths as a number without trailing zeros: 120000 is `120`, 7250 is `7.25`. Not negative. */
void jsontext_append_millis(struct buf *buf, int64_t thousandths);

#endif
