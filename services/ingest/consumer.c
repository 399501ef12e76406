#include "consumer.h"

#include "alloc.h"
#include "clock.h"
#include "log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_INTERVAL_MS 100
/* Offsets are told to Kafka once a second, and never while it has not answered: the coordinator
 * takes one request at a time, and heartbeats queue behind them. */
#define REPORT_EVERY_TICKS 10
/* See keep_fetching(). */
#define NUDGE_EVERY_MESSAGES 256
#define NUDGE_EVERY_US 10000
#define NUDGE_QUEUE_MIN 1000

struct consumer {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    int wake[2]; /* librdkafka writes, the loop reads */
    struct event *wake_event;
    struct event *timer;
    struct consumer_observer observer;
    void *arg;
    bool is_paused;
    bool is_closing;
    bool is_connected; /* at least one broker is up, as of the last statistics */
    rd_kafka_topic_partition_list_t *started;   /* the partitions that are read */
    unsigned polled;                            /* messages */
    int64_t nudged_us;                          /* when the fetchers were last woken */
    bool was_long;                              /* the queue, when it was last looked at */
    rd_kafka_topic_partition_list_t *to_report; /* offsets that Kafka has not been told yet */
    bool is_reporting;                          /* an offset commit is under way */
    int ticks;                                  /* of the timer */
    bool is_fatal;                              /* librdkafka gave up */
    char problem[200]; /* what librdkafka said last, while no broker is up */
};

/*
 * What this service needs of librdkafka; the operator's -X come after these and win.
 * Figures and known bugs: the README of this folder.
 */
static const struct kafka_property properties[] = {
    {"client.id", "callboard-ingest"},
    {"enable.auto.commit", "false"}, /* offsets live in PostgreSQL */
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"}, /* never skip silently: see on_offset_gone */
    {"partition.assignment.strategy",
     "range"},                        /* cooperative-sticky has bugs before librdkafka 2.10 */
    {"enable.partition.eof", "true"}, /* the end is an answer, too: see on_end */
    {"allow.auto.create.topics", "false"},
    {"topic.metadata.refresh.interval.ms",
     "5000"},                    /* topics and partitions made later are found soon */
    {"fetch.wait.max.ms", "50"}, /* the mock broker waits an empty fetch out */
    {"fetch.error.backoff.ms", "100"},
    /* Over either of these two a fetcher sleeps until keep_fetching() wakes it. Together they bound
     * the memory, since a message costs librdkafka some 400 bytes besides. */
    {"queued.min.messages", "100000"},
    {"queued.max.messages.kbytes", "6144"},
    /* One answer comes on top of them, and compressed it is several times as long once unpacked. A
     * partition whose next record batch is longer than the first of these gets nothing in an answer
     * unless it is asked for first: librdkafka's producers make batches of 1 MB before compression.
     */
    {"fetch.message.max.bytes", "262144"},
    {"fetch.max.bytes", "4194304"},
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    /* A request that is not answered holds up all behind it on its connection, heartbeats too. */
    {"socket.timeout.ms", "15000"},
    {"reconnect.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "2000"},
    {"statistics.interval.ms", "1000"}, /* broker states and watermarks, for readiness and lag */
    {"log.queue", "true"},              /* our log function runs on the loop's thread */
};

/* --- librdkafka's callbacks, all from consumer_poll() ------------------------------------ */

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    enum log_level ours = level <= 3   ? LOG_LEVEL_ERROR
                          : level <= 5 ? LOG_LEVEL_WARN
                          : level == 6 ? LOG_LEVEL_INFO
                                       : LOG_LEVEL_DEBUG;
    log_write(ours, "kafka", "facility=%s detail=%s", facility, log_quote(text).text);
}

/* librdkafka will not work again in this process (a static member was fenced, ...). */
static void give_up(struct consumer *consumer)
{
    char text[256] = "";
    if (consumer->is_fatal)
        return;
    consumer->is_fatal = true;
    (void)rd_kafka_fatal_error(consumer->rk, text, sizeof text);
    consumer->observer.on_fatal(text, consumer->arg);
}

static void on_kafka_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    struct consumer *consumer = opaque;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        give_up(consumer);
        return;
    }
    /* That all brokers are down says less than why the last of them was. */
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        (void)snprintf(consumer->problem, sizeof consumer->problem, "no broker is reachable: %s",
                       reason);
    log_warn("kafka error", "code=%s detail=%s", rd_kafka_err2name((rd_kafka_resp_err_t)code),
             log_quote(reason).text);
}

static bool is_broker_up(struct json_object *brokers)
{
    json_object_object_foreach(brokers, name, broker)
    {
        struct json_object *state = json_object_object_get(broker, "state");
        (void)name;
        if (state && strcmp(json_object_get_string(state), "UP") == 0)
            return true;
    }
    return false;
}

static void report_high_offsets(struct consumer *consumer, const char *topic,
                                struct json_object *partitions)
{
    json_object_object_foreach(partitions, number, partition)
    {
        struct json_object *high = json_object_object_get(partition, "hi_offset");
        if (high && json_object_get_int64(high) >= 0)
            consumer->observer.on_high_offset(topic, (int32_t)strtol(number, NULL, 10),
                                              json_object_get_int64(high), consumer->arg);
    }
}

/* librdkafka's STATISTICS.md describes the document. */
static int on_statistics(rd_kafka_t *rk, char *text, size_t len, void *opaque)
{
    (void)rk;
    (void)len;
    struct consumer *consumer = opaque;
    struct json_object *root = json_tokener_parse(text);
    struct json_object *brokers = json_object_object_get(root, "brokers");
    struct json_object *topics = json_object_object_get(root, "topics");
    consumer->is_connected = brokers && is_broker_up(brokers);
    if (consumer->is_connected)
        consumer->problem[0] = '\0';
    if (topics) {
        json_object_object_foreach(topics, name, topic)
        {
            struct json_object *list = json_object_object_get(topic, "partitions");
            if (list)
                report_high_offsets(consumer, name, list);
        }
    }
    json_object_put(root);
    return 0;
}

static bool is_cooperative(rd_kafka_t *rk)
{
    const char *protocol = rd_kafka_rebalance_protocol(rk);
    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void log_kafka_failure(const char *what, rd_kafka_resp_err_t code)
{
    if (code)
        log_error(what, "code=%s", rd_kafka_err2name(code));
}

static void log_incremental(const char *what, rd_kafka_error_t *failure)
{
    if (!failure)
        return;
    log_error(what, "detail=%s", log_quote(rd_kafka_error_string(failure)).text);
    rd_kafka_error_destroy(failure);
}

static void note_stopped(struct consumer *consumer,
                         const rd_kafka_topic_partition_list_t *partitions)
{
    for (int i = 0; i < partitions->cnt; i++)
        rd_kafka_topic_partition_list_del(consumer->started, partitions->elems[i].topic,
                                          partitions->elems[i].partition);
}

static void note_started(struct consumer *consumer,
                         const rd_kafka_topic_partition_list_t *partitions)
{
    note_stopped(consumer, partitions);
    for (int i = 0; i < partitions->cnt; i++)
        rd_kafka_topic_partition_list_add(consumer->started, partitions->elems[i].topic,
                                          partitions->elems[i].partition);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct consumer *consumer = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        /* librdkafka waits until consumer_start_partitions(); heartbeats and polling go on. */
        consumer->observer.on_assigned(partitions, consumer->arg);
        return;
    }
    note_stopped(consumer, partitions);
    consumer->observer.on_revoked(partitions, consumer->arg);
    /* librdkafka keeps the application's pause over a revocation: were they to come back, nobody
     * would resume them. */
    log_kafka_failure("resume failed", rd_kafka_resume_partitions(rk, partitions));
    if (is_cooperative(rk))
        log_incremental("unassign failed", rd_kafka_incremental_unassign(rk, partitions));
    else
        log_kafka_failure("unassign failed", rd_kafka_assign(rk, NULL));
}

/* --- messages ---------------------------------------------------------------------------- */

/* An error that came in place of a message. */
static void handle_error(struct consumer *consumer, const rd_kafka_message_t *message)
{
    const char *text = rd_kafka_message_errstr(message);
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : NULL;
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        consumer->observer.on_end(topic, message->partition, message->offset, consumer->arg);
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        if (topic)
            consumer->observer.on_offset_gone(topic, message->partition, text, consumer->arg);
        return;
    case RD_KAFKA_RESP_ERR__FATAL:
        give_up(consumer);
        return;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        log_warn("topic is missing", "detail=%s", log_quote(text).text);
        if (topic)
            consumer->observer.on_topic_missing(topic, consumer->arg);
        return;
    default:
        log_warn("kafka consumer error", "code=%s detail=%s", rd_kafka_err2name(message->err),
                 log_quote(text).text);
    }
}

/* Makes each broker's thread look again at what it could fetch, by asking for the ends of the
 * partitions. With no time to wait this only sends the requests; librdkafka throws the answers
 * away. */
static void wake_fetchers(struct consumer *consumer, int64_t now_us)
{
    if (consumer->started->cnt == 0)
        return;
    consumer->nudged_us = now_us;
    for (int i = 0; i < consumer->started->cnt; i++)
        consumer->started->elems[i].offset = RD_KAFKA_OFFSET_END;
    (void)rd_kafka_offsets_for_times(consumer->rk, consumer->started, 0);
}

/*
 * A fetcher whose queue is full sleeps up to a second, however fast the queue empties meanwhile,
 * unless something else is to be done with its broker (fetch.queue.backoff.ms came with librdkafka
 * 2.2). In a catch-up that is longer than the queue lasts. So they are woken as long as it is long,
 * and, since one may have fallen asleep just before it became short, once more when it has.
 */
static void keep_fetching(struct consumer *consumer)
{
    if (++consumer->polled % NUDGE_EVERY_MESSAGES != 0)
        return;
    int64_t now_us = clock_monotonic_us();
    if (now_us - consumer->nudged_us < NUDGE_EVERY_US)
        return;
    bool was_long = consumer->was_long;
    consumer->was_long = rd_kafka_queue_length(consumer->queue) >= NUDGE_QUEUE_MIN;
    if (was_long || consumer->was_long)
        wake_fetchers(consumer, now_us);
}

static void refetch_when_dry(struct consumer *consumer)
{
    if (!consumer->was_long)
        return;
    consumer->was_long = false;
    wake_fetchers(consumer, clock_monotonic_us());
}

rd_kafka_message_t *consumer_poll(struct consumer *consumer)
{
    for (;;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->rk, 0);
        if (!message) {
            refetch_when_dry(consumer);
            return NULL;
        }
        if (!message->err) {
            keep_fetching(consumer);
            return message;
        }
        handle_error(consumer, message);
        rd_kafka_message_destroy(message);
    }
}

static void
with_partition(struct consumer *consumer, const char *topic, int32_t partition, int64_t offset,
               rd_kafka_resp_err_t (*act)(rd_kafka_t *, rd_kafka_topic_partition_list_t *),
               const char *what)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    log_kafka_failure(what, act(consumer->rk, list));
    rd_kafka_topic_partition_list_destroy(list);
}

void consumer_pause_partition(struct consumer *consumer, const char *topic, int32_t partition)
{
    with_partition(consumer, topic, partition, RD_KAFKA_OFFSET_INVALID, rd_kafka_pause_partitions,
                   "pause failed");
}

void consumer_resume_partition(struct consumer *consumer, const char *topic, int32_t partition)
{
    with_partition(consumer, topic, partition, RD_KAFKA_OFFSET_INVALID, rd_kafka_resume_partitions,
                   "resume failed");
}

static rd_kafka_resp_err_t seek_partitions(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    /* Timeout 0: asynchronous (rdkafka.h, rd_kafka_seek_partitions). */
    rd_kafka_error_t *failure = rd_kafka_seek_partitions(rk, list, 0);
    rd_kafka_resp_err_t code = failure ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (failure)
        rd_kafka_error_destroy(failure);
    return code;
}

void consumer_seek(struct consumer *consumer, const char *topic, int32_t partition, int64_t offset)
{
    with_partition(consumer, topic, partition, offset, seek_partitions, "seek failed");
}

void consumer_report_offset(struct consumer *consumer, const char *topic, int32_t partition,
                            int64_t next_offset)
{
    rd_kafka_topic_partition_t *place =
        rd_kafka_topic_partition_list_find(consumer->to_report, topic, partition);
    if (!place)
        place = rd_kafka_topic_partition_list_add(consumer->to_report, topic, partition);
    place->offset = next_offset;
}

static void on_reported(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                        rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)rk, (void)code, (void)offsets;
    struct consumer *consumer = opaque;
    consumer->is_reporting = false;
}

static void report_offsets(struct consumer *consumer)
{
    if (consumer->is_reporting || consumer->to_report->cnt == 0 || consumer->is_closing)
        return;
    rd_kafka_resp_err_t code = rd_kafka_commit(consumer->rk, consumer->to_report, 1);
    consumer->is_reporting = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(consumer->to_report);
    consumer->to_report = rd_kafka_topic_partition_list_new(16);
}

static void pause_or_resume(struct consumer *consumer,
                            rd_kafka_resp_err_t (*act)(rd_kafka_t *,
                                                       rd_kafka_topic_partition_list_t *),
                            const char *what)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    if (rd_kafka_assignment(consumer->rk, &list))
        return;
    if (list->cnt)
        log_kafka_failure(what, act(consumer->rk, list));
    rd_kafka_topic_partition_list_destroy(list);
}

void consumer_pause(struct consumer *consumer)
{
    if (consumer->is_paused)
        return;
    pause_or_resume(consumer, rd_kafka_pause_partitions, "pause failed");
    consumer->is_paused = true;
}

void consumer_resume(struct consumer *consumer)
{
    if (!consumer->is_paused)
        return;
    pause_or_resume(consumer, rd_kafka_resume_partitions, "resume failed");
    consumer->is_paused = false;
}

void consumer_start_partitions(struct consumer *consumer,
                               const rd_kafka_topic_partition_list_t *partitions)
{
    note_started(consumer, partitions);
    if (is_cooperative(consumer->rk))
        log_incremental("assign failed", rd_kafka_incremental_assign(consumer->rk, partitions));
    else
        log_kafka_failure("assign failed", rd_kafka_assign(consumer->rk, partitions));
    /* The new ones are not paused yet. */
    if (consumer->is_paused) {
        consumer->is_paused = false;
        consumer_pause(consumer);
    }
}

void consumer_restart_partitions(struct consumer *consumer,
                                 const rd_kafka_topic_partition_list_t *all,
                                 const rd_kafka_topic_partition_list_t *given_up)
{
    if (is_cooperative(consumer->rk)) {
        log_incremental("unassign failed", rd_kafka_incremental_unassign(consumer->rk, given_up));
        consumer_start_partitions(consumer, given_up);
    } else {
        consumer_start_partitions(consumer, all);
    }
}

bool consumer_is_paused(const struct consumer *consumer)
{
    return consumer->is_paused;
}

const char *consumer_problem(const struct consumer *consumer)
{
    if (consumer->is_connected)
        return "";
    return consumer->problem[0] ? consumer->problem : "no broker is reachable";
}

/* --- the loop ---------------------------------------------------------------------------- */

static void wake_owner(struct consumer *consumer)
{
    consumer->observer.on_wake(consumer->arg);
    if (consumer->is_closing && rd_kafka_consumer_closed(consumer->rk)) {
        consumer->is_closing = false;
        event_del(consumer->timer);
        event_del(consumer->wake_event);
        consumer->observer.on_closed(consumer->arg);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    char bytes[256];
    while (read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
    }
    wake_owner(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct consumer *consumer = arg;
    if (++consumer->ticks % REPORT_EVERY_TICKS == 0)
        report_offsets(consumer);
    wake_owner(arg);
}

static void listen_for_wakes(struct consumer *consumer, struct event_base *base)
{
    const struct timeval interval = {0, POLL_INTERVAL_MS * 1000L};
    consumer->wake_event =
        event_new(base, consumer->wake[0], EV_READ | EV_PERSIST, on_readable, consumer);
    consumer->timer = event_new(base, -1, EV_PERSIST, on_timer, consumer);
    event_add(consumer->wake_event, NULL);
    event_add(consumer->timer, &interval);
    consumer->queue = rd_kafka_queue_get_consumer(consumer->rk);
    rd_kafka_queue_io_event_enable(consumer->queue, consumer->wake[1], "w", 1);
}

/* --- life -------------------------------------------------------------------------------- */

static bool set_properties(rd_kafka_conf_t *conf, const struct consumer_config *config,
                           struct error *err)
{
    struct kafka_property own[ARRAY_LEN(properties) + 1];
    memcpy(own, properties, sizeof properties);
    own[ARRAY_LEN(properties)] = (struct kafka_property){"group.id", config->group_id};
    return kafka_conf_apply(conf, own, ARRAY_LEN(own), config->kafka, err);
}

static rd_kafka_conf_t *make_conf(struct consumer *consumer, const struct consumer_config *config,
                                  struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, consumer);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_kafka_error);
    rd_kafka_conf_set_stats_cb(conf, on_statistics);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_reported);
    if (set_properties(conf, config, err))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

static bool subscribe(struct consumer *consumer, const struct option_list *topics,
                      struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)topics->count);
    for (size_t i = 0; i < topics->count; i++)
        rd_kafka_topic_partition_list_add(list, topics->items[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return error_set(err, ERR_FATAL, "cannot subscribe: %s", rd_kafka_err2str(code));
    return true;
}

static bool start(struct consumer *consumer, const struct consumer_config *config,
                  struct error *err)
{
    char text[200];
    rd_kafka_conf_t *conf = make_conf(consumer, config, err);
    if (!conf)
        return false;
    consumer->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!consumer->rk) {
        rd_kafka_conf_destroy(conf);
        return error_set(err, ERR_FATAL, "cannot start the Kafka client: %s", text);
    }
    rd_kafka_set_log_queue(consumer->rk, NULL);
    rd_kafka_poll_set_consumer(consumer->rk);
    return subscribe(consumer, config->topics, err);
}

struct consumer *consumer_new(struct event_base *base, const struct consumer_config *config,
                              const struct consumer_observer *observer, void *arg,
                              struct error *err)
{
    struct consumer *consumer = alloc_zeroed(1, sizeof *consumer);
    consumer->observer = *observer;
    consumer->started = rd_kafka_topic_partition_list_new(16);
    consumer->to_report = rd_kafka_topic_partition_list_new(16);
    consumer->arg = arg;
    consumer->wake[0] = consumer->wake[1] = -1;
    if (pipe2(consumer->wake, O_NONBLOCK | O_CLOEXEC) != 0) {
        error_set(err, ERR_FATAL, "pipe: %s", strerror(errno));
        consumer_free(&consumer);
        return NULL;
    }
    if (!start(consumer, config, err)) {
        consumer_free(&consumer);
        return NULL;
    }
    listen_for_wakes(consumer, base);
    return consumer;
}

void consumer_close(struct consumer *consumer)
{
    if (consumer->is_closing)
        return;
    consumer->is_closing = true;
    log_incremental("close failed", rd_kafka_consumer_close_queue(consumer->rk, consumer->queue));
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void consumer_free(struct consumer **consumer)
{
    struct consumer *self = *consumer;
    if (!self)
        return;
    *consumer = NULL;
    rd_kafka_topic_partition_list_destroy(self->started);
    rd_kafka_topic_partition_list_destroy(self->to_report);
    if (self->queue) {
        rd_kafka_queue_io_event_enable(self->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(self->queue);
    }
    if (self->rk)
        rd_kafka_destroy_flags(self->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (self->wake_event)
        event_free(self->wake_event);
    if (self->timer)
        event_free(self->timer);
    close_fd(self->wake[0]);
    close_fd(self->wake[1]);
    free(self);
}
