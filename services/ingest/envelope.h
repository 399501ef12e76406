/*
 * envelope - what stands around an event's data (CloudEvents 1.0, Kafka protocol binding).
 *
 * Binary mode: a header ce_specversion is there (names in any case); attributes are ce_* headers,
 * datacontenttype is the header content-type, the message's value is the data.
 * Structured mode: the message's value is one JSON object that holds attributes and data.
 */
#ifndef CALLBOARD_INGEST_ENVELOPE_H
#define CALLBOARD_INGEST_ENVELOPE_H

#include "arena.h"
#include "macros.h"
#include "message.h"
#include "payload.h"
#include "rejection.h"
#include "slice.h"

#include <stdbool.h>
#include <stdint.h>

struct envelope {
    struct slice id;
    struct slice source;
    struct slice type;     /* any text */
    struct slice time;     /* any text */
    struct slice sequence; /* SLICE_NONE when missing */
    bool has_data_base64;
    struct payload payload;
};

/*
 * Reads the envelope and takes the data apart, and judges the envelope: REJECT_NOT_UTF8 (headers;
 * the value is known to be UTF-8), REJECT_NOT_JSON, REJECT_BAD_ENVELOPE. Whether type and time mean
 * anything is left to the caller. Borrows from the message and the arena.
 */
NODISCARD bool envelope_read(const struct message *message, struct arena *arena,
                             struct envelope *out, struct rejection *rejection,
                             uint64_t *replaced_nuls);

#endif
