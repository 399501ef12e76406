/*
 * store - the ingest's side of PostgreSQL: all its SQL, and the transaction that stores a
 * micro-batch.
 *
 * Where the last transactions left all that it concerns (recent_calls.h), a transaction takes one
 * round trip, one pipeline group:
 *
 *      - reconcile() decides what to write -
 *      BEGIN; move the offsets (fenced by epoch) and lock the batches, both or an error where
 *      anything is not as it was left; the writes; COMMIT.
 *
 * After that error, and where something is not known, it takes two:
 *
 *   1. BEGIN; move the offsets; lock the batches; read the calls that are not known.
 *      - reconcile() -
 *   2. the writes; COMMIT.
 *
 * (A round trip between reads attempts that wait for their call, when a batch has any, and calls
 * of batches that turned out to be changed.)
 *
 * One transaction is under way at a time. While its COMMIT is awaited, the next one can be prepared
 * as if that had been answered already, so that nothing is left to be done between the two but to
 * send it. Should it not be committed, what was prepared is thrown away.
 *
 * Ownership: requests are borrowed until their callback. Threads: the event loop's.
 * Callbacks: exactly one per accepted request, never before the call returns.
 */
#ifndef CALLBOARD_INGEST_STORE_H
#define CALLBOARD_INGEST_STORE_H

#include "db_conn.h"
#include "decode.h"
#include "error.h"
#include "fold.h"
#include "macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct store;

struct store_config {
    const char *database_url;
    const char *group_id;
    const char *owner; /* who claims partitions: host and process, for people */
    /* COMMIT does not wait until it is on disk. A crash of the server then takes rows and offsets
     * back together, and the loss of the connection that comes with it makes the owner read both
     * again. */
    bool commits_without_flush;
    size_t recent_bytes; /* for what is not to be read again; see recent_calls_new() */
};

/* Where a partition stands; `topic` is borrowed. */
struct store_offset {
    const char *topic;
    int32_t partition;
    int64_t epoch;
    int64_t expected;    /* the stored offset that the transaction starts from; -1: none yet */
    int64_t next_offset; /* the one it moves to */
    int64_t fingerprint; /* of the message before next_offset */
};

/* The one of that partition, or NULL. */
const struct store_offset *store_offset_find(const struct store_offset *offsets, size_t count,
                                             const char *topic, int32_t partition);

struct store_dead_letter {
    const char *topic;
    int32_t partition;
    int64_t offset;
    struct slice key; /* SLICE_NONE: none */
    struct slice payload;
    const struct message_header *headers;
    size_t header_count;
    const struct rejection *rejection;
};

struct store_transaction {
    const struct store_offset *offsets; /* ascending by topic and partition */
    size_t offset_count;
    const struct fold *fold; /* finished */
    const struct store_dead_letter *dead_letters;
    size_t dead_letter_count;
};

enum store_outcome {
    STORE_COMMITTED,
    STORE_FENCED,    /* rolled back: a partition is another process's now; see `moved` */
    STORE_REFUSED,   /* rolled back: the database will never take this (ERR_REJECT) */
    STORE_FAILED,    /* rolled back or never sent: try again */
    STORE_UNCERTAIN, /* the COMMIT's answer was lost: ask store_read_offsets() */
};

struct store_result {
    enum store_outcome outcome;
    const struct error *err; /* unless committed or fenced */
    const bool *moved;       /* STORE_FENCED: for each offset given, whether it is still ours */
    size_t rows_written;
    size_t batches_changed;
    bool was_prepared;     /* by store_prepare() */
    size_t calls_recalled; /* known without asking */
    size_t calls_read;
};

typedef void store_done_fn(const struct store_result *result, void *arg);
/* `offsets` with epoch and next_offset as stored, after a claim with the fingerprint, too
 * (FINGERPRINT_UNKNOWN where none is stored); NULL with `err` when the question failed. */
typedef void store_offsets_fn(const struct store_offset *offsets, size_t count,
                              const struct error *err, void *arg);

struct store_observer {
    void (*on_ready)(void *arg);
    void (*on_lost)(const struct error *err, void *arg);
};

struct store *store_new(struct event_base *base, const struct store_config *config,
                        const struct store_observer *observer, void *arg);
/* What is under way is not heard of any more. */
void store_free(struct store **store);

/* Connected and no request under way. */
bool store_is_idle(const struct store *store);
bool store_is_ready(const struct store *store);
/* "" when connected, else the connection's state and last error. */
const char *store_problem(const struct store *store);
/* These four need store_is_idle(). */
void store_write(struct store *store, const struct store_transaction *txn, store_done_fn *fn,
                 void *arg);
/*
 * Makes the partitions this process's: raises each one's epoch, which fences whoever held it, and
 * reads where it stands. Waits for an open transaction of the former holder. Only topic and
 * partition of `wanted` are read.
 */
void store_claim(struct store *store, const struct store_offset *wanted, size_t count,
                 store_offsets_fn *fn, void *arg);
/* Reads where the partitions stand, changing nothing. */
void store_read_offsets(struct store *store, const struct store_offset *wanted, size_t count,
                        store_offsets_fn *fn, void *arg);
/* Deletes a bounded number of change-log rows that are older than readers may ask for; the store
 * stays idle meanwhile. */
typedef void store_pruned_fn(bool may_have_more, void *arg);
void store_prune(struct store *store, store_pruned_fn *fn, void *arg);

/* While a transaction is being written: works out `txn`, the one that store_write() is to be given
 * next, as far as that can be done without reading anything. `expected` of its offsets is not
 * looked at yet. Where it cannot be done, or the one being written is not committed, store_write()
 * does what is left to do. `txn` is borrowed until then, unless store_forget_prepared() comes
 * first. */
void store_prepare(struct store *store, const struct store_transaction *txn);
/* Call it when the transaction that was prepared changes, or goes. */
void store_forget_prepared(struct store *store);

#endif
