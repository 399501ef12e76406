/*
 * producer - produces messages again, exactly as they were, and waits for what became of them.
 *
 * Ownership: the producer copies what it is given. A struct delivery belongs to the caller and has
 *            to live until producer_flush() returns.
 * Threads:   one.
 */
#ifndef CALLBOARD_CTL_PRODUCER_H
#define CALLBOARD_CTL_PRODUCER_H

#include "error.h"
#include "kafka_client.h"
#include "macros.h"
#include "slice.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

struct producer;

struct producer_header {
    struct slice name;
    struct slice value; /* SLICE_NONE: a header without a value */
};

struct producer_message {
    struct slice topic;
    struct slice key;     /* SLICE_NONE: a message without a key */
    struct slice payload; /* SLICE_NONE: a message without a value */
    const struct producer_header *headers;
    size_t header_count;
};

/* What became of a message. */
struct delivery {
    bool is_delivered; /* acknowledged by all in-sync replicas */
    char problem[128]; /* otherwise */
};

/* acks=all and a delivery within 30 seconds, where the operator's properties say nothing else. */
NODISCARD struct producer *producer_new(const struct kafka_options *options, struct error *err);
/* Accepts NULL; sets NULL. What was not delivered is given up. */
void producer_free(struct producer **producer);

/* Queues a message; `delivery` is filled by producer_flush() at the latest. */
void producer_send(struct producer *producer, const struct producer_message *message,
                   struct delivery *delivery);
/* Waits until every message has been acknowledged or has failed. */
void producer_flush(struct producer *producer);

#endif
