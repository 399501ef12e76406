/*
 * option_flags - what the command line says, before the environment and the defaults are asked.
 *
 * Ownership: texts are borrowed from argv.
 */
#ifndef CALLBOARD_OPTION_FLAGS_H
#define CALLBOARD_OPTION_FLAGS_H

#include "error.h"
#include "macros.h"
#include "options.h"

#include <stddef.h>

/* What the flags of one option say. */
struct option_setting {
    const char **values; /* in order; the last one counts, but for a list */
    size_t count;
    const char *file; /* of --name-file, or NULL */
};

struct option_flags {
    struct option_setting *settings; /* one for each option of the table */
    size_t count;
    int kept; /* arguments that are no flags, the program's name included */
};

/* Reads the flags, and moves the arguments that are none to argv[1..kept-1]. OPTIONS_EXIT behind
 * --help and --version, which it prints on standard output; OPTIONS_BAD with ERR_FATAL on misuse.
 * Values are not looked at. Whatever it returns, option_flags_done() is due. */
NODISCARD enum options_result option_flags_read(const struct option_table *table, int argc,
                                                char **argv, struct option_flags *flags,
                                                struct error *err);
void option_flags_done(struct option_flags *flags);

#endif
