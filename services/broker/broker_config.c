#include "broker_config.h"

static const struct option options[] = {
    OPTIONS_LOG(struct broker_options, log),
    {.flag = "topics",
     .env = "KAFKA_TOPICS",
     .type = OPTION_LIST,
     .offset = offsetof(struct broker_options, topics),
     .default_text = "dialer.batches,dialer.calls,dialer.phone-logs",
     .value_name = "TOPIC",
     .help = "topic to create at start (may be repeated); others are created when first used"},
    {.flag = "partitions",
     .type = OPTION_INT,
     .offset = offsetof(struct broker_options, partitions),
     .default_text = "4",
     .min = 1,
     .max = 1000,
     .value_name = "N",
     .help = "partitions of each topic created at start; each keeps its newest 5 MiB"},
    {.flag = "brokers",
     .type = OPTION_INT,
     .offset = offsetof(struct broker_options, brokers),
     .default_text = "1",
     .min = 1,
     .max = 16,
     .value_name = "N",
     .help = "brokers of the cluster, each on a port of its own"},
    {.flag = "listen-file",
     .type = OPTION_TEXT,
     .offset = offsetof(struct broker_options, listen_file),
     .value_name = "PATH",
     .help = "write the line KAFKA_BROKERS=... here too, at once and whole, when ready"},
};

const struct option_table broker_option_table = {
    .program = "callboard-broker",
    .synopsis = "[options]",
    .summary = "An embedded Kafka-protocol broker for a first try. It keeps nothing.",
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
    .footer =
        "The first line on standard output is KAFKA_BROKERS=127.0.0.1:PORT. The system chooses "
        "the port.\n"
        "Everything is in memory: a partition holds about 5 MiB and then drops its oldest "
        "messages;\nall is gone when the broker stops.\n",
};
