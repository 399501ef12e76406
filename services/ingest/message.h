/*
 * message - a Kafka message as the decoder sees it; everything borrowed.
 */
#ifndef CALLBOARD_INGEST_MESSAGE_H
#define CALLBOARD_INGEST_MESSAGE_H

#include "slice.h"

#include <stddef.h>

struct message_header {
    struct slice name;
    struct slice value; /* SLICE_NONE: a header without a value */
};

struct message {
    struct slice value; /* SLICE_NONE: a tombstone */
    const struct message_header *headers;
    size_t header_count;
};

#endif
