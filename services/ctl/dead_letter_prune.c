/* The command that deletes dead letters nobody needs any more. */
#include "command.h"
#include "ctl_db.h"
#include "dead_letter_options.h"
#include "dead_letter_store.h"
#include "dead_letters.h"
#include "time_spec.h"

#include <inttypes.h>
#include <stdio.h>

static const struct option prune_rows[] = {
    OPTIONS_CTL_DB(struct dead_letter_options, db),
    {.flag = "until",
     .type = OPTION_TEXT,
     .offset = offsetof(struct dead_letter_options, until),
     .value_name = "T",
     .help = "those replayed or discarded before this time: 2025-01-31T00:00:00Z, or 30d ago as "
             "30d; required"},
};

static const struct option_table prune_table = {
    .program = CTL_PROGRAM,
    .synopsis = "dead-letters prune --until T [OPTIONS]",
    .summary = "Deletes dead letters that were replayed or discarded; open ones are never deleted.",
    .options = prune_rows,
    .count = ARRAY_LEN(prune_rows),
    .footer = "For a daily timer: nothing else deletes dead letters.",
};

/* In chunks: there may be millions. */
static bool prune_until(PGconn *conn, int64_t until_us, int64_t *out_total, struct error *err)
{
    enum { CHUNK = 1000 };
    int64_t deleted = CHUNK;
    *out_total = 0;
    while (deleted == CHUNK) {
        if (!dead_letter_store_prune(conn, until_us, CHUNK, &deleted, err))
            return false;
        *out_total += deleted;
    }
    return true;
}

static int prune(int argc, char **argv, const void *arg)
{
    (void)argc, (void)argv;
    const struct dead_letter_options *options = arg;
    struct error err = {0};
    int64_t until_us = 0;
    int64_t total = 0;
    if (!options->until)
        return command_misuse("dead-letters prune needs --until");
    if (!time_spec_parse_past(options->until, time_spec_now_us(), &until_us, &err))
        return command_misuse("--until: %s", err.text);
    AUTO_RELEASE(ctl_db_close) PGconn *conn = ctl_db_open(&options->db, &err);
    if (!conn)
        return ctl_db_fail(&err);
    if (!prune_until(conn, until_us, &total, &err))
        return command_fail(&err);
    printf("deleted %" PRId64 "\n", total);
    return command_finish();
}

int dead_letters_prune_command(int argc, char **argv)
{
    struct dead_letter_options options = {0};
    return command_run(&prune_table, 0, argc, argv, &options, prune);
}
