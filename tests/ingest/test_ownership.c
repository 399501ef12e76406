#include "fingerprint.h"
#include "ownership.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * The consumer, the store and two functions of librdkafka are played here: what ownership asks of
 * them is written down in `asked`, and answered by the test.
 */
#define TOPIC "dialer.calls"

struct fixture {
    struct ownership *ownership;
    char asked[1000];
    store_offsets_fn *on_claimed;
    store_offsets_fn *on_read;
    void *store_arg;
    int lost;
    int rewinds;
    int done;
};

static struct fixture *current;

static void note(const char *what, const char *topic, int32_t partition, int64_t offset)
{
    size_t len = strlen(current->asked);
    (void)snprintf(current->asked + len, sizeof current->asked - len, "%s %s/%d@%lld;", what, topic,
                   (int)partition, (long long)offset);
}

static void note_list(const char *what, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        note(what, list->elems[i].topic, list->elems[i].partition, list->elems[i].offset);
}

void consumer_start_partitions(struct consumer *consumer,
                               const rd_kafka_topic_partition_list_t *partitions)
{
    (void)consumer;
    note_list("start", partitions);
}

void consumer_restart_partitions(struct consumer *consumer,
                                 const rd_kafka_topic_partition_list_t *all,
                                 const rd_kafka_topic_partition_list_t *given_up)
{
    (void)consumer;
    note_list("all", all);
    note_list("restart", given_up);
}

void consumer_pause_partition(struct consumer *consumer, const char *topic, int32_t partition)
{
    (void)consumer;
    note("pause", topic, partition, 0);
}

void consumer_resume_partition(struct consumer *consumer, const char *topic, int32_t partition)
{
    (void)consumer;
    note("resume", topic, partition, 0);
}

void consumer_seek(struct consumer *consumer, const char *topic, int32_t partition, int64_t offset)
{
    (void)consumer;
    note("seek", topic, partition, offset);
}

void store_claim(struct store *store, const struct store_offset *wanted, size_t count,
                 store_offsets_fn *fn, void *arg)
{
    (void)store;
    for (size_t i = 0; i < count; i++)
        note("claim", wanted[i].topic, wanted[i].partition, 0);
    current->on_claimed = fn;
    current->store_arg = arg;
}

void store_read_offsets(struct store *store, const struct store_offset *wanted, size_t count,
                        store_offsets_fn *fn, void *arg)
{
    (void)store;
    for (size_t i = 0; i < count; i++)
        note("read", wanted[i].topic, wanted[i].partition, 0);
    current->on_read = fn;
    current->store_arg = arg;
}

const struct store_offset *store_offset_find(const struct store_offset *offsets, size_t count,
                                             const char *topic, int32_t partition)
{
    for (size_t i = 0; i < count; i++)
        if (offsets[i].partition == partition && strcmp(offsets[i].topic, topic) == 0)
            return &offsets[i];
    return NULL;
}

const char *rd_kafka_topic_name(const rd_kafka_topic_t *topic)
{
    (void)topic;
    return TOPIC;
}

/* A message of a test lies in no buffer of librdkafka's, where the real one would look. */
int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *message,
                                   rd_kafka_timestamp_type_t *type)
{
    (void)message;
    *type = RD_KAFKA_TIMESTAMP_CREATE_TIME;
    return 1000;
}

static void on_lost(void *arg)
{
    ((struct fixture *)arg)->lost++;
}

static void on_settle(const struct store_offset *rows, size_t count, void *arg)
{
    (void)rows, (void)count, (void)arg;
}

static void on_rewind(void *arg)
{
    ((struct fixture *)arg)->rewinds++;
}

static void on_done(void *arg)
{
    ((struct fixture *)arg)->done++;
}

static void on_failed(const struct error *err, void *arg)
{
    (void)err, (void)arg;
}

static void expect_asked(struct fixture *fixture, const char *expected)
{
    cr_assert_str_eq(fixture->asked, expected);
    fixture->asked[0] = '\0';
}

static void assign(struct fixture *fixture, int partitions)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, TOPIC, i);
    ownership_assign(fixture->ownership, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void setup(struct fixture *fixture)
{
    static const struct ownership_observer observer = {on_lost, on_settle, on_rewind, on_done,
                                                       on_failed};
    *fixture = (struct fixture){0};
    current = fixture;
    fixture->ownership = ownership_new(NULL, NULL, &observer, fixture);
}

static rd_kafka_message_t message_at(int64_t offset, const char *value)
{
    return (rd_kafka_message_t){
        .offset = offset, .payload = (void *)(uintptr_t)value, .len = strlen(value)};
}

/* Answers the claim of the only partition: it stands at `next_offset`, behind the message `value`.
 */
static void answer_claim(struct fixture *fixture, int64_t next_offset, const char *value)
{
    rd_kafka_message_t last = message_at(next_offset - 1, value ? value : "");
    const struct store_offset row = {
        .topic = TOPIC,
        .epoch = 7,
        .next_offset = next_offset,
        .fingerprint = value ? fingerprint_of_message(&last) : FINGERPRINT_UNKNOWN,
    };
    cr_assert(ownership_ask(fixture->ownership));
    fixture->on_claimed(&row, 1, NULL, fixture->store_arg);
}

/* One partition, claimed at 100 behind the message "last". */
static void setup_claimed(struct fixture *fixture)
{
    setup(fixture);
    assign(fixture, 1);
    answer_claim(fixture, 100, "last");
    expect_asked(fixture, "claim dialer.calls/0@0;start dialer.calls/0@99;");
}

static bool admits(struct fixture *fixture, int64_t offset, const char *value)
{
    rd_kafka_message_t message = message_at(offset, value);
    return ownership_admit(fixture->ownership, &message) != NULL;
}

static enum partition_state state_of(struct fixture *fixture)
{
    return assignment_at(ownership_assignment(fixture->ownership), 0)->state;
}

Test(ownership, reads_a_new_partition_from_its_beginning_and_has_nothing_to_verify)
{
    struct fixture fixture;
    setup(&fixture);
    assign(&fixture, 1);
    answer_claim(&fixture, -1, NULL);
    expect_asked(&fixture, "claim dialer.calls/0@0;start dialer.calls/0@-2;");
    cr_assert(admits(&fixture, 0, "first"));
    ownership_free(&fixture.ownership);
}

Test(ownership, does_not_verify_what_was_stored_without_a_fingerprint)
{
    struct fixture fixture;
    setup(&fixture);
    assign(&fixture, 1);
    answer_claim(&fixture, 100, NULL);
    expect_asked(&fixture, "claim dialer.calls/0@0;start dialer.calls/0@100;");
    cr_assert(admits(&fixture, 100, "next"));
    ownership_free(&fixture.ownership);
}

Test(ownership, reads_on_behind_the_message_that_was_stored_last)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    cr_assert_not(admits(&fixture, 99, "last"), "it has been stored");
    cr_assert(admits(&fixture, 100, "next"));
    cr_assert_not(admits(&fixture, 100, "next"), "once is enough");
    ownership_free(&fixture.ownership);
}

Test(ownership, refuses_a_partition_whose_last_message_is_another_one)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    cr_assert_not(admits(&fixture, 99, "another"));
    cr_assert_eq(state_of(&fixture), PARTITION_REFUSED);
    cr_assert_not(admits(&fixture, 100, "next"), "nothing is read any more");
    expect_asked(&fixture, "pause dialer.calls/0@0;");
    ownership_free(&fixture.ownership);
}

Test(ownership, refuses_a_partition_that_ends_before_the_stored_offset)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    ownership_end_reached(fixture.ownership, TOPIC, 0, 99);
    cr_assert_eq(state_of(&fixture), PARTITION_REFUSED);
    ownership_free(&fixture.ownership);
}

Test(ownership, takes_a_partition_whose_last_message_compaction_has_removed)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    cr_assert(admits(&fixture, 103, "later"));

    struct fixture at_end;
    setup_claimed(&at_end);
    ownership_end_reached(at_end.ownership, TOPIC, 0, 100);
    cr_assert_eq(state_of(&at_end), PARTITION_ACTIVE);
    ownership_free(&at_end.ownership);
    ownership_free(&fixture.ownership);
}

Test(ownership, starts_again_where_retention_has_removed_only_what_was_stored)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    ownership_restart(fixture.ownership);
    expect_asked(&fixture, "");
    ownership_offset_gone(fixture.ownership, TOPIC, 0, "out of range");
    cr_assert_eq(state_of(&fixture), PARTITION_STALLED);
    ownership_restart(fixture.ownership);
    expect_asked(&fixture, "all dialer.calls/0@100;restart dialer.calls/0@100;");
    cr_assert(admits(&fixture, 100, "next"));
    ownership_free(&fixture.ownership);
}

Test(ownership, refuses_a_partition_whose_stored_offset_is_gone)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    ownership_offset_gone(fixture.ownership, TOPIC, 0, "out of range");
    ownership_restart(fixture.ownership);
    ownership_offset_gone(fixture.ownership, TOPIC, 0, "out of range");
    cr_assert_eq(state_of(&fixture), PARTITION_REFUSED);
    cr_assert_not(admits(&fixture, 200, "later"), "nothing is skipped");
    ownership_free(&fixture.ownership);
}

Test(ownership, verifies_anew_after_the_topic_was_away)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    (void)admits(&fixture, 99, "last");
    (void)admits(&fixture, 100, "read, not stored");
    ownership_distrust(fixture.ownership, TOPIC);
    cr_assert_eq(fixture.lost, 1, "what was read is dropped");
    answer_claim(&fixture, 100, "last");
    expect_asked(&fixture,
                 "claim dialer.calls/0@0;resume dialer.calls/0@0;seek dialer.calls/0@99;");
    cr_assert_not(admits(&fixture, 99, "of the new topic"));
    cr_assert_eq(state_of(&fixture), PARTITION_REFUSED);
    ownership_free(&fixture.ownership);
}

Test(ownership, does_not_mind_another_topic_that_is_away)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    (void)admits(&fixture, 99, "last");
    ownership_distrust(fixture.ownership, "dialer.batches");
    cr_assert_eq(state_of(&fixture), PARTITION_ACTIVE);
    ownership_free(&fixture.ownership);
}

/* Answers the question about the offsets after a lost connection. */
static void settle_at(struct fixture *fixture, int64_t epoch, int64_t next_offset)
{
    const struct store_offset row = {.topic = TOPIC, .epoch = epoch, .next_offset = next_offset};
    ownership_doubt(fixture->ownership);
    cr_assert(ownership_ask(fixture->ownership));
    fixture->on_read(&row, 1, NULL, fixture->store_arg);
}

Test(ownership, claims_again_what_the_database_has_forgotten)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    (void)admits(&fixture, 99, "last");
    settle_at(&fixture, 7, 80);
    cr_assert_eq(fixture.rewinds, 1);
    cr_assert_eq(fixture.lost, 1);
    answer_claim(&fixture, 80, "earlier");
    expect_asked(&fixture, "read dialer.calls/0@0;claim dialer.calls/0@0;resume dialer.calls/0@0;"
                           "seek dialer.calls/0@79;");
    ownership_free(&fixture.ownership);
}

Test(ownership, is_fenced_by_a_higher_epoch)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    (void)admits(&fixture, 99, "last");
    settle_at(&fixture, 8, 100);
    cr_assert_eq(state_of(&fixture), PARTITION_FENCED);
    cr_assert(ownership_is_lost(TOPIC, 0, 7, fixture.ownership));
    ownership_free(&fixture.ownership);
}

Test(ownership, claims_again_what_was_not_verified_when_the_connection_was_lost)
{
    struct fixture fixture;
    setup_claimed(&fixture);
    ownership_doubt(fixture.ownership);
    answer_claim(&fixture, 100, "last");
    expect_asked(&fixture,
                 "claim dialer.calls/0@0;resume dialer.calls/0@0;seek dialer.calls/0@99;");
    ownership_free(&fixture.ownership);
}
