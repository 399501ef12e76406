#include "producer.h"

#include "alloc.h"
#include "log.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define DELIVERIES_PER_BLOCK 1024
/* What stands around a value in a record: key, headers, lengths. */
#define RECORD_OVERHEAD_BYTES 65536
/* Each failure is counted; only the first are logged. */
#define FAILURES_LOGGED 5
#define CLOSE_MS 1000

/* What has to be known of a record when its report comes. */
struct delivery {
    struct record_tag tag;
    bool is_binary;
    struct delivery *next_free;
};

struct delivery_block {
    struct delivery_block *next;
    struct delivery deliveries[DELIVERIES_PER_BLOCK];
};

struct producer {
    rd_kafka_t *handle;
    producer_acknowledged_fn *on_acknowledged;
    void *arg;
    struct producer_counts counts;
    struct delivery_block *blocks;
    struct delivery *free_deliveries;
    bool is_closing; /* what is reported from now on has been given up */
};

static void add_block(struct producer *producer)
{
    struct delivery_block *block = alloc_zeroed(1, sizeof(*block));
    block->next = producer->blocks;
    producer->blocks = block;
    for (size_t i = 0; i < DELIVERIES_PER_BLOCK; i++) {
        block->deliveries[i].next_free = producer->free_deliveries;
        producer->free_deliveries = &block->deliveries[i];
    }
}

static struct delivery *acquire_delivery(struct producer *producer, const struct record *record)
{
    if (!producer->free_deliveries)
        add_block(producer);
    struct delivery *delivery = producer->free_deliveries;
    producer->free_deliveries = delivery->next_free;
    *delivery = (struct delivery){.tag = record->tag, .is_binary = record->is_binary};
    return delivery;
}

static void release_delivery(struct producer *producer, struct delivery *delivery)
{
    delivery->next_free = producer->free_deliveries;
    producer->free_deliveries = delivery;
}

static void on_library_log(const rd_kafka_t *handle, int level, const char *facility,
                           const char *text)
{
    (void)handle;
    enum log_level ours = level <= LOG_WARNING ? LOG_LEVEL_WARN
                          : level <= LOG_INFO  ? LOG_LEVEL_INFO
                                               : LOG_LEVEL_DEBUG;
    log_write(ours, "librdkafka", "facility=%s text=%s", facility, log_quote(text).text);
}

static void copy_headers(const rd_kafka_message_t *message, struct record *record)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (size_t i = 0;
         i < RECORD_HEADERS_MAX && rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0;
         i++)
        record_add_header(record, slice_of(name), (struct slice){value, size});
}

static void report_acknowledged(struct producer *producer, const rd_kafka_message_t *message,
                                const struct delivery *delivery)
{
    struct record record = {.topic = rd_kafka_topic_name(message->rkt),
                            .key = {message->key, message->key_len},
                            .value = {message->payload, message->len},
                            .is_binary = delivery->is_binary,
                            .tag = delivery->tag};
    struct record_place place = {message->partition, message->offset};
    copy_headers(message, &record);
    producer->on_acknowledged(&record, &place, producer->arg);
}

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
    (void)handle;
    struct producer *producer = opaque;
    struct delivery *delivery = message->_private;
    if (message->err) {
        if (producer->counts.failed++ < FAILURES_LOGGED && !producer->is_closing)
            log_warn("a record was not acknowledged", "topic=%s error=%s",
                     rd_kafka_topic_name(message->rkt),
                     log_quote(rd_kafka_err2str(message->err)).text);
    } else {
        producer->counts.acknowledged++;
        if (producer->on_acknowledged)
            report_acknowledged(producer, message, delivery);
    }
    release_delivery(producer, delivery);
}

static const struct kafka_property defaults[] = {
    {"client.id", "callboard-dialsim"},
    {"acks", "all"},
    {"enable.idempotence", "true"},
    {"linger.ms", "5"},
    /* Events compress to a fifth; and what is too large for ingest passes the broker's own limit,
     * which counts compressed bytes. */
    {"compression.codec", "lz4"},
    {"queue.buffering.max.messages", "100000"},
    {"queue.buffering.max.kbytes", "131072"},
    {"socket.nagle.disable", "true"},
};

enum { OWN_MAX = ARRAY_LEN(defaults) + 2 };

static bool configure(rd_kafka_conf_t *conf, const struct producer_setup *setup, struct error *err)
{
    char record_bytes[24];
    char timeout_ms[24];
    struct kafka_property own[OWN_MAX];
    (void)snprintf(record_bytes, sizeof(record_bytes), "%zu",
                   setup->max_record_bytes + RECORD_OVERHEAD_BYTES);
    (void)snprintf(timeout_ms, sizeof(timeout_ms), "%d", setup->timeout_ms);
    memcpy(own, defaults, sizeof(defaults));
    own[OWN_MAX - 2] = (struct kafka_property){"message.max.bytes", record_bytes};
    own[OWN_MAX - 1] = (struct kafka_property){"message.timeout.ms", timeout_ms};
    return kafka_conf_apply(conf, own, OWN_MAX, setup->kafka, err);
}

struct producer *producer_new(const struct producer_setup *setup, struct error *err)
{
    char reason[200];
    struct producer *producer = alloc_zeroed(1, sizeof(*producer));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    producer->on_acknowledged = setup->on_acknowledged;
    producer->arg = setup->arg;
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_log_cb(conf, on_library_log);
    if (configure(conf, setup, err)) {
        producer->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
        if (!producer->handle)
            error_set(err, ERR_FATAL, "%s", reason);
    }
    if (!producer->handle) {
        rd_kafka_conf_destroy(conf);
        producer_free(&producer);
    }
    return producer;
}

void producer_free(struct producer **producer)
{
    if (!*producer)
        return;
    (*producer)->is_closing = true;
    if ((*producer)->handle) {
        /* What is left is reported (as failed) before the deliveries are freed. */
        rd_kafka_purge((*producer)->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush((*producer)->handle, CLOSE_MS);
        rd_kafka_destroy((*producer)->handle);
    }
    while ((*producer)->blocks) {
        struct delivery_block *next = (*producer)->blocks->next;
        free((*producer)->blocks);
        (*producer)->blocks = next;
    }
    free(*producer);
    *producer = NULL;
}

static rd_kafka_headers_t *new_headers(const struct record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct record_header *header = &record->headers[i];
        rd_kafka_header_add(headers, header->name.data, (ssize_t)header->name.len,
                            header->value.data, (ssize_t)header->value.len);
    }
    return headers;
}

static bool refuse(rd_kafka_resp_err_t code, const struct record *record, struct error *err)
{
    enum error_kind kind = code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? ERR_BUSY
                           : code == RD_KAFKA_RESP_ERR__FATAL    ? ERR_FATAL
                                                                 : ERR_REJECT;
    return error_set(err, kind, "topic %s: %s", record->topic, rd_kafka_err2str(code));
}

bool producer_send(struct producer *producer, const struct record *record, struct error *err)
{
    struct delivery *delivery = acquire_delivery(producer, record);
    rd_kafka_headers_t *headers = new_headers(record);
    /* The library takes them without const, and copies them. */
    void *key = (void *)(uintptr_t)record->key.data;
    void *value = (void *)(uintptr_t)record->value.data;
    rd_kafka_resp_err_t code = rd_kafka_producev(
        producer->handle, RD_KAFKA_V_TOPIC(record->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_KEY(key, record->key.len),
        RD_KAFKA_V_VALUE(value, record->value.len), RD_KAFKA_V_OPAQUE(delivery), RD_KAFKA_V_END);
    if (code) {
        rd_kafka_headers_destroy(headers);
        release_delivery(producer, delivery);
        return refuse(code, record, err);
    }
    producer->counts.produced++;
    return true;
}

void producer_serve(struct producer *producer, int timeout_ms)
{
    rd_kafka_poll(producer->handle, timeout_ms);
}

struct producer_counts producer_counts(const struct producer *producer)
{
    return producer->counts;
}
