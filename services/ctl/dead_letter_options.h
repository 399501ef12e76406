/*
 * dead_letter_options - what the commands of `callboard-ctl dead-letters` are told, and by it which
 * dead letters are meant.
 */
#ifndef CALLBOARD_CTL_DEAD_LETTER_OPTIONS_H
#define CALLBOARD_CTL_DEAD_LETTER_OPTIONS_H

#include "ctl_db.h"
#include "dead_letter_store.h"
#include "error.h"
#include "kafka_client.h"
#include "macros.h"
#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One struct for all of them; each has a table with the rows that it takes. */
struct dead_letter_options {
    struct ctl_db_options db;
    struct kafka_options kafka;
    const char *reason;
    const char *topic;
    const char *since;
    const char *until;
    bool all;
    int64_t limit;
    bool json;
    bool raw;
    bool key;
};

#define OPTIONS_FILTER                                                                             \
    {.flag = "reason",                                                                             \
     .type = OPTION_TEXT,                                                                          \
     .offset = offsetof(struct dead_letter_options, reason),                                       \
     .value_name = "R",                                                                            \
     .help = "only those with this reason"},                                                       \
        {.flag = "topic",                                                                          \
         .type = OPTION_TEXT,                                                                      \
         .offset = offsetof(struct dead_letter_options, topic),                                    \
         .value_name = "T",                                                                        \
         .help = "only those from this topic"},                                                    \
        {.flag = "since",                                                                          \
         .type = OPTION_TEXT,                                                                      \
         .offset = offsetof(struct dead_letter_options, since),                                    \
         .value_name = "T",                                                                        \
         .help =                                                                                   \
             "only those received at this time or later: 2025-01-31T00:00:00Z, or 2h ago as 2h"},  \
    {                                                                                              \
        .flag = "until", .type = OPTION_TEXT,                                                      \
        .offset = offsetof(struct dead_letter_options, until), .value_name = "T",                  \
        .help = "only those received before this time"                                             \
    }

#define OPTION_ALL(meaning)                                                                        \
    {                                                                                              \
        .flag = "all", .type = OPTION_BOOL, .offset = offsetof(struct dead_letter_options, all),   \
        .help = (meaning)                                                                          \
    }

#define OPTION_JSON                                                                                \
    {                                                                                              \
        .flag = "json", .type = OPTION_BOOL, .offset = offsetof(struct dead_letter_options, json), \
        .help = "one JSON object a line"                                                           \
    }

/* A positive decimal number. */
NODISCARD bool dead_letter_parse_id(const char *text, int64_t *out);

/* The conditions given, on open dead letters. ERR_REJECT for a time that is none. */
NODISCARD bool dead_letter_make_filter(const struct dead_letter_options *options,
                                       struct dead_letter_filter *out, struct error *err);

/* For commands that change something: either ids (argv[1..argc-1]; `ids` has room for argc) or
 * conditions, never "all" by saying nothing. ERR_REJECT otherwise. The filter borrows `ids`. */
NODISCARD bool dead_letter_make_selection(const struct dead_letter_options *options, int argc,
                                          char **argv, int64_t *ids, struct dead_letter_filter *out,
                                          struct error *err);

#endif
