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

static void setup(struct fixture *fixture)
{
    static const struct store_config config = {"", "group", "host/1"};
    static const struct store_observer observer = {on_ready, on_lost};
    *fixture = (struct fixture){0};
    fixture->store = store_new(NULL, &config, &observer, fixture);
    fixture->fold = fold_new();
    fixture->offset = (struct store_offset){"dialer.calls", 3, 7, 100, 101, 4242};
    fake_db_conn_set_ready(true);
}

static void done(struct fixture *fixture)
{
    store_free(&fixture->store);
    fold_free(&fixture->fold);
}

/* Begins the transaction of one call event. */
static void begin(struct fixture *fixture)
{
    fixture->call.version = (struct version){1, SLICE_NONE, SLICE("s"), SLICE("i")};
    fixture->call.entity.kind = ENTITY_CALL;
    fixture->call.entity.fields[CALL_PHONE_NUMBER] =
        (struct field){.version = &fixture->call.version, .text = SLICE("123")};
    fold_add(fixture->fold, &fixture->call);
    fold_finish(fixture->fold);
    fixture->txn = (struct store_transaction){&fixture->offset, 1, fixture->fold, NULL, 0};
    store_write(fixture->store, &fixture->txn, on_done, fixture);
    cr_assert_eq(fixture->outcomes, 0, "no callback before the call returns");
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

static void answer_reads(struct fixture *fixture, int32_t pending)
{
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, moved_row(), NULL);
    fake_db_conn_answer(SQL_LOCK_BATCHES, locked_row(fixture, pending), NULL);
    fake_db_conn_answer(SQL_READ_CALLS, fake_result(7, 0), NULL);
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
    fake_db_conn_answer_tag(SQL_BEGIN, "BEGIN");
    fake_db_conn_answer(SQL_MOVE_OFFSETS, moved_row(), NULL);
    fake_db_conn_answer(SQL_LOCK_BATCHES, other, NULL);
    fake_db_conn_answer(SQL_READ_CALLS, fake_result(7, 0), NULL);
    fake_db_conn_answer_tag(SQL_ROLLBACK, "ROLLBACK");
    expect_outcome(&fixture, STORE_FAILED);
    cr_assert_eq(fixture.kind, ERR_FATAL);
    done(&fixture);
}

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
