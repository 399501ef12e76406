/*
 * command - finds the command that was asked for, and what all commands end with.
 */
#ifndef CALLBOARD_CTL_COMMAND_H
#define CALLBOARD_CTL_COMMAND_H

#include "error.h"
#include "macros.h"
#include "options.h"

#include <stddef.h>

#define CTL_PROGRAM "callboard-ctl"

enum command_status { COMMAND_DONE = 0, COMMAND_FAILED = 1, COMMAND_MISUSED = 2 };

struct command {
    const char *name; /* one or two words: "migrate", "token create" */
    const char *summary;
    /* argv[0] is the command's last word; returns the exit status. */
    int (*run)(int argc, char **argv);
};

struct command_table {
    const char *summary; /* of the whole program */
    const struct command *commands;
    size_t count;
};

/* Runs the command that argv names (the longest match), or prints help. Returns the exit status. */
int command_dispatch(const struct command_table *table, int argc, char **argv);

/*
 * Parses the options into `options` (zeroed by the caller), runs the command with the arguments
 * that are left (argv[1..argc-1], at most max_arguments), and frees what parsing took. Returns the
 * exit status.
 */
int command_run(const struct option_table *table, int max_arguments, int argc, char **argv,
                void *options, int (*run)(int argc, char **argv, const void *options));

/* Prints the error on standard error; COMMAND_FAILED. */
int command_fail(const struct error *err);
/* Prints one line on standard error; COMMAND_MISUSED. */
int command_misuse(const char *format, ...) PRINTF_LIKE(1, 2);
/* What a command that succeeded returns: COMMAND_FAILED when standard output could not be written.
 */
int command_finish(void);
/* A remark for people, on standard error. */
void command_note(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
