/*
 * decode - turns a Kafka message into an event, or says why it can never be one.
 *
 * Both CloudEvents modes, every rule of the contract's section 2 that can be checked without the
 * database. What passes here is accepted by the database (text valid, numbers in range), so that a
 * refusal by the database is rare. No tree is built: the value is scanned once, numbers stay the
 * text that came.
 */
#ifndef CALLBOARD_INGEST_DECODE_H
#define CALLBOARD_INGEST_DECODE_H

#include "arena.h"
#include "event.h"
#include "macros.h"
#include "message.h"
#include "rejection.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decodes. The event (and what it points to) lives in `arena` or in the message. On false
 * `rejection` is filled; of several reasons it gives the first in the order of enum reject_reason.
 * `*replaced_nuls` is increased by the number of \u0000 that became U+FFFD; a rejected message
 * counts none.
 */
NODISCARD bool decode_message(const struct message *message, size_t max_value_bytes,
                              struct arena *arena, const struct event **out_event,
                              struct rejection *rejection, uint64_t *replaced_nuls);

#endif
