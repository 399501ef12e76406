#include "fake_db_conn.h"
#include "store.h"
#include "store_sql.h"

#include <criterion/criterion.h>
#include <string.h>

struct fixture {
    struct store *store;
    struct fold *fold;
    struct event call;
    struct store_offset offset;
    struct store_transaction txn;
    int outcomes;
    enum store_outcome outcome;
    enum error_kind kind;
    bool moved;
    bool was_prepared;
    size_t recalled;
    size_t read;
    int ready;
    int lost;
    size_t offsets;
    int64_t next_offset;
    int64_t fingerprint;
};

static void on_ready(void *arg)
{
    ((struct fixture *)arg)->ready++;
}

static void on_lost(const struct error *err, void *arg)
{
    (void)err;
    ((struct fixture *)arg)->lost++;
}

static void on_done(const struct store_result *result, void *arg)
{
    struct fixture *fixture = arg;
    fixture->outcomes++;
    fixture->outcome = result->outcome;
    fixture->kind = result->err->kind;
    fixture->moved = result->moved[0];
    fixture->was_prepared = result->was_prepared;
    fixture->recalled = result->calls_recalled;
    fixture->read = result->calls_read;
}

static void on_offsets(const struct store_offset *offsets, size_t count, const struct error *err,
                       void *arg)
{
    struct fixture *fixture = arg;
    fixture->outcomes++;
    fixture->kind = err ? err->kind : ERR_NONE;
    fixture->offsets = count;
    fixture->next_offset = count ? offsets[0].next_offset : 0;
    fixture->fingerprint = count ? offsets[0].fingerprint : 0;
}

static void setup_with(struct fixture *fixture, size_t recent_bytes)
{
    const struct store_config config = {
        .database_url = "", .group_id = "group", .owner = "host/1", .recent_bytes = recent_bytes};
    static const struct store_observer observer = {on_ready, on_lost};
    *fixture = (struct fixture){0};
    fixture->store = store_new(NULL, &config, &observer, fixture);
    fixture->fold = fold_new();
    fixture->offset = (struct store_offset){"dialer.calls", 3, 7, 100, 101, 4242};
    fake_db_conn_set_ready(true);
}

static void setup(struct fixture *fixture)
{
    setup_with(fixture, 0);
}

static void done(struct fixture *fixture)
{
    store_free(&fixture->store);
    fold_free(&fixture->fold);
}

/* Begins the transaction of what has been folded. */
static void begin_folded(struct fixture *fixture)
{
    fold_finish(fixture->fold);
    fixture->outcomes = 0;
    fixture->txn = (struct store_transaction){&fixture->offset, 1, fixture->fold, NULL, 0};
    store_write(fixture->store, &fixture->txn, on_done, fixture);
    cr_assert_eq(fixture->outcomes, 0, "no callback before the call returns");
}

/* Begins the transaction of one call event. */
static void begin(struct fixture *fixture)
{
    fixture->call.version = (struct version){1, SLICE_NONE, SLICE("s"), SLICE("i")};
    fixture->call.entity.kind = ENTITY_CALL;
    fixture->call.entity.fields[CALL_PHONE_NUMBER] =
        (struct field){.version = &fixture->call.version, .text = SLICE("123")};
    fold_add(fixture->fold, &fixture->call);
    begin_folded(fixture);
}

static PGresult *moved_row(void)
{
    PGresult *result = fake_result(2, 1);
    fake_result_set(result, 0, 0, "dialer.calls", 12);
    fake_result_set_int4(result, 0, 1, 3);
    return result;
}

static PGresult *locked_row(const struct fixture *fixture, int32_t pending)
{
    PGresult *result = fake_result(7, 1);
    fake_result_set(result, 0, 0, fixture->call.batch_id.bytes, OBJECT_ID_BYTES);
    fake_result_set_int8(result, 0, 1, 5);
    fake_result_set(result, 0, 2, "", 0);
    fake_result_set_int4(result, 0, 3, 0);
    fake_result_set_int4(result, 0, 4, pending);
    fake_result_set_bool(result, 0, 5, true);
    return result;
}

/* The partitions are ours, and of the calls asked for none is stored. */
static void answer_reads_with(PGresult *locked)
{
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, moved_row(), NULL);
    fake_db_conn_answer(SQL_LOCK_BATCHES, locked, NULL);
    fake_db_conn_answer(SQL_READ_CALLS, fake_result(7, 0), NULL);
}

static void answer_reads(struct fixture *fixture, int32_t pending)
{
    answer_reads_with(locked_row(fixture, pending));
}

static void expect_outcome(const struct fixture *fixture, enum store_outcome outcome)
{
    cr_assert_eq(fixture->outcomes, 1, "exactly one callback, not %d", fixture->outcomes);
    cr_assert_eq(fixture->outcome, outcome, "outcome %d, not %d", (int)outcome,
                 (int)fixture->outcome);
    cr_assert_eq(fake_db_conn_pending(), 0);
}

Test(store, commits_in_two_round_trips)
{
    struct fixture fixture;
    setup(&fixture);
    begin(&fixture);
    cr_assert_eq(fake_db_conn_pending(), 4, "one group of four");
    answer_reads(&fixture, 0);
    fake_db_conn_answer_tag(SQL_WRITE_BATCHES, "UPDATE 1");
    fake_db_conn_answer_tag(SQL_LOG_CHANGES, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_INSERT_CALLS, "INSERT 0 1");
    cr_assert_eq(fixture.outcomes, 0, "nothing is told before COMMIT is answered");
    fake_db_conn_answer_tag(SQL_COMMIT, "COMMIT");
    expect_outcome(&fixture, STORE_COMMITTED);
    cr_assert(store_is_idle(fixture.store));
    done(&fixture);
}

Test(store, reads_waiting_attempts_only_where_a_batch_has_any)
{
    struct fixture fixture;
    setup(&fixture);
    begin(&fixture);
    answer_reads(&fixture, 1);
    fake_db_conn_answer(SQL_READ_PENDING, fake_result(8, 0), NULL);
    cr_assert_eq(fake_db_conn_pending(), 4, "the writes and COMMIT");
    done(&fixture);
}

Test(store, rolls_back_when_a_partition_was_taken_over)
{
    struct fixture fixture;
    setup(&fixture);
    begin(&fixture);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, fake_result(2, 0), NULL);
    fake_db_conn_answer(SQL_LOCK_BATCHES, locked_row(&fixture, 0), NULL);
    fake_db_conn_answer(SQL_READ_CALLS, fake_result(7, 0), NULL);
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&fixture, STORE_FENCED);
    cr_assert_not(fixture.moved);
    done(&fixture);
}

Test(store, rolls_back_and_says_whether_to_try_again)
{
    static const struct {
        const char *name;
        enum error_kind kind;
        const char *sqlstate;
        enum store_outcome outcome;
    } rows[] = {
        {"deadlock", ERR_RETRY, "40P01", STORE_FAILED},
        {"bad data", ERR_REJECT, "22021", STORE_REFUSED},
        {"missing right", ERR_FATAL, "42501", STORE_FAILED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        setup(&fixture);
        begin(&fixture);
        answer_reads(&fixture, 0);
        fake_db_conn_answer_tag(SQL_WRITE_BATCHES, "UPDATE 1");
        fake_db_conn_fail(SQL_LOG_CHANGES, rows[i].kind, rows[i].sqlstate);
        fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
        expect_outcome(&fixture, rows[i].outcome);
        cr_assert_eq(fixture.kind, rows[i].kind, "%s: the first error is told", rows[i].name);
        done(&fixture);
    }
}

Test(store, leaves_a_server_that_has_become_read_only)
{
    struct fixture fixture;
    setup(&fixture);
    begin(&fixture);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_fail(SQL_MOVE_OFFSETS, ERR_FATAL, "25006");
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&fixture, STORE_FAILED);
    cr_assert_not(store_is_ready(fixture.store), "the connection is made anew");
    done(&fixture);
}

Test(store, rolls_back_after_a_failed_read)
{
    struct fixture fixture;
    setup(&fixture);
    begin(&fixture);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_fail(SQL_MOVE_OFFSETS, ERR_RETRY, "55P03");
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&fixture, STORE_FAILED);
    done(&fixture);
}

Test(store, is_certain_of_failure_when_the_connection_goes_before_commit_was_sent)
{
    struct fixture fixture;
    setup(&fixture);
    begin(&fixture);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_lose();
    expect_outcome(&fixture, STORE_FAILED);
    cr_assert_eq(fixture.lost, 1);
    cr_assert_not(store_is_idle(fixture.store));
    done(&fixture);
}

Test(store, is_uncertain_when_the_connection_goes_after_commit_was_sent)
{
    struct fixture fixture;
    setup(&fixture);
    begin(&fixture);
    answer_reads(&fixture, 0);
    fake_db_conn_lose();
    expect_outcome(&fixture, STORE_UNCERTAIN);
    done(&fixture);
}

Test(store, does_not_take_rollback_for_commit)
{
    struct fixture fixture;
    setup(&fixture);
    begin(&fixture);
    answer_reads(&fixture, 0);
    fake_db_conn_answer_tag(SQL_WRITE_BATCHES, "UPDATE 1");
    fake_db_conn_answer_tag(SQL_LOG_CHANGES, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_INSERT_CALLS, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_COMMIT, "ROLLBACK");
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&fixture, STORE_FAILED);
    done(&fixture);
}

Test(store, refuses_rows_that_come_in_another_order)
{
    struct fixture fixture;
    setup(&fixture);
    begin(&fixture);
    PGresult *other = locked_row(&fixture, 0);
    fake_result_set(other, 0, 0, "another id!!", OBJECT_ID_BYTES);
    answer_reads_with(other);
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&fixture, STORE_FAILED);
    cr_assert_eq(fixture.kind, ERR_FATAL);
    done(&fixture);
}

/* --- without reading ----------------------------------------------------------------------- */

static PGresult *locked_row_at(const struct fixture *fixture, int64_t version, int32_t calls)
{
    PGresult *result = locked_row(fixture, 0);
    fake_result_set_int8(result, 0, 1, version);
    fake_result_set_int4(result, 0, 3, calls);
    return result;
}

static void answer_writes_of_a_new_call(void)
{
    fake_db_conn_answer_tag(SQL_WRITE_BATCHES, "UPDATE 1");
    fake_db_conn_answer_tag(SQL_LOG_CHANGES, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_INSERT_CALLS, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_COMMIT, "COMMIT");
}

/* The first call of a batch is stored, which has version 6 then. */
static void store_first(struct fixture *fixture)
{
    setup_with(fixture, 1 << 20);
    begin(fixture);
    answer_reads(fixture, 0);
    answer_writes_of_a_new_call();
    expect_outcome(fixture, STORE_COMMITTED);
    fold_reset(fixture->fold);
    fixture->offset.expected = 101;
    fixture->offset.next_offset = 102;
}

/* A further event of the first call, or the event of another one. */
static struct event phone_log_of(const struct fixture *fixture, const char *status)
{
    static const struct version later = {2, SLICE_NONE, SLICE("s"), SLICE("j")};
    struct event event = {
        .batch_id = fixture->call.batch_id, .call_id = fixture->call.call_id, .attempt = 1};
    event.version = later;
    event.entity.kind = ENTITY_ATTEMPT;
    event.entity.fields[ATTEMPT_STATUS] =
        (struct field){.version = &later, .text = slice_of(status)};
    return event;
}

static void begin_log(struct fixture *fixture, const struct event *log)
{
    fold_add(fixture->fold, log);
    begin_folded(fixture);
}

/* The first call of a batch is stored, and the transaction of its phone log begun. */
static const struct event *begin_a_log_of_the_first(struct fixture *fixture)
{
    static struct event log; /* the fold borrows from it */
    store_first(fixture);
    log = phone_log_of(fixture, "ringing");
    begin_log(fixture, &log);
    return &log;
}

/* Offsets and batches are as they were left. */
static void answer_as_known(void)
{
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_ALL_OFFSETS, fake_result(1, 1), NULL);
    fake_db_conn_answer(SQL_LOCK_UNCHANGED, fake_result(1, 1), NULL);
}

Test(store, writes_in_one_round_trip_what_it_need_not_read)
{
    struct fixture fixture;
    (void)begin_a_log_of_the_first(&fixture);
    cr_assert_eq(fake_db_conn_pending(), 8, "one group, COMMIT included");
    answer_as_known();
    fake_db_conn_answer_tag(SQL_WRITE_BATCHES, "UPDATE 1");
    fake_db_conn_answer_tag(SQL_LOG_CHANGES, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_COUNT_STATUSES, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_INSERT_ATTEMPTS, "INSERT 0 1");
    cr_assert_eq(fixture.outcomes, 0, "nothing is told before COMMIT is answered");
    fake_db_conn_answer_tag(SQL_COMMIT, "COMMIT");
    expect_outcome(&fixture, STORE_COMMITTED);
    cr_assert_eq(fixture.recalled, 1);
    cr_assert_eq(fixture.read, 0);
    done(&fixture);
}

Test(store, writes_a_further_call_of_a_batch_without_reading)
{
    struct fixture fixture;
    store_first(&fixture);
    fixture.call.call_id.bytes[0] = 9;
    fold_add(fixture.fold, &fixture.call);
    begin_folded(&fixture);
    answer_as_known();
    answer_writes_of_a_new_call();
    expect_outcome(&fixture, STORE_COMMITTED);
    done(&fixture);
}

/* Another process has written to the batch. */
static void answer_as_changed(void)
{
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_ALL_OFFSETS, fake_result(1, 1), NULL);
    fake_db_conn_fail(SQL_LOCK_UNCHANGED, ERR_REJECT, "22P02");
}

static void answer_writes_of_a_waiting_log(void)
{
    fake_db_conn_answer_tag(SQL_WRITE_BATCHES, "UPDATE 1");
    fake_db_conn_answer_tag(SQL_LOG_CHANGES, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_INSERT_PENDING, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_COMMIT, "COMMIT");
}

/* The first call of a batch is stored, and the phone log of another one, which has not arrived. */
static struct event store_a_waiting_log(struct fixture *fixture)
{
    store_first(fixture);
    struct event log = phone_log_of(fixture, "ringing");
    log.call_id.bytes[0] = 9;
    begin_log(fixture, &log);
    answer_as_known();
    answer_writes_of_a_waiting_log();
    expect_outcome(fixture, STORE_COMMITTED);
    fold_reset(fixture->fold);
    return log;
}

Test(store, writes_a_call_for_which_attempts_wait_without_reading_them)
{
    struct fixture fixture;
    struct event log = store_a_waiting_log(&fixture);
    fixture.call.call_id = log.call_id;
    fold_add(fixture.fold, &fixture.call);
    begin_folded(&fixture);
    answer_as_known();
    fake_db_conn_answer_tag(SQL_WRITE_BATCHES, "UPDATE 1");
    fake_db_conn_answer_tag(SQL_LOG_CHANGES, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_COUNT_STATUSES, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_INSERT_CALLS, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_INSERT_ATTEMPTS, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_DELETE_PENDING, "DELETE 1");
    fake_db_conn_answer_tag(SQL_COMMIT, "COMMIT");
    expect_outcome(&fixture, STORE_COMMITTED);
    done(&fixture);
}

Test(store, reads_attempts_that_may_wait_where_it_does_not_know_all)
{
    struct fixture fixture;
    setup_with(&fixture, 1 << 20);
    begin(&fixture);
    answer_reads(&fixture, 1); /* one waits for another call */
    fake_db_conn_answer(SQL_READ_PENDING, fake_result(8, 0), NULL);
    answer_writes_of_a_new_call();
    expect_outcome(&fixture, STORE_COMMITTED);

    fold_reset(fixture.fold);
    fixture.call.call_id.bytes[0] = 9;
    fold_add(fixture.fold, &fixture.call);
    begin_folded(&fixture);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, moved_row(), NULL);
    PGresult *locked = locked_row_at(&fixture, 6, 1);
    fake_result_set_int4(locked, 0, 4, 1);
    fake_db_conn_answer(SQL_LOCK_BATCHES, locked, NULL);
    fake_db_conn_answer(SQL_READ_PENDING, fake_result(8, 0), NULL);
    answer_writes_of_a_new_call();
    expect_outcome(&fixture, STORE_COMMITTED);
    done(&fixture);
}

/* --- prepared while the one before is written ------------------------------------------------ */

struct prepared {
    struct fixture fixture;
    struct event log;
    struct fold *fold;
    struct store_offset offset;
    struct store_transaction txn;
};

/* A further call of the batch is being written, and the transaction of its phone log prepared. */
static void prepare(struct prepared *next)
{
    struct fixture *fixture = &next->fixture;
    store_first(fixture);
    fixture->call.call_id.bytes[0] = 9;
    fold_add(fixture->fold, &fixture->call);
    begin_folded(fixture);
    next->log = phone_log_of(fixture, "ringing");
    next->fold = fold_new();
    fold_add(next->fold, &next->log);
    fold_finish(next->fold);
    next->offset = fixture->offset;
    next->offset.expected = 102;
    next->offset.next_offset = 103;
    next->txn = (struct store_transaction){&next->offset, 1, next->fold, NULL, 0};
    size_t sent = fake_db_conn_pending();
    store_prepare(fixture->store, &next->txn);
    cr_assert_eq(fake_db_conn_pending(), sent, "nothing is sent yet");
}

static void begin_prepared(struct prepared *next)
{
    next->fixture.outcomes = 0;
    store_write(next->fixture.store, &next->txn, on_done, &next->fixture);
}

static void prepared_done(struct prepared *next)
{
    done(&next->fixture);
    fold_free(&next->fold);
}

static void answer_writes_of_a_log(void)
{
    fake_db_conn_answer_tag(SQL_WRITE_BATCHES, "UPDATE 1");
    fake_db_conn_answer_tag(SQL_LOG_CHANGES, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_COUNT_STATUSES, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_INSERT_ATTEMPTS, "INSERT 0 1");
    fake_db_conn_answer_tag(SQL_COMMIT, "COMMIT");
}

Test(store, sends_what_it_prepared_on_top_of_what_was_not_committed_yet)
{
    struct prepared next;
    prepare(&next);
    answer_as_known();
    answer_writes_of_a_new_call();
    expect_outcome(&next.fixture, STORE_COMMITTED);
    begin_prepared(&next);
    answer_as_known();
    answer_writes_of_a_log();
    expect_outcome(&next.fixture, STORE_COMMITTED);
    cr_assert(next.fixture.was_prepared);
    cr_assert_eq(next.fixture.recalled, 1);
    prepared_done(&next);
}

Test(store, throws_away_what_it_prepared_when_the_one_before_is_not_committed)
{
    struct prepared next;
    prepare(&next);
    answer_as_known();
    fake_db_conn_fail(SQL_WRITE_BATCHES, ERR_RETRY, "40001");
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&next.fixture, STORE_FAILED);
    begin_prepared(&next);
    answer_reads_with(locked_row_at(&next.fixture, 6, 1));
    cr_assert_geq(fake_db_conn_pending(), 1, "the writes: the call is not stored, its log waits");
    prepared_done(&next);
}

/* Its version could be what the other process has left: then the call that was rolled back would
 * be taken for stored. */
Test(store, takes_back_what_it_noted_before_it_tries_again)
{
    struct prepared next;
    prepare(&next);
    answer_as_changed();
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    answer_reads_with(locked_row_at(&next.fixture, 7, 2));
    answer_writes_of_a_new_call();
    expect_outcome(&next.fixture, STORE_COMMITTED);
    prepared_done(&next);
}

Test(store, throws_away_what_it_prepared_with_the_connection)
{
    struct prepared next;
    prepare(&next);
    fake_db_conn_lose();
    cr_assert_eq(next.fixture.outcome, STORE_UNCERTAIN);
    fake_db_conn_set_ready(true);
    begin_prepared(&next);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, moved_row(), NULL);
    prepared_done(&next);
}

Test(store, works_out_anew_what_has_changed_since_it_was_prepared)
{
    struct prepared next;
    prepare(&next);
    store_forget_prepared(next.fixture.store);
    fold_reset(next.fold); /* its only event was dropped */
    fold_finish(next.fold);
    answer_as_known();
    answer_writes_of_a_new_call();
    expect_outcome(&next.fixture, STORE_COMMITTED);
    begin_prepared(&next);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_ALL_OFFSETS, fake_result(1, 1), NULL);
    fake_db_conn_answer_tag(SQL_COMMIT, "COMMIT");
    expect_outcome(&next.fixture, STORE_COMMITTED);
    cr_assert_not(next.fixture.was_prepared);
    prepared_done(&next);
}

/* What follows from an error of the group that relied on what was known: the first call is read
 * again, since its batch has another version by now. */
static void expect_first_to_be_read(struct fixture *fixture)
{
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    cr_assert_eq(fixture->outcomes, 0, "nobody is told: it is tried by reading");
    answer_reads_with(locked_row_at(fixture, 9, 3));
}

Test(store, reads_all_when_another_process_has_changed_a_batch)
{
    struct fixture fixture;
    const struct event *log = begin_a_log_of_the_first(&fixture);
    answer_as_changed();
    expect_first_to_be_read(&fixture);
    answer_writes_of_a_waiting_log();
    expect_outcome(&fixture, STORE_COMMITTED);
    cr_assert_eq(fixture.read, 1);

    fold_reset(fixture.fold);
    begin_log(&fixture, log);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, moved_row(), NULL); /* for a while it looks first */
    done(&fixture);
}

Test(store, says_that_it_is_fenced_after_the_group_that_found_it_out)
{
    struct fixture fixture;
    (void)begin_a_log_of_the_first(&fixture);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_fail(SQL_MOVE_ALL_OFFSETS, ERR_REJECT, "22P02");
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, fake_result(2, 0), NULL);
    fake_db_conn_answer(SQL_LOCK_BATCHES, locked_row_at(&fixture, 6, 1), NULL);
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&fixture, STORE_FENCED);
    cr_assert_not(fixture.moved);
    done(&fixture);
}

Test(store, says_that_it_is_fenced_where_there_are_dead_letters_alone)
{
    static const struct rejection rejection = {.reason = REJECT_NOT_JSON};
    static const struct store_dead_letter letter = {
        .topic = "dialer.calls", .partition = 3, .offset = 100, .rejection = &rejection};
    struct fixture fixture;
    setup_with(&fixture, 1 << 20);
    fold_finish(fixture.fold);
    fixture.txn = (struct store_transaction){&fixture.offset, 1, fixture.fold, &letter, 1};
    store_write(fixture.store, &fixture.txn, on_done, &fixture);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_fail(SQL_MOVE_ALL_OFFSETS, ERR_REJECT, "22P02");
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, fake_result(2, 0), NULL);
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&fixture, STORE_FENCED);
    done(&fixture);
}

Test(store, refuses_only_what_is_refused_after_reading)
{
    struct fixture fixture;
    (void)begin_a_log_of_the_first(&fixture);
    answer_as_known();
    fake_db_conn_fail(SQL_WRITE_BATCHES, ERR_REJECT, "23514");
    expect_first_to_be_read(&fixture);
    fake_db_conn_fail(SQL_WRITE_BATCHES, ERR_REJECT, "23514");
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    cr_assert_eq(fixture.outcomes, 0, "and now with nothing known");
    answer_reads(&fixture, 0);
    fake_db_conn_fail(SQL_WRITE_BATCHES, ERR_REJECT, "23514");
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&fixture, STORE_REFUSED);
    done(&fixture);
}

Test(store, tries_again_later_what_fails_for_another_reason)
{
    struct fixture fixture;
    (void)begin_a_log_of_the_first(&fixture);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_fail(SQL_MOVE_ALL_OFFSETS, ERR_RETRY, "55P03");
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&fixture, STORE_FAILED);
    done(&fixture);
}

Test(store, reads_calls_that_turn_out_to_be_changed)
{
    struct fixture fixture;
    store_first(&fixture);
    struct event log = phone_log_of(&fixture, "ringing");
    struct event other = log;
    other.batch_id.bytes[0] = 1; /* of which nothing is known: group 1 reads */
    fold_add(fixture.fold, &log);
    begin_log(&fixture, &other);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, moved_row(), NULL);
    PGresult *locked = fake_result(7, 2);
    for (int row = 0; row < 2; row++) {
        const struct object_id *id = row ? &other.batch_id : &log.batch_id;
        fake_result_set(locked, row, 0, id->bytes, OBJECT_ID_BYTES);
        fake_result_set_int8(locked, row, 1, 8);
        fake_result_set(locked, row, 2, "", 0);
        fake_result_set_int4(locked, row, 3, 1);
        fake_result_set_int4(locked, row, 4, 0);
        fake_result_set_bool(locked, row, 5, true);
    }
    fake_db_conn_answer(SQL_LOCK_BATCHES, locked, NULL);
    fake_db_conn_answer(SQL_READ_CALLS, fake_result(7, 0), NULL);
    cr_assert_eq(fake_db_conn_pending(), 1, "the call of the batch that has another version");
    fake_db_conn_answer(SQL_READ_CALLS, fake_result(7, 0), NULL);
    cr_assert_geq(fake_db_conn_pending(), 1, "the writes and COMMIT");
    done(&fixture);
}

Test(store, knows_nothing_after_the_connection_was_lost)
{
    struct fixture fixture;
    store_first(&fixture);
    fake_db_conn_lose();
    fake_db_conn_set_ready(true);
    struct event log = phone_log_of(&fixture, "ringing");
    begin_log(&fixture, &log);
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, moved_row(), NULL);
    done(&fixture);
}

/* --- questions ------------------------------------------------------------------------------- */

Test(store, claims_partitions_and_tells_where_they_stand)
{
    struct fixture fixture;
    setup(&fixture);
    store_claim(fixture.store, &fixture.offset, 1, on_offsets, &fixture);
    PGresult *row = fake_result(5, 1);
    fake_result_set(row, 0, 0, "dialer.calls", 12);
    fake_result_set_int4(row, 0, 1, 3);
    fake_result_set_int8(row, 0, 2, 8);
    fake_result_set_int8(row, 0, 3, 4711);
    fake_result_set_int8(row, 0, 4, -17);
    fake_db_conn_answer(SQL_CLAIM, row, NULL);
    cr_assert_eq(fixture.outcomes, 1);
    cr_assert_eq(fixture.offsets, 1);
    cr_assert_eq(fixture.next_offset, 4711);
    cr_assert_eq(fixture.fingerprint, -17);

    store_read_offsets(fixture.store, &fixture.offset, 1, on_offsets, &fixture);
    fake_db_conn_lose();
    cr_assert_eq(fixture.outcomes, 2);
    cr_assert_eq(fixture.kind, ERR_UNCERTAIN);
    done(&fixture);
}

static void on_pruned(bool may_have_more, void *arg)
{
    *(int *)arg = may_have_more;
}

Test(store, tells_whether_there_may_be_more_to_prune_and_stays_idle_meanwhile)
{
    struct fixture fixture;
    int more = -1;
    setup(&fixture);
    store_prune(fixture.store, on_pruned, &more);
    cr_assert(store_is_idle(fixture.store));
    cr_assert_eq(more, -1);
    fake_db_conn_answer_tag(SQL_PRUNE_CHANGES, "DELETE 10000");
    cr_assert_eq(more, true);
    store_prune(fixture.store, on_pruned, &more);
    fake_db_conn_answer_tag(SQL_PRUNE_CHANGES, "DELETE 9999");
    cr_assert_eq(more, false);
    store_prune(fixture.store, on_pruned, &more);
    more = -1;
    fake_db_conn_lose();
    cr_assert_eq(more, false);
    done(&fixture);
}

Test(store, tells_nobody_of_what_was_under_way_when_it_is_freed)
{
    struct fixture fixture;
    setup(&fixture);
    store_claim(fixture.store, &fixture.offset, 1, on_offsets, &fixture);
    done(&fixture);
    cr_assert_eq(fixture.outcomes, 0);

    setup(&fixture);
    begin(&fixture);
    done(&fixture);
    cr_assert_eq(fixture.outcomes, 0);
}
