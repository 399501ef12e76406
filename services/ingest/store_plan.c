#include "store_plan.h"

#include "store_params.h"

/* --- life ---------------------------------------------------------------------------------- */

void store_plan_init(struct store_plan *plan)
{
    *plan = (struct store_plan){0};
    arena_init(&plan->arena);
    for (size_t i = 0; i < STORE_PLAN_STATEMENTS_MAX; i++)
        db_params_init(&plan->statements[i].params);
}

void store_plan_done(struct store_plan *plan)
{
    for (size_t i = 0; i < STORE_PLAN_STATEMENTS_MAX; i++)
        db_params_done(&plan->statements[i].params);
    arena_done(&plan->arena);
    plan->txn = NULL;
}

/* --- recalling ----------------------------------------------------------------------------- */

void store_plan_expect_call(struct store_plan *plan, size_t n, const struct fold_call *call)
{
    plan->snapshot.calls[n] = (struct call_snapshot){.has_attempts = call->attempts != NULL};
}

/* The batch and its calls, whose first one is the fold's number `n`; the number behind the last. */
static size_t recall_batch(struct store_plan *plan, const struct recent_calls *recent, size_t i,
                           size_t n)
{
    const struct fold_batch *batch = fold_batch_at(plan->txn->fold, i);
    const struct recent_batch *known = recent_calls_batch(recent, &batch->batch_id);
    plan->recalled_version[i] = known ? recent_batch_stored(known)->version : -1;
    if (known) {
        struct stored_batch *stored = &plan->snapshot.batches[i];
        *stored = *recent_batch_stored(known);
        stored->versions = arena_copy(&plan->arena, stored->versions);
    }
    for (size_t j = 0; j < batch->call_count; j++, n++) {
        const struct fold_call *call = batch->calls[j];
        if (known && recent_calls_find(recent, known, &call->call_id, &plan->arena,
                                       &plan->snapshot.calls[n])) {
            plan->calls_recalled++;
        } else {
            plan->is_unknown[n] = true;
            store_plan_expect_call(plan, n, call);
        }
    }
    return n;
}

void store_plan_begin(struct store_plan *plan, const struct store_transaction *txn,
                      const struct recent_calls *recent)
{
    struct arena *arena = &plan->arena;
    size_t batches = fold_batch_count(txn->fold);
    size_t calls = fold_call_count(txn->fold);
    arena_reset(arena);
    plan->txn = txn;
    plan->snapshot = (struct snapshot){
        .batches = arena_alloc_zeroed(arena, (batches + 1) * sizeof *plan->snapshot.batches),
        .calls = arena_alloc_zeroed(arena, (calls + 1) * sizeof *plan->snapshot.calls),
    };
    plan->recalled_version = arena_alloc(arena, (batches + 1) * sizeof(int64_t));
    plan->is_unknown = arena_alloc_zeroed(arena, calls + 1);
    plan->calls_recalled = 0;
    plan->writes = (struct write_set){0};
    plan->statement_count = 0;
    plan->is_prepared = false;
    plan->is_noted = false;
    size_t n = 0;
    for (size_t i = 0; i < batches; i++)
        n = recall_batch(plan, recent, i, n);
}

bool store_plan_has_recalled(const struct store_plan *plan)
{
    for (size_t i = 0; i < fold_batch_count(plan->txn->fold); i++)
        if (plan->recalled_version[i] >= 0)
            return true;
    return false;
}

static bool knows_pending(const struct call_snapshot *call)
{
    return call->call || call->has_pending;
}

bool store_plan_is_all_known(const struct store_plan *plan)
{
    const struct fold *fold = plan->txn->fold;
    size_t n = 0;
    for (size_t i = 0; i < fold_batch_count(fold); i++) {
        bool may_wait = plan->snapshot.batches[i].pending_attempts > 0;
        if (plan->recalled_version[i] < 0)
            return false;
        for (size_t j = 0; j < fold_batch_at(fold, i)->call_count; j++, n++)
            if (plan->is_unknown[n] || (may_wait && !knows_pending(&plan->snapshot.calls[n])))
                return false;
    }
    return true;
}

void store_plan_note(struct store_plan *plan, struct recent_calls *recent)
{
    if (!plan->is_noted)
        recent_calls_note(recent, plan->txn->fold, &plan->snapshot, &plan->writes.after);
    plan->is_noted = true;
}

/* --- writing ------------------------------------------------------------------------------- */

/* The parameters of a further statement. */
static struct db_params *add_statement(struct store_plan *plan, enum store_statement statement)
{
    struct planned_statement *added = &plan->statements[plan->statement_count++];
    added->statement = statement;
    return &added->params;
}

typedef void row_params_fn(struct db_params *params, const struct row_writes *writes);

static void write_rows(struct store_plan *plan, enum store_statement statement,
                       const struct row_writes *writes, row_params_fn *fill)
{
    if (writes->count)
        fill(add_statement(plan, statement), writes);
}

static void write_batches(struct store_plan *plan)
{
    const struct write_set *writes = &plan->writes;
    if (writes->batch_count) {
        store_params_batches(add_statement(plan, SQL_WRITE_BATCHES), writes);
        store_params_changes(add_statement(plan, SQL_LOG_CHANGES), writes);
    }
    if (writes->status_count)
        store_params_statuses(add_statement(plan, SQL_COUNT_STATUSES), writes);
}

bool store_plan_write(struct store_plan *plan, const char *group_id, struct error *err)
{
    const struct store_transaction *txn = plan->txn;
    const struct write_set *writes = &plan->writes;
    if (!reconcile(txn->fold, &plan->snapshot, &plan->arena, &plan->writes, err))
        return false;
    write_batches(plan);
    write_rows(plan, SQL_INSERT_CALLS, &writes->new_calls, store_params_insert_calls);
    write_rows(plan, SQL_UPDATE_CALLS, &writes->changed_calls, store_params_update_calls);
    write_rows(plan, SQL_INSERT_ATTEMPTS, &writes->new_attempts, store_params_insert_attempts);
    write_rows(plan, SQL_UPDATE_ATTEMPTS, &writes->changed_attempts, store_params_update_attempts);
    write_rows(plan, SQL_DELETE_PENDING, &writes->gone_pending, store_params_delete_pending);
    write_rows(plan, SQL_UPDATE_PENDING, &writes->changed_pending, store_params_pending);
    write_rows(plan, SQL_INSERT_PENDING, &writes->new_pending, store_params_pending);
    if (txn->dead_letter_count)
        store_params_dead_letters(add_statement(plan, SQL_INSERT_DEAD_LETTERS), group_id,
                                  txn->dead_letters, txn->dead_letter_count);
    return true;
}

size_t store_plan_rows(const struct store_plan *plan)
{
    const struct write_set *writes = &plan->writes;
    return writes->new_calls.count + writes->changed_calls.count + writes->new_attempts.count +
           writes->changed_attempts.count + writes->new_pending.count +
           writes->changed_pending.count + writes->gone_pending.count;
}
