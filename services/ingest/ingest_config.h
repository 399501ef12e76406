/*
 * ingest_config - the options of callboard-ingest.
 */
#ifndef CALLBOARD_INGEST_CONFIG_H
#define CALLBOARD_INGEST_CONFIG_H

#include "kafka_conf.h"
#include "options.h"

struct ingest_config {
    struct log_options log;
    const char *database_url;
    struct kafka_options kafka;
    struct option_list kafka_topics;
    const char *kafka_group_id;
    int64_t batch_max_events;
    int64_t batch_max_bytes;
    int64_t recent_bytes;
    int64_t max_event_bytes;
    int synchronous_commit; /* index into on, off */
    const char *admin_listen;
};

extern const struct option_table ingest_options;

#endif
