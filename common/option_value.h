/*
 * option_value - the value of one option, by its type: what it accepts, from text into the field of
 * the program's config struct, and back into text that may be shown.
 *
 * Ownership: texts and lists in the field are copies; option_value_free() frees them.
 */
#ifndef CALLBOARD_OPTION_VALUE_H
#define CALLBOARD_OPTION_VALUE_H

#include "buf.h"
#include "error.h"
#include "macros.h"
#include "options.h"

#include <stdbool.h>
#include <stddef.h>

#define OPTION_TEXT_BYTES_MAX ((size_t)64 * 1024) /* of what is printed or logged */

/* Sets the option's field from what the user wrote; a list is added to. A text that is there
 * already is replaced, not freed. False with ERR_FATAL for what the option does not accept: the
 * message begins with `name`, which is how the user gave it (the flag or the variable), and shows
 * the value on one line, cut, without secrets. */
NODISCARD bool option_value_set(const struct option *option, const char *name, const char *value,
                                void *config, struct error *err);

/* Frees what the field holds and zeroes it; a number stays. May be called twice. */
void option_value_free(const struct option *option, void *config);

/* Appends the field's value as it may be shown: of a secret only that there is one, and nothing
 * for what was not given. */
void option_value_append(struct buf *out, const struct option *option, const void *config);

/* Whether the option is a number with a bound. */
bool option_value_has_range(const struct option *option);
/* "1 to 1000", "1 or more", "up to 1000"; nothing without a bound. Sizes as "64 KiB". */
void option_value_append_range(struct buf *out, const struct option *option);
/* "one of error, warn, info, debug", for an OPTION_CHOICE. */
void option_value_append_choices(struct buf *out, const struct option *option);

#endif
