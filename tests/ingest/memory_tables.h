/*
 * memory_tables - the tables that reconcile() reads and writes, in memory: enough of a database to
 * run micro-batches one after the other without one.
 */
#ifndef CALLBOARD_TESTS_MEMORY_TABLES_H
#define CALLBOARD_TESTS_MEMORY_TABLES_H

#include "recent_calls.h"
#include "reconcile.h"

#include <stdbool.h>

#define MEMORY_ROWS_MAX 512

struct memory_row {
    struct object_id batch_id;
    struct object_id call_id;
    int32_t position;
    int32_t attempt;
    struct slice versions;
    struct entity values; /* a field is known when its version is not NULL */
    bool is_gone;
};

struct memory_table {
    struct memory_row rows[MEMORY_ROWS_MAX];
    size_t count;
};

struct memory_batch {
    struct object_id batch_id;
    struct stored_batch stored;
    struct entity values;
    int32_t finished;
};

struct memory_status {
    struct object_id batch_id;
    struct slice status;
    int32_t any;
    int32_t latest;
};

struct memory_tables {
    struct arena arena; /* everything stored is copied here */
    struct memory_batch batches[8];
    size_t batch_count;
    struct memory_table calls;
    struct memory_table attempts;
    struct memory_table pending;
    struct memory_status statuses[256];
    size_t status_count;
    struct recent_calls *recent; /* the test's; NULL: the next transaction is another process's */
    size_t recalled;             /* calls that it knew */
    size_t recalled_pending;     /* those of them for which attempts wait */
};

void memory_tables_init(struct memory_tables *tables);
void memory_tables_done(struct memory_tables *tables);
/* One transaction: reads, reconciles, writes. Asserts that inserts are new, that updates find their
 * row, and that what `recent` knows is what is stored. */
void memory_tables_store(struct memory_tables *tables, struct fold *fold);

struct memory_batch *memory_batch_find(struct memory_tables *tables, const struct object_id *id);
struct memory_row *memory_row_find(struct memory_table *table, const struct object_id *batch_id,
                                   const struct object_id *call_id, int32_t position,
                                   int32_t attempt);
/* Recounts the batch and asserts that every counter says the same. */
void memory_tables_recount(struct memory_tables *tables, const struct object_id *batch_id);

#endif
