#include "producer.h"

#include "alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_STEP_MS = 1000 };

struct producer {
    struct kafka_client client;
};

static const struct kafka_property defaults[] = {
    {"acks", "all"},
    {"message.timeout.ms", "30000"},
    {"linger.ms", "0"},
    {"message.max.bytes", "100000000"}, /* the broker decides how large a message may be */
};

static void set_problem(const struct kafka_client *client, struct delivery *delivery,
                        rd_kafka_resp_err_t code)
{
    (void)snprintf(delivery->problem, sizeof(delivery->problem), "%s",
                   kafka_client_explain(client, code));
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *arg)
{
    (void)rk;
    struct delivery *delivery = message->_private;
    delivery->is_delivered = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!delivery->is_delivered)
        set_problem(arg, delivery, message->err);
}

struct producer *producer_new(const struct kafka_options *options, struct error *err)
{
    struct producer *producer = alloc_zeroed(1, sizeof(*producer));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (!kafka_client_init(&producer->client, conf, defaults, ARRAY_LEN(defaults), options, err))
        producer_free(&producer);
    return producer;
}

void producer_free(struct producer **producer)
{
    if (*producer)
        kafka_client_done(&(*producer)->client);
    free(*producer);
    *producer = NULL;
}

static rd_kafka_headers_t *make_headers(const struct producer_message *message)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
    for (size_t i = 0; i < message->header_count; i++) {
        const struct producer_header *header = &message->headers[i];
        rd_kafka_header_add(headers, header->name.data, (ssize_t)header->name.len,
                            header->value.data, (ssize_t)header->value.len);
    }
    return headers;
}

/* A NULL pointer means "none", any other with length 0 "empty". librdkafka's interface has no
 * const, but with F_COPY it only reads. */
static void *bytes_of(struct slice slice)
{
    return (void *)(uintptr_t)slice.data;
}

void producer_send(struct producer *producer, const struct producer_message *message,
                   struct delivery *delivery)
{
    char *topic = alloc_bytes(message->topic.data, message->topic.len);
    rd_kafka_headers_t *headers = make_headers(message);
    *delivery = (struct delivery){.is_delivered = false, .problem = "no delivery report"};
    rd_kafka_resp_err_t code = rd_kafka_producev(
        producer->client.rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(bytes_of(message->key), message->key.len),
        RD_KAFKA_V_VALUE(bytes_of(message->payload), message->payload.len),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(delivery), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
        set_problem(&producer->client, delivery, code);
    }
    free(topic);
}

void producer_flush(struct producer *producer)
{
    /* Every message ends by message.timeout.ms. */
    while (rd_kafka_flush(producer->client.rk, FLUSH_STEP_MS) == RD_KAFKA_RESP_ERR__TIMED_OUT)
        continue;
}
