/*
 * producer - hands records to Kafka and hears of each what became of it.
 *
 * librdkafka, idempotent, acks=all: a record is reported once, as acknowledged or as failed.
 *
 * Ownership: records are copied.
 * Threads:   one thread; librdkafka works on its own. Reports come from within producer_serve().
 */
#ifndef CALLBOARD_DIALSIM_PRODUCER_H
#define CALLBOARD_DIALSIM_PRODUCER_H

#include "error.h"
#include "kafka_conf.h"
#include "macros.h"
#include "record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A record that the broker acknowledged, and where it put it. Lent for the call. */
typedef void producer_acknowledged_fn(const struct record *record, const struct record_place *place,
                                      void *arg);

struct producer_setup {
    const struct kafka_options *kafka;
    size_t max_record_bytes;                   /* the largest value that will be sent */
    int timeout_ms;                            /* from producer_send() to giving a record up */
    producer_acknowledged_fn *on_acknowledged; /* NULL: nobody asks */
    void *arg;
};

struct producer;

/* Connects in the background. NULL: ERR_REJECT, a property that librdkafka does not know or take.
 */
NODISCARD struct producer *producer_new(const struct producer_setup *setup, struct error *err);
/* Gives up what is not acknowledged yet. Accepts NULL; sets NULL. */
void producer_free(struct producer **producer);

/* ERR_BUSY: the queue is full, serve and try again. ERR_REJECT: this record cannot be sent (too
 * large, unknown topic). ERR_FATAL: the producer is of no use any more. */
NODISCARD bool producer_send(struct producer *producer, const struct record *record,
                             struct error *err);
/* Takes reports; waits up to `timeout_ms` for the first. */
void producer_serve(struct producer *producer, int timeout_ms);

struct producer_counts {
    uint64_t produced; /* handed over */
    uint64_t acknowledged;
    uint64_t failed;
};
struct producer_counts producer_counts(const struct producer *producer);

#endif
