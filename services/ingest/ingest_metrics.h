/*
 * ingest_metrics - what the ingest service counts.
 */
#ifndef CALLBOARD_INGEST_METRICS_H
#define CALLBOARD_INGEST_METRICS_H

#include "assignment.h"
#include "decode.h"
#include "metrics.h"
#include "micro_batch.h"
#include "store.h"

#define STORE_OUTCOMES (STORE_UNCERTAIN + 1)

struct ingest_metrics {
    struct metrics *registry;
    struct counter *events[3]; /* by entity_kind */
    struct counter *dead_letters[REJECT_REASON_COUNT];
    struct counter *replaced_nuls;
    struct counter *rows;
    struct counter *prepared;
    struct counter *calls_recalled;
    struct counter *calls_read;
    struct counter *transactions[STORE_OUTCOMES];
    struct histogram *transaction_seconds;
    struct histogram *transaction_events;
    struct histogram *delay_seconds;
    struct counter *rebalances;
    struct counter *pauses;
    struct counter *rewinds;
    struct gauge *gathered_events;
    struct gauge *gathered_bytes;
    struct gauge *paused;
    struct gauge *database_up;
    struct gauge *refused_partitions;
};

void ingest_metrics_init(struct ingest_metrics *metrics);
void ingest_metrics_done(struct ingest_metrics *metrics);

/* A transaction has ended. `seconds` from the first statement to the last answer; `delay_seconds`
 * from Kafka's time stamp of the oldest message to now, negative when not known. */
void ingest_metrics_transaction(struct ingest_metrics *metrics, const struct micro_batch *batch,
                                const struct store_result *result, double seconds,
                                double delay_seconds);
/* Sets the gauges of partitions: lag, and whether each is being read. */
void ingest_metrics_partitions(struct ingest_metrics *metrics, const struct assignment *assignment);
/* The partition is another process's now: its gauges fall to 0. */
void ingest_metrics_partition_gone(struct ingest_metrics *metrics, const char *topic,
                                   int32_t partition);

#endif
