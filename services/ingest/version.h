/*
 * version - which of two events is the later one.
 *
 * A version is (time, sequence, source, id) of an event, compared in that order; texts by bytes, a
 * missing sequence before any other (CONTRACT, section 2). Two events with the same version are the
 * same event.
 *
 * In the database a row keeps the versions of all its fields in one bytea, `versions`, which only
 * this module reads: most rows were set by one or two events, so it is a list of
 *
 *     mask     1 byte    the fields that this version set (bit = field number)
 *     time     8 bytes   microseconds since the Unix epoch, big-endian
 *     sequence, source, id   each a length (varint, 7 bits a byte, low first) and its bytes;
 *                            for the sequence the length is one more, 0 when it is missing
 *
 * in which each field appears at most once.
 */
#ifndef CALLBOARD_INGEST_VERSION_H
#define CALLBOARD_INGEST_VERSION_H

#include "arena.h"
#include "buf.h"
#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct version {
    int64_t time_us;       /* the event's `time`, microseconds since the Unix epoch */
    struct slice sequence; /* SLICE_NONE when missing */
    struct slice source;
    struct slice id;
};

/* <0, 0 or >0. */
int version_compare(const struct version *a, const struct version *b);

/* Appends the encoding of `versions[0..count-1]` (NULL: the field was never set), at most 8 fields.
 */
void versions_encode(const struct version *const *versions, size_t count, struct buf *out);

/*
 * Decodes into `out[0..count-1]` (NULL where never set). The versions are allocated in `arena`,
 * their texts point into `encoded`. False when the bytes are no such encoding.
 */
NODISCARD bool versions_decode(struct slice encoded, struct arena *arena,
                               const struct version **out, size_t count);

#endif
