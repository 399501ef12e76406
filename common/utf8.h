/*
 * utf8 - strict UTF-8 (Unicode 15, table 3-7: no overlong forms, no surrogates, up to U+10FFFF).
 */
#ifndef CALLBOARD_UTF8_H
#define CALLBOARD_UTF8_H

#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether all of it is well-formed UTF-8. Runs of ASCII are checked eight bytes at a time. */
bool utf8_is_valid(struct slice text);

/* Bytes of the longest beginning of `text` that is well-formed UTF-8; `text.len` when all of it is.
 */
size_t utf8_valid_prefix(struct slice text);

/* Writes the code point (not a surrogate, at most 0x10FFFF) to `out`, which has room for 4 bytes;
 * returns how many were written. */
size_t utf8_encode(uint32_t code_point, char *out);

/* Number of code points of valid UTF-8. */
size_t utf8_length(struct slice text);

/* Bytes of valid UTF-8, `max_bytes` at most, so that the cut is not within a character. */
size_t utf8_cut(struct slice text, size_t max_bytes);

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

#endif
