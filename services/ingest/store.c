#include "store.h"

#include "alloc.h"
#include "db_value.h"
#include "recent_calls.h"
#include "schema_version.h"
#include "store_params.h"
#include "store_plan.h"
#include "store_sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Joins other than nested loops would read whole tables where the planner misjudges an array's
 * length. A session that its client has forgotten must not hold locks: the server ends it.
 */
#define SESSION_OPTIONS                                                                            \
    "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off -c enable_material=off " \
    "-c plan_cache_mode=force_generic_plan -c jit=off -c max_parallel_workers_per_gather=0 "       \
    "-c statement_timeout=20000 -c lock_timeout=15000 "                                            \
    "-c idle_in_transaction_session_timeout=15000 "                                                \
    "-c default_transaction_isolation=read\\ committed"

/* Otherwise the server's own setting stands: it may be stricter than "on". */
static const char session_options[] = SESSION_OPTIONS;
static const char session_options_without_flush[] = SESSION_OPTIONS " -c synchronous_commit=off";

/* After a batch was found to be changed by somebody else. Each time that costs a round trip, and a
 * line in the server's log. */
#define CAUTIOUS_TRANSACTIONS 100
/* Deleted at once: some 10 ms, for which what is written next has to wait. */
#define PRUNE_ROWS 10000

enum store_state {
    STORE_IDLE,
    STORE_READING,      /* group 1: offsets, locks, rows */
    STORE_READING_MORE, /* attempts that wait for their call, calls that were not as known */
    STORE_WRITING,      /* the last group, or the only one: the writes and COMMIT */
    STORE_ROLLING_BACK,
    STORE_ASKING, /* a claim or a question about offsets */
};

struct store {
    struct db_conn *conn;
    char *group_id;
    char *owner;
    struct store_observer observer;
    void *observer_arg;

    enum store_state state;
    size_t unanswered;    /* statements of the group under way */
    struct error failure; /* the first of the group; kind ERR_NONE while there is none */
    struct db_params params;

    struct recent_calls *recent;
    struct store_plan plans[2];
    struct store_plan *plan;  /* of the transaction under way, if there is one */
    struct store_plan *ahead; /* of the one behind it; its `txn` is NULL when it is not prepared */
    store_done_fn *on_done;
    void *done_arg;
    bool *moved; /* for each of the transaction's offsets */
    size_t moved_count;
    bool has_begun; /* BEGIN was sent, with the reads */
    int cautious;   /* so many more transactions read before they write */
    size_t calls_read;

    struct arena answer_arena;
    store_offsets_fn *on_offsets;
    void *offsets_arg;
    struct store_offset *offsets; /* the answer being built */
    size_t offset_count;

    store_pruned_fn *on_pruned;
    void *pruned_arg;
};

static void step(struct store *store);

/* --- groups of statements ---------------------------------------------------------------- */

static void note_failure(struct store *store, const struct error *err)
{
    if (err && store->failure.kind == ERR_NONE)
        store->failure = *err;
}

/* Every answer comes through here, last; the group's last one moves the store on. */
static void answered(struct store *store, const struct error *err)
{
    note_failure(store, err);
    if (--store->unanswered == 0)
        step(store);
}

static void on_answered(const PGresult *result, const struct error *err, void *arg)
{
    (void)result;
    answered(arg, err);
}

/* `params` is NULL for a statement without any. */
static void execute(struct store *store, enum store_statement statement,
                    const struct db_params *params, db_result_fn *fn)
{
    struct error err = {0};
    /* Behind one that was not accepted nothing may be sent: least of all COMMIT. */
    if (store->failure.kind != ERR_NONE)
        return;
    if (db_conn_execute(store->conn, statement, params, fn, store, &err))
        store->unanswered++;
    else
        note_failure(store, &err);
}

static void begin_group(struct store *store, enum store_state state)
{
    store->state = state;
    store->failure = (struct error){0};
    /* One of our own, so that nothing ends the group before it has been sent. */
    store->unanswered = 1;
}

static void send_group(struct store *store)
{
    db_conn_sync(store->conn);
    /* Nothing to wait for when the connection went away between two groups. */
    if (--store->unanswered == 0)
        step(store);
}

const struct store_offset *store_offset_find(const struct store_offset *offsets, size_t count,
                                             const char *topic, int32_t partition)
{
    for (size_t i = 0; i < count; i++)
        if (offsets[i].partition == partition && strcmp(offsets[i].topic, topic) == 0)
            return &offsets[i];
    return NULL;
}

/* --- reading ----------------------------------------------------------------------------- */

static size_t offset_index(const struct store_transaction *txn, struct slice topic,
                           int32_t partition)
{
    for (size_t i = 0; i < txn->offset_count; i++)
        if (txn->offsets[i].partition == partition &&
            slice_equal(slice_of(txn->offsets[i].topic), topic))
            return i;
    return txn->offset_count;
}

static void on_offsets_moved(const PGresult *result, const struct error *err, void *arg)
{
    struct store *store = arg;
    for (int row = 0; result && row < PQntuples(result); row++) {
        size_t index = offset_index(store->plan->txn, db_value_bytes(result, row, 0),
                                    db_value_int4(result, row, 1));
        if (index < store->plan->txn->offset_count) {
            store->moved[index] = true;
            store->moved_count++;
        }
    }
    answered(store, err);
}

static void read_batch(struct store *store, const PGresult *result, int row)
{
    struct stored_batch *batch = &store->plan->snapshot.batches[row];
    *batch = (struct stored_batch){
        .version = db_value_int8(result, row, 1),
        .versions = arena_copy(&store->plan->arena, db_value_bytes(result, row, 2)),
        .calls = db_value_int4(result, row, 3),
        .pending_attempts = db_value_int4(result, row, 4),
        .created_in_order = db_value_bool(result, row, 5),
        .has_last_created_at = !db_value_is_null(result, row, 6),
    };
    if (batch->has_last_created_at)
        batch->last_created_at_us = db_value_time(result, row, 6);
}

/* The answer comes in the order of the question; were it ever not, rows would be mixed up, so it is
 * checked. */
static bool is_in_order(const PGresult *result, const struct fold *fold)
{
    if ((size_t)PQntuples(result) != fold_batch_count(fold))
        return false;
    for (int row = 0; row < PQntuples(result); row++) {
        const struct object_id *id = &fold_batch_at(fold, (size_t)row)->batch_id;
        struct slice expected = {(const char *)id->bytes, OBJECT_ID_BYTES};
        if (!slice_equal(db_value_bytes(result, row, 0), expected))
            return false;
    }
    return true;
}

static void on_batches_locked(const PGresult *result, const struct error *err, void *arg)
{
    struct store *store = arg;
    struct error mixed = {0};
    if (result && !is_in_order(result, store->plan->txn->fold)) {
        error_set(&mixed, ERR_FATAL, "locked batches came in another order than asked for");
        err = &mixed;
    }
    for (int row = 0; !err && row < PQntuples(result); row++)
        read_batch(store, result, row);
    answered(store, err);
}

static void read_attempt(struct store *store, struct call_snapshot *call, const PGresult *result,
                         int row)
{
    struct stored_attempt *attempt = arena_alloc_zeroed(&store->plan->arena, sizeof *attempt);
    attempt->attempt = db_value_int4(result, row, 4);
    attempt->status = arena_copy(&store->plan->arena, db_value_bytes(result, row, 5));
    attempt->versions = arena_copy(&store->plan->arena, db_value_bytes(result, row, 6));
    attempt->next = call->attempts;
    call->attempts = attempt;
}

static const struct stored_call *read_call(struct store *store, const PGresult *result, int row)
{
    struct stored_call *call = arena_alloc_zeroed(&store->plan->arena, sizeof *call);
    call->position = db_value_int4(result, row, 1);
    call->has_created_at = !db_value_is_null(result, row, 2);
    if (call->has_created_at)
        call->created_at_us = db_value_time(result, row, 2);
    call->versions = arena_copy(&store->plan->arena, db_value_bytes(result, row, 3));
    return call;
}

static void on_calls_read(const PGresult *result, const struct error *err, void *arg)
{
    struct store *store = arg;
    for (int row = 0; result && row < PQntuples(result); row++) {
        struct call_snapshot *call = &store->plan->snapshot.calls[db_value_int4(result, row, 0)];
        if (!call->call)
            call->call = read_call(store, result, row);
        if (!db_value_is_null(result, row, 4))
            read_attempt(store, call, result, row);
    }
    answered(store, err);
}

static struct field pending_text(struct store *store, const PGresult *result, int row, int column)
{
    return (struct field){.text =
                              arena_copy(&store->plan->arena, db_value_bytes(result, row, column))};
}

static void on_pending_read(const PGresult *result, const struct error *err, void *arg)
{
    struct store *store = arg;
    for (int row = 0; result && row < PQntuples(result); row++) {
        struct call_snapshot *call = &store->plan->snapshot.calls[db_value_int4(result, row, 0)];
        struct stored_attempt *pending = arena_alloc_zeroed(&store->plan->arena, sizeof *pending);
        struct entity *values = arena_alloc_zeroed(&store->plan->arena, sizeof *values);
        struct field *fields = values->fields;
        pending->values = values;
        pending->attempt = db_value_int4(result, row, 1);
        pending->versions = arena_copy(&store->plan->arena, db_value_bytes(result, row, 2));
        pending->status = arena_copy(&store->plan->arena, db_value_bytes(result, row, 3));
        if (!db_value_is_null(result, row, 4))
            fields[ATTEMPT_DURATION].number = db_value_int8(result, row, 4);
        fields[ATTEMPT_RECORDING_URL] = pending_text(store, result, row, 5);
        fields[ATTEMPT_TRANSCRIPT] = pending_text(store, result, row, 6);
        if (!db_value_is_null(result, row, 7))
            fields[ATTEMPT_CREATED_AT].number = db_value_time(result, row, 7);
        pending->next = call->pending;
        call->pending = pending;
    }
    answered(store, err);
}

static size_t count_true(const bool *values, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += values[i];
    return found;
}

/* Asks for the calls that are not known. */
static void ask_calls(struct store *store)
{
    const struct store_plan *plan = store->plan;
    size_t count = count_true(plan->is_unknown, fold_call_count(plan->txn->fold));
    if (count == 0)
        return;
    store->calls_read += count;
    store_params_read_calls(&store->params, plan->txn->fold, plan->is_unknown);
    execute(store, SQL_READ_CALLS, &store->params, on_calls_read);
}

static void send_reads(struct store *store)
{
    const struct store_transaction *txn = store->plan->txn;
    begin_group(store, STORE_READING);
    store->has_begun = true;
    execute(store, SQL_BEGIN, NULL, on_answered);
    store_params_move(&store->params, store->group_id, txn->offsets, txn->offset_count);
    execute(store, SQL_MOVE_OFFSETS, &store->params, on_offsets_moved);
    if (fold_batch_count(txn->fold)) {
        store_params_lock_batches(&store->params, txn->fold);
        execute(store, SQL_LOCK_BATCHES, &store->params, on_batches_locked);
    }
    ask_calls(store);
    send_group(store);
}

/* Sorts out what group 1 was not asked for, now that the batches are locked: calls of batches that
 * are not as they were known, and attempts that wait for a call that is not stored. */
static void find_missing(struct store_plan *plan, bool *may_have_pending)
{
    size_t n = 0;
    for (size_t i = 0; i < fold_batch_count(plan->txn->fold); i++) {
        const struct fold_batch *batch = fold_batch_at(plan->txn->fold, i);
        const struct stored_batch *stored = &plan->snapshot.batches[i];
        bool is_as_known = plan->recalled_version[i] == stored->version;
        for (size_t j = 0; j < batch->call_count; j++, n++) {
            const struct call_snapshot *call = &plan->snapshot.calls[n];
            bool is_read = plan->is_unknown[n];
            plan->is_unknown[n] = !is_read && !is_as_known;
            if (plan->is_unknown[n])
                store_plan_expect_call(plan, n, batch->calls[j]);
            may_have_pending[n] = stored->pending_attempts > 0 && !call->call && !call->has_pending;
        }
    }
}

/* False when nothing is missing. */
static bool send_more_reads(struct store *store)
{
    struct store_plan *plan = store->plan;
    size_t calls = fold_call_count(plan->txn->fold);
    bool *may_have_pending = arena_alloc_zeroed(&plan->arena, calls + 1);
    find_missing(plan, may_have_pending);
    size_t pending = count_true(may_have_pending, calls);
    if (pending == 0 && count_true(plan->is_unknown, calls) == 0)
        return false;
    begin_group(store, STORE_READING_MORE);
    ask_calls(store);
    if (pending) {
        store_params_read_pending(&store->params, plan->txn->fold, may_have_pending);
        execute(store, SQL_READ_PENDING, &store->params, on_pending_read);
    }
    send_group(store);
    return true;
}

/* --- writing ----------------------------------------------------------------------------- */

static void on_committed(const PGresult *result, const struct error *err, void *arg)
{
    struct error rolled_back = {0};
    /* COMMIT of a failed transaction "succeeds" with the tag ROLLBACK (PostgreSQL manual, COMMIT).
     */
    if (result) {
        /* PQcmdStatus does not write through its argument; libpq 15 declares it without const. */
        const char *tag = PQcmdStatus((PGresult *)(uintptr_t)result);
        if (strcmp(tag, "COMMIT") != 0) {
            error_set(&rolled_back, ERR_RETRY, "COMMIT was answered with %.20s", tag);
            err = &rolled_back;
        }
    }
    answered(arg, err);
}

/* What group 1 does otherwise, and fails where it would have found anything else than is known. */
static void begin_as_known(struct store *store)
{
    const struct store_transaction *txn = store->plan->txn;
    execute(store, SQL_BEGIN, NULL, on_answered);
    store_params_move(&store->params, store->group_id, txn->offsets, txn->offset_count);
    execute(store, SQL_MOVE_ALL_OFFSETS, &store->params, on_answered);
    if (fold_batch_count(txn->fold)) {
        store_params_lock_unchanged(&store->params, txn->fold, store->plan->snapshot.batches);
        execute(store, SQL_LOCK_UNCHANGED, &store->params, on_answered);
    }
}

static void send_writes(struct store *store)
{
    const struct store_plan *plan = store->plan;
    begin_group(store, STORE_WRITING);
    if (!store->has_begun)
        begin_as_known(store);
    for (size_t i = 0; i < plan->statement_count; i++)
        execute(store, plan->statements[i].statement, &plan->statements[i].params, on_answered);
    execute(store, SQL_COMMIT, NULL, on_committed);
    send_group(store);
}

static void send_rollback(struct store *store)
{
    struct error why = store->failure;
    begin_group(store, STORE_ROLLING_BACK);
    execute(store, SQL_ROLLBACK, NULL, on_answered);
    store->failure = why;
    send_group(store);
}

/* --- from step to step ------------------------------------------------------------------- */

/* After a fail-over the old primary may come back as a standby: the next connection finds the new
 * one. */
static void leave_read_only_server(struct store *store)
{
    if (strcmp(store->failure.sqlstate, "25006") == 0)
        db_conn_reset(store->conn, "the server is read-only");
}

/* What was known, and what was worked out from it. */
static void forget_recent(struct store *store)
{
    store_forget_prepared(store);
    recent_calls_forget(store->recent);
}

/* What was noted of a transaction before it was committed does not hold if it never is. */
static void take_back(struct store *store)
{
    if (store->plan->is_noted)
        forget_recent(store);
}

/* Tells the owner. The request is over before its callback runs, so the callback may begin the
 * next. */
static void finish_write(struct store *store, enum store_outcome outcome)
{
    struct store_plan *plan = store->plan;
    struct store_result result = {
        .outcome = outcome,
        .err = &store->failure,
        .moved = store->moved,
        .rows_written = store_plan_rows(plan),
        .batches_changed = plan->writes.batch_count,
        .was_prepared = plan->is_prepared,
        .calls_recalled = plan->calls_recalled,
        .calls_read = store->calls_read,
    };
    store_done_fn *fn = store->on_done;
    if (outcome == STORE_COMMITTED)
        store_plan_note(plan, store->recent);
    else
        take_back(store);
    leave_read_only_server(store);
    store->state = STORE_IDLE;
    plan->txn = NULL;
    store->on_done = NULL;
    fn(&result, store->done_arg);
}

static bool is_fenced(const struct store *store)
{
    return store->failure.kind == ERR_NONE && store->moved_count < store->plan->txn->offset_count;
}

static enum store_outcome outcome_of_failure(const struct store *store)
{
    if (store->failure.kind == ERR_NONE)
        return STORE_FENCED;
    return store->failure.kind == ERR_REJECT ? STORE_REFUSED : STORE_FAILED;
}

static void reconcile_and_write(struct store *store)
{
    if (store_plan_write(store->plan, store->group_id, &store->failure))
        send_writes(store);
    else
        send_rollback(store);
}

static void step_after_reading(struct store *store)
{
    if (store->failure.kind == ERR_UNCERTAIN)
        finish_write(store, STORE_FAILED); /* connection lost, no COMMIT under way */
    else if (store->failure.kind != ERR_NONE || is_fenced(store))
        send_rollback(store);
    else if (store->state == STORE_READING_MORE || !send_more_reads(store))
        reconcile_and_write(store);
}

static void step_after_writing(struct store *store)
{
    if (store->failure.kind == ERR_NONE)
        finish_write(store, STORE_COMMITTED);
    else if (store->failure.kind == ERR_UNCERTAIN)
        finish_write(store, STORE_UNCERTAIN);
    else
        send_rollback(store);
}

/* For the answers of the transaction. */
static void expect_answers(struct store *store)
{
    size_t count = store->plan->txn->offset_count;
    store->moved = arena_alloc_zeroed(&store->plan->arena, (count + 1) * sizeof *store->moved);
    store->moved_count = 0;
    store->has_begun = false;
    store->calls_read = 0;
}

static void begin_transaction(struct store *store, const struct store_transaction *txn)
{
    store_plan_begin(store->plan, txn, store->recent);
    expect_answers(store);
    if (store->cautious == 0 && store_plan_is_all_known(store->plan)) {
        reconcile_and_write(store);
        return;
    }
    store->cautious -= store->cautious > 0;
    send_reads(store);
}

static void begin_prepared(struct store *store)
{
    struct store_plan *plan = store->ahead;
    store->ahead = store->plan;
    store->plan = plan;
    expect_answers(store);
    send_writes(store);
}

/*
 * Nothing counts as refused before it has been tried with what the database itself says. First what
 * is known is compared, batch by batch (and for a while from then on: others write to the same
 * batches); then nothing is known.
 */
static void step_after_rollback(struct store *store)
{
    enum store_outcome outcome = outcome_of_failure(store);
    bool has_looked = store->has_begun;
    if (outcome != STORE_REFUSED || (has_looked && !store_plan_has_recalled(store->plan))) {
        finish_write(store, outcome);
        return;
    }
    if (has_looked)
        forget_recent(store);
    else
        take_back(store);
    store->cautious = CAUTIOUS_TRANSACTIONS;
    begin_transaction(store, store->plan->txn);
}

static void step_after_asking(struct store *store)
{
    store_offsets_fn *fn = store->on_offsets;
    bool failed = store->failure.kind != ERR_NONE;
    leave_read_only_server(store);
    store->state = STORE_IDLE;
    store->on_offsets = NULL;
    fn(failed ? NULL : store->offsets, failed ? 0 : store->offset_count,
       failed ? &store->failure : NULL, store->offsets_arg);
}

/* The group under way has been answered whole. */
static void step(struct store *store)
{
    switch (store->state) {
    case STORE_READING:
    case STORE_READING_MORE:
        step_after_reading(store);
        break;
    case STORE_WRITING:
        step_after_writing(store);
        break;
    case STORE_ROLLING_BACK:
        step_after_rollback(store);
        break;
    case STORE_ASKING:
        step_after_asking(store);
        break;
    case STORE_IDLE:
        break;
    }
}

/* --- requests ---------------------------------------------------------------------------- */

void store_write(struct store *store, const struct store_transaction *txn, store_done_fn *fn,
                 void *arg)
{
    store->on_done = fn;
    store->done_arg = arg;
    if (store->ahead->txn == txn) {
        begin_prepared(store);
        return;
    }
    store_forget_prepared(store);
    begin_transaction(store, txn);
}

void store_prepare(struct store *store, const struct store_transaction *txn)
{
    struct error err = {0};
    if (store->state != STORE_WRITING || store->cautious)
        return;
    store_plan_note(store->plan, store->recent);
    store_plan_begin(store->ahead, txn, store->recent);
    store->ahead->is_prepared = true;
    if (!store_plan_is_all_known(store->ahead) ||
        !store_plan_write(store->ahead, store->group_id, &err))
        store_forget_prepared(store);
}

void store_forget_prepared(struct store *store)
{
    store->ahead->txn = NULL;
}

static void on_offsets_read(const PGresult *result, const struct error *err, void *arg)
{
    struct store *store = arg;
    int rows = result ? PQntuples(result) : 0;
    store->offsets =
        arena_alloc_zeroed(&store->answer_arena, ((size_t)rows + 1) * sizeof *store->offsets);
    store->offset_count = (size_t)rows;
    for (int row = 0; row < rows; row++) {
        struct slice topic = db_value_bytes(result, row, 0);
        char *name = arena_alloc_zeroed(&store->answer_arena, topic.len + 1);
        memcpy(name, topic.data, topic.len);
        store->offsets[row] = (struct store_offset){
            .topic = name,
            .partition = db_value_int4(result, row, 1),
            .epoch = db_value_int8(result, row, 2),
            .next_offset = db_value_int8(result, row, 3),
            .fingerprint = db_value_int8(result, row, 4),
        };
    }
    answered(store, err);
}

static void ask_offsets(struct store *store, enum store_statement statement, store_offsets_fn *fn,
                        void *arg)
{
    arena_reset(&store->answer_arena);
    store->on_offsets = fn;
    store->offsets_arg = arg;
    begin_group(store, STORE_ASKING);
    execute(store, statement, &store->params, on_offsets_read);
    send_group(store);
}

void store_claim(struct store *store, const struct store_offset *wanted, size_t count,
                 store_offsets_fn *fn, void *arg)
{
    store_params_claim(&store->params, store->group_id, store->owner, wanted, count);
    ask_offsets(store, SQL_CLAIM, fn, arg);
}

void store_read_offsets(struct store *store, const struct store_offset *wanted, size_t count,
                        store_offsets_fn *fn, void *arg)
{
    store_params_offsets(&store->params, store->group_id, wanted, count);
    ask_offsets(store, SQL_READ_OFFSETS, fn, arg);
}

/* A failure of the connection is told by the observer; pruning is repeated anyway. */
static void on_pruned(const PGresult *result, const struct error *err, void *arg)
{
    struct store *store = arg;
    (void)err;
    /* PQcmdTuples does not write through its argument either. */
    const char *rows = result ? PQcmdTuples((PGresult *)(uintptr_t)result) : "";
    if (store->on_pruned)
        store->on_pruned(strtol(rows, NULL, 10) >= PRUNE_ROWS, store->pruned_arg);
}

void store_prune(struct store *store, store_pruned_fn *fn, void *arg)
{
    struct error err = {0};
    store->on_pruned = fn;
    store->pruned_arg = arg;
    db_params_reset(&store->params);
    db_params_add_int8(&store->params, PRUNE_ROWS);
    if (db_conn_execute(store->conn, SQL_PRUNE_CHANGES, &store->params, on_pruned, store, &err))
        db_conn_sync(store->conn);
}

/* --- life -------------------------------------------------------------------------------- */

static void on_conn_ready(struct db_conn *conn, void *arg)
{
    (void)conn;
    struct store *store = arg;
    if (store->observer.on_ready)
        store->observer.on_ready(store->observer_arg);
}

static void on_conn_lost(struct db_conn *conn, const struct error *err, void *arg)
{
    (void)conn;
    struct store *store = arg;
    forget_recent(store);
    if (store->observer.on_lost)
        store->observer.on_lost(err, store->observer_arg);
}

struct store *store_new(struct event_base *base, const struct store_config *config,
                        const struct store_observer *observer, void *arg)
{
    struct store *store = alloc_zeroed(1, sizeof *store);
    store->group_id = alloc_string(config->group_id);
    store->owner = alloc_string(config->owner);
    store->observer = *observer;
    store->observer_arg = arg;
    db_params_init(&store->params);
    arena_init(&store->answer_arena);
    store_plan_init(&store->plans[0]);
    store_plan_init(&store->plans[1]);
    store->plan = &store->plans[0];
    store->ahead = &store->plans[1];
    store->recent = recent_calls_new(config->recent_bytes);
    const struct db_conn_config conn_config = {
        .conninfo = config->database_url,
        .application_name = "callboard-ingest",
        .session_options =
            config->commits_without_flush ? session_options_without_flush : session_options,
        .statements = store_statements,
        .statement_count = SQL_COUNT,
        .setup_check_sql = schema_check_sql,
        .backoff_max_ms = 1000,
    };
    const struct db_conn_observer conn_observer = {on_conn_ready, on_conn_lost};
    store->conn = db_conn_new(base, &conn_config, &conn_observer, store);
    return store;
}

void store_free(struct store **store)
{
    struct store *self = *store;
    if (!self)
        return;
    *store = NULL;
    /* The connection answers whatever it was asked before it goes; whoever asked us may be gone. */
    self->state = STORE_IDLE;
    self->on_pruned = NULL;
    db_conn_free(&self->conn);
    db_params_done(&self->params);
    arena_done(&self->answer_arena);
    store_plan_done(&self->plans[0]);
    store_plan_done(&self->plans[1]);
    recent_calls_free(&self->recent);
    free(self->group_id);
    free(self->owner);
    free(self);
}

bool store_is_ready(const struct store *store)
{
    return db_conn_is_ready(store->conn);
}

bool store_is_idle(const struct store *store)
{
    return store->state == STORE_IDLE && store_is_ready(store);
}

const char *store_problem(const struct store *store)
{
    if (store_is_ready(store))
        return "";
    const char *last = db_conn_last_error(store->conn);
    return last[0] ? last : db_conn_state_name(store->conn);
}
