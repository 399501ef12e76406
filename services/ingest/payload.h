/*
 * payload - the `data` of an event, taken apart into the members that the dialer's events know.
 *
 * Nothing is judged here but JSON: which members an event needs follows from its type, which may
 * stand behind the data.
 */
#ifndef CALLBOARD_INGEST_PAYLOAD_H
#define CALLBOARD_INGEST_PAYLOAD_H

#include "jsonscan.h"
#include "macros.h"

#include <stdbool.h>

enum payload_member {
    PAYLOAD_BATCH_ID,
    PAYLOAD_CALL_ID,
    PAYLOAD_ATTEMPT,
    PAYLOAD_OWNER_ID,
    PAYLOAD_BATCH_NAME,
    PAYLOAD_BATCH_STATUS,
    PAYLOAD_PHONE_NUMBER,
    PAYLOAD_FIELDS,
    PAYLOAD_CALL_STATUS,
    PAYLOAD_CALL_DURATION,
    PAYLOAD_RECORDING_URL,
    PAYLOAD_TRANSCRIPT,
    PAYLOAD_CREATED_AT,
    PAYLOAD_MEMBER_COUNT
};

struct payload {
    enum jsonscan_type type; /* of the data as a whole; JSONSCAN_NONE: there is none */
    struct jsonscan_value members[PAYLOAD_MEMBER_COUNT]; /* type JSONSCAN_NONE: missing */
};

/* Reads the value that comes next. The last of repeated members stands. False on a syntax error. */
NODISCARD bool payload_read(struct jsonscan *scan, struct payload *out);

/* As the member is spelled: "callDuration". */
const char *payload_member_name(enum payload_member member);

/* Whether the member is missing or null, which mean the same. */
bool payload_is_absent(const struct payload *payload, enum payload_member member);

#endif
