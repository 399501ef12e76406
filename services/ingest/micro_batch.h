/*
 * micro_batch - the messages of one transaction, from Kafka's buffer to the committed rows.
 *
 * Messages are taken in the order in which they were consumed and decoded at once; events point
 * into the messages, which are kept until the batch is reset. A window of the batch is what one
 * transaction takes: all of it, unless the database refused it; then bisection.h finds the events
 * at fault, which become dead letters.
 */
#ifndef CALLBOARD_INGEST_MICRO_BATCH_H
#define CALLBOARD_INGEST_MICRO_BATCH_H

#include "decode.h"
#include "store.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct micro_batch;

struct micro_batch *micro_batch_new(size_t max_event_bytes);
void micro_batch_free(struct micro_batch **batch);
/* Gives the messages back to librdkafka and forgets everything. */
void micro_batch_reset(struct micro_batch *batch);

/* Takes the message (read under `epoch` of its partition) and decodes it. True when it is an event,
 * false when it is a dead letter. */
bool micro_batch_add(struct micro_batch *batch, rd_kafka_message_t *message, int64_t epoch);
/* Messages, and bytes of their values. */
size_t micro_batch_count(const struct micro_batch *batch);
size_t micro_batch_bytes(const struct micro_batch *batch);
/* Kafka's time stamp of the first message not stored yet, milliseconds since the Unix epoch; 0 when
 * there is none. */
int64_t micro_batch_oldest_ms(const struct micro_batch *batch);

/* Removes the messages for which `is_lost` holds. */
typedef bool micro_batch_lost_fn(const char *topic, int32_t partition, int64_t epoch, void *arg);
void micro_batch_drop(struct micro_batch *batch, micro_batch_lost_fn *is_lost, void *arg);

/* --- the window -------------------------------------------------------------------------- */

/* Opens the window over all that has not been stored yet. Call it when the batch is complete. */
void micro_batch_open(struct micro_batch *batch);
/* The transaction of the window; epoch and next_offset are set, `expected` is the caller's to fill
 * in. */
struct store_transaction *micro_batch_transaction(struct micro_batch *batch);
struct store_offset *micro_batch_offsets(struct micro_batch *batch);
/* The window has been committed: it moves behind. True when nothing is left. */
bool micro_batch_advance(struct micro_batch *batch);
/* The database refused the window: makes it smaller, or, when it holds one event, makes that a dead
 * letter with `detail`. */
void micro_batch_refused(struct micro_batch *batch, const char *detail);
size_t micro_batch_window_count(const struct micro_batch *batch);

/* Of the window: for metrics. */
struct micro_batch_counts {
    size_t events[3]; /* by entity_kind */
    size_t dead_letters[REJECT_REASON_COUNT];
};
struct micro_batch_counts micro_batch_window_counts(const struct micro_batch *batch);
/* \u0000 replaced since the batch was reset. */
uint64_t micro_batch_replaced_nuls(const struct micro_batch *batch);

#endif
