/*
 * kafka_probe - asks a Kafka cluster what there is.
 */
#ifndef CALLBOARD_CTL_KAFKA_PROBE_H
#define CALLBOARD_CTL_KAFKA_PROBE_H

#include "error.h"
#include "kafka_client.h"
#include "macros.h"

#include <stdbool.h>

struct kafka_probe;

/* The cluster's metadata, within `timeout_ms`. Asks for all topics: asking for one by name could
 * create it. NULL with `err`. */
NODISCARD struct kafka_probe *kafka_probe_new(const struct kafka_options *options, int timeout_ms,
                                              struct error *err);
/* Accepts NULL; sets NULL. */
void kafka_probe_free(struct kafka_probe **probe);

int kafka_probe_brokers(const struct kafka_probe *probe);
/* The number of the topic's partitions that have a leader; 0 when there is no such topic. */
int kafka_probe_partitions(const struct kafka_probe *probe, const char *topic);

#endif
