/* broker_config - the options of callboard-broker. */
#ifndef CALLBOARD_BROKER_CONFIG_H
#define CALLBOARD_BROKER_CONFIG_H

#include "options.h"

#include <stdint.h>

struct broker_options {
    struct log_options log;
    struct option_list topics;
    int64_t partitions;
    int64_t brokers;
    const char *listen_file; /* NULL: none */
};

extern const struct option_table broker_option_table;

#endif
