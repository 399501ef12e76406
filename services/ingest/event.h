/*
 * event - a decoded CloudEvent of the dialer.
 *
 * Ownership: texts point into the message it was decoded from, or into the arena given to the
 * decoder.
 */
#ifndef CALLBOARD_INGEST_EVENT_H
#define CALLBOARD_INGEST_EVENT_H

#include "entity.h"
#include "object_id.h"
#include "version.h"

#include <stdint.h>

struct event {
    struct object_id batch_id;
    struct object_id call_id; /* ENTITY_CALL, ENTITY_ATTEMPT */
    int32_t attempt;          /* ENTITY_ATTEMPT */
    struct version version;
    struct entity entity; /* the fields that the event gave, each pointing to `version` above */
};

#endif
