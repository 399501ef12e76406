#include "kafka_probe.h"

#include "alloc.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

struct kafka_probe {
    struct kafka_client client;
    const rd_kafka_metadata_t *metadata;
};

static bool ask(struct kafka_probe *probe, int timeout_ms, struct error *err)
{
    rd_kafka_t *rk = probe->client.rk;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 1, NULL, &probe->metadata, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    rd_kafka_poll(rk, 0); /* hears what the connections said */
    return error_set(err, ERR_RETRY, "%s", kafka_client_explain(&probe->client, code));
}

struct kafka_probe *kafka_probe_new(const struct kafka_options *options, int timeout_ms,
                                    struct error *err)
{
    struct kafka_probe *probe = alloc_zeroed(1, sizeof(*probe));
    if (!kafka_client_init(&probe->client, rd_kafka_conf_new(), NULL, 0, options, err) ||
        !ask(probe, timeout_ms, err))
        kafka_probe_free(&probe);
    return probe;
}

void kafka_probe_free(struct kafka_probe **probe)
{
    if (!*probe)
        return;
    if ((*probe)->metadata)
        rd_kafka_metadata_destroy((*probe)->metadata);
    kafka_client_done(&(*probe)->client);
    free(*probe);
    *probe = NULL;
}

int kafka_probe_brokers(const struct kafka_probe *probe)
{
    return probe->metadata->broker_cnt;
}

static int count_led(const rd_kafka_metadata_topic_t *topic)
{
    int count = 0;
    for (int i = 0; i < topic->partition_cnt; i++)
        count += topic->partitions[i].leader >= 0;
    return count;
}

int kafka_probe_partitions(const struct kafka_probe *probe, const char *topic)
{
    for (int i = 0; i < probe->metadata->topic_cnt; i++) {
        if (strcmp(probe->metadata->topics[i].topic, topic) == 0)
            return count_led(&probe->metadata->topics[i]);
    }
    return 0;
}
