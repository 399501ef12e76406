/*
 * consumer - librdkafka's consumer on the event loop.
 *
 * Its queue wakes the loop through a pipe; a slow timer polls besides, because the wake-up comes
 * only when the queue turns from empty to not empty, and because the group protocol wants a poll
 * now and then. Offsets are the owner's business: when partitions are assigned the owner is told,
 * finds out where they stand, and calls consumer_start_partitions().
 *
 * Threads:   everything runs on the event_base's thread; librdkafka's own threads only write into
 * the pipe. Callbacks: from consumer_poll() and the loop.
 */
#ifndef CALLBOARD_INGEST_CONSUMER_H
#define CALLBOARD_INGEST_CONSUMER_H

#include "error.h"
#include "kafka_conf.h"
#include "macros.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct consumer;

struct consumer_config {
    const char *group_id;
    const struct option_list *topics;
    const struct kafka_options *kafka;
};

struct consumer_observer {
    /* Messages (or events) may be waiting: poll until NULL. */
    void (*on_wake)(void *arg);
    /* The group protocol gave us these. Until consumer_start_partitions() nothing is read. */
    void (*on_assigned)(const rd_kafka_topic_partition_list_t *partitions, void *arg);
    /* These are not ours any more, from now on. */
    void (*on_revoked)(const rd_kafka_topic_partition_list_t *partitions, void *arg);
    /* All of the partition has been read; the next message will have this offset. */
    void (*on_end)(const char *topic, int32_t partition, int64_t offset, void *arg);
    /* The topic does not exist (any more). */
    void (*on_topic_missing)(const char *topic, void *arg);
    /* The offset that was to be read of a partition does not exist in Kafka (any more): librdkafka
     * has given the partition up. */
    void (*on_offset_gone)(const char *topic, int32_t partition, const char *why, void *arg);
    /* The broker's high watermark, from librdkafka's statistics. */
    void (*on_high_offset)(const char *topic, int32_t partition, int64_t offset, void *arg);
    void (*on_closed)(void *arg);
    /* librdkafka has given up for good: only a new process helps. */
    void (*on_fatal)(const char *why, void *arg);
};

NODISCARD struct consumer *consumer_new(struct event_base *base,
                                        const struct consumer_config *config,
                                        const struct consumer_observer *observer, void *arg,
                                        struct error *err);
/* Waits for librdkafka's threads. Messages must have been destroyed before. Accepts NULL; sets
 * NULL. */
void consumer_free(struct consumer **consumer);

/* The next message, or NULL when there is none now. Errors and events are handled inside. The
 * caller owns it. */
rd_kafka_message_t *consumer_poll(struct consumer *consumer);
/* Ends the rebalance: begins to read at the offsets in the list. */
void consumer_start_partitions(struct consumer *consumer,
                               const rd_kafka_topic_partition_list_t *partitions);
/* Starts partitions again that librdkafka has given up: it would not seek. `all` is the whole
 * assignment, with where each is to be read on; `given_up` is part of it. */
void consumer_restart_partitions(struct consumer *consumer,
                                 const rd_kafka_topic_partition_list_t *all,
                                 const rd_kafka_topic_partition_list_t *given_up);
/* Stops and resumes reading of all partitions, keeping membership. */
void consumer_pause(struct consumer *consumer);
void consumer_resume(struct consumer *consumer);
bool consumer_is_paused(const struct consumer *consumer);
/* Reads on from another place. */
void consumer_seek(struct consumer *consumer, const char *topic, int32_t partition, int64_t offset);
/* Stops reading one partition until the next assignment. */
void consumer_pause_partition(struct consumer *consumer, const char *topic, int32_t partition);
void consumer_resume_partition(struct consumer *consumer, const char *topic, int32_t partition);
/* Tells Kafka how far we are, for lag tools only. */
void consumer_report_offset(struct consumer *consumer, const char *topic, int32_t partition,
                            int64_t next_offset);
/* Leaves the group; on_closed follows. Poll goes on meanwhile. */
void consumer_close(struct consumer *consumer);

/* "" when a broker is reachable, else what is missing. */
const char *consumer_problem(const struct consumer *consumer);

#endif
