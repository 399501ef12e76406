/*
 * entity - a batch, a call or an attempt as a set of fields that each know which event set them,
 * and the one rule by which two of them become one.
 *
 * An event is an entity that holds only what the event said; a folded micro-batch and a stored row
 * are entities too. entity_merge() is the only place where the merge rules of the contract stand,
 * and because it is commutative, associative and idempotent, any order and grouping of events ends
 * in the same entity.
 *
 * Ownership: texts and versions are borrowed from the message, an arena or a PGresult.
 */
#ifndef CALLBOARD_INGEST_ENTITY_H
#define CALLBOARD_INGEST_ENTITY_H

#include "slice.h"
#include "version.h"

#include <stdbool.h>
#include <stdint.h>

enum entity_kind { ENTITY_BATCH, ENTITY_CALL, ENTITY_ATTEMPT };

enum batch_field { BATCH_OWNER_ID, BATCH_NAME, BATCH_STATUS, BATCH_CREATED_AT, BATCH_FIELD_COUNT };
enum call_field { CALL_PHONE_NUMBER, CALL_FIELDS, CALL_CREATED_AT, CALL_FIELD_COUNT };
enum attempt_field {
    ATTEMPT_STATUS, /* compared by (rank, version), see status_rank() */
    ATTEMPT_DURATION,
    ATTEMPT_RECORDING_URL,
    ATTEMPT_TRANSCRIPT,
    ATTEMPT_CREATED_AT,
    ATTEMPT_FIELD_COUNT
};
#define ENTITY_FIELDS_MAX 5

struct field {
    const struct version *version; /* NULL: not known, and then the value means nothing */
    struct slice text;             /* every field but the two below */
    int64_t number; /* CREATED_AT: microseconds since the Unix epoch (whole milliseconds);
                       DURATION: milliseconds */
};

struct entity {
    enum entity_kind kind;
    struct field fields[ENTITY_FIELDS_MAX];
};

/* How many fields this kind has. */
int entity_field_count(enum entity_kind kind);

/* Merges `from` into `into` (same kind). Returns the set of fields (bit = field number) that `from`
 * replaced, the version included; 0 when `from` said nothing new. */
unsigned entity_merge(struct entity *into, const struct entity *from);

/*
 * A status's rank: queued 0, initiated 1, ringing 2, in-progress 3, every other 4 (final).
 * `status` is normalised.
 */
int status_rank(struct slice status);
#define STATUS_RANK_FINAL 4

#endif
