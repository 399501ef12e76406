/*
 * dynamic_fields - a call's `fields`: any JSON object, kept as compact text.
 */
#ifndef CALLBOARD_INGEST_DYNAMIC_FIELDS_H
#define CALLBOARD_INGEST_DYNAMIC_FIELDS_H

#include "arena.h"
#include "macros.h"
#include "rejection.h"
#include "slice.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Rewrites the text of a JSON object (see jsonrewrite.h) into the arena. Rejects numbers, at any
 * depth, that are longer than 1,000 characters or have an exponent beyond +-9,999 (bad-field), and
 * keys at top level that are members of the answer (reserved-key).
 */
NODISCARD bool dynamic_fields_rewrite(struct slice object, struct arena *arena, struct slice *out,
                                      struct rejection *rejection, uint64_t *replaced_nuls);

#endif
