#include "ingest.h"

#include "alloc.h"
#include "buf.h"
#include "clock.h"
#include "consumer.h"
#include "ingest_metrics.h"
#include "log.h"
#include "micro_batch.h"
#include "ownership.h"
#include "store.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 2000
/* How long the next micro-batch may stand full before consumption is paused, so that polling can go
 * on. */
#define FULL_PAUSE_US 1000000
/* How long Kafka may take to let us go: everything is stored by then, and it finds out by itself.
 */
#define LEAVE_MS 3000
#define MAINTENANCE_MS 1000
#define PRUNE_EVERY_US 60000000
#define PRUNE_MORE_US 1000000
/* Gathered in one turn of the loop: about a millisecond. */
#define GATHER_MESSAGES 256

struct ingest {
    const struct ingest_config *config;
    void (*on_stopped)(void *arg);
    void (*on_failed)(void *arg);
    void *arg;

    struct consumer *consumer;
    struct store *store;
    struct ownership *ownership;
    struct ingest_metrics metrics;

    struct micro_batch *gathering;
    struct micro_batch *next;    /* full, waits for `writing`; or empty */
    struct micro_batch *writing; /* empty when nothing is to be written */
    int64_t full_since_us;       /* 0: there is room */
    int64_t write_began_us;

    bool is_writing;   /* the store has borrowed `writing` */
    char failure[256]; /* why the last transaction failed, "" after a commit */

    struct event *more_event; /* there are messages left to gather */
    struct event *retry_timer;
    int retry_ms;
    bool is_waiting; /* for retry_timer */
    struct event *maintenance_timer;
    int64_t prune_at_us;
    bool is_stopping;
    bool is_leaving; /* the group */
    bool has_left;
    struct event *leave_timer;
};

static void advance(struct ingest *ingest);

/* Nothing is written for a partition that is not ours; whoever holds it reads those messages again.
 */
static void drop_lost(struct ingest *ingest)
{
    store_forget_prepared(ingest->store);
    micro_batch_drop(ingest->gathering, ownership_is_lost, ingest->ownership);
    micro_batch_drop(ingest->next, ownership_is_lost, ingest->ownership);
    if (ingest->is_writing)
        return;
    micro_batch_drop(ingest->writing, ownership_is_lost, ingest->ownership);
    /* What failed is not ours any more, and without it there may never be a commit that says so. */
    if (micro_batch_count(ingest->writing) == 0)
        ingest->failure[0] = '\0';
}

static struct partition *find_partition(struct ingest *ingest, const struct store_offset *offset)
{
    return assignment_find(ownership_assignment(ingest->ownership), offset->topic,
                           offset->partition);
}

/* --- writing ----------------------------------------------------------------------------- */

static void retry_later(struct ingest *ingest)
{
    int jitter = (int)(random() % (ingest->retry_ms / 2 + 1));
    int delay_ms = ingest->retry_ms / 2 + jitter;
    const struct timeval delay = {delay_ms / 1000, (delay_ms % 1000) * 1000L};
    event_add(ingest->retry_timer, &delay);
    ingest->is_waiting = true;
    ingest->retry_ms = ingest->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : ingest->retry_ms * 2;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct ingest *ingest = arg;
    ingest->is_waiting = false;
    advance(ingest);
}

/* The window is in the database: everything that follows from that. */
static void note_committed(struct ingest *ingest)
{
    const struct store_transaction *txn = micro_batch_transaction(ingest->writing);
    for (size_t i = 0; i < txn->offset_count; i++) {
        const struct store_offset *offset = &txn->offsets[i];
        struct partition *partition = find_partition(ingest, offset);
        if (!partition || partition->epoch != offset->epoch)
            continue;
        partition->stored_offset = offset->next_offset;
        consumer_report_offset(ingest->consumer, offset->topic, offset->partition,
                               offset->next_offset);
    }
    ingest->retry_ms = RETRY_MIN_MS;
    ingest->failure[0] = '\0';
    if (micro_batch_advance(ingest->writing)) {
        counter_add(ingest->metrics.replaced_nuls, micro_batch_replaced_nuls(ingest->writing));
        micro_batch_reset(ingest->writing);
    }
}

static void note_fenced(struct ingest *ingest, const bool *moved)
{
    const struct store_transaction *txn = micro_batch_transaction(ingest->writing);
    for (size_t i = 0; i < txn->offset_count; i++) {
        const struct store_offset *offset = &txn->offsets[i];
        struct partition *partition = find_partition(ingest, offset);
        if (!moved[i] && partition && partition->state == PARTITION_ACTIVE &&
            partition->epoch == offset->epoch)
            ownership_fence(ingest->ownership, partition);
    }
    drop_lost(ingest);
}

static void note_refused(struct ingest *ingest, const struct error *err)
{
    size_t count = micro_batch_window_count(ingest->writing);
    log_warn("the database refused events", "events=%zu sqlstate=%s next=%s error=%s", count,
             err->sqlstate, count > 1 ? "bisect" : "dead-letter", log_quote(err->text).text);
    micro_batch_refused(ingest->writing, err->text);
}

static double wall_seconds(void)
{
    struct timeval now;
    (void)gettimeofday(&now, NULL);
    return (double)now.tv_sec + (double)now.tv_usec / 1e6;
}

static void observe_transaction(struct ingest *ingest, const struct store_result *result)
{
    double seconds = (double)(clock_monotonic_us() - ingest->write_began_us) / 1e6;
    int64_t oldest_ms = micro_batch_oldest_ms(ingest->writing);
    double delay = oldest_ms > 0 ? wall_seconds() - (double)oldest_ms / 1e3 : -1;
    ingest_metrics_transaction(&ingest->metrics, ingest->writing, result, seconds, delay);
    log_debug("transaction", "events=%zu rows=%zu batches=%zu seconds=%.6f outcome=%d",
              micro_batch_window_count(ingest->writing), result->rows_written,
              result->batches_changed, seconds, (int)result->outcome);
}

static void on_written(const struct store_result *result, void *arg)
{
    struct ingest *ingest = arg;
    ingest->is_writing = false;
    observe_transaction(ingest, result);
    switch (result->outcome) {
    case STORE_COMMITTED:
        note_committed(ingest);
        break;
    case STORE_FENCED:
        note_fenced(ingest, result->moved);
        break;
    case STORE_REFUSED:
        note_refused(ingest, result->err);
        break;
    case STORE_FAILED:
    case STORE_UNCERTAIN:
        log_warn("transaction failed, trying again", "sqlstate=%s error=%s", result->err->sqlstate,
                 log_quote(result->err->text).text);
        (void)snprintf(ingest->failure, sizeof ingest->failure, "%s", result->err->text);
        ownership_doubt(ingest->ownership);
        retry_later(ingest);
        break;
    }
    advance(ingest);
}

/* What the window starts from; false when a partition of it was lost meanwhile. */
static bool fill_expected(struct ingest *ingest)
{
    const struct store_transaction *txn = micro_batch_transaction(ingest->writing);
    struct store_offset *offsets = micro_batch_offsets(ingest->writing);
    for (size_t i = 0; i < txn->offset_count; i++) {
        if (ownership_is_lost(offsets[i].topic, offsets[i].partition, offsets[i].epoch,
                              ingest->ownership))
            return false;
        offsets[i].expected = find_partition(ingest, &offsets[i])->stored_offset;
    }
    return true;
}

static void write_window(struct ingest *ingest)
{
    micro_batch_open(ingest->writing);
    if (!fill_expected(ingest)) {
        drop_lost(ingest);
        if (micro_batch_count(ingest->writing) == 0)
            return;
        micro_batch_open(ingest->writing);
        /* Everything that was not ours has just been dropped. */
        if (!fill_expected(ingest))
            return;
    }
    ingest->write_began_us = clock_monotonic_us();
    ingest->is_writing = true;
    store_write(ingest->store, micro_batch_transaction(ingest->writing), on_written, ingest);
}

/* --- gathering --------------------------------------------------------------------------- */

static bool is_full(const struct ingest *ingest)
{
    return micro_batch_count(ingest->gathering) >= (size_t)ingest->config->batch_max_events ||
           micro_batch_bytes(ingest->gathering) >= (size_t)ingest->config->batch_max_bytes;
}

static void take(struct ingest *ingest, rd_kafka_message_t *message)
{
    const struct partition *partition = ownership_admit(ingest->ownership, message);
    if (partition)
        micro_batch_add(ingest->gathering, message, partition->epoch);
    else
        rd_kafka_message_destroy(message);
}

/* At most a slice of them: meanwhile nothing is sent to the database, which is not to wait. */
static void gather(struct ingest *ingest)
{
    int left = GATHER_MESSAGES;
    /* While paused, polling serves the group protocol; what still comes is taken, and it is little.
     */
    while (consumer_is_paused(ingest->consumer) || !is_full(ingest)) {
        rd_kafka_message_t *message = left-- ? consumer_poll(ingest->consumer) : NULL;
        if (!message)
            break;
        take(ingest, message);
    }
    if (left < 0)
        event_active(ingest->more_event, EV_TIMEOUT, 0);
    ownership_restart(ingest->ownership);
    if (!is_full(ingest))
        ingest->full_since_us = 0;
    else if (!ingest->full_since_us)
        ingest->full_since_us = clock_monotonic_us();
}

/* Pauses when there has been no room for a while, resumes when there is. */
static void regulate(struct ingest *ingest)
{
    bool is_stuck =
        ingest->full_since_us && clock_monotonic_us() - ingest->full_since_us > FULL_PAUSE_US;
    if (is_stuck && !consumer_is_paused(ingest->consumer))
        counter_add(ingest->metrics.pauses, 1);
    if (is_stuck || ingest->is_stopping)
        consumer_pause(ingest->consumer);
    else if (!is_full(ingest) && store_is_ready(ingest->store))
        consumer_resume(ingest->consumer);
}

/* --- the next step ----------------------------------------------------------------------- */

static void on_pruned(bool may_have_more, void *arg)
{
    struct ingest *ingest = arg;
    if (may_have_more)
        ingest->prune_at_us = clock_monotonic_us() + PRUNE_MORE_US;
}

/* In the idle store's way for a moment; what is written then waits behind it. */
static void prune_now_and_then(struct ingest *ingest)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us < ingest->prune_at_us)
        return;
    ingest->prune_at_us = now_us + PRUNE_EVERY_US;
    store_prune(ingest->store, on_pruned, ingest);
}

/* What has been taken out of what gathers, and is not stored. */
static bool has_waiting(const struct ingest *ingest)
{
    return micro_batch_count(ingest->writing) || micro_batch_count(ingest->next);
}

static void close_when_done(struct ingest *ingest)
{
    bool is_writable = store_is_ready(ingest->store) && !ingest->is_waiting;
    bool is_empty = !has_waiting(ingest) && micro_batch_count(ingest->gathering) == 0;
    if (ingest->is_stopping && !ingest->is_leaving && (is_empty || !is_writable)) {
        const struct timeval deadline = {LEAVE_MS / 1000, (LEAVE_MS % 1000) * 1000L};
        ingest->is_leaving = true;
        event_add(ingest->leave_timer, &deadline);
        consumer_close(ingest->consumer);
    }
}

static void swap(struct micro_batch **a, struct micro_batch **b)
{
    struct micro_batch *kept = *a;
    *a = *b;
    *b = kept;
}

/* Whatever has gathered becomes `*into`, which is empty. */
static void close_gathering(struct ingest *ingest, struct micro_batch **into)
{
    micro_batch_reset(*into);
    swap(into, &ingest->gathering);
    ingest->full_since_us = 0;
}

/* A full transaction is worked out while the one before it is being written. */
static bool prepare_next(struct ingest *ingest)
{
    if (!ingest->is_writing || micro_batch_count(ingest->next) || !is_full(ingest))
        return false;
    close_gathering(ingest, &ingest->next);
    micro_batch_open(ingest->next);
    store_prepare(ingest->store, micro_batch_transaction(ingest->next));
    return true;
}

static void begin_writing(struct ingest *ingest)
{
    if (micro_batch_count(ingest->writing) == 0) {
        if (micro_batch_count(ingest->next))
            swap(&ingest->writing, &ingest->next);
        else if (micro_batch_count(ingest->gathering))
            close_gathering(ingest, &ingest->writing);
    }
    if (micro_batch_count(ingest->writing))
        write_window(ingest);
}

/* Whatever has happened: gives the store its next request when it is idle, and gathers what there
 * is room for. What waits already need not wait for that. */
static void advance(struct ingest *ingest)
{
    if (!ingest->is_leaving && !has_waiting(ingest))
        gather(ingest);
    if (store_is_idle(ingest->store) && !ingest->is_waiting && !ingest->is_leaving &&
        !ownership_ask(ingest->ownership)) {
        prune_now_and_then(ingest);
        begin_writing(ingest);
    }
    if (!ingest->is_leaving)
        do
            gather(ingest);
        while (prepare_next(ingest));
    regulate(ingest);
    close_when_done(ingest);
}

/* --- what the consumer tells ------------------------------------------------------------- */

static void on_wake(void *arg)
{
    struct ingest *ingest = arg;
    if (ingest->is_leaving) {
        /* Serve what leaving the group needs. */
        rd_kafka_message_t *message;
        while ((message = consumer_poll(ingest->consumer)))
            rd_kafka_message_destroy(message);
        return;
    }
    advance(ingest);
}

static void on_more(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    on_wake(arg);
}

static void on_assigned(const rd_kafka_topic_partition_list_t *partitions, void *arg)
{
    struct ingest *ingest = arg;
    counter_add(ingest->metrics.rebalances, 1);
    log_info("partitions assigned", "count=%d", partitions->cnt);
    ownership_assign(ingest->ownership, partitions);
}

static void on_revoked(const rd_kafka_topic_partition_list_t *partitions, void *arg)
{
    struct ingest *ingest = arg;
    for (int i = 0; i < partitions->cnt; i++)
        ingest_metrics_partition_gone(&ingest->metrics, partitions->elems[i].topic,
                                      partitions->elems[i].partition);
    log_info("partitions revoked", "count=%d", partitions->cnt);
    ownership_revoke(ingest->ownership, partitions);
}

static void on_offset_gone(const char *topic, int32_t number, const char *why, void *arg)
{
    struct ingest *ingest = arg;
    ownership_offset_gone(ingest->ownership, topic, number, why);
}

static void on_end(const char *topic, int32_t number, int64_t offset, void *arg)
{
    struct ingest *ingest = arg;
    ownership_end_reached(ingest->ownership, topic, number, offset);
}

static void on_topic_missing(const char *topic, void *arg)
{
    struct ingest *ingest = arg;
    ownership_distrust(ingest->ownership, topic);
}

static void on_high_offset(const char *topic, int32_t number, int64_t offset, void *arg)
{
    struct ingest *ingest = arg;
    struct partition *partition =
        assignment_find(ownership_assignment(ingest->ownership), topic, number);
    if (partition)
        partition->high_offset = offset;
}

static void on_consumer_fatal(const char *why, void *arg)
{
    struct ingest *ingest = arg;
    log_error("the Kafka client has given up, ending", "error=%s", log_quote(why).text);
    ingest->on_failed(ingest->arg);
}

static void on_consumer_closed(void *arg)
{
    struct ingest *ingest = arg;
    ingest->has_left = true;
    event_del(ingest->leave_timer);
    ingest->on_stopped(ingest->arg);
}

static void on_leave_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct ingest *ingest = arg;
    log_warn("Kafka does not let us leave the group, ending without", "timeout_ms=%d", LEAVE_MS);
    ingest->on_stopped(ingest->arg);
}

/* --- what the ownership of partitions tells ---------------------------------------------- */

static void on_partitions_lost(void *arg)
{
    drop_lost(arg);
}

/* Whether the transaction whose answer was lost did commit: then all its offsets stand where it
 * moved them. */
static bool has_committed(struct ingest *ingest, const struct store_offset *rows, size_t count)
{
    const struct store_transaction *txn = micro_batch_transaction(ingest->writing);
    if (micro_batch_window_count(ingest->writing) == 0)
        return false;
    for (size_t i = 0; i < txn->offset_count; i++) {
        const struct store_offset *offset = &txn->offsets[i];
        const struct store_offset *row =
            store_offset_find(rows, count, offset->topic, offset->partition);
        if (!row || row->epoch != offset->epoch || row->next_offset != offset->next_offset)
            return false;
    }
    return true;
}

static void on_settle(const struct store_offset *rows, size_t count, void *arg)
{
    struct ingest *ingest = arg;
    if (!has_committed(ingest, rows, count))
        return;
    log_info("the transaction whose answer was lost had committed", "events=%zu",
             micro_batch_window_count(ingest->writing));
    note_committed(ingest);
}

static void on_rewind(void *arg)
{
    struct ingest *ingest = arg;
    counter_add(ingest->metrics.rewinds, 1);
}

static void on_ownership_done(void *arg)
{
    advance(arg);
}

static void on_ownership_failed(const struct error *err, void *arg)
{
    struct ingest *ingest = arg;
    log_warn("partitions could not be claimed, trying again", "error=%s",
             log_quote(err->text).text);
    retry_later(ingest);
}

/* --- what the store tells ---------------------------------------------------------------- */

static void on_store_ready(void *arg)
{
    struct ingest *ingest = arg;
    ownership_doubt(ingest->ownership);
    event_del(ingest->retry_timer);
    ingest->is_waiting = false;
    advance(ingest);
}

static void on_store_lost(const struct error *err, void *arg)
{
    struct ingest *ingest = arg;
    (void)err;
    consumer_pause(ingest->consumer);
    close_when_done(ingest);
}

/* --- timers ------------------------------------------------------------------------------ */

static void on_maintenance(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct ingest *ingest = arg;
    ownership_tick(ingest->ownership);
    advance(ingest);
}

/* --- for the admin port ------------------------------------------------------------------ */

struct metrics *ingest_metrics_registry(struct ingest *ingest)
{
    return ingest->metrics.registry;
}

void ingest_collect(void *arg)
{
    struct ingest *ingest = arg;
    struct ingest_metrics *metrics = &ingest->metrics;
    gauge_set(metrics->gathered_events,
              (double)(micro_batch_count(ingest->gathering) + micro_batch_count(ingest->next)));
    gauge_set(metrics->gathered_bytes,
              (double)(micro_batch_bytes(ingest->gathering) + micro_batch_bytes(ingest->next)));
    gauge_set(metrics->paused, consumer_is_paused(ingest->consumer));
    gauge_set(metrics->database_up, store_is_ready(ingest->store));
    ingest_metrics_partitions(metrics, ownership_assignment(ingest->ownership));
}

void ingest_ready(struct buf *missing, void *arg)
{
    struct ingest *ingest = arg;
    const char *database = store_problem(ingest->store);
    const char *kafka = consumer_problem(ingest->consumer);
    if (database[0])
        buf_append_format(missing, "postgresql: %s\n", database);
    if (kafka[0])
        buf_append_format(missing, "kafka: %s\n", kafka);
    const struct assignment *assignment = ownership_assignment(ingest->ownership);
    for (size_t i = 0; i < assignment_count(assignment); i++) {
        const struct partition *partition = assignment_at(assignment, i);
        if (partition->state == PARTITION_REFUSED || partition->state == PARTITION_FENCED)
            buf_append_format(missing, "partition %s/%d: %s %s\n", partition->topic,
                              (int)partition->number, partition_state_name(partition->state),
                              partition->reason);
    }
    if (ingest->failure[0])
        buf_append_format(missing, "transactions fail: %s\n", ingest->failure);
    if (ingest->is_stopping)
        buf_append_text(missing, "stopping\n");
}

/* --- life -------------------------------------------------------------------------------- */

static struct store *make_store(struct ingest *ingest, struct event_base *base)
{
    char host[64] = "";
    char owner[128];
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(owner, sizeof owner, "%s/%ld", host, (long)getpid());
    const struct store_config config = {
        .database_url = ingest->config->database_url,
        .group_id = ingest->config->kafka_group_id,
        .owner = owner,
        .commits_without_flush = ingest->config->synchronous_commit != 0,
        .recent_bytes = (size_t)ingest->config->recent_bytes,
    };
    const struct store_observer observer = {on_store_ready, on_store_lost};
    return store_new(base, &config, &observer, ingest);
}

static struct consumer *make_consumer(struct ingest *ingest, struct event_base *base,
                                      struct error *err)
{
    const struct ingest_config *config = ingest->config;
    const struct consumer_config consumer_config = {
        .group_id = config->kafka_group_id,
        .topics = &config->kafka_topics,
        .kafka = &config->kafka,
    };
    const struct consumer_observer observer = {
        .on_wake = on_wake,
        .on_assigned = on_assigned,
        .on_revoked = on_revoked,
        .on_end = on_end,
        .on_topic_missing = on_topic_missing,
        .on_offset_gone = on_offset_gone,
        .on_high_offset = on_high_offset,
        .on_closed = on_consumer_closed,
        .on_fatal = on_consumer_fatal,
    };
    return consumer_new(base, &consumer_config, &observer, ingest, err);
}

static struct ownership *make_ownership(struct ingest *ingest)
{
    const struct ownership_observer observer = {
        .on_lost = on_partitions_lost,
        .on_settle = on_settle,
        .on_rewind = on_rewind,
        .on_done = on_ownership_done,
        .on_failed = on_ownership_failed,
    };
    return ownership_new(ingest->consumer, ingest->store, &observer, ingest);
}

struct ingest *ingest_new(struct event_base *base, const struct ingest_config *config,
                          void (*on_stopped)(void *arg), void (*on_failed)(void *arg), void *arg,
                          struct error *err)
{
    const struct timeval interval = {MAINTENANCE_MS / 1000, (MAINTENANCE_MS % 1000) * 1000L};
    struct ingest *ingest = alloc_zeroed(1, sizeof *ingest);
    ingest->config = config;
    ingest->on_stopped = on_stopped;
    ingest->on_failed = on_failed;
    ingest->arg = arg;
    ingest->retry_ms = RETRY_MIN_MS;
    ingest->prune_at_us = clock_monotonic_us() + PRUNE_EVERY_US;
    ingest->gathering = micro_batch_new((size_t)config->max_event_bytes);
    ingest->next = micro_batch_new((size_t)config->max_event_bytes);
    ingest->writing = micro_batch_new((size_t)config->max_event_bytes);
    ingest_metrics_init(&ingest->metrics);
    ingest->consumer = make_consumer(ingest, base, err);
    if (!ingest->consumer) {
        ingest_free(&ingest);
        return NULL;
    }
    ingest->store = make_store(ingest, base);
    ingest->ownership = make_ownership(ingest);
    ingest->more_event = event_new(base, -1, 0, on_more, ingest);
    ingest->retry_timer = event_new(base, -1, 0, on_retry, ingest);
    ingest->leave_timer = event_new(base, -1, 0, on_leave_deadline, ingest);
    ingest->maintenance_timer = event_new(base, -1, EV_PERSIST, on_maintenance, ingest);
    event_add(ingest->maintenance_timer, &interval);
    return ingest;
}

void ingest_stop(struct ingest *ingest)
{
    if (ingest->is_stopping)
        return;
    ingest->is_stopping = true;
    advance(ingest);
}

bool ingest_has_left(const struct ingest *ingest)
{
    return ingest->has_left;
}

void ingest_free(struct ingest **ingest)
{
    struct ingest *self = *ingest;
    if (!self)
        return;
    *ingest = NULL;
    if (self->more_event)
        event_free(self->more_event);
    if (self->retry_timer)
        event_free(self->retry_timer);
    if (self->leave_timer)
        event_free(self->leave_timer);
    if (self->maintenance_timer)
        event_free(self->maintenance_timer);
    store_free(&self->store);
    micro_batch_free(&self->gathering);
    micro_batch_free(&self->next);
    micro_batch_free(&self->writing);
    ownership_free(&self->ownership);
    consumer_free(&self->consumer);
    ingest_metrics_done(&self->metrics);
    free(self);
}
