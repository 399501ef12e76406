#include "ownership.h"

#include "alloc.h"
#include "clock.h"
#include "fingerprint.h"
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fenced partition that the group still gives us is claimed again after this: the other one was a
 * zombie. */
#define RECLAIM_US 5000000

struct ownership {
    struct consumer *consumer;
    struct store *store;
    struct ownership_observer observer;
    void *arg;
    struct assignment *assignment;

    rd_kafka_topic_partition_list_t *to_start; /* assigned, not yet reading; NULL */
    struct store_offset *asked;                /* the subject of the question under way */
    size_t asked_count;
    uint64_t generation; /* of the assignment; an answer for an older one is void */
    uint64_t asked_generation;
    bool is_in_doubt;        /* offsets must be read again */
    bool has_stalled;        /* a partition is to be started again */
    int64_t fenced_since_us; /* 0: no partition is fenced */
};

struct assignment *ownership_assignment(struct ownership *ownership)
{
    return ownership->assignment;
}

bool ownership_is_lost(const char *topic, int32_t number, int64_t epoch, void *arg)
{
    struct ownership *ownership = arg;
    const struct partition *partition = assignment_find(ownership->assignment, topic, number);
    return !partition || partition->state != PARTITION_ACTIVE || partition->epoch != epoch;
}

static int64_t start_offset(const struct partition *partition)
{
    if (partition->stored_offset < 0)
        return RD_KAFKA_OFFSET_BEGINNING;
    return partition->stored_offset - (partition->state == PARTITION_VERIFYING);
}

/* --- questions to the store -------------------------------------------------------------- */

/* Collects the partitions in `state`; how many there are. */
static size_t collect(struct ownership *ownership, enum partition_state state)
{
    size_t all = assignment_count(ownership->assignment);
    free(ownership->asked);
    ownership->asked = alloc_zeroed(all + 1, sizeof *ownership->asked);
    ownership->asked_count = 0;
    for (size_t i = 0; i < all; i++) {
        const struct partition *partition = assignment_at(ownership->assignment, i);
        if (partition->state == state)
            ownership->asked[ownership->asked_count++] =
                (struct store_offset){.topic = partition->topic, .partition = partition->number};
    }
    ownership->asked_generation = ownership->generation;
    return ownership->asked_count;
}

/* --- claiming ---------------------------------------------------------------------------- */

static void claimed(struct ownership *ownership, struct partition *partition,
                    const struct store_offset *row)
{
    partition->epoch = row->epoch;
    partition->stored_offset = row->next_offset;
    partition->read_offset = row->next_offset;
    partition->fingerprint = row->fingerprint;
    partition->state = row->next_offset > 0 && row->fingerprint != FINGERPRINT_UNKNOWN
                           ? PARTITION_VERIFYING
                           : PARTITION_ACTIVE;
    log_info("partition claimed", "topic=%s partition=%d epoch=%lld offset=%lld", row->topic,
             (int)row->partition, (long long)row->epoch, (long long)row->next_offset);

    rd_kafka_topic_partition_t *waiting =
        ownership->to_start
            ? rd_kafka_topic_partition_list_find(ownership->to_start, row->topic, row->partition)
            : NULL;
    if (waiting) {
        waiting->offset = start_offset(partition);
        return;
    }
    /* Claimed again: the consumer has it already, and was paused. */
    consumer_resume_partition(ownership->consumer, row->topic, row->partition);
    consumer_seek(ownership->consumer, row->topic, row->partition, start_offset(partition));
}

static void begin_reading(struct ownership *ownership)
{
    if (!ownership->to_start)
        return;
    consumer_start_partitions(ownership->consumer, ownership->to_start);
    rd_kafka_topic_partition_list_destroy(ownership->to_start);
    ownership->to_start = NULL;
}

static void on_claimed(const struct store_offset *rows, size_t count, const struct error *err,
                       void *arg)
{
    struct ownership *ownership = arg;
    if (err) {
        ownership->observer.on_failed(err, ownership->arg);
        return;
    }
    if (ownership->asked_generation == ownership->generation) {
        for (size_t i = 0; i < count; i++) {
            struct partition *partition =
                assignment_find(ownership->assignment, rows[i].topic, rows[i].partition);
            if (partition && partition->state == PARTITION_CLAIMING)
                claimed(ownership, partition, &rows[i]);
        }
        begin_reading(ownership);
    }
    ownership->observer.on_done(ownership->arg);
}

/* --- after a lost connection ------------------------------------------------------------- */

/* The database knows less than we thought (it lost its last transactions): claimed again, the
 * partition is read from where it stands now. */
static void rewind_to(struct ownership *ownership, struct partition *partition, int64_t offset)
{
    log_warn("reading again from the stored offset", "topic=%s partition=%d from=%lld to=%lld",
             partition->topic, (int)partition->number, (long long)partition->stored_offset,
             (long long)offset);
    partition->state = PARTITION_CLAIMING;
    ownership->observer.on_rewind(ownership->arg);
}

static void settle(struct ownership *ownership, struct partition *partition,
                   const struct store_offset *row)
{
    if (!row || row->epoch != partition->epoch)
        ownership_fence(ownership, partition);
    else if (row->next_offset != partition->stored_offset)
        rewind_to(ownership, partition, row->next_offset);
}

static void on_offsets_read(const struct store_offset *rows, size_t count, const struct error *err,
                            void *arg)
{
    struct ownership *ownership = arg;
    if (err) {
        ownership->observer.on_failed(err, ownership->arg);
        return;
    }
    ownership->is_in_doubt = false;
    ownership->observer.on_settle(rows, count, ownership->arg);
    for (size_t i = 0; i < assignment_count(ownership->assignment); i++) {
        struct partition *partition = assignment_at(ownership->assignment, i);
        if (partition->state == PARTITION_ACTIVE)
            settle(ownership, partition,
                   store_offset_find(rows, count, partition->topic, partition->number));
    }
    ownership->observer.on_lost(ownership->arg);
    ownership->observer.on_done(ownership->arg);
}

bool ownership_ask(struct ownership *ownership)
{
    if (ownership->is_in_doubt && collect(ownership, PARTITION_ACTIVE)) {
        store_read_offsets(ownership->store, ownership->asked, ownership->asked_count,
                           on_offsets_read, ownership);
        return true;
    }
    ownership->is_in_doubt = false;
    if (collect(ownership, PARTITION_CLAIMING)) {
        store_claim(ownership->store, ownership->asked, ownership->asked_count, on_claimed,
                    ownership);
        return true;
    }
    return false;
}

/* --- what happens to partitions ---------------------------------------------------------- */

static void forget_to_start(struct ownership *ownership)
{
    if (ownership->to_start)
        rd_kafka_topic_partition_list_destroy(ownership->to_start);
    ownership->to_start = NULL;
}

void ownership_assign(struct ownership *ownership, const rd_kafka_topic_partition_list_t *list)
{
    ownership->generation++;
    forget_to_start(ownership);
    ownership->to_start = rd_kafka_topic_partition_list_copy(list);
    for (int i = 0; i < list->cnt; i++)
        assignment_add(ownership->assignment, list->elems[i].topic, list->elems[i].partition);
    if (list->cnt == 0)
        begin_reading(ownership);
}

void ownership_revoke(struct ownership *ownership, const rd_kafka_topic_partition_list_t *list)
{
    ownership->generation++;
    forget_to_start(ownership);
    for (int i = 0; i < list->cnt; i++)
        assignment_remove(ownership->assignment, list->elems[i].topic, list->elems[i].partition);
    ownership->observer.on_lost(ownership->arg);
}

void ownership_fence(struct ownership *ownership, struct partition *partition)
{
    log_warn("partition is fenced: another process has claimed it",
             "topic=%s partition=%d epoch=%lld", partition->topic, (int)partition->number,
             (long long)partition->epoch);
    partition->state = PARTITION_FENCED;
    consumer_pause_partition(ownership->consumer, partition->topic, partition->number);
    if (!ownership->fenced_since_us)
        ownership->fenced_since_us = clock_monotonic_us();
}

/* --- verifying --------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void
refuse(struct ownership *ownership, struct partition *partition, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(partition->reason, sizeof partition->reason, format, arguments);
    va_end(arguments);
    partition->state = PARTITION_REFUSED;
    log_error(
        "partition is refused: events may be missing, nothing is skipped",
        "topic=%s partition=%d offset=%lld detail=%s hint=%s", partition->topic,
        (int)partition->number, (long long)partition->stored_offset,
        log_quote(partition->reason).text,
        log_quote("retention has deleted it, or the topic was made anew: when you know which, "
                  "set next_offset of this partition in callboard.kafka_offset (-1 reads "
                  "from the beginning) and restart")
            .text);
    consumer_pause_partition(ownership->consumer, partition->topic, partition->number);
    ownership->observer.on_lost(ownership->arg);
}

/* The first message since the claim: the last one stored, unless Kafka has removed that. */
static void verify(struct ownership *ownership, struct partition *partition,
                   const rd_kafka_message_t *message)
{
    int64_t last = partition->stored_offset - 1;
    if (message->offset == last && fingerprint_of_message(message) != partition->fingerprint)
        refuse(ownership, partition,
               "message %lld is not the one that was stored: the topic was made anew, or Kafka has "
               "lost messages",
               (long long)last);
    else
        partition->state = PARTITION_ACTIVE;
}

struct partition *ownership_admit(struct ownership *ownership, const rd_kafka_message_t *message)
{
    struct partition *partition = assignment_find(
        ownership->assignment, rd_kafka_topic_name(message->rkt), message->partition);
    if (partition && partition->state == PARTITION_VERIFYING)
        verify(ownership, partition, message);
    if (!partition || partition->state != PARTITION_ACTIVE ||
        message->offset < partition->read_offset)
        return NULL;
    partition->read_offset = message->offset + 1;
    return partition;
}

void ownership_end_reached(struct ownership *ownership, const char *topic, int32_t number,
                           int64_t offset)
{
    struct partition *partition = assignment_find(ownership->assignment, topic, number);
    if (!partition || partition->state != PARTITION_VERIFYING)
        return;
    if (offset < partition->stored_offset)
        refuse(ownership, partition, "Kafka's messages end at %lld, before the stored offset %lld",
               (long long)offset, (long long)partition->stored_offset);
    else
        partition->state = PARTITION_ACTIVE; /* compaction has removed the last one stored */
}

void ownership_offset_gone(struct ownership *ownership, const char *topic, int32_t number,
                           const char *why)
{
    struct partition *partition = assignment_find(ownership->assignment, topic, number);
    if (!partition)
        return;
    if (partition->state == PARTITION_VERIFYING) {
        partition->state = PARTITION_STALLED;
        ownership->has_stalled = true;
    } else if (partition->state == PARTITION_ACTIVE) {
        refuse(ownership, partition, "stored offset %lld is not in Kafka: %s",
               (long long)partition->stored_offset, why);
    }
}

static void add_place(rd_kafka_topic_partition_list_t *list, const struct partition *partition)
{
    rd_kafka_topic_partition_t *place =
        rd_kafka_topic_partition_list_add(list, partition->topic, partition->number);
    place->offset = partition->state == PARTITION_ACTIVE && partition->read_offset >= 0
                        ? partition->read_offset
                        : start_offset(partition);
}

static void start_unverified(struct partition *partition, rd_kafka_topic_partition_list_t *list)
{
    log_info("retention has removed the last message stored, nothing to verify",
             "topic=%s partition=%d offset=%lld", partition->topic, (int)partition->number,
             (long long)partition->stored_offset);
    add_place(list, partition);
    partition->state = PARTITION_ACTIVE;
}

void ownership_restart(struct ownership *ownership)
{
    size_t count = assignment_count(ownership->assignment);
    if (!ownership->has_stalled || ownership->to_start)
        return;
    ownership->has_stalled = false;
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_topic_partition_list_t *stalled = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        struct partition *partition = assignment_at(ownership->assignment, i);
        add_place(all, partition);
        if (partition->state == PARTITION_STALLED)
            start_unverified(partition, stalled);
    }
    if (stalled->cnt)
        consumer_restart_partitions(ownership->consumer, all, stalled);
    rd_kafka_topic_partition_list_destroy(all);
    rd_kafka_topic_partition_list_destroy(stalled);
}

void ownership_distrust(struct ownership *ownership, const char *topic)
{
    for (size_t i = 0; i < assignment_count(ownership->assignment); i++) {
        struct partition *partition = assignment_at(ownership->assignment, i);
        if (strcmp(partition->topic, topic) == 0 &&
            (partition->state == PARTITION_ACTIVE || partition->state == PARTITION_VERIFYING))
            partition->state = PARTITION_CLAIMING;
    }
    ownership->observer.on_lost(ownership->arg);
}

void ownership_doubt(struct ownership *ownership)
{
    ownership->is_in_doubt = true;
    /* Nothing has been read of these: claimed again they are as good as settled. */
    for (size_t i = 0; i < assignment_count(ownership->assignment); i++) {
        struct partition *partition = assignment_at(ownership->assignment, i);
        if (partition->state == PARTITION_VERIFYING)
            partition->state = PARTITION_CLAIMING;
    }
}

void ownership_tick(struct ownership *ownership)
{
    int64_t now_us = clock_monotonic_us();
    if (!ownership->fenced_since_us || now_us - ownership->fenced_since_us < RECLAIM_US)
        return;
    ownership->fenced_since_us = 0;
    for (size_t i = 0; i < assignment_count(ownership->assignment); i++) {
        struct partition *partition = assignment_at(ownership->assignment, i);
        if (partition->state == PARTITION_FENCED)
            partition->state = PARTITION_CLAIMING;
    }
}

/* --- life -------------------------------------------------------------------------------- */

struct ownership *ownership_new(struct consumer *consumer, struct store *store,
                                const struct ownership_observer *observer, void *arg)
{
    struct ownership *ownership = alloc_zeroed(1, sizeof *ownership);
    ownership->consumer = consumer;
    ownership->store = store;
    ownership->observer = *observer;
    ownership->arg = arg;
    ownership->assignment = assignment_new();
    return ownership;
}

void ownership_free(struct ownership **ownership)
{
    struct ownership *self = *ownership;
    if (!self)
        return;
    *ownership = NULL;
    forget_to_start(self);
    assignment_free(&self->assignment);
    free(self->asked);
    free(self);
}
