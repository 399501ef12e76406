/*
 * assignment - the partitions this process holds, and where each of them stands.
 *
 * A partition is asked for by the group protocol, claimed in the database (epoch, stored offset),
 * verified (the last message stored must still be the one in Kafka), then active. One whose epoch
 * was raised by another process is fenced, one that Kafka can not serve from the stored offset is
 * refused: both are read no further.
 *
 * Ownership: the assignment owns its partitions; pointers are valid until the partition is removed.
 */
#ifndef CALLBOARD_INGEST_ASSIGNMENT_H
#define CALLBOARD_INGEST_ASSIGNMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum partition_state {
    PARTITION_CLAIMING,
    PARTITION_VERIFYING, /* read from one message before the stored offset, which is compared */
    PARTITION_STALLED,   /* that message is gone: to be started again at the stored offset */
    PARTITION_ACTIVE,
    PARTITION_FENCED,
    PARTITION_REFUSED,
    PARTITION_STATE_COUNT
};

struct partition {
    char *topic;
    int32_t number;
    enum partition_state state;
    int64_t epoch;
    int64_t stored_offset; /* next offset according to the last committed transaction; -1: none */
    int64_t fingerprint;   /* of the last message stored, as claimed; see fingerprint.h */
    int64_t read_offset;   /* what comes below has been read already */
    int64_t high_offset;   /* the broker's high watermark as last heard, -1: not known */
    char reason[200];      /* why refused, for readiness */
};

struct assignment;

struct assignment *assignment_new(void);
void assignment_free(struct assignment **assignment);

/* Adds the partition in state CLAIMING, or returns the one that is there. */
struct partition *assignment_add(struct assignment *assignment, const char *topic, int32_t number);
void assignment_remove(struct assignment *assignment, const char *topic, int32_t number);
void assignment_clear(struct assignment *assignment);
/* NULL when it is not ours. Cheap for runs of the same partition. */
struct partition *assignment_find(struct assignment *assignment, const char *topic, int32_t number);
size_t assignment_count(const struct assignment *assignment);
struct partition *assignment_at(const struct assignment *assignment, size_t index);

const char *partition_state_name(enum partition_state state);

#endif
