/*
 * jsonrewrite - the same JSON value in its one compact form.
 *
 * White space goes; strings are written anew by the rules of jsontext.h; numbers stay as they
 * came; a key that an object repeats (compared after unescaping, at every level) keeps its first
 * place and its last value. The result is never longer than what it was made from. An unpaired
 * surrogate and \u0000 become U+FFFD.
 *
 * Takes time in proportion to the text, however many members or duplicates an object has (times
 * the nesting, for duplicates within duplicates).
 */
#ifndef CALLBOARD_JSONREWRITE_H
#define CALLBOARD_JSONREWRITE_H

#include "arena.h"
#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was met on the way, members that were dropped as duplicates included. */
struct jsonrewrite_report {
    uint64_t replaced_nuls;
    size_t longest_number; /* bytes */
    uint32_t
        widest_exponent; /* the largest magnitude written behind an "e"; UINT32_MAX: that or more */
};

/* Called for each key of the outermost object as it is met; `key` is what stands between the
 * quotes, rewritten, and valid during the call. */
typedef void jsonrewrite_key_fn(struct slice key, void *arg);

/*
 * Rewrites the value (below 4 GiB, valid UTF-8) into the arena. `on_key` may be NULL. False when
 * the text is not JSON, or nested deeper than `max_depth` (1 to JSONSCAN_DEPTH_MAX).
 */
NODISCARD bool jsonrewrite(struct slice value, unsigned max_depth, struct arena *arena,
                           jsonrewrite_key_fn *on_key, void *arg, struct slice *out,
                           struct jsonrewrite_report *report);

#endif
