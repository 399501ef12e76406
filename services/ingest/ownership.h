/*
 * ownership - which partitions this process may store for, and from where it reads them.
 *
 *   the group assigns ─▶ claim in the store (epoch + 1, stored offset) ─▶ verify ─▶ read from there
 *   another process claims ─▶ fenced: read no further; claimed again after a while if the group
 *                             still gives it to us
 *   connection lost ─▶ the stored offsets are read again, and settle what happened
 *
 * To verify, reading begins one message before the stored offset. If that is not the message that
 * was stored last, the topic was made anew (or Kafka lost messages): the partition is refused,
 * because what the stored offset would skip is for a person to judge. Where retention or compaction
 * has removed that message there is nothing to compare.
 *
 * Ownership: owns the assignment; consumer and store are borrowed.
 * Callbacks: from the store's and the consumer's callbacks.
 */
#ifndef CALLBOARD_INGEST_OWNERSHIP_H
#define CALLBOARD_INGEST_OWNERSHIP_H

#include "assignment.h"
#include "consumer.h"
#include "store.h"

struct ownership;

struct ownership_observer {
    /* Messages that ownership_is_lost() must be dropped. */
    void (*on_lost)(void *arg);
    /* The stored offsets have been read after a lost connection: before they are compared with what
     * was known, the owner finds out whether its transaction had committed, and notes it. */
    void (*on_settle)(const struct store_offset *rows, size_t count, void *arg);
    /* A partition is read again from an earlier offset than was thought to be stored. */
    void (*on_rewind)(void *arg);
    /* The store is free again. */
    void (*on_done)(void *arg);
    /* The store could not answer: try again later. */
    void (*on_failed)(const struct error *err, void *arg);
};

struct ownership *ownership_new(struct consumer *consumer, struct store *store,
                                const struct ownership_observer *observer, void *arg);
void ownership_free(struct ownership **ownership);

struct assignment *ownership_assignment(struct ownership *ownership);
/* Whether what was read of the partition under `epoch` is not ours to store. A micro_batch_lost_fn.
 */
bool ownership_is_lost(const char *topic, int32_t partition, int64_t epoch, void *ownership);

/* What the group protocol says. */
void ownership_assign(struct ownership *ownership, const rd_kafka_topic_partition_list_t *list);
void ownership_revoke(struct ownership *ownership, const rd_kafka_topic_partition_list_t *list);
/* The partition that the message is to be stored for; NULL when it is not to be: its partition is
 * not ours (yet), it has been read before, or it served to verify. */
struct partition *ownership_admit(struct ownership *ownership, const rd_kafka_message_t *message);
/* The partition has been read to its end, where the next message will have this offset. */
void ownership_end_reached(struct ownership *ownership, const char *topic, int32_t partition,
                           int64_t offset);
/* The topic has been away: it may be another one when it is back. */
void ownership_distrust(struct ownership *ownership, const char *topic);
/* The store says that another process has claimed it. */
void ownership_fence(struct ownership *ownership, struct partition *partition);
/* Kafka has not got the offset that was to be read. */
void ownership_offset_gone(struct ownership *ownership, const char *topic, int32_t partition,
                           const char *why);
/* Starts again what has stalled. Call it when the consumer's queue is empty: it may hold more. */
void ownership_restart(struct ownership *ownership);
/* The connection was lost: nothing may be written before the offsets have been read again. */
void ownership_doubt(struct ownership *ownership);
/* Now and then: time passes for fenced partitions. */
void ownership_tick(struct ownership *ownership);

/* Asks the (idle) store what there is to ask. False when there is nothing, and the store is free
 * for writing. */
bool ownership_ask(struct ownership *ownership);

#endif
