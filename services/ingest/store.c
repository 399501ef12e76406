#include "store.h"

#include "alloc.h"
#include "db_value.h"
#include "recent_calls.h"
#include "reconcile.h"
#include "schema_version.h"
#include "store_params.h"
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
    struct arena arena; /* what was read and what is to be written */

    const struct store_transaction *txn;
    store_done_fn *on_done;
    void *done_arg;
    bool *moved; /* for each of the transaction's offsets */
    size_t moved_count;
    bool has_begun; /* BEGIN was sent, with the reads */
    int cautious;   /* so many more transactions read before they write */
    struct recent_calls *recent;
    int64_t *recalled_version; /* of each of the fold's batches; -1: nothing is known of it */
    bool *is_unknown;          /* of the fold's calls: to be read */
    size_t calls_recalled;
    size_t calls_read;
    struct snapshot snapshot;
    struct write_set writes;

    store_offsets_fn *on_offsets;
    void *offsets_arg;
    struct store_offset *offsets; /* the answer being built */
    size_t offset_count;
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

static void execute(struct store *store, enum store_statement statement, bool with_params,
                    db_result_fn *fn)
{
    struct error err = {0};
    /* Behind one that was not accepted nothing may be sent: least of all COMMIT. */
    if (store->failure.kind != ERR_NONE)
        return;
    if (db_conn_execute(store->conn, statement, with_params ? &store->params : NULL, fn, store,
                        &err))
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

/* --- recalling --------------------------------------------------------------------------- */

static size_t fold_call_count(const struct fold *fold)
{
    size_t count = 0;
    for (size_t i = 0; i < fold_batch_count(fold); i++)
        count += fold_batch_at(fold, i)->call_count;
    return count;
}

static size_t count_true(const bool *values, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += values[i];
    return found;
}

/* Nothing is known of the call: it is to be read, its attempts where the fold touches any. */
static void expect_call(struct store *store, size_t n, const struct fold_call *call)
{
    store->snapshot.calls[n] = (struct call_snapshot){.has_attempts = call->attempts != NULL};
}

/* The batch and its calls, whose first one is the fold's number `n`; the number behind the last. */
static size_t recall_batch(struct store *store, size_t i, size_t n)
{
    const struct fold_batch *batch = fold_batch_at(store->txn->fold, i);
    const struct recent_batch *known = recent_calls_batch(store->recent, &batch->batch_id);
    store->recalled_version[i] = known ? recent_batch_stored(known)->version : -1;
    if (known)
        store->snapshot.batches[i] = *recent_batch_stored(known);
    for (size_t j = 0; j < batch->call_count; j++, n++) {
        const struct fold_call *call = batch->calls[j];
        if (known &&
            recent_calls_find(store->recent, known, &call->call_id, &store->snapshot.calls[n])) {
            store->calls_recalled++;
        } else {
            store->is_unknown[n] = true;
            expect_call(store, n, call);
        }
    }
    return n;
}

/* Fills the snapshot with what the last transactions left. */
static void recall(struct store *store)
{
    struct arena *arena = &store->arena;
    size_t batches = fold_batch_count(store->txn->fold);
    size_t calls = fold_call_count(store->txn->fold);
    store->snapshot = (struct snapshot){
        .batches = arena_alloc_zeroed(arena, (batches + 1) * sizeof *store->snapshot.batches),
        .calls = arena_alloc_zeroed(arena, (calls + 1) * sizeof *store->snapshot.calls),
    };
    store->recalled_version = arena_alloc(arena, (batches + 1) * sizeof(int64_t));
    store->is_unknown = arena_alloc_zeroed(arena, calls + 1);
    store->calls_recalled = 0;
    store->calls_read = 0;
    size_t n = 0;
    for (size_t i = 0; i < batches; i++)
        n = recall_batch(store, i, n);
}

static bool is_anything_recalled(const struct store *store)
{
    for (size_t i = 0; i < fold_batch_count(store->txn->fold); i++)
        if (store->recalled_version[i] >= 0)
            return true;
    return false;
}

/* Whether the transaction can be written without reading anything. */
static bool is_all_known(const struct store *store)
{
    const struct fold *fold = store->txn->fold;
    size_t n = 0;
    for (size_t i = 0; i < fold_batch_count(fold); i++) {
        bool may_wait = store->snapshot.batches[i].pending_attempts > 0;
        if (store->recalled_version[i] < 0)
            return false;
        for (size_t j = 0; j < fold_batch_at(fold, i)->call_count; j++, n++)
            if (store->is_unknown[n] || (may_wait && !store->snapshot.calls[n].call))
                return false;
    }
    return true;
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
        size_t index =
            offset_index(store->txn, db_value_bytes(result, row, 0), db_value_int4(result, row, 1));
        if (index < store->txn->offset_count) {
            store->moved[index] = true;
            store->moved_count++;
        }
    }
    answered(store, err);
}

static void read_batch(struct store *store, const PGresult *result, int row)
{
    struct stored_batch *batch = &store->snapshot.batches[row];
    *batch = (struct stored_batch){
        .version = db_value_int8(result, row, 1),
        .versions = arena_copy(&store->arena, db_value_bytes(result, row, 2)),
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
    if (result && !is_in_order(result, store->txn->fold)) {
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
    struct stored_attempt *attempt = arena_alloc_zeroed(&store->arena, sizeof *attempt);
    attempt->attempt = db_value_int4(result, row, 4);
    attempt->status = arena_copy(&store->arena, db_value_bytes(result, row, 5));
    attempt->versions = arena_copy(&store->arena, db_value_bytes(result, row, 6));
    attempt->next = call->attempts;
    call->attempts = attempt;
}

static const struct stored_call *read_call(struct store *store, const PGresult *result, int row)
{
    struct stored_call *call = arena_alloc_zeroed(&store->arena, sizeof *call);
    call->position = db_value_int4(result, row, 1);
    call->has_created_at = !db_value_is_null(result, row, 2);
    if (call->has_created_at)
        call->created_at_us = db_value_time(result, row, 2);
    call->versions = arena_copy(&store->arena, db_value_bytes(result, row, 3));
    return call;
}

static void on_calls_read(const PGresult *result, const struct error *err, void *arg)
{
    struct store *store = arg;
    for (int row = 0; result && row < PQntuples(result); row++) {
        struct call_snapshot *call = &store->snapshot.calls[db_value_int4(result, row, 0)];
        if (!call->call)
            call->call = read_call(store, result, row);
        if (!db_value_is_null(result, row, 4))
            read_attempt(store, call, result, row);
    }
    answered(store, err);
}

static struct field pending_text(struct store *store, const PGresult *result, int row, int column)
{
    return (struct field){.text = arena_copy(&store->arena, db_value_bytes(result, row, column))};
}

static void on_pending_read(const PGresult *result, const struct error *err, void *arg)
{
    struct store *store = arg;
    for (int row = 0; result && row < PQntuples(result); row++) {
        struct call_snapshot *call = &store->snapshot.calls[db_value_int4(result, row, 0)];
        struct stored_attempt *pending = arena_alloc_zeroed(&store->arena, sizeof *pending);
        struct entity *values = arena_alloc_zeroed(&store->arena, sizeof *values);
        struct field *fields = values->fields;
        pending->values = values;
        pending->attempt = db_value_int4(result, row, 1);
        pending->versions = arena_copy(&store->arena, db_value_bytes(result, row, 2));
        pending->status = arena_copy(&store->arena, db_value_bytes(result, row, 3));
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

/* Asks for the calls that are not known. */
static void ask_calls(struct store *store)
{
    const struct fold *fold = store->txn->fold;
    size_t count = count_true(store->is_unknown, fold_call_count(fold));
    if (count == 0)
        return;
    store->calls_read += count;
    store_params_read_calls(&store->params, fold, store->is_unknown);
    execute(store, SQL_READ_CALLS, true, on_calls_read);
}

static void send_reads(struct store *store)
{
    const struct store_transaction *txn = store->txn;
    begin_group(store, STORE_READING);
    store->has_begun = true;
    execute(store, SQL_BEGIN, false, on_answered);
    store_params_move(&store->params, store->group_id, txn->offsets, txn->offset_count);
    execute(store, SQL_MOVE_OFFSETS, true, on_offsets_moved);
    if (fold_batch_count(txn->fold)) {
        store_params_lock_batches(&store->params, txn->fold);
        execute(store, SQL_LOCK_BATCHES, true, on_batches_locked);
    }
    ask_calls(store);
    send_group(store);
}

/* Sorts out what group 1 was not asked for, now that the batches are locked: calls of batches that
 * are not as they were known, and attempts that wait for a call that is not stored. */
static void find_missing(struct store *store, bool *has_pending)
{
    size_t n = 0;
    for (size_t i = 0; i < fold_batch_count(store->txn->fold); i++) {
        const struct fold_batch *batch = fold_batch_at(store->txn->fold, i);
        const struct stored_batch *stored = &store->snapshot.batches[i];
        bool is_as_known = store->recalled_version[i] == stored->version;
        for (size_t j = 0; j < batch->call_count; j++, n++) {
            bool is_read = store->is_unknown[n];
            store->is_unknown[n] = !is_read && !is_as_known;
            if (store->is_unknown[n])
                expect_call(store, n, batch->calls[j]);
            has_pending[n] = stored->pending_attempts > 0 && !store->snapshot.calls[n].call;
        }
    }
}

/* False when nothing is missing. */
static bool send_more_reads(struct store *store)
{
    size_t calls = fold_call_count(store->txn->fold);
    bool *has_pending = arena_alloc_zeroed(&store->arena, calls + 1);
    find_missing(store, has_pending);
    size_t pending = count_true(has_pending, calls);
    if (pending == 0 && count_true(store->is_unknown, calls) == 0)
        return false;
    begin_group(store, STORE_READING_MORE);
    ask_calls(store);
    if (pending) {
        store_params_read_pending(&store->params, store->txn->fold, has_pending);
        execute(store, SQL_READ_PENDING, true, on_pending_read);
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

typedef void row_params_fn(struct db_params *params, const struct row_writes *writes);

static void write_rows(struct store *store, enum store_statement statement,
                       const struct row_writes *writes, row_params_fn *fill)
{
    if (writes->count == 0)
        return;
    fill(&store->params, writes);
    execute(store, statement, true, on_answered);
}

static void write_batches(struct store *store, const struct write_set *writes)
{
    if (writes->batch_count) {
        store_params_batches(&store->params, writes);
        execute(store, SQL_WRITE_BATCHES, true, on_answered);
        store_params_changes(&store->params, writes);
        execute(store, SQL_LOG_CHANGES, true, on_answered);
    }
    if (writes->status_count) {
        store_params_statuses(&store->params, writes);
        execute(store, SQL_COUNT_STATUSES, true, on_answered);
    }
}

static void write_dead_letters(struct store *store)
{
    const struct store_transaction *txn = store->txn;
    if (txn->dead_letter_count == 0)
        return;
    store_params_dead_letters(&store->params, store->group_id, txn->dead_letters,
                              txn->dead_letter_count);
    execute(store, SQL_INSERT_DEAD_LETTERS, true, on_answered);
}

/* What group 1 does otherwise, and fails where it would have found anything else than is known. */
static void begin_as_known(struct store *store)
{
    const struct store_transaction *txn = store->txn;
    execute(store, SQL_BEGIN, false, on_answered);
    store_params_move(&store->params, store->group_id, txn->offsets, txn->offset_count);
    execute(store, SQL_MOVE_ALL_OFFSETS, true, on_answered);
    if (fold_batch_count(txn->fold)) {
        store_params_lock_unchanged(&store->params, txn->fold, store->snapshot.batches);
        execute(store, SQL_LOCK_UNCHANGED, true, on_answered);
    }
}

static void send_writes(struct store *store)
{
    const struct write_set *writes = &store->writes;
    begin_group(store, STORE_WRITING);
    if (!store->has_begun)
        begin_as_known(store);
    write_batches(store, writes);
    write_rows(store, SQL_INSERT_CALLS, &writes->new_calls, store_params_insert_calls);
    write_rows(store, SQL_UPDATE_CALLS, &writes->changed_calls, store_params_update_calls);
    write_rows(store, SQL_INSERT_ATTEMPTS, &writes->new_attempts, store_params_insert_attempts);
    write_rows(store, SQL_UPDATE_ATTEMPTS, &writes->changed_attempts, store_params_update_attempts);
    write_rows(store, SQL_DELETE_PENDING, &writes->gone_pending, store_params_delete_pending);
    write_rows(store, SQL_UPDATE_PENDING, &writes->changed_pending, store_params_pending);
    write_rows(store, SQL_INSERT_PENDING, &writes->new_pending, store_params_pending);
    write_dead_letters(store);
    execute(store, SQL_COMMIT, false, on_committed);
    send_group(store);
}

static void send_rollback(struct store *store)
{
    struct error why = store->failure;
    begin_group(store, STORE_ROLLING_BACK);
    execute(store, SQL_ROLLBACK, false, on_answered);
    store->failure = why;
    send_group(store);
}

/* --- from step to step ------------------------------------------------------------------- */

static size_t rows_of(const struct write_set *writes)
{
    return writes->new_calls.count + writes->changed_calls.count + writes->new_attempts.count +
           writes->changed_attempts.count + writes->new_pending.count +
           writes->changed_pending.count + writes->gone_pending.count;
}

/* After a fail-over the old primary may come back as a standby: the next connection finds the new
 * one. */
static void leave_read_only_server(struct store *store)
{
    if (strcmp(store->failure.sqlstate, "25006") == 0)
        db_conn_reset(store->conn, "the server is read-only");
}

/* Tells the owner. The request is over before its callback runs, so the callback may begin the
 * next. */
static void finish_write(struct store *store, enum store_outcome outcome)
{
    struct store_result result = {
        .outcome = outcome,
        .err = &store->failure,
        .moved = store->moved,
        .rows_written = rows_of(&store->writes),
        .batches_changed = store->writes.batch_count,
        .calls_recalled = store->calls_recalled,
        .calls_read = store->calls_read,
    };
    store_done_fn *fn = store->on_done;
    if (outcome == STORE_COMMITTED)
        recent_calls_note(store->recent, store->txn->fold, &store->snapshot, &store->writes.after);
    leave_read_only_server(store);
    store->state = STORE_IDLE;
    store->txn = NULL;
    store->on_done = NULL;
    fn(&result, store->done_arg);
}

static bool is_fenced(const struct store *store)
{
    return store->failure.kind == ERR_NONE && store->moved_count < store->txn->offset_count;
}

static enum store_outcome outcome_of_failure(const struct store *store)
{
    if (store->failure.kind == ERR_NONE)
        return STORE_FENCED;
    return store->failure.kind == ERR_REJECT ? STORE_REFUSED : STORE_FAILED;
}

static void reconcile_and_write(struct store *store)
{
    if (reconcile(store->txn->fold, &store->snapshot, &store->arena, &store->writes,
                  &store->failure))
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

static void begin_transaction(struct store *store)
{
    arena_reset(&store->arena);
    store->moved =
        arena_alloc_zeroed(&store->arena, (store->txn->offset_count + 1) * sizeof *store->moved);
    store->moved_count = 0;
    store->has_begun = false;
    store->writes = (struct write_set){0};
    recall(store);
    if (store->cautious == 0 && is_all_known(store)) {
        reconcile_and_write(store);
        return;
    }
    store->cautious -= store->cautious > 0;
    send_reads(store);
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
    if (outcome != STORE_REFUSED || (has_looked && !is_anything_recalled(store))) {
        finish_write(store, outcome);
        return;
    }
    if (has_looked)
        recent_calls_forget(store->recent);
    store->cautious = CAUTIOUS_TRANSACTIONS;
    begin_transaction(store);
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
    store->txn = txn;
    store->on_done = fn;
    store->done_arg = arg;
    begin_transaction(store);
}

static void on_offsets_read(const PGresult *result, const struct error *err, void *arg)
{
    struct store *store = arg;
    int rows = result ? PQntuples(result) : 0;
    store->offsets = arena_alloc_zeroed(&store->arena, ((size_t)rows + 1) * sizeof *store->offsets);
    store->offset_count = (size_t)rows;
    for (int row = 0; row < rows; row++) {
        struct slice topic = db_value_bytes(result, row, 0);
        char *name = arena_alloc_zeroed(&store->arena, topic.len + 1);
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
    arena_reset(&store->arena);
    store->on_offsets = fn;
    store->offsets_arg = arg;
    begin_group(store, STORE_ASKING);
    execute(store, statement, true, on_offsets_read);
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

static void on_pruned(const PGresult *result, const struct error *err, void *arg)
{
    /* Pruning is repeated by its timer; a failure of the connection is told by the observer. */
    (void)result;
    (void)err;
    (void)arg;
}

void store_prune(struct store *store)
{
    struct error err = {0};
    if (db_conn_execute(store->conn, SQL_PRUNE_CHANGES, NULL, on_pruned, NULL, &err))
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
    recent_calls_forget(store->recent);
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
    arena_init(&store->arena);
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
    db_conn_free(&self->conn);
    db_params_done(&self->params);
    arena_done(&self->arena);
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
