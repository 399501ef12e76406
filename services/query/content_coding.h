/*
 * content_coding - which coding an answer goes out in, and the coder (RFC 9110, sections 8.4 and
 * 12.5.3).
 *
 * gzip and zstd, which keep their memory from one answer to the next. Both are deterministic: the
 * coded bytes are a function of the body, so an entity tag of the body and the coding is a strong
 * one. (Brotli is not offered: its encoder cannot be reset, and allocates megabytes for each body.)
 *
 * Bounds:  a body below CODING_MIN_BYTES gains less than a packet; one beyond the coding's own
 *          maximum would hold up the loop for more than about 20 ms. Both go out as they are.
 * Threads: one coder a thread.
 */
#ifndef CALLBOARD_QUERY_CONTENT_CODING_H
#define CALLBOARD_QUERY_CONTENT_CODING_H

#include "buf.h"
#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>

#define CODING_MIN_BYTES ((size_t)1024)
#define CODING_MAX_GZIP_BYTES ((size_t)1 << 20)
#define CODING_MAX_ZSTD_BYTES ((size_t)4 << 20)

enum content_coding { CODING_IDENTITY, CODING_GZIP, CODING_ZSTD, CODING_COUNT };

/* As it stands in Content-Encoding: "gzip". */
const char *content_coding_name(enum content_coding coding);

/* The coding for a body of that size, by the field value of `Accept-Encoding` (SLICE_NONE when
 * absent): of those that the caller takes, the one it prefers, else the one that is cheaper.
 * Identity where none will do, even where the caller refuses that: it is better than no answer. */
enum content_coding content_coding_choose(struct slice accept_encoding, size_t body_bytes);

struct content_coder;

struct content_coder *content_coder_new(void);
/* Accepts NULL; sets NULL. */
void content_coder_free(struct content_coder **coder);
/* The coded body, lent until the next call. `coding` is not CODING_IDENTITY. */
struct slice content_coder_encode(struct content_coder *coder, enum content_coding coding,
                                  struct slice body);

#endif
