/*
 * kafka_conf - librdkafka's configuration as every program here makes it: the program's own
 * properties first, then the brokers, then the operator's file, then what the operator gives with
 * -X, which wins. The file is for what should not stand on a command line: passwords.
 */
#ifndef CALLBOARD_KAFKA_CONF_H
#define CALLBOARD_KAFKA_CONF_H

#include "error.h"
#include "macros.h"
#include "options.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

struct kafka_options {
    const char *brokers;
    struct option_list properties; /* "name=value" */
    const char *properties_file;   /* more of them, one a line; NULL: none */
};

/* The options for it; put into a program's table with the offset of its `struct kafka_options`. */
#define OPTIONS_KAFKA(config_type, member)                                                         \
    {.flag = "kafka-brokers",                                                                      \
     .env = "KAFKA_BROKERS",                                                                       \
     .type = OPTION_TEXT,                                                                          \
     .offset = offsetof(config_type, member) + offsetof(struct kafka_options, brokers),            \
     .default_text = "127.0.0.1:9092",                                                             \
     .value_name = "HOST:PORT,...",                                                                \
     .help = "Kafka brokers to begin with"},                                                       \
        {.flag = "kafka-properties-file",                                                          \
         .env = "KAFKA_PROPERTIES_FILE",                                                           \
         .type = OPTION_TEXT,                                                                      \
         .offset =                                                                                 \
             offsetof(config_type, member) + offsetof(struct kafka_options, properties_file),      \
         .value_name = "FILE",                                                                     \
         .help = "librdkafka properties, one PROPERTY=VALUE a line; where passwords belong"},      \
    {                                                                                              \
        .flag = "X", .type = OPTION_LIST,                                                          \
        .offset = offsetof(config_type, member) + offsetof(struct kafka_options, properties),      \
        .value_name = "PROPERTY=VALUE", .help = "any librdkafka property"                          \
    }

struct kafka_property {
    const char *name;
    const char *value;
};

/* Sets them in the order said above. False with ERR_REJECT, which names the property, for what
 * librdkafka does not take, or the file that cannot be read. In the file blank lines and those that
 * begin with '#' are comments. */
NODISCARD bool kafka_conf_apply(rd_kafka_conf_t *conf, const struct kafka_property *own,
                                size_t count, const struct kafka_options *options,
                                struct error *err);

#endif
