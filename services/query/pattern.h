/*
 * pattern - regular expressions from callers, in PostgreSQL's ARE dialect.
 *
 * PostgreSQL compiles them; what is refused here is what it would accept, but what could take
 * without bound (back-references) or would change what the whole pattern means (directors `***` and
 * embedded options `(?i)` at the beginning: whether case counts is the request's to say).
 */
#ifndef CALLBOARD_QUERY_PATTERN_H
#define CALLBOARD_QUERY_PATTERN_H

#include "error.h"
#include "macros.h"
#include "slice.h"

#include <stdbool.h>

#define PATTERN_MAX_BYTES 256

struct pattern {
    struct slice text; /* lent */
    bool ignores_case;
    bool is_plain; /* the same as searching for the text itself, by its bytes; where `ignores_case`,
                      with ASCII letters in either case */
};

/* ERR_REJECT, with what is wrong with the pattern ("uses a back-reference (\1)"). */
NODISCARD bool pattern_parse(struct slice text, bool ignores_case, struct pattern *out,
                             struct error *err);

#endif
