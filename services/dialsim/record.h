/*
 * record - a Kafka record on its way to the broker, and what the simulation knows about it.
 *
 * Ownership: a record borrows all its texts; record_clone() makes one that owns them.
 */
#ifndef CALLBOARD_DIALSIM_RECORD_H
#define CALLBOARD_DIALSIM_RECORD_H

#include "buf.h"
#include "object_id.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_HEADERS_MAX 32

/* Why ingest must refuse a record; spelled as the contract's reasons. */
enum poison {
    POISON_NONE,
    POISON_EMPTY,
    POISON_TOO_LARGE,
    POISON_NOT_UTF8,
    POISON_NOT_JSON,
    POISON_BAD_ENVELOPE,
    POISON_UNKNOWN_TYPE,
    POISON_BAD_ID,
    POISON_BAD_TIME,
    POISON_BAD_FIELD,
    POISON_RESERVED_KEY,
    POISON_COUNT
};
/* "too-large"; NULL for POISON_NONE. */
const char *poison_name(enum poison poison);

/* What a record says, for those who reckon what has to come of it. */
enum subject {
    SUBJECT_UNKNOWN, /* read from a file */
    SUBJECT_BATCH,
    SUBJECT_CALL,
    SUBJECT_STATUS,     /* of an attempt */
    SUBJECT_TRANSCRIPT, /* of an attempt */
};

struct record_tag {
    enum poison poison; /* then only batch_id and time_us mean something */
    enum subject subject;
    uint32_t campaign; /* number */
    uint32_t call;
    int16_t attempt;
    int16_t status; /* BATCH: index of batch_status_name(); STATUS: enum dial_status */
    struct object_id batch_id;
    int64_t time_us;    /* of the event */
    int64_t created_us; /* of the batch, call or attempt */
};

struct record_header {
    struct slice name;
    struct slice value; /* SLICE_NONE: a header without a value */
};

struct record {
    const char *topic;
    struct slice key;   /* SLICE_NONE: none */
    struct slice value; /* SLICE_NONE: a tombstone */
    struct record_header headers[RECORD_HEADERS_MAX];
    size_t header_count;
    bool is_binary; /* CloudEvents' binary mode */
    struct record_tag tag;
};

void record_add_header(struct record *record, struct slice name, struct slice value);

/* A record that owns what it points to, but for the topic, which must outlive it; release with
 * free(). */
struct record *record_clone(const struct record *record);

/* Where the broker put it. */
struct record_place {
    int32_t partition;
    int64_t offset;
};

/*
 * Appends the record as one line of JSON without its end:
 * {"topic","partition","offset","poison","mode","key","headers":{},"value"}. Partition and offset
 * only with a place. Key and value are strings, or null; where they are no UTF-8 they are
 * "keyBase64" and "valueBase64".
 */
void record_append_json(const struct record *record, const struct record_place *place,
                        struct buf *out);

#endif
