/*
 * option_name - how an option is called: on the command line, in messages, in the log line.
 */
#ifndef CALLBOARD_OPTION_NAME_H
#define CALLBOARD_OPTION_NAME_H

#include "options.h"

#define OPTION_NAME_BYTES 64 /* the NUL included; the tables' names keep within it (asserted) */

struct option_name {
    char text[OPTION_NAME_BYTES];
};

/* The three, one behind the other. */
struct option_name option_name_join(const char *prefix, const char *stem, const char *suffix);
/* "http-listen", from the table or from "HTTP_LISTEN". */
struct option_name option_name_stem(const struct option *option);
/* "--http-listen" or "-X", with `suffix` ("-file", or "") behind. */
struct option_name option_name_flag(const struct option *option, const char *suffix);

#endif
