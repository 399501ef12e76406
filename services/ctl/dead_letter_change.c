/* The commands that change dead letters: replay and discard. */
#include "alloc.h"
#include "command.h"
#include "ctl_db.h"
#include "db_value.h"
#include "dead_letter_options.h"
#include "dead_letter_replay.h"
#include "dead_letter_store.h"
#include "dead_letters.h"
#include "producer.h"

#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct option replay_rows[] = {
    OPTIONS_CTL_DB(struct dead_letter_options, db),
    OPTIONS_KAFKA(struct dead_letter_options, kafka),
    OPTIONS_FILTER,
    OPTION_ALL("every open one"),
};

static const struct option_table replay_table = {
    .program = CTL_PROGRAM,
    .synopsis = "dead-letters replay ID... | --reason R | --all [OPTIONS]",
    .summary =
        "Produces dead letters to their topics again, exactly as they were, and marks them as "
        "replayed once the broker has them.",
    .options = replay_rows,
    .count = ARRAY_LEN(replay_rows),
    .footer = "One that still cannot be applied comes back as a new dead letter.",
};

static const struct option discard_rows[] = {
    OPTIONS_CTL_DB(struct dead_letter_options, db),
    OPTIONS_FILTER,
    OPTION_ALL("every open one"),
};

static const struct option_table discard_table = {
    .program = CTL_PROGRAM,
    .synopsis = "dead-letters discard ID... | --reason R | --all [OPTIONS]",
    .summary = "Marks dead letters as discarded; their rows are kept.",
    .options = discard_rows,
    .count = ARRAY_LEN(discard_rows),
};

/* Tells which of the ids given cannot be used, and how many. */
static bool report_unusable(PGconn *conn, const struct dead_letter_filter *filter,
                            size_t *out_count, struct error *err)
{
    *out_count = 0;
    if (!filter->ids)
        return true;
    AUTO_RELEASE(ctl_db_clear)
    PGresult *result = dead_letter_store_unusable(conn, filter->ids, filter->id_count, err);
    if (!result)
        return false;
    *out_count = (size_t)PQntuples(result);
    for (int row = 0; row < PQntuples(result); row++) {
        struct slice why = db_value_bytes(result, row, 1);
        command_note("dead letter %" PRId64 ": %.*s", db_value_int8(result, row, 0), (int)why.len,
                     why.data);
    }
    return true;
}

/* user@host: who replayed or discarded. */
static void who_am_i(char *out, size_t size)
{
    char host[HOST_NAME_MAX + 1] = "";
    const struct passwd *user = getpwuid(geteuid());
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    if (user)
        (void)snprintf(out, size, "%s@%s", user->pw_name, host);
    else
        (void)snprintf(out, size, "%u@%s", (unsigned)geteuid(), host);
}

typedef int act_fn(PGconn *conn, const struct dead_letter_options *options,
                   const struct dead_letter_filter *filter, struct slice by);

/* What both begin with. */
static int select_and_act(const struct dead_letter_options *options, int argc, char **argv,
                          act_fn *act)
{
    char by[HOST_NAME_MAX + LOGIN_NAME_MAX + 2];
    struct dead_letter_filter filter;
    struct error err = {0};
    int64_t *ids = alloc_zeroed((size_t)argc, sizeof(*ids));
    int status = COMMAND_MISUSED;
    who_am_i(by, sizeof(by));
    if (!dead_letter_make_selection(options, argc, argv, ids, &filter, &err)) {
        status = command_misuse("%s", err.text);
    } else {
        AUTO_RELEASE(ctl_db_close) PGconn *conn = ctl_db_open(&options->db, &err);
        status = conn ? act(conn, options, &filter, slice_of(by)) : ctl_db_fail(&err);
    }
    free(ids);
    return status;
}

static int replay_with(PGconn *conn, struct producer *producer,
                       const struct dead_letter_filter *filter, struct slice by)
{
    struct replay_result result = {0, 0};
    struct error err = {0};
    size_t unusable = 0;
    bool ok = report_unusable(conn, filter, &unusable, &err) &&
              dead_letter_replay(conn, producer, filter, by, &result, &err);
    printf("replayed %zu, failed %zu\n", result.replayed, result.failed + unusable);
    if (!ok)
        return command_fail(&err);
    int status = command_finish();
    return result.failed + unusable > 0 ? COMMAND_FAILED : status;
}

static int act_replay(PGconn *conn, const struct dead_letter_options *options,
                      const struct dead_letter_filter *filter, struct slice by)
{
    struct error err = {0};
    struct producer *producer = producer_new(&options->kafka, &err);
    if (!producer)
        return err.kind == ERR_REJECT ? command_misuse("%s", err.text) : command_fail(&err);
    int status = replay_with(conn, producer, filter, by);
    producer_free(&producer);
    return status;
}

static int replay(int argc, char **argv, const void *arg)
{
    return select_and_act(arg, argc, argv, act_replay);
}

int dead_letters_replay_command(int argc, char **argv)
{
    struct dead_letter_options options = {0};
    return command_run(&replay_table, INT_MAX - 1, argc, argv, &options, replay);
}

static int act_discard(PGconn *conn, const struct dead_letter_options *options,
                       const struct dead_letter_filter *filter, struct slice by)
{
    (void)options;
    struct error err = {0};
    size_t unusable = 0;
    int64_t discarded = 0;
    if (!report_unusable(conn, filter, &unusable, &err) ||
        !dead_letter_store_discard(conn, filter, by, &discarded, &err))
        return command_fail(&err);
    printf("discarded %" PRId64 "\n", discarded);
    int status = command_finish();
    return unusable > 0 ? COMMAND_FAILED : status;
}

static int discard(int argc, char **argv, const void *arg)
{
    return select_and_act(arg, argc, argv, act_discard);
}

int dead_letters_discard_command(int argc, char **argv)
{
    struct dead_letter_options options = {0};
    return command_run(&discard_table, INT_MAX - 1, argc, argv, &options, discard);
}
