#include "broker.h"
#include "broker_config.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nothing here takes longer than a few milliseconds; a broken broker fails instead of hanging. */
#define DEADLINE_MS 20000

static const char *const topics[] = {"dialer.batches", "dialer.calls", "dialer.phone-logs"};

static struct broker *start_broker(int broker_count, int partition_count)
{
    struct error err = {0};
    struct broker *broker = broker_new(&(struct broker_config){.broker_count = broker_count,
                                                               .topics = topics,
                                                               .topic_count = ARRAY_LEN(topics),
                                                               .partition_count = partition_count},
                                       &err);
    cr_assert_not_null(broker, "%s", err.text);
    return broker;
}

static rd_kafka_t *new_client(rd_kafka_type_t type, const char *brokers)
{
    char reason[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, reason, sizeof(reason));
    if (type == RD_KAFKA_CONSUMER)
        rd_kafka_conf_set(conf, "group.id", "test", reason, sizeof(reason));
    rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof(reason));
    cr_assert_not_null(client, "%s", reason);
    return client;
}

static void produce(const char *brokers, const char *topic, int partition, const char *value)
{
    rd_kafka_t *producer = new_client(RD_KAFKA_PRODUCER, brokers);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_KEY((void *)(uintptr_t) "key", 3), RD_KAFKA_V_HEADER("ce_specversion", "1.0", 3),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    cr_assert_eq(code, RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(code));
    cr_assert_eq(rd_kafka_flush(producer, DEADLINE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
}

static void assert_first_message(const char *brokers, const char *topic, int partition,
                                 const char *value)
{
    const void *header;
    size_t header_len;
    rd_kafka_headers_t *headers;
    rd_kafka_t *consumer = new_client(RD_KAFKA_CONSUMER, brokers);
    rd_kafka_topic_partition_list_t *assignment = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(assignment, topic, partition)->offset = 0;
    cr_assert_eq(rd_kafka_assign(consumer, assignment), RD_KAFKA_RESP_ERR_NO_ERROR);

    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, DEADLINE_MS);
    cr_assert_not_null(message, "nothing came");
    cr_assert_eq(message->err, RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_message_errstr(message));
    cr_expect_eq(message->offset, 0);
    cr_assert_eq(message->len, strlen(value));
    cr_expect(memcmp(message->payload, value, message->len) == 0);
    cr_expect(message->key_len == 3 && memcmp(message->key, "key", 3) == 0);
    cr_assert_eq(rd_kafka_message_headers(message, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
    cr_assert_eq(rd_kafka_header_get_last(headers, "ce_specversion", &header, &header_len),
                 RD_KAFKA_RESP_ERR_NO_ERROR);
    cr_expect(header_len == 3 && memcmp(header, "1.0", 3) == 0);

    rd_kafka_message_destroy(message);
    rd_kafka_topic_partition_list_destroy(assignment);
    rd_kafka_destroy(consumer);
}

Test(broker, hands_a_message_from_a_producer_to_a_consumer)
{
    struct broker *broker = start_broker(1, 4);
    produce(broker_address(broker), "dialer.calls", 3, "{\"a\":1}");
    assert_first_message(broker_address(broker), "dialer.calls", 3, "{\"a\":1}");
    broker_free(&broker);
    cr_expect_null(broker);
}

Test(broker, hands_messages_over_in_a_cluster_of_three)
{
    struct broker *broker = start_broker(3, 6);
    for (int partition = 0; partition < 6; partition++) {
        produce(broker_address(broker), "dialer.batches", partition, "x");
        assert_first_message(broker_address(broker), "dialer.batches", partition, "x");
    }
    broker_free(&broker);
}

static int count_partitions(const rd_kafka_metadata_t *metadata, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, topic) == 0)
            return metadata->topics[i].partition_cnt;
    return 0;
}

Test(broker, has_its_topics_from_the_start)
{
    const struct rd_kafka_metadata *metadata;
    struct broker *broker = start_broker(1, 7);
    rd_kafka_t *client = new_client(RD_KAFKA_PRODUCER, broker_address(broker));
    cr_assert_eq(rd_kafka_metadata(client, 1, NULL, &metadata, DEADLINE_MS),
                 RD_KAFKA_RESP_ERR_NO_ERROR);
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        cr_expect_eq(count_partitions(metadata, topics[i]), 7, "%s", topics[i]);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_destroy(client);
    broker_free(&broker);
}

Test(broker, listens_on_the_loopback_address_only)
{
    int port = 0;
    char rest = '\0';
    struct broker *broker = start_broker(1, 1);
    cr_expect_eq(sscanf(broker_address(broker), "127.0.0.1:%d%c", &port, &rest), 1, "%s",
                 broker_address(broker));
    cr_expect(port > 1023);
    broker_free(&broker);
}

Test(broker, names_every_broker_of_the_cluster)
{
    struct broker *broker = start_broker(3, 1);
    int commas = 0;
    for (const char *at = broker_address(broker); *at; at++)
        commas += *at == ',';
    cr_expect_eq(commas, 2, "%s", broker_address(broker));
    broker_free(&broker);
}

Test(broker, refuses_a_topic_that_is_there_already)
{
    static const char *const twice[] = {"dialer.calls", "dialer.calls"};
    struct error err = {0};
    struct broker *broker = broker_new(
        &(struct broker_config){
            .broker_count = 1, .topics = twice, .topic_count = 2, .partition_count = 1},
        &err);
    cr_expect_null(broker);
    cr_expect_eq(err.kind, ERR_FATAL);
    cr_expect_not_null(strstr(err.text, "dialer.calls"), "%s", err.text);
}

static void assert_file_content(const char *path, const char *expected)
{
    char text[256] = "";
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    cr_expect_str_eq(text, expected);
}

Test(broker, writes_its_address_over_an_older_one)
{
    char directory[] = "/tmp/test-broker-XXXXXX";
    char path[64];
    char expected[128];
    struct error err = {0};
    struct broker *broker = start_broker(1, 1);
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/address", directory);
    snprintf(expected, sizeof(expected), "KAFKA_BROKERS=%s\n", broker_address(broker));
    FILE *old = fopen(path, "w");
    cr_assert_not_null(old);
    fputs("KAFKA_BROKERS=of an earlier run, and much longer than an address\n", old);
    fclose(old);
    cr_assert(broker_write_address(broker, path, &err), "%s", err.text);
    assert_file_content(path, expected);
    unlink(path);
    /* Nothing else was left in the directory. */
    cr_expect_eq(rmdir(directory), 0);
    broker_free(&broker);
}

Test(broker, says_where_it_cannot_write_its_address)
{
    struct error err = {0};
    struct broker *broker = start_broker(1, 1);
    cr_expect_not(broker_write_address(broker, "/nonexistent/address", &err));
    cr_expect_eq(err.kind, ERR_FATAL);
    cr_expect_not_null(strstr(err.text, "/nonexistent/address"), "%s", err.text);
    broker_free(&broker);
}

Test(broker_config, makes_the_topics_of_the_contract_by_default)
{
    char *argv[] = {(char[]){"callboard-broker"}, NULL};
    int argc = 1;
    struct error err = {0};
    struct broker_options options = {0};
    unsetenv("KAFKA_TOPICS");
    cr_assert_eq(options_parse(&broker_option_table, &argc, argv, &options, &err), OPTIONS_OK, "%s",
                 err.text);
    cr_assert_eq(options.topics.count, ARRAY_LEN(topics));
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        cr_expect_str_eq(options.topics.items[i], topics[i]);
    cr_expect_eq(options.partitions, 4);
    cr_expect_eq(options.brokers, 1);
    options_done(&broker_option_table, &options);
}
