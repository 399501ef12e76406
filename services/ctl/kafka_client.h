/*
 * kafka_client - how commands reach Kafka: one quiet librdkafka client.
 */
#ifndef CALLBOARD_CTL_KAFKA_CLIENT_H
#define CALLBOARD_CTL_KAFKA_CLIENT_H

#include "error.h"
#include "kafka_conf.h"
#include "macros.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

/* A producer (which can also ask for metadata). Must not move once it is initialised. */
struct kafka_client {
    rd_kafka_t *rk;
    char last_problem[192]; /* of the connections: tells more than a timeout does */
};

/*
 * `conf` may hold callbacks of the caller's; they get the client as their opaque. It is taken in
 * any case. False with `err`: ERR_REJECT for a property that librdkafka does not accept.
 */
NODISCARD bool kafka_client_init(struct kafka_client *client, rd_kafka_conf_t *conf,
                                 const struct kafka_property *defaults, size_t count,
                                 const struct kafka_options *options, struct error *err);
/* Also for one that was only zeroed. */
void kafka_client_done(struct kafka_client *client);

/* What to tell of this code: the connections' own words where it only says that nobody answered. */
const char *kafka_client_explain(const struct kafka_client *client, rd_kafka_resp_err_t code);

#endif
