#include "store_params.h"

static struct slice id_slice(const struct object_id *id)
{
    return (struct slice){(const char *)id->bytes, OBJECT_ID_BYTES};
}

/* --- columns of row_writes --------------------------------------------------------------- */

static void batch_ids(struct db_params *params, const struct row_writes *writes)
{
    db_params_array_begin(params, DB_BYTEA);
    for (size_t i = 0; i < writes->count; i++)
        db_params_array_bytes(params, id_slice(writes->rows[i].batch_id));
    db_params_array_end(params);
}

static void call_ids(struct db_params *params, const struct row_writes *writes)
{
    db_params_array_begin(params, DB_BYTEA);
    for (size_t i = 0; i < writes->count; i++)
        db_params_array_bytes(params, id_slice(writes->rows[i].call_id));
    db_params_array_end(params);
}

static void positions(struct db_params *params, const struct row_writes *writes)
{
    db_params_array_begin(params, DB_INT4);
    for (size_t i = 0; i < writes->count; i++)
        db_params_array_int4(params, writes->rows[i].position);
    db_params_array_end(params);
}

static void attempts(struct db_params *params, const struct row_writes *writes)
{
    db_params_array_begin(params, DB_INT4);
    for (size_t i = 0; i < writes->count; i++)
        db_params_array_int4(params, writes->rows[i].attempt);
    db_params_array_end(params);
}

static void masks(struct db_params *params, const struct row_writes *writes)
{
    db_params_array_begin(params, DB_INT4);
    for (size_t i = 0; i < writes->count; i++)
        db_params_array_int4(params, (int32_t)writes->rows[i].mask);
    db_params_array_end(params);
}

static void versions(struct db_params *params, const struct row_writes *writes)
{
    db_params_array_begin(params, DB_BYTEA);
    for (size_t i = 0; i < writes->count; i++)
        db_params_array_bytes(params, writes->rows[i].versions);
    db_params_array_end(params);
}

static void texts(struct db_params *params, const struct row_writes *writes, int field)
{
    db_params_array_begin(params, DB_TEXT);
    for (size_t i = 0; i < writes->count; i++) {
        const struct field *value = &writes->rows[i].entity->fields[field];
        db_params_array_bytes(params, value->version ? value->text : SLICE_NONE);
    }
    db_params_array_end(params);
}

static void add_time(struct db_params *params, const struct field *value)
{
    if (value->version)
        db_params_array_time(params, value->number);
    else
        db_params_array_null(params);
}

static void times(struct db_params *params, const struct row_writes *writes, int field)
{
    db_params_array_begin(params, DB_TIMESTAMPTZ);
    for (size_t i = 0; i < writes->count; i++)
        add_time(params, &writes->rows[i].entity->fields[field]);
    db_params_array_end(params);
}

static void numbers(struct db_params *params, const struct row_writes *writes, int field)
{
    db_params_array_begin(params, DB_INT8);
    for (size_t i = 0; i < writes->count; i++) {
        const struct field *value = &writes->rows[i].entity->fields[field];
        if (value->version)
            db_params_array_int8(params, value->number);
        else
            db_params_array_null(params);
    }
    db_params_array_end(params);
}

static void attempt_values(struct db_params *params, const struct row_writes *writes)
{
    texts(params, writes, ATTEMPT_STATUS);
    numbers(params, writes, ATTEMPT_DURATION);
    texts(params, writes, ATTEMPT_RECORDING_URL);
    texts(params, writes, ATTEMPT_TRANSCRIPT);
    times(params, writes, ATTEMPT_CREATED_AT);
    versions(params, writes);
}

/* --- offsets ----------------------------------------------------------------------------- */

static void partition_keys(struct db_params *params, const struct store_offset *offsets,
                           size_t count)
{
    db_params_array_begin(params, DB_TEXT);
    for (size_t i = 0; i < count; i++)
        db_params_array_bytes(params, slice_of(offsets[i].topic));
    db_params_array_end(params);
    db_params_array_begin(params, DB_INT4);
    for (size_t i = 0; i < count; i++)
        db_params_array_int4(params, offsets[i].partition);
    db_params_array_end(params);
}

void store_params_offsets(struct db_params *params, const char *group_id,
                          const struct store_offset *offsets, size_t count)
{
    db_params_reset(params);
    db_params_add_bytes(params, slice_of(group_id));
    partition_keys(params, offsets, count);
}

void store_params_claim(struct db_params *params, const char *group_id, const char *owner,
                        const struct store_offset *wanted, size_t count)
{
    store_params_offsets(params, group_id, wanted, count);
    db_params_add_bytes(params, slice_of(owner));
}

void store_params_move(struct db_params *params, const char *group_id,
                       const struct store_offset *offsets, size_t count)
{
    store_params_offsets(params, group_id, offsets, count);
    db_params_array_begin(params, DB_INT8);
    for (size_t i = 0; i < count; i++)
        db_params_array_int8(params, offsets[i].epoch);
    db_params_array_end(params);
    db_params_array_begin(params, DB_INT8);
    for (size_t i = 0; i < count; i++)
        db_params_array_int8(params, offsets[i].expected);
    db_params_array_end(params);
    db_params_array_begin(params, DB_INT8);
    for (size_t i = 0; i < count; i++)
        db_params_array_int8(params, offsets[i].next_offset);
    db_params_array_end(params);
    db_params_array_begin(params, DB_INT8);
    for (size_t i = 0; i < count; i++)
        db_params_array_int8(params, offsets[i].fingerprint);
    db_params_array_end(params);
}

/* --- keys of the fold -------------------------------------------------------------------- */

void store_params_lock_batches(struct db_params *params, const struct fold *fold)
{
    db_params_reset(params);
    db_params_array_begin(params, DB_BYTEA);
    for (size_t i = 0; i < fold_batch_count(fold); i++)
        db_params_array_bytes(params, id_slice(&fold_batch_at(fold, i)->batch_id));
    db_params_array_end(params);
}

void store_params_lock_unchanged(struct db_params *params, const struct fold *fold,
                                 const struct stored_batch *batches)
{
    store_params_lock_batches(params, fold);
    db_params_array_begin(params, DB_INT8);
    for (size_t i = 0; i < fold_batch_count(fold); i++)
        db_params_array_int8(params, batches[i].version);
    db_params_array_end(params);
}

typedef void add_call_fn(struct db_params *params, int32_t n, const struct fold_batch *batch,
                         const struct fold_call *call);

static void call_column(struct db_params *params, enum db_type type, const struct fold *fold,
                        const bool *wanted, add_call_fn *add)
{
    int32_t n = 0;
    db_params_array_begin(params, type);
    for (size_t i = 0; i < fold_batch_count(fold); i++) {
        const struct fold_batch *batch = fold_batch_at(fold, i);
        for (size_t j = 0; j < batch->call_count; j++, n++)
            if (wanted[n])
                add(params, n, batch, batch->calls[j]);
    }
    db_params_array_end(params);
}

static void add_number(struct db_params *params, int32_t n, const struct fold_batch *batch,
                       const struct fold_call *call)
{
    (void)batch;
    (void)call;
    db_params_array_int4(params, n);
}

static void add_batch_id(struct db_params *params, int32_t n, const struct fold_batch *batch,
                         const struct fold_call *call)
{
    (void)n;
    (void)call;
    db_params_array_bytes(params, id_slice(&batch->batch_id));
}

static void add_call_id(struct db_params *params, int32_t n, const struct fold_batch *batch,
                        const struct fold_call *call)
{
    (void)n;
    (void)batch;
    db_params_array_bytes(params, id_slice(&call->call_id));
}

static void add_with_attempts(struct db_params *params, int32_t n, const struct fold_batch *batch,
                              const struct fold_call *call)
{
    (void)n;
    (void)batch;
    db_params_array_bool(params, call->attempts != NULL);
}

void store_params_read_calls(struct db_params *params, const struct fold *fold, const bool *wanted)
{
    db_params_reset(params);
    call_column(params, DB_INT4, fold, wanted, add_number);
    call_column(params, DB_BYTEA, fold, wanted, add_batch_id);
    call_column(params, DB_BYTEA, fold, wanted, add_call_id);
    call_column(params, DB_BOOL, fold, wanted, add_with_attempts);
}

void store_params_read_pending(struct db_params *params, const struct fold *fold,
                               const bool *wanted)
{
    db_params_reset(params);
    call_column(params, DB_INT4, fold, wanted, add_number);
    call_column(params, DB_BYTEA, fold, wanted, add_batch_id);
    call_column(params, DB_BYTEA, fold, wanted, add_call_id);
}

/* --- batches ----------------------------------------------------------------------------- */

static void batch_write_ids(struct db_params *params, const struct write_set *writes)
{
    db_params_array_begin(params, DB_BYTEA);
    for (size_t i = 0; i < writes->batch_count; i++)
        db_params_array_bytes(params, id_slice(writes->batches[i].batch_id));
    db_params_array_end(params);
}

static void batch_texts(struct db_params *params, const struct write_set *writes, int field)
{
    db_params_array_begin(params, DB_TEXT);
    for (size_t i = 0; i < writes->batch_count; i++) {
        const struct field *value = &writes->batches[i].entity.fields[field];
        db_params_array_bytes(params, value->version ? value->text : SLICE_NONE);
    }
    db_params_array_end(params);
}

#define BATCH_INTS(params, writes, member)                                                         \
    do {                                                                                           \
        db_params_array_begin(params, DB_INT4);                                                    \
        for (size_t i_ = 0; i_ < (writes)->batch_count; i_++)                                      \
            db_params_array_int4(params, (int32_t)(writes)->batches[i_].member);                   \
        db_params_array_end(params);                                                               \
    } while (0)

static void batch_versions(struct db_params *params, const struct write_set *writes)
{
    db_params_array_begin(params, DB_INT8);
    for (size_t i = 0; i < writes->batch_count; i++)
        db_params_array_int8(params, writes->batches[i].version);
    db_params_array_end(params);
}

static void batch_field_versions(struct db_params *params, const struct write_set *writes)
{
    db_params_array_begin(params, DB_BYTEA);
    for (size_t i = 0; i < writes->batch_count; i++)
        db_params_array_bytes(params, writes->batches[i].versions);
    db_params_array_end(params);
}

static void batch_times(struct db_params *params, const struct write_set *writes)
{
    db_params_array_begin(params, DB_TIMESTAMPTZ);
    for (size_t i = 0; i < writes->batch_count; i++)
        add_time(params, &writes->batches[i].entity.fields[BATCH_CREATED_AT]);
    db_params_array_end(params);
}

static void batch_orders(struct db_params *params, const struct write_set *writes)
{
    db_params_array_begin(params, DB_BOOL);
    for (size_t i = 0; i < writes->batch_count; i++)
        db_params_array_bool(params, writes->batches[i].created_in_order);
    db_params_array_end(params);
    db_params_array_begin(params, DB_TIMESTAMPTZ);
    for (size_t i = 0; i < writes->batch_count; i++) {
        const struct batch_write *batch = &writes->batches[i];
        if (batch->has_last_created_at)
            db_params_array_time(params, batch->last_created_at_us);
        else
            db_params_array_null(params);
    }
    db_params_array_end(params);
}

void store_params_batches(struct db_params *params, const struct write_set *writes)
{
    db_params_reset(params);
    batch_write_ids(params, writes);
    BATCH_INTS(params, writes, mask);
    batch_texts(params, writes, BATCH_OWNER_ID);
    batch_texts(params, writes, BATCH_NAME);
    batch_texts(params, writes, BATCH_STATUS);
    batch_times(params, writes);
    batch_field_versions(params, writes);
    batch_versions(params, writes);
    BATCH_INTS(params, writes, calls_after);
    BATCH_INTS(params, writes, finished);
    BATCH_INTS(params, writes, pending_attempts);
    batch_orders(params, writes);
}

/* First and last index (from 1) of each batch's part of the array of all changed positions. */
static void changed_bounds(struct db_params *params, const struct write_set *writes, bool last)
{
    int32_t at = 0;
    db_params_array_begin(params, DB_INT4);
    for (size_t i = 0; i < writes->batch_count; i++) {
        int32_t first = at + 1;
        at += (int32_t)writes->batches[i].changed_count;
        db_params_array_int4(params, last ? at : first);
    }
    db_params_array_end(params);
}

void store_params_changes(struct db_params *params, const struct write_set *writes)
{
    db_params_reset(params);
    batch_write_ids(params, writes);
    batch_versions(params, writes);
    BATCH_INTS(params, writes, calls_before);
    BATCH_INTS(params, writes, calls_after);
    changed_bounds(params, writes, false);
    changed_bounds(params, writes, true);
    db_params_array_begin(params, DB_INT4);
    for (size_t i = 0; i < writes->batch_count; i++)
        for (size_t j = 0; j < writes->batches[i].changed_count; j++)
            db_params_array_int4(params, writes->batches[i].changed[j]);
    db_params_array_end(params);
}

void store_params_statuses(struct db_params *params, const struct write_set *writes)
{
    db_params_reset(params);
    db_params_array_begin(params, DB_BYTEA);
    for (size_t i = 0; i < writes->status_count; i++)
        db_params_array_bytes(params, id_slice(writes->statuses[i].batch_id));
    db_params_array_end(params);
    db_params_array_begin(params, DB_TEXT);
    for (size_t i = 0; i < writes->status_count; i++)
        db_params_array_bytes(params, writes->statuses[i].status);
    db_params_array_end(params);
    db_params_array_begin(params, DB_INT4);
    for (size_t i = 0; i < writes->status_count; i++)
        db_params_array_int4(params, writes->statuses[i].any);
    db_params_array_end(params);
    db_params_array_begin(params, DB_INT4);
    for (size_t i = 0; i < writes->status_count; i++)
        db_params_array_int4(params, writes->statuses[i].latest);
    db_params_array_end(params);
}

/* --- calls and attempts ------------------------------------------------------------------ */

static void call_values(struct db_params *params, const struct row_writes *writes)
{
    texts(params, writes, CALL_PHONE_NUMBER);
    texts(params, writes, CALL_FIELDS);
    times(params, writes, CALL_CREATED_AT);
    versions(params, writes);
}

void store_params_insert_calls(struct db_params *params, const struct row_writes *writes)
{
    db_params_reset(params);
    batch_ids(params, writes);
    call_ids(params, writes);
    positions(params, writes);
    call_values(params, writes);
}

void store_params_update_calls(struct db_params *params, const struct row_writes *writes)
{
    db_params_reset(params);
    batch_ids(params, writes);
    call_ids(params, writes);
    masks(params, writes);
    call_values(params, writes);
}

void store_params_insert_attempts(struct db_params *params, const struct row_writes *writes)
{
    db_params_reset(params);
    batch_ids(params, writes);
    positions(params, writes);
    attempts(params, writes);
    attempt_values(params, writes);
}

void store_params_update_attempts(struct db_params *params, const struct row_writes *writes)
{
    db_params_reset(params);
    batch_ids(params, writes);
    positions(params, writes);
    attempts(params, writes);
    masks(params, writes);
    attempt_values(params, writes);
}

void store_params_pending(struct db_params *params, const struct row_writes *writes)
{
    store_params_delete_pending(params, writes);
    attempt_values(params, writes);
}

void store_params_delete_pending(struct db_params *params, const struct row_writes *writes)
{
    db_params_reset(params);
    batch_ids(params, writes);
    call_ids(params, writes);
    attempts(params, writes);
}

/* --- dead letters ------------------------------------------------------------------------ */

static void letter_places(struct db_params *params, const struct store_dead_letter *letters,
                          size_t count)
{
    db_params_array_begin(params, DB_TEXT);
    for (size_t i = 0; i < count; i++)
        db_params_array_bytes(params, slice_of(letters[i].topic));
    db_params_array_end(params);
    db_params_array_begin(params, DB_INT4);
    for (size_t i = 0; i < count; i++)
        db_params_array_int4(params, letters[i].partition);
    db_params_array_end(params);
    db_params_array_begin(params, DB_INT8);
    for (size_t i = 0; i < count; i++)
        db_params_array_int8(params, letters[i].offset);
    db_params_array_end(params);
}

static void letter_contents(struct db_params *params, const struct store_dead_letter *letters,
                            size_t count)
{
    db_params_array_begin(params, DB_BYTEA);
    for (size_t i = 0; i < count; i++)
        db_params_array_bytes(params, letters[i].key);
    db_params_array_end(params);
    db_params_array_begin(params, DB_BYTEA);
    for (size_t i = 0; i < count; i++)
        db_params_array_bytes(params, letters[i].payload);
    db_params_array_end(params);
    db_params_array_begin(params, DB_TEXT);
    for (size_t i = 0; i < count; i++)
        db_params_array_bytes(params, slice_of(reject_reason_name(letters[i].rejection->reason)));
    db_params_array_end(params);
    db_params_array_begin(params, DB_TEXT);
    for (size_t i = 0; i < count; i++)
        db_params_array_bytes(params, slice_of(letters[i].rejection->detail));
    db_params_array_end(params);
}

/* First and last index (from 1) of each letter's part of the arrays of all headers. */
static void header_bounds(struct db_params *params, const struct store_dead_letter *letters,
                          size_t count, bool last)
{
    int32_t at = 0;
    db_params_array_begin(params, DB_INT4);
    for (size_t i = 0; i < count; i++) {
        int32_t first = at + 1;
        at += (int32_t)letters[i].header_count;
        db_params_array_int4(params, last ? at : first);
    }
    db_params_array_end(params);
}

static void header_column(struct db_params *params, const struct store_dead_letter *letters,
                          size_t count, bool values)
{
    db_params_array_begin(params, DB_BYTEA);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < letters[i].header_count; j++) {
            const struct message_header *header = &letters[i].headers[j];
            db_params_array_bytes(params, values ? header->value : header->name);
        }
    }
    db_params_array_end(params);
}

void store_params_dead_letters(struct db_params *params, const char *group_id,
                               const struct store_dead_letter *letters, size_t count)
{
    db_params_reset(params);
    db_params_add_bytes(params, slice_of(group_id));
    letter_places(params, letters, count);
    letter_contents(params, letters, count);
    header_bounds(params, letters, count, false);
    header_bounds(params, letters, count, true);
    header_column(params, letters, count, false);
    header_column(params, letters, count, true);
}
