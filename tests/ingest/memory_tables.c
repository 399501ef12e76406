#include "memory_tables.h"

#include <criterion/criterion.h>
#include <string.h>

void memory_tables_init(struct memory_tables *tables)
{
    memset(tables, 0, sizeof *tables);
    arena_init(&tables->arena);
}

void memory_tables_done(struct memory_tables *tables)
{
    arena_done(&tables->arena);
}

struct memory_batch *memory_batch_find(struct memory_tables *tables, const struct object_id *id)
{
    for (size_t i = 0; i < tables->batch_count; i++)
        if (object_id_compare(&tables->batches[i].batch_id, id) == 0)
            return &tables->batches[i];
    return NULL;
}

/* By call id where one is given, else by position. */
struct memory_row *memory_row_find(struct memory_table *table, const struct object_id *batch_id,
                                   const struct object_id *call_id, int32_t position,
                                   int32_t attempt)
{
    for (size_t i = 0; i < table->count; i++) {
        struct memory_row *row = &table->rows[i];
        bool is_same =
            call_id ? object_id_compare(&row->call_id, call_id) == 0 : row->position == position;
        if (!row->is_gone && is_same && row->attempt == attempt &&
            object_id_compare(&row->batch_id, batch_id) == 0)
            return row;
    }
    return NULL;
}

/* --- reading ----------------------------------------------------------------------------- */

static struct stored_attempt *read_attempts(struct memory_table *table,
                                            const struct object_id *batch_id,
                                            const struct object_id *call_id, int32_t position,
                                            struct arena *arena)
{
    struct stored_attempt *list = NULL;
    for (size_t i = 0; i < table->count; i++) {
        struct memory_row *row = &table->rows[i];
        bool is_same =
            call_id ? object_id_compare(&row->call_id, call_id) == 0 : row->position == position;
        if (row->is_gone || !is_same || object_id_compare(&row->batch_id, batch_id) != 0)
            continue;
        struct stored_attempt *attempt = arena_alloc_zeroed(arena, sizeof *attempt);
        attempt->attempt = row->attempt;
        attempt->versions = row->versions;
        attempt->status = row->values.fields[ATTEMPT_STATUS].text;
        attempt->values = &row->values;
        attempt->next = list;
        list = attempt;
    }
    return list;
}

static struct call_snapshot read_call(struct memory_tables *tables, const struct fold_batch *batch,
                                      const struct fold_call *call, struct arena *arena)
{
    struct call_snapshot snapshot = {0};
    struct memory_row *row =
        memory_row_find(&tables->calls, &batch->batch_id, &call->call_id, 0, 0);
    if (row) {
        struct stored_call *stored = arena_alloc_zeroed(arena, sizeof *stored);
        const struct field *created_at = &row->values.fields[CALL_CREATED_AT];
        stored->position = row->position;
        stored->versions = row->versions;
        stored->has_created_at = created_at->version != NULL;
        stored->created_at_us = created_at->number;
        snapshot.call = stored;
        snapshot.attempts =
            read_attempts(&tables->attempts, &batch->batch_id, NULL, row->position, arena);
        snapshot.has_attempts = true;
    }
    snapshot.pending = read_attempts(&tables->pending, &batch->batch_id, &call->call_id, 0, arena);
    return snapshot;
}

static struct snapshot read_all(struct memory_tables *tables, struct fold *fold,
                                struct arena *arena)
{
    struct snapshot snapshot = {
        .batches =
            arena_alloc_zeroed(arena, (fold_batch_count(fold) + 1) * sizeof *snapshot.batches),
        .calls = arena_alloc_zeroed(arena, MEMORY_ROWS_MAX * sizeof *snapshot.calls),
    };
    size_t calls = 0;
    for (size_t i = 0; i < fold_batch_count(fold); i++) {
        const struct fold_batch *batch = fold_batch_at(fold, i);
        struct memory_batch *known = memory_batch_find(tables, &batch->batch_id);
        if (!known) {
            known = &tables->batches[tables->batch_count++];
            known->batch_id = batch->batch_id;
            known->stored.created_in_order = true;
        }
        snapshot.batches[i] = known->stored;
        for (size_t j = 0; j < batch->call_count; j++)
            snapshot.calls[calls++] = read_call(tables, batch, batch->calls[j], arena);
    }
    return snapshot;
}

/* --- what is known without reading --------------------------------------------------------- */

static void expect_same_values(const struct entity *known, const struct entity *stored)
{
    for (int i = 0; i < ATTEMPT_FIELD_COUNT; i++) {
        cr_assert_eq(known->fields[i].number, stored->fields[i].number);
        cr_assert_eq(slice_is_set(known->fields[i].text), slice_is_set(stored->fields[i].text));
        cr_assert(slice_equal(known->fields[i].text, stored->fields[i].text));
    }
}

static void expect_same_attempts(const struct stored_attempt *known,
                                 const struct stored_attempt *stored, bool with_values)
{
    size_t count = 0;
    for (const struct stored_attempt *at = stored; at; at = at->next)
        count++;
    for (const struct stored_attempt *at = known; at; at = at->next, count--) {
        const struct stored_attempt *same = stored;
        while (same && same->attempt != at->attempt)
            same = same->next;
        cr_assert_not_null(same, "attempt %d is known, and not stored", at->attempt);
        cr_assert(slice_equal(at->versions, same->versions));
        cr_assert_eq(slice_is_set(at->status), slice_is_set(same->status));
        cr_assert(slice_equal(at->status, same->status));
        if (with_values)
            expect_same_values(at->values, same->values);
    }
    cr_assert_eq(count, 0, "%zu attempts are stored, and not known", count);
}

static void expect_same_call(const struct call_snapshot *known, const struct call_snapshot *stored)
{
    cr_assert_eq(known->call == NULL, stored->call == NULL);
    if (!known->call) {
        if (known->has_pending)
            expect_same_attempts(known->pending, stored->pending, true);
        return;
    }
    cr_assert_eq(known->call->position, stored->call->position);
    cr_assert_eq(known->call->has_created_at, stored->call->has_created_at);
    if (known->call->has_created_at)
        cr_assert_eq(known->call->created_at_us, stored->call->created_at_us);
    cr_assert(slice_equal(known->call->versions, stored->call->versions));
    cr_assert(known->has_attempts);
    expect_same_attempts(known->attempts, stored->attempts, false);
}

static void expect_same_batch(const struct stored_batch *known, const struct stored_batch *stored)
{
    cr_assert(slice_equal(known->versions, stored->versions));
    cr_assert_eq(known->calls, stored->calls);
    cr_assert_eq(known->pending_attempts, stored->pending_attempts);
    cr_assert_eq(known->created_in_order, stored->created_in_order);
    cr_assert_eq(known->has_last_created_at, stored->has_last_created_at);
    if (known->has_last_created_at)
        cr_assert_eq(known->last_created_at_us, stored->last_created_at_us);
}

static void expect_recent_to_agree(struct memory_tables *tables, const struct fold *fold,
                                   const struct snapshot *snapshot)
{
    size_t n = 0;
    for (size_t i = 0; i < fold_batch_count(fold); i++) {
        const struct fold_batch *batch = fold_batch_at(fold, i);
        const struct recent_batch *known = recent_calls_batch(tables->recent, &batch->batch_id);
        if (known && recent_batch_stored(known)->version != snapshot->batches[i].version)
            known = NULL;
        if (known)
            expect_same_batch(recent_batch_stored(known), &snapshot->batches[i]);
        for (size_t j = 0; j < batch->call_count; j++, n++) {
            struct call_snapshot found;
            if (!known || !recent_calls_find(tables->recent, known, &batch->calls[j]->call_id,
                                             &tables->arena, &found))
                continue;
            tables->recalled++;
            tables->recalled_pending += found.pending != NULL;
            expect_same_call(&found, &snapshot->calls[n]);
        }
    }
}

/* --- writing ----------------------------------------------------------------------------- */

static void copy_fields(struct memory_tables *tables, struct entity *into,
                        const struct entity *from, unsigned mask)
{
    static const struct version known;
    for (int i = 0; i < ENTITY_FIELDS_MAX; i++) {
        if (!(mask & (1U << i)) || !from->fields[i].version)
            continue;
        into->fields[i] = from->fields[i];
        into->fields[i].version = &known;
        into->fields[i].text = arena_copy(&tables->arena, from->fields[i].text);
    }
}

static void insert_rows(struct memory_tables *tables, struct memory_table *table,
                        const struct row_writes *writes)
{
    for (size_t i = 0; i < writes->count; i++) {
        const struct row_write *write = &writes->rows[i];
        cr_assert_null(memory_row_find(table, write->batch_id, write->call_id, write->position,
                                       write->attempt),
                       "a row is inserted twice");
        struct memory_row *row = &table->rows[table->count++];
        *row = (struct memory_row){.batch_id = *write->batch_id,
                                   .position = write->position,
                                   .attempt = write->attempt,
                                   .versions = arena_copy(&tables->arena, write->versions)};
        if (write->call_id)
            row->call_id = *write->call_id;
        copy_fields(tables, &row->values, write->entity, ~0U);
    }
}

static void update_rows(struct memory_tables *tables, struct memory_table *table,
                        const struct row_writes *writes)
{
    for (size_t i = 0; i < writes->count; i++) {
        const struct row_write *write = &writes->rows[i];
        struct memory_row *row = memory_row_find(table, write->batch_id, write->call_id,
                                                 write->position, write->attempt);
        cr_assert_not_null(row, "an update finds no row");
        row->versions = arena_copy(&tables->arena, write->versions);
        copy_fields(tables, &row->values, write->entity, write->mask);
    }
}

static void delete_rows(struct memory_table *table, const struct row_writes *writes)
{
    for (size_t i = 0; i < writes->count; i++) {
        const struct row_write *write = &writes->rows[i];
        struct memory_row *row =
            memory_row_find(table, write->batch_id, write->call_id, 0, write->attempt);
        cr_assert_not_null(row, "a delete finds no row");
        row->is_gone = true;
    }
}

static void write_batch(struct memory_tables *tables, const struct batch_write *write)
{
    struct memory_batch *batch = memory_batch_find(tables, write->batch_id);
    cr_assert_eq(write->version, batch->stored.version + 1);
    batch->stored.version = write->version;
    batch->stored.versions = arena_copy(&tables->arena, write->versions);
    batch->stored.calls = write->calls_after;
    batch->stored.pending_attempts += write->pending_attempts;
    batch->stored.created_in_order = write->created_in_order;
    batch->stored.has_last_created_at = write->has_last_created_at;
    batch->stored.last_created_at_us = write->last_created_at_us;
    batch->finished += write->finished;
    copy_fields(tables, &batch->values, &write->entity, write->mask);
}

static void write_status(struct memory_tables *tables, const struct status_write *write)
{
    struct memory_status *status = NULL;
    for (size_t i = 0; i < tables->status_count && !status; i++)
        if (slice_equal(tables->statuses[i].status, write->status) &&
            object_id_compare(&tables->statuses[i].batch_id, write->batch_id) == 0)
            status = &tables->statuses[i];
    if (!status) {
        status = &tables->statuses[tables->status_count++];
        *status = (struct memory_status){.batch_id = *write->batch_id,
                                         .status = arena_copy(&tables->arena, write->status)};
    }
    status->any += write->any;
    status->latest += write->latest;
}

void memory_tables_store(struct memory_tables *tables, struct fold *fold)
{
    struct arena arena;
    struct write_set writes;
    struct error err = {0};
    arena_init(&arena);
    fold_finish(fold);
    struct snapshot snapshot = read_all(tables, fold, &arena);
    if (tables->recent)
        expect_recent_to_agree(tables, fold, &snapshot);
    cr_assert(reconcile(fold, &snapshot, &arena, &writes, &err), "%s", err.text);
    for (size_t i = 0; i < writes.batch_count; i++)
        write_batch(tables, &writes.batches[i]);
    for (size_t i = 0; i < writes.status_count; i++)
        write_status(tables, &writes.statuses[i]);
    insert_rows(tables, &tables->calls, &writes.new_calls);
    update_rows(tables, &tables->calls, &writes.changed_calls);
    insert_rows(tables, &tables->attempts, &writes.new_attempts);
    update_rows(tables, &tables->attempts, &writes.changed_attempts);
    delete_rows(&tables->pending, &writes.gone_pending);
    update_rows(tables, &tables->pending, &writes.changed_pending);
    insert_rows(tables, &tables->pending, &writes.new_pending);
    if (tables->recent)
        recent_calls_note(tables->recent, fold, &snapshot, &writes.after);
    arena_done(&arena);
}

/* --- recounting -------------------------------------------------------------------------- */

/* The call's latest attempt with any status or none; NULL without attempts. */
static struct memory_row *latest_attempt(struct memory_tables *tables,
                                         const struct memory_row *call)
{
    struct memory_row *latest = NULL;
    for (size_t i = 0; i < tables->attempts.count; i++) {
        struct memory_row *row = &tables->attempts.rows[i];
        if (object_id_compare(&row->batch_id, &call->batch_id) == 0 &&
            row->position == call->position && (!latest || row->attempt > latest->attempt))
            latest = row;
    }
    return latest;
}

static bool any_attempt_has(struct memory_tables *tables, const struct memory_row *call,
                            struct slice status)
{
    for (size_t i = 0; i < tables->attempts.count; i++) {
        struct memory_row *row = &tables->attempts.rows[i];
        const struct field *field = &row->values.fields[ATTEMPT_STATUS];
        if (object_id_compare(&row->batch_id, &call->batch_id) == 0 &&
            row->position == call->position && field->version && slice_equal(field->text, status))
            return true;
    }
    return false;
}

static void recount_status(struct memory_tables *tables, const struct memory_status *status)
{
    int32_t any = 0;
    int32_t latest = 0;
    for (size_t i = 0; i < tables->calls.count; i++) {
        struct memory_row *call = &tables->calls.rows[i];
        if (object_id_compare(&call->batch_id, &status->batch_id) != 0)
            continue;
        struct memory_row *last = latest_attempt(tables, call);
        any += any_attempt_has(tables, call, status->status);
        latest += last && last->values.fields[ATTEMPT_STATUS].version &&
                  slice_equal(last->values.fields[ATTEMPT_STATUS].text, status->status);
    }
    cr_assert_eq(status->any, any, "any %.*s: counted %d, recounted %d", (int)status->status.len,
                 status->status.data, status->any, any);
    cr_assert_eq(status->latest, latest, "latest %.*s: counted %d, recounted %d",
                 (int)status->status.len, status->status.data, status->latest, latest);
}

static bool is_finished(struct memory_tables *tables, const struct memory_row *call)
{
    struct memory_row *last = latest_attempt(tables, call);
    const struct field *status = last ? &last->values.fields[ATTEMPT_STATUS] : NULL;
    return status && status->version && status_rank(status->text) == STATUS_RANK_FINAL;
}

void memory_tables_recount(struct memory_tables *tables, const struct object_id *batch_id)
{
    struct memory_batch *batch = memory_batch_find(tables, batch_id);
    int32_t calls = 0;
    int32_t finished = 0;
    int32_t pending = 0;
    for (size_t i = 0; i < tables->calls.count; i++) {
        if (object_id_compare(&tables->calls.rows[i].batch_id, batch_id) != 0)
            continue;
        cr_assert_eq(tables->calls.rows[i].position, ++calls, "positions are dense");
        finished += is_finished(tables, &tables->calls.rows[i]);
    }
    for (size_t i = 0; i < tables->pending.count; i++)
        pending += !tables->pending.rows[i].is_gone &&
                   object_id_compare(&tables->pending.rows[i].batch_id, batch_id) == 0;
    cr_assert_eq(batch->stored.calls, calls);
    cr_assert_eq(batch->finished, finished);
    cr_assert_eq(batch->stored.pending_attempts, pending);
    for (size_t i = 0; i < tables->status_count; i++)
        recount_status(tables, &tables->statuses[i]);
}
