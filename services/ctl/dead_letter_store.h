/*
 * dead_letter_store - the SQL of `callboard-ctl dead-letters`.
 *
 * A dead letter is open until it was replayed or discarded; its row stays in any case.
 * Ownership: rows borrow from the PGresult they were read from, which the caller clears.
 */
#ifndef CALLBOARD_CTL_DEAD_LETTER_STORE_H
#define CALLBOARD_CTL_DEAD_LETTER_STORE_H

#include "error.h"
#include "macros.h"
#include "slice.h"
#include "time_spec.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which dead letters are meant. Zeroed: all that are open. */
struct dead_letter_filter {
    struct slice reason; /* SLICE_NONE: any */
    struct slice topic;
    struct optional_time since; /* received at this time or later */
    struct optional_time until; /* received before */
    bool include_closed;
    const int64_t *ids; /* NULL: any */
    size_t id_count;
};

struct dead_letter_row {
    int64_t id;
    struct slice topic;
    int32_t partition;
    int64_t offset;
    struct slice reason;
    struct slice detail;
    struct optional_time received;
    struct optional_time replayed;
    struct optional_time discarded;
};

/* What `show` adds. */
struct dead_letter_detail {
    struct dead_letter_row row;
    struct slice group;
    struct slice key;     /* SLICE_NONE: the message had none */
    struct slice payload; /* SLICE_NONE: the message had no value */
    struct slice replayed_by;
    struct slice discarded_by;
};

struct dead_letter_message {
    int64_t id;
    struct slice topic;
    struct slice key;
    struct slice payload;
};

struct dead_letter_header {
    int64_t id; /* of the dead letter */
    struct slice name;
    struct slice value; /* SLICE_NONE: the header had no value */
};

/* Up to `limit` rows that match, behind `after_id`, by ascending id. */
NODISCARD PGresult *dead_letter_store_list(PGconn *conn, const struct dead_letter_filter *filter,
                                           int64_t after_id, int64_t limit, struct error *err);
void dead_letter_store_row(const PGresult *result, int row, struct dead_letter_row *out);

/* (reason, count) of those that match, the most frequent first. */
NODISCARD PGresult *dead_letter_store_count(PGconn *conn, const struct dead_letter_filter *filter,
                                            struct error *err);

/* One dead letter in full; no row when there is none. */
NODISCARD PGresult *dead_letter_store_find(PGconn *conn, int64_t id, struct error *err);
void dead_letter_store_detail(const PGresult *result, struct dead_letter_detail *out);

/* The headers of these dead letters, by ascending id, in the order the message had them. */
NODISCARD PGresult *dead_letter_store_headers(PGconn *conn, const int64_t *ids, size_t count,
                                              struct error *err);
void dead_letter_store_header(const PGresult *result, int row, struct dead_letter_header *out);

/* Those of `ids` that cannot be replayed or discarded, each with a text that says why: (id, why).
 */
NODISCARD PGresult *dead_letter_store_unusable(PGconn *conn, const int64_t *ids, size_t count,
                                               struct error *err);

/* The newest id there is: what arrives later is not part of a replay. */
NODISCARD bool dead_letter_store_newest(PGconn *conn, int64_t *out_id, struct error *err);
/* Within a transaction: locks and reads up to `limit` open ones that match, after_id < id <=
 * newest_id. Those another session has locked are left out. */
NODISCARD PGresult *dead_letter_store_claim(PGconn *conn, const struct dead_letter_filter *filter,
                                            int64_t after_id, int64_t newest_id, int64_t limit,
                                            struct error *err);
void dead_letter_store_message(const PGresult *result, int row, struct dead_letter_message *out);
NODISCARD bool dead_letter_store_mark_replayed(PGconn *conn, const int64_t *ids, size_t count,
                                               struct slice by, struct error *err);

/* Marks the open ones that match. */
NODISCARD bool dead_letter_store_discard(PGconn *conn, const struct dead_letter_filter *filter,
                                         struct slice by, int64_t *out_count, struct error *err);

/* Deletes at most `limit` of those replayed or discarded before `until_us`; how many. */
NODISCARD bool dead_letter_store_prune(PGconn *conn, int64_t until_us, int64_t limit,
                                       int64_t *out_count, struct error *err);

#endif
