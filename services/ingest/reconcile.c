#include "reconcile.h"

#include "buf.h"

#include <stdlib.h>
#include <string.h>

/* The largest encoding: five versions of three texts each, of 128 and twice 512 bytes. */
#define VERSIONS_BYTES_MAX 8192

struct status_list {
    struct status_write *items;
    size_t count;
    size_t cap;
};

/* The work on one batch of the fold. */
struct reconciler {
    struct arena *arena;
    struct write_set *out;
    struct batch_write *batch;
    struct call_snapshot *after; /* the call under way, as it will stand */
    struct status_list statuses; /* of this batch */
    struct buf scratch;          /* for encoding versions */
    struct error *err;
};

/* How the attempts of one call stood and stand. */
struct call_statuses {
    struct status_entry {
        int32_t attempt;
        struct slice status;
    } * items;
    size_t count;
};

static size_t max_attempts_of(const struct fold_call *call, const struct call_snapshot *stored)
{
    size_t count = call->attempt_count;
    for (const struct stored_attempt *at = stored->attempts; at; at = at->next)
        count++;
    for (const struct stored_attempt *at = stored->pending; at; at = at->next)
        count++;
    return count;
}

/* --- versions ---------------------------------------------------------------------------- */

static bool load_versions(struct reconciler *self, struct slice encoded, struct entity *entity)
{
    const struct version *versions[ENTITY_FIELDS_MAX];
    size_t count = (size_t)entity_field_count(entity->kind);
    if (!versions_decode(encoded, self->arena, versions, count))
        return error_set(self->err, ERR_FATAL, "the versions of a stored row cannot be read");
    for (size_t i = 0; i < count; i++)
        entity->fields[i].version = versions[i];
    return true;
}

static struct slice encode_versions(struct reconciler *self, const struct entity *entity)
{
    const struct version *versions[ENTITY_FIELDS_MAX];
    size_t count = (size_t)entity_field_count(entity->kind);
    for (size_t i = 0; i < count; i++)
        versions[i] = entity->fields[i].version;
    buf_reset(&self->scratch);
    versions_encode(versions, count, &self->scratch);
    return arena_copy(self->arena, buf_slice(&self->scratch));
}

static void add_row(struct row_writes *writes, const struct row_write *row)
{
    writes->rows[writes->count++] = *row;
}

/* --- statuses ---------------------------------------------------------------------------- */

static struct status_write *status_of(struct reconciler *self, struct slice status)
{
    struct status_list *list = &self->statuses;
    for (size_t i = 0; i < list->count; i++)
        if (slice_equal(list->items[i].status, status))
            return &list->items[i];
    if (list->count == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 16;
        struct status_write *items = arena_alloc(self->arena, cap * sizeof *items);
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    struct status_write *item = &list->items[list->count++];
    *item = (struct status_write){.batch_id = self->batch->batch_id, .status = status};
    return item;
}

static bool is_held_by_another(const struct call_statuses *statuses, size_t index,
                               struct slice status)
{
    for (size_t i = 0; i < statuses->count; i++)
        if (i != index && slice_is_set(statuses->items[i].status) &&
            slice_equal(statuses->items[i].status, status))
            return true;
    return false;
}

/* Gives attempt `index` its new status and counts what that changes of "any attempt has it". */
static void change_status(struct reconciler *self, struct call_statuses *statuses, size_t index,
                          struct slice status)
{
    struct slice before = statuses->items[index].status;
    if (slice_is_set(before) && slice_is_set(status) && slice_equal(before, status))
        return;
    if (slice_is_set(before) && !is_held_by_another(statuses, index, before))
        status_of(self, before)->any--;
    if (slice_is_set(status) && !is_held_by_another(statuses, index, status))
        status_of(self, status)->any++;
    statuses->items[index].status = status;
}

static struct slice latest_status(const struct call_statuses *statuses)
{
    struct slice status = SLICE_NONE;
    int32_t latest = 0;
    for (size_t i = 0; i < statuses->count; i++) {
        if (statuses->items[i].attempt > latest) {
            latest = statuses->items[i].attempt;
            status = statuses->items[i].status;
        }
    }
    return status;
}

static void count_latest(struct reconciler *self, struct slice status, int32_t difference)
{
    if (!slice_is_set(status))
        return;
    status_of(self, status)->latest += difference;
    if (status_rank(status) == STATUS_RANK_FINAL)
        self->batch->finished += difference;
}

/* The index of the attempt; adds it, without a status, when it is new. */
static size_t attempt_index(struct call_statuses *statuses, int32_t attempt)
{
    for (size_t i = 0; i < statuses->count; i++)
        if (statuses->items[i].attempt == attempt)
            return i;
    statuses->items[statuses->count] = (struct status_entry){.attempt = attempt};
    return statuses->count++;
}

static struct slice status_text(const struct entity *attempt)
{
    const struct field *status = &attempt->fields[ATTEMPT_STATUS];
    return status->version ? status->text : SLICE_NONE;
}

static void set_status(struct reconciler *self, struct call_statuses *statuses, int32_t attempt,
                       const struct entity *entity)
{
    size_t index = attempt_index(statuses, attempt);
    change_status(self, statuses, index, status_text(entity));
}

/* --- attempts ---------------------------------------------------------------------------- */

/* An attempt of the call under way, as it will stand, in `list` of self->after. */
static void leave(struct reconciler *self, struct stored_attempt **list,
                  const struct stored_attempt *attempt)
{
    struct stored_attempt *left = arena_alloc(self->arena, sizeof *left);
    *left = *attempt;
    left->next = *list;
    *list = left;
}

static void leave_attempt(struct reconciler *self, int32_t attempt, struct slice status,
                          struct slice versions)
{
    const struct stored_attempt left = {.attempt = attempt, .status = status, .versions = versions};
    leave(self, &self->after->attempts, &left);
}

static const struct fold_attempt *find_folded(const struct fold_call *call, int32_t attempt)
{
    const struct fold_attempt *at = call->attempts;
    while (at && at->attempt != attempt)
        at = at->next;
    return at;
}

static const struct stored_attempt *find_attempt(const struct stored_attempt *list, int32_t attempt)
{
    while (list && list->attempt != attempt)
        list = list->next;
    return list;
}

/* The stored attempt as an entity: versions, the status, and for pending ones all values. */
static bool load_attempt(struct reconciler *self, const struct stored_attempt *stored,
                         struct entity *entity)
{
    *entity = stored->values ? *stored->values : (struct entity){0};
    entity->kind = ENTITY_ATTEMPT;
    entity->fields[ATTEMPT_STATUS].text = stored->status;
    return load_versions(self, stored->versions, entity);
}

/* Merges one folded attempt into what is stored of it, and adds the row to `added` or `changed`. */
static bool write_attempt(struct reconciler *self, const struct stored_attempt *stored,
                          struct row_write *row, struct row_writes *added,
                          struct row_writes *changed, bool *touched)
{
    if (!stored) {
        row->versions = encode_versions(self, row->entity);
        add_row(added, row);
        *touched = true;
        return true;
    }
    struct entity *merged = arena_alloc(self->arena, sizeof *merged);
    if (!load_attempt(self, stored, merged))
        return false;
    row->mask = entity_merge(merged, row->entity);
    row->entity = merged;
    if (row->mask) {
        row->versions = encode_versions(self, merged);
        add_row(changed, row);
        *touched = true;
    }
    return true;
}

/* Attempts of a call that is stored. */
static bool reconcile_attempts(struct reconciler *self, const struct fold_call *call,
                               const struct call_snapshot *stored, bool *touched)
{
    struct call_statuses statuses = {
        .items = arena_alloc(self->arena, max_attempts_of(call, stored) * sizeof *statuses.items)};
    for (const struct stored_attempt *at = stored->attempts; at; at = at->next)
        statuses.items[statuses.count++] = (struct status_entry){at->attempt, at->status};

    struct slice latest_before = latest_status(&statuses);
    for (const struct fold_attempt *at = call->attempts; at; at = at->next) {
        struct row_write row = {.batch_id = self->batch->batch_id,
                                .position = stored->call->position,
                                .attempt = at->attempt,
                                .entity = &at->entity};
        const struct stored_attempt *known = find_attempt(stored->attempts, at->attempt);
        if (!write_attempt(self, known, &row, &self->out->new_attempts,
                           &self->out->changed_attempts, touched))
            return false;
        set_status(self, &statuses, at->attempt, row.entity);
        leave_attempt(self, at->attempt, status_text(row.entity),
                      known && !row.mask ? known->versions : row.versions);
    }
    for (const struct stored_attempt *at = stored->attempts; at; at = at->next)
        if (!find_folded(call, at->attempt))
            leave_attempt(self, at->attempt, at->status, at->versions);
    self->after->has_attempts = true;
    count_latest(self, latest_before, -1);
    count_latest(self, latest_status(&statuses), +1);
    return true;
}

/* Attempts of a call that has not arrived. */
static bool reconcile_pending(struct reconciler *self, const struct fold_call *call,
                              const struct call_snapshot *stored, bool *touched)
{
    for (const struct fold_attempt *at = call->attempts; at; at = at->next) {
        const struct stored_attempt *known = find_attempt(stored->pending, at->attempt);
        struct row_write row = {.batch_id = self->batch->batch_id,
                                .call_id = &call->call_id,
                                .attempt = at->attempt,
                                .entity = &at->entity};
        if (!write_attempt(self, known, &row, &self->out->new_pending, &self->out->changed_pending,
                           touched))
            return false;
        self->batch->pending_attempts += known == NULL;
        const struct stored_attempt changed = {.attempt = at->attempt,
                                               .status = status_text(row.entity),
                                               .versions = row.versions,
                                               .values = row.entity};
        leave(self, &self->after->pending, known && !row.mask ? known : &changed);
    }
    for (const struct stored_attempt *at = stored->pending; at; at = at->next)
        if (!find_folded(call, at->attempt))
            leave(self, &self->after->pending, at);
    return true;
}

static void insert_attempt(struct reconciler *self, int32_t position, int32_t attempt,
                           const struct entity *entity, struct call_statuses *statuses)
{
    struct row_write row = {.batch_id = self->batch->batch_id,
                            .position = position,
                            .attempt = attempt,
                            .entity = entity,
                            .versions = encode_versions(self, entity)};
    add_row(&self->out->new_attempts, &row);
    set_status(self, statuses, attempt, entity);
    leave_attempt(self, attempt, status_text(entity), row.versions);
}

/* The attempts of a call that arrives now: the folded ones, and those that waited for it. */
static bool adopt_attempts(struct reconciler *self, const struct fold_call *call,
                           const struct call_snapshot *stored, int32_t position)
{
    struct call_statuses statuses = {
        .items = arena_alloc(self->arena, max_attempts_of(call, stored) * sizeof *statuses.items)};
    for (const struct fold_attempt *at = call->attempts; at; at = at->next)
        if (!find_attempt(stored->pending, at->attempt))
            insert_attempt(self, position, at->attempt, &at->entity, &statuses);

    for (const struct stored_attempt *waiting = stored->pending; waiting; waiting = waiting->next) {
        struct entity *entity = arena_alloc(self->arena, sizeof *entity);
        if (!load_attempt(self, waiting, entity))
            return false;
        const struct fold_attempt *folded = find_folded(call, waiting->attempt);
        if (folded)
            entity_merge(entity, &folded->entity);
        insert_attempt(self, position, waiting->attempt, entity, &statuses);
        struct row_write gone = {.batch_id = self->batch->batch_id,
                                 .call_id = &call->call_id,
                                 .attempt = waiting->attempt};
        add_row(&self->out->gone_pending, &gone);
        self->batch->pending_attempts--;
    }
    count_latest(self, latest_status(&statuses), +1);
    return true;
}

/* --- calls ------------------------------------------------------------------------------- */

/* Keeps "ordering by createdAt (missing first) is ordering by position" while it is true. */
static void note_created_at(struct batch_write *batch, const struct field *created_at)
{
    bool known = created_at->version != NULL;
    if (batch->calls_after > 0 && batch->has_last_created_at &&
        (!known || created_at->number < batch->last_created_at_us))
        batch->created_in_order = false;
    batch->has_last_created_at = known;
    batch->last_created_at_us = known ? created_at->number : 0;
}

/* The call under way, as it will stand. */
static void leave_call(struct reconciler *self, int32_t position, const struct entity *entity,
                       struct slice versions)
{
    const struct field *created_at = &entity->fields[CALL_CREATED_AT];
    struct stored_call *left = arena_alloc(self->arena, sizeof *left);
    *left = (struct stored_call){.position = position,
                                 .has_created_at = created_at->version != NULL,
                                 .created_at_us = created_at->number,
                                 .versions = versions};
    self->after->call = left;
}

static bool insert_call(struct reconciler *self, const struct fold_call *call,
                        const struct call_snapshot *stored)
{
    note_created_at(self->batch, &call->entity.fields[CALL_CREATED_AT]);
    int32_t position = ++self->batch->calls_after;
    struct row_write row = {.batch_id = self->batch->batch_id,
                            .call_id = &call->call_id,
                            .position = position,
                            .entity = &call->entity,
                            .versions = encode_versions(self, &call->entity)};
    add_row(&self->out->new_calls, &row);
    leave_call(self, position, row.entity, row.versions);
    self->after->has_attempts = true;
    return adopt_attempts(self, call, stored, position);
}

static bool changes_created_at(const struct stored_call *stored, unsigned mask,
                               const struct entity *merged)
{
    return (mask & (1U << CALL_CREATED_AT)) &&
           (!stored->has_created_at ||
            stored->created_at_us != merged->fields[CALL_CREATED_AT].number);
}

static bool update_call(struct reconciler *self, const struct fold_call *call,
                        const struct stored_call *stored, bool *touched)
{
    struct entity *merged = arena_alloc_zeroed(self->arena, sizeof *merged);
    merged->kind = ENTITY_CALL;
    merged->fields[CALL_CREATED_AT].number = stored->created_at_us;
    if (!load_versions(self, stored->versions, merged))
        return false;
    unsigned mask = entity_merge(merged, &call->entity);
    if (!mask)
        return true;
    if (changes_created_at(stored, mask, merged))
        self->batch->created_in_order = false;
    struct row_write row = {.batch_id = self->batch->batch_id,
                            .call_id = &call->call_id,
                            .position = stored->position,
                            .mask = mask,
                            .entity = merged,
                            .versions = encode_versions(self, merged)};
    add_row(&self->out->changed_calls, &row);
    leave_call(self, stored->position, merged, row.versions);
    *touched = true;
    return true;
}

static bool reconcile_call(struct reconciler *self, const struct fold_call *call,
                           const struct call_snapshot *stored, bool *touched)
{
    if (stored->call) {
        bool changed = false;
        *self->after = (struct call_snapshot){.call = stored->call};
        if (!call->attempts) {
            self->after->attempts = stored->attempts;
            self->after->has_attempts = stored->has_attempts;
        }
        if (call->has_call_event && !update_call(self, call, stored->call, &changed))
            return false;
        if (call->attempts && !reconcile_attempts(self, call, stored, &changed))
            return false;
        if (changed)
            self->batch->changed[self->batch->changed_count++] = stored->call->position;
        *touched |= changed;
        return true;
    }
    if (!call->has_call_event)
        return reconcile_pending(self, call, stored, touched);
    *touched = true;
    return insert_call(self, call, stored);
}

/* --- batches ----------------------------------------------------------------------------- */

static int compare_positions(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

static int compare_statuses(const void *a, const void *b)
{
    return slice_compare(((const struct status_write *)a)->status,
                         ((const struct status_write *)b)->status);
}

static void keep_statuses(struct reconciler *self)
{
    struct status_list *list = &self->statuses;
    if (list->count)
        qsort(list->items, list->count, sizeof *list->items, compare_statuses);
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].any || list->items[i].latest)
            self->out->statuses[self->out->status_count++] = list->items[i];
}

static bool merge_batch_fields(struct reconciler *self, const struct fold_batch *batch,
                               const struct stored_batch *stored)
{
    struct batch_write *write = self->batch;
    write->entity.kind = ENTITY_BATCH;
    if (!load_versions(self, stored->versions, &write->entity))
        return false;
    write->mask = entity_merge(&write->entity, &batch->entity);
    write->versions = write->mask ? encode_versions(self, &write->entity) : stored->versions;
    return true;
}

/* The batch, as it will stand. */
static void leave_batch(const struct batch_write *write, struct stored_batch *after)
{
    *after = (struct stored_batch){
        .versions = write->versions,
        .version = write->version,
        .calls = write->calls_after,
        .pending_attempts = after->pending_attempts + write->pending_attempts,
        .created_in_order = write->created_in_order,
        .has_last_created_at = write->has_last_created_at,
        .last_created_at_us = write->last_created_at_us,
    };
}

static bool reconcile_batch(struct reconciler *self, const struct fold_batch *batch,
                            const struct stored_batch *stored, const struct call_snapshot *calls,
                            struct stored_batch *after)
{
    *self->batch = (struct batch_write){
        .batch_id = &batch->batch_id,
        .version = stored->version + 1,
        .calls_before = stored->calls,
        .calls_after = stored->calls,
        .created_in_order = stored->created_in_order,
        .has_last_created_at = stored->has_last_created_at,
        .last_created_at_us = stored->last_created_at_us,
        .changed = arena_alloc(self->arena, batch->call_count * sizeof(int32_t)),
    };
    self->statuses = (struct status_list){0};
    if (!merge_batch_fields(self, batch, stored))
        return false;

    /* A row that was just made is a change, even where the event said nothing of its fields. */
    bool touched = self->batch->mask != 0 || stored->version == 0;
    for (size_t i = 0; i < batch->call_count; i++, self->after++)
        if (!reconcile_call(self, batch->calls[i], &calls[i], &touched))
            return false;

    if (self->batch->changed_count)
        qsort(self->batch->changed, self->batch->changed_count, sizeof(int32_t), compare_positions);
    keep_statuses(self);
    *after = *stored;
    if (touched) {
        self->out->batch_count++;
        leave_batch(self->batch, after);
    }
    return true;
}

/* --- room for the answer ----------------------------------------------------------------- */

struct bounds {
    size_t calls;
    size_t attempts; /* folded and pending */
};

static struct bounds count_bounds(const struct fold *fold, const struct snapshot *snapshot)
{
    struct bounds bounds = {0};
    for (size_t i = 0; i < fold_batch_count(fold); i++) {
        const struct fold_batch *batch = fold_batch_at(fold, i);
        for (size_t j = 0; j < batch->call_count; j++) {
            const struct call_snapshot *stored = &snapshot->calls[bounds.calls++];
            bounds.attempts += batch->calls[j]->attempt_count;
            for (const struct stored_attempt *at = stored->pending; at; at = at->next)
                bounds.attempts++;
        }
    }
    return bounds;
}

static struct row_writes room_for(struct arena *arena, size_t count)
{
    return (struct row_writes){.rows = arena_alloc(arena, count * sizeof(struct row_write))};
}

static void make_room(struct write_set *out, struct arena *arena, size_t batches,
                      struct bounds bounds)
{
    *out = (struct write_set){
        .batches = arena_alloc(arena, (batches + 1) * sizeof *out->batches),
        .new_calls = room_for(arena, bounds.calls),
        .changed_calls = room_for(arena, bounds.calls),
        .new_attempts = room_for(arena, bounds.attempts),
        .changed_attempts = room_for(arena, bounds.attempts),
        .new_pending = room_for(arena, bounds.attempts),
        .changed_pending = room_for(arena, bounds.attempts),
        .gone_pending = room_for(arena, bounds.attempts),
        /* Each attempt leaves a status and takes one, as any and as latest. */
        .statuses = arena_alloc(arena, (4 * bounds.attempts + 1) * sizeof(struct status_write)),
        .after = {.batches = arena_alloc_zeroed(arena, (batches + 1) * sizeof *out->after.batches),
                  .calls =
                      arena_alloc_zeroed(arena, (bounds.calls + 1) * sizeof *out->after.calls)},
    };
}

bool reconcile(const struct fold *fold, const struct snapshot *snapshot, struct arena *arena,
               struct write_set *out, struct error *err)
{
    size_t batches = fold_batch_count(fold);
    make_room(out, arena, batches, count_bounds(fold, snapshot));
    struct reconciler self = {.arena = arena, .out = out, .err = err, .after = out->after.calls};
    buf_init(&self.scratch, VERSIONS_BYTES_MAX);

    bool ok = true;
    const struct call_snapshot *calls = snapshot->calls;
    for (size_t i = 0; ok && i < batches; i++) {
        const struct fold_batch *batch = fold_batch_at(fold, i);
        /* Overwritten by the next batch unless reconcile_batch() counted it in. */
        self.batch = &out->batches[out->batch_count];
        ok = reconcile_batch(&self, batch, &snapshot->batches[i], calls, &out->after.batches[i]);
        calls += batch->call_count;
    }
    buf_done(&self.scratch);
    return ok;
}
