/*
 * fingerprint - 64 bits that tell a Kafka message from another at the same place.
 *
 * FNV-1a over the message's time stamp, key and value: all that the broker keeps as it came. It is
 * stored with the offset behind the message, and recognises a topic that was deleted and made anew.
 * Not a defence against somebody who wants two messages to look alike.
 */
#ifndef CALLBOARD_INGEST_FINGERPRINT_H
#define CALLBOARD_INGEST_FINGERPRINT_H

#include "slice.h"

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#define FINGERPRINT_UNKNOWN 0

/* Both are never FINGERPRINT_UNKNOWN. `timestamp_ms` as Kafka gives it; SLICE_NONE differs from an
 * empty key or value. */
int64_t fingerprint_of_message(const rd_kafka_message_t *message);
int64_t fingerprint_of(int64_t timestamp_ms, struct slice key, struct slice value);

#endif
