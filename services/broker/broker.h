/*
 * broker - a Kafka-protocol broker inside this process, for a first try and for tests.
 *
 * It is librdkafka's mock cluster (rdkafka_mock.h): produce, fetch, consumer groups, idempotent and
 * transactional producers, on 127.0.0.1 only. Nothing is kept: a partition holds its newest
 * BROKER_PARTITION_BYTES in memory, older messages are dropped, and all is gone when it stops.
 *
 * Threads: librdkafka serves clients on threads of its own; the functions here may be called from
 *          any one thread.
 * Ports:   each broker listens on a port that the system chose. The library offers no way to
 *          choose one (rd_kafka_mock_broker_new() binds port 0, up to librdkafka 2.12 at least).
 */
#ifndef CALLBOARD_BROKER_H
#define CALLBOARD_BROKER_H

#include "error.h"
#include "macros.h"

#include <stdbool.h>
#include <stddef.h>

/* What a partition holds before it drops its oldest messages (rdkafka_mock.c, `max_size`). */
#define BROKER_PARTITION_BYTES (5 * 1024 * 1024)

struct broker;

struct broker_config {
    int broker_count;          /* brokers of the cluster, each on its own port */
    const char *const *topics; /* created at once */
    size_t topic_count;
    int partition_count; /* of each of these topics; others are created on use, by librdkafka's
                            default */
};

/* Starts it; clients may connect as soon as this returns. NULL with `err`: ERR_FATAL for what the
 * library could not make (no socket, a topic name that it refuses). */
NODISCARD struct broker *broker_new(const struct broker_config *config, struct error *err);
/* "127.0.0.1:PORT", with several brokers separated by commas. Lives as long as the broker. */
const char *broker_address(const struct broker *broker);
/* Disconnects all clients and forgets all messages. Accepts NULL; sets NULL. */
void broker_free(struct broker **broker);

/* Writes `KAFKA_BROKERS=<address>\n` to `path` such that a reader sees the whole line or the file
 * that was there before (a new file is renamed over it). */
NODISCARD bool broker_write_address(const struct broker *broker, const char *path,
                                    struct error *err);

#endif
