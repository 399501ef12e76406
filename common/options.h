/*
 * options - one table per program drives flags, environment, --help, the start-up log line and the
 * README's configuration section (a test compares them).
 *
 * Order of precedence: flag, environment, default. The last of several flags counts; an empty
 * variable counts as not given. A secret option NAME may also come as NAME_FILE (flag
 * --name-file): the file's content without trailing newlines.
 * `--name value`, `--name=value`; a flag is the environment name in lower case with dashes unless
 * the table says otherwise. `--help` and `--version` are handled here.
 */
#ifndef CALLBOARD_OPTIONS_H
#define CALLBOARD_OPTIONS_H

#include "error.h"
#include "macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type {
    OPTION_TEXT,   /* const char * */
    OPTION_INT,    /* int64_t within min..max */
    OPTION_BYTES,  /* int64_t within min..max; accepts KiB, MiB, GiB (also k, m, g) behind it */
    OPTION_BOOL,   /* bool: a bare flag, or true/false/1/0/yes/no in the environment */
    OPTION_CHOICE, /* int: index into choices (given in any case) */
    OPTION_LIST,   /* struct option_list: a flag that may be repeated. With an environment variable,
                      commas separate items (in the flag's value too); without one, a
                      flag's value is one item */
};

struct option_list {
    const char **items;
    size_t count;
};

struct option {
    const char *flag; /* "http-listen"; one letter makes a short flag; NULL: from env */
    const char *env;  /* environment variable, or NULL */
    enum option_type type;
    bool secret;                /* hidden in the start-up line; NAME_FILE is accepted */
    size_t offset;              /* of the field in the program's config struct */
    const char *default_text;   /* as the user would write it; NULL is "not given" (zero value) */
    int64_t min, max;           /* OPTION_INT, OPTION_BYTES */
    const char *const *choices; /* NULL-terminated, OPTION_CHOICE */
    const char *value_name;     /* for --help: "HOST:PORT" */
    const char *help;           /* one line */
};

struct option_table {
    const char *program;  /* "callboard-query" */
    const char *synopsis; /* behind the program's name in --help */
    const char *summary;  /* one sentence */
    const struct option *options;
    size_t count;
    const char *footer; /* printed at the end of --help, or NULL */
};

enum options_result {
    OPTIONS_OK,
    OPTIONS_EXIT, /* --help or --version was printed: exit 0 */
    OPTIONS_BAD,  /* misuse: print err->text on standard error, exit 2 */
};

/*
 * Fills `config` (a struct of the program, zeroed by the caller). Arguments that are no flags are
 * left, in order, in argv[1..*argc-1]; everything after `--` is one of them. Texts and
 * lists are copies that live until options_done(), which frees what stands in the config then: do
 * not put other pointers there. On OPTIONS_BAD and OPTIONS_EXIT nothing is left to free.
 */
NODISCARD enum options_result options_parse(const struct option_table *table, int *argc,
                                            char **argv, void *config, struct error *err);

/* Frees what options_parse() allocated for this config. */
void options_done(const struct option_table *table, void *config);

void options_print_help(const struct option_table *table, FILE *out);
/* Markdown rows `| VARIABLE | default | help |`, the ones README carries. */
void options_print_markdown(const struct option_table *table, FILE *out);
/* One log line with every option's value; secrets as "***" when set. A `password` inside a
 * connection string or URL is hidden too. */
void options_log(const struct option_table *table, const void *config);

/* The main() of every program begins with this: parses, prints the error, and exits where
 * OPTIONS_EXIT or OPTIONS_BAD says so. */
void options_parse_or_exit(const struct option_table *table, int *argc, char **argv, void *config);

/* Logging options that all programs share; put at the head of a table with the offsets of a
 * `struct log_options` in the config. */
struct log_options {
    int level;
    int format;
};
extern const char *const options_log_levels[];
extern const char *const options_log_formats[];
#define OPTIONS_LOG(config_type, member)                                                           \
    {.flag = "log-level",                                                                          \
     .env = "LOG_LEVEL",                                                                           \
     .type = OPTION_CHOICE,                                                                        \
     .offset = offsetof(config_type, member) + offsetof(struct log_options, level),                \
     .default_text = "info",                                                                       \
     .choices = options_log_levels,                                                                \
     .value_name = "LEVEL",                                                                        \
     .help = "error, warn, info or debug"},                                                        \
    {                                                                                              \
        .flag = "log-format", .env = "LOG_FORMAT", .type = OPTION_CHOICE,                          \
        .offset = offsetof(config_type, member) + offsetof(struct log_options, format),            \
        .default_text = "logfmt", .choices = options_log_formats, .value_name = "FORMAT",          \
        .help = "logfmt or json"                                                                   \
    }

/* DATABASE_URL, for every program that talks to PostgreSQL. Empty: libpq's own PG* variables. */
#define OPTIONS_DATABASE(config_type, member)                                                      \
    {                                                                                              \
        .flag = "database-url", .env = "DATABASE_URL", .type = OPTION_TEXT,                        \
        .offset = offsetof(config_type, member), .default_text = "", .secret = true,               \
        .value_name = "URL",                                                                       \
        .help = "PostgreSQL connection string or URL; empty: libpq's own PG* variables"            \
    }

#endif
