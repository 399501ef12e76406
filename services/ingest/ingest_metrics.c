#include "ingest_metrics.h"

#include <stdio.h>

static const char *const kind_labels[] = {
    [ENTITY_BATCH] = "type=\"batch\"",
    [ENTITY_CALL] = "type=\"call\"",
    [ENTITY_ATTEMPT] = "type=\"phone-log\"",
};

static const char *const outcome_labels[STORE_OUTCOMES] = {
    [STORE_COMMITTED] = "outcome=\"committed\"", [STORE_FENCED] = "outcome=\"fenced\"",
    [STORE_REFUSED] = "outcome=\"refused\"",     [STORE_FAILED] = "outcome=\"failed\"",
    [STORE_UNCERTAIN] = "outcome=\"uncertain\"",
};

static const double event_bounds[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};

static void make_counters(struct ingest_metrics *metrics)
{
    struct metrics *registry = metrics->registry;
    for (size_t i = 0; i < 3; i++)
        metrics->events[i] = metrics_counter(registry, "callboard_ingest_events_total",
                                             kind_labels[i], "Events stored, by type");
    for (int i = 0; i < REJECT_REASON_COUNT; i++) {
        char label[64];
        (void)snprintf(label, sizeof label, "reason=\"%s\"", reject_reason_name(i));
        metrics->dead_letters[i] = metrics_counter(registry, "callboard_ingest_dead_letters_total",
                                                   label, "Dead letters stored, by reason");
    }
    for (int i = 0; i < STORE_OUTCOMES; i++)
        metrics->transactions[i] = metrics_counter(registry, "callboard_ingest_transactions_total",
                                                   outcome_labels[i], "Transactions, by outcome");
    metrics->replaced_nuls = metrics_counter(registry, "callboard_ingest_replaced_nuls_total", "",
                                             "\\u0000 in strings stored as U+FFFD");
    metrics->rows = metrics_counter(registry, "callboard_ingest_rows_total", "",
                                    "Rows inserted, updated or moved");
    metrics->prepared =
        metrics_counter(registry, "callboard_ingest_prepared_total", "",
                        "Transactions worked out while the one before was being written.");
    metrics->calls_recalled =
        metrics_counter(registry, "callboard_ingest_call_lookups_total", "from=\"memory\"",
                        "Stored calls that transactions had to know, by where they were found");
    metrics->calls_read =
        metrics_counter(registry, "callboard_ingest_call_lookups_total", "from=\"database\"",
                        "Stored calls that transactions had to know, by where they were found");
    metrics->rebalances = metrics_counter(registry, "callboard_ingest_rebalances_total", "",
                                          "Assignments received from the consumer group");
    metrics->pauses = metrics_counter(registry, "callboard_ingest_pauses_total", "",
                                      "Times that consumption was paused, the database being "
                                      "away or slow");
    metrics->rewinds = metrics_counter(registry, "callboard_ingest_rewinds_total", "",
                                       "Partitions read again from the stored offset");
}

void ingest_metrics_init(struct ingest_metrics *metrics)
{
    struct metrics *registry = metrics->registry = metrics_new();
    make_counters(metrics);
    metrics->transaction_seconds = metrics_histogram(
        registry, "callboard_ingest_transaction_seconds", "", "Duration of transactions",
        metrics_duration_bounds, metrics_duration_bounds_count);
    metrics->transaction_events =
        metrics_histogram(registry, "callboard_ingest_transaction_events", "",
                          "Messages per transaction", event_bounds, ARRAY_LEN(event_bounds));
    metrics->delay_seconds = metrics_histogram(
        registry, "callboard_ingest_delay_seconds", "",
        "From Kafka's time stamp of the oldest message of a transaction to its commit",
        metrics_duration_bounds, metrics_duration_bounds_count);
    metrics->gathered_events = metrics_gauge(registry, "callboard_ingest_gathered_events", "",
                                             "Messages waiting for the next transaction");
    metrics->gathered_bytes = metrics_gauge(registry, "callboard_ingest_gathered_bytes", "",
                                            "Bytes waiting for the next transaction");
    metrics->paused = metrics_gauge(registry, "callboard_ingest_paused", "",
                                    "1 while consumption is paused (database away or slow)");
    metrics->database_up = metrics_gauge(registry, "callboard_ingest_database_up", "",
                                         "1 while connected to PostgreSQL");
    metrics->refused_partitions =
        metrics_gauge(registry, "callboard_ingest_refused_partitions", "",
                      "Partitions that wait for a person: Kafka can not go on where they stand");
}

void ingest_metrics_done(struct ingest_metrics *metrics)
{
    metrics_free(&metrics->registry);
}

static void count_window(struct ingest_metrics *metrics, const struct micro_batch *batch)
{
    struct micro_batch_counts counts = micro_batch_window_counts(batch);
    for (size_t i = 0; i < ARRAY_LEN(counts.events); i++)
        counter_add(metrics->events[i], counts.events[i]);
    for (size_t i = 0; i < ARRAY_LEN(counts.dead_letters); i++)
        counter_add(metrics->dead_letters[i], counts.dead_letters[i]);
}

void ingest_metrics_transaction(struct ingest_metrics *metrics, const struct micro_batch *batch,
                                const struct store_result *result, double seconds,
                                double delay_seconds)
{
    counter_add(metrics->transactions[result->outcome], 1);
    histogram_observe(metrics->transaction_seconds, seconds);
    if (result->outcome != STORE_COMMITTED)
        return;
    count_window(metrics, batch);
    counter_add(metrics->rows, result->rows_written);
    counter_add(metrics->prepared, result->was_prepared);
    counter_add(metrics->calls_recalled, result->calls_recalled);
    counter_add(metrics->calls_read, result->calls_read);
    histogram_observe(metrics->transaction_events, (double)micro_batch_window_count(batch));
    if (delay_seconds >= 0)
        histogram_observe(metrics->delay_seconds, delay_seconds);
}

struct partition_gauges {
    struct gauge *lag;
    struct gauge *active;
};

static struct partition_gauges gauges_of(struct ingest_metrics *metrics, const char *topic,
                                         int32_t partition)
{
    char labels[400];
    (void)snprintf(labels, sizeof labels, "topic=\"%s\",partition=\"%d\"", topic, (int)partition);
    return (struct partition_gauges){
        metrics_gauge(metrics->registry, "callboard_ingest_lag_messages", labels,
                      "Messages in Kafka that are not stored yet"),
        metrics_gauge(metrics->registry, "callboard_ingest_partition_active", labels,
                      "1 while the partition is being read"),
    };
}

static double lag_of(const struct partition *partition)
{
    int64_t stored = partition->stored_offset < 0 ? 0 : partition->stored_offset;
    return partition->high_offset > stored ? (double)(partition->high_offset - stored) : 0;
}

void ingest_metrics_partitions(struct ingest_metrics *metrics, const struct assignment *assignment)
{
    size_t refused = 0;
    for (size_t i = 0; i < assignment_count(assignment); i++) {
        const struct partition *partition = assignment_at(assignment, i);
        struct partition_gauges gauges = gauges_of(metrics, partition->topic, partition->number);
        gauge_set(gauges.lag, lag_of(partition));
        gauge_set(gauges.active, partition->state == PARTITION_ACTIVE);
        refused += partition->state == PARTITION_REFUSED;
    }
    gauge_set(metrics->refused_partitions, (double)refused);
}

void ingest_metrics_partition_gone(struct ingest_metrics *metrics, const char *topic,
                                   int32_t partition)
{
    struct partition_gauges gauges = gauges_of(metrics, topic, partition);
    gauge_set(gauges.lag, 0);
    gauge_set(gauges.active, 0);
}
