#include "migrate.h"

#include "bootstrap.h"
#include "command.h"
#include "ctl_db.h"
#include "migrate_store.h"
#include "migration_plan.h"
#include "migrations.h"

#include <stdio.h>
#include <stdlib.h>

struct migrate_options {
    struct ctl_db_options db;
    int64_t lock_timeout_s;
    bool dry_run;
};

static const struct option option_rows[] = {
    OPTIONS_CTL_DB(struct migrate_options, db),
    {.flag = "lock-timeout",
     .type = OPTION_INT,
     .offset = offsetof(struct migrate_options, lock_timeout_s),
     .default_text = "60",
     .min = 1,
     .max = 86400,
     .value_name = "SECONDS",
     .help = "how long to wait for another migration, and for locks on tables"},
    {.flag = "dry-run",
     .type = OPTION_BOOL,
     .offset = offsetof(struct migrate_options, dry_run),
     .help = "change nothing, tell what would be done"},
};

static const struct option_table migrate_table = {
    .program = CTL_PROGRAM,
    .synopsis = "migrate [OPTIONS]",
    .summary =
        "Brings the database's schema to this program's version: roles and schema first, then "
        "each pending migration in a transaction of its own.",
    .options = option_rows,
    .count = ARRAY_LEN(option_rows),
    .footer =
        "Connect as a superuser, as a role with CREATEROLE and CREATE on the database, or, when "
        "the roles are there, as callboard_owner.",
};

static const struct option_table status_table = {
    .program = CTL_PROGRAM,
    .synopsis = "migrate status [OPTIONS]",
    .summary = "Tells the schema's version and which migrations are pending. Changes nothing.",
    .options = option_rows,
    .count = ARRAY_LEN(option_rows) - 1, /* without --dry-run */
};

/* The rows of callboard.migration and what keeps their texts. */
struct history {
    struct applied_migration *applied;
    size_t count;
    PGresult *result;
};

static void history_done(struct history *history)
{
    free(history->applied);
    PQclear(history->result);
}

static int newest_known(void)
{
    return migrations[migrations_count - 1].number;
}

/* --- before the first migration ------------------------------------------------------------- */

static int refuse_bootstrap(const struct bootstrap_facts *facts, const struct bootstrap_plan *plan)
{
    (void)fprintf(stderr,
                  CTL_PROGRAM
                  ": role %s may not prepare database %s; a database administrator has to "
                  "run there:\n\n",
                  facts->user, facts->database);
    for (size_t i = 0; i < plan->count; i++)
        (void)fprintf(stderr, "%s;\n", plan->steps[i].sql);
    (void)fputs("\nThen run this command again.\n", stderr);
    return COMMAND_FAILED;
}

static bool take_step(PGconn *conn, const struct bootstrap_step *step, struct error *err)
{
    if (migrate_store_step(conn, step, err)) {
        printf("ran: %s\n", step->sql);
        return true;
    }
    if (!step->is_optional)
        return false;
    command_note("skipped, not needed by callboard itself: %s: %s", step->sql, err->text);
    return true;
}

static bool take_steps(PGconn *conn, const struct bootstrap_plan *plan, struct error *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (!take_step(conn, &plan->steps[i], err))
            return false;
    }
    return true;
}

/* --- migrations ----------------------------------------------------------------------------- */

static bool apply_pending(PGconn *conn, size_t first, struct error *err)
{
    if (first == migrations_count)
        printf("already at version %d\n", newest_known());
    for (size_t i = first; i < migrations_count; i++) {
        struct error cause;
        if (!migrate_store_apply(conn, &migrations[i], &cause))
            return error_set(err, cause.kind, "migration %03d (%s) failed and was rolled back: %s",
                             migrations[i].number, migrations[i].name, cause.text);
        printf("applied %03d %s\n", migrations[i].number, migrations[i].name);
    }
    if (first < migrations_count)
        printf("now at version %d\n", newest_known());
    return true;
}

static bool plan_pending(PGconn *conn, size_t *out_first, struct error *err)
{
    AUTO_RELEASE(history_done) struct history history = {NULL, 0, NULL};
    return migrate_store_applied(conn, &history.applied, &history.count, &history.result, err) &&
           migration_plan(migrations, migrations_count, history.applied, history.count, out_first,
                          err);
}

static bool migrate(PGconn *conn, const struct bootstrap_plan *plan, struct error *err)
{
    size_t first = 0;
    return take_steps(conn, plan, err) && migrate_store_become_owner(conn, err) &&
           migrate_store_create_table(conn, err) && plan_pending(conn, &first, err) &&
           apply_pending(conn, first, err);
}

/* --- the commands --------------------------------------------------------------------------- */

static bool lock(PGconn *conn, int64_t timeout_s, struct error *err)
{
    bool locked = false;
    if (!migrate_store_try_lock(conn, &locked, err))
        return false;
    if (locked)
        return true;
    command_note("another migration of this database is running: waiting up to %lld s",
                 (long long)timeout_s);
    return migrate_store_lock(conn, err);
}

static int run_migrate(PGconn *conn, const struct migrate_options *options)
{
    struct error err = {0};
    struct bootstrap_facts facts;
    struct bootstrap_plan plan;
    if (!migrate_store_configure(conn, options->lock_timeout_s, &err) ||
        !lock(conn, options->lock_timeout_s, &err) || !migrate_store_facts(conn, &facts, &err))
        return command_fail(&err);
    bootstrap_plan(&facts, &plan);
    if (!plan.is_possible)
        return refuse_bootstrap(&facts, &plan);
    return migrate(conn, &plan, &err) ? command_finish() : command_fail(&err);
}

static void print_missing(const struct bootstrap_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->steps[i].is_optional)
            printf("missing: %s%s\n", plan->steps[i].sql,
                   plan->steps[i].is_allowed ? "" : " (not allowed to this role)");
    }
}

static bool print_status(PGconn *conn, const struct bootstrap_facts *facts,
                         const struct bootstrap_plan *plan, struct error *err)
{
    size_t first = 0;
    if (facts->table_exists && !plan_pending(conn, &first, err))
        return false;
    printf("version %d of %d\n", first > 0 ? migrations[first - 1].number : 0, newest_known());
    if (first < migrations_count)
        print_missing(plan);
    for (size_t i = first; i < migrations_count; i++)
        printf("pending: %03d %s\n", migrations[i].number, migrations[i].name);
    return true;
}

static int run_status(PGconn *conn, const struct migrate_options *options)
{
    struct error err = {0};
    struct bootstrap_facts facts;
    struct bootstrap_plan plan;
    if (!migrate_store_configure(conn, options->lock_timeout_s, &err) ||
        !migrate_store_facts(conn, &facts, &err))
        return command_fail(&err);
    bootstrap_plan(&facts, &plan);
    return print_status(conn, &facts, &plan, &err) ? command_finish() : command_fail(&err);
}

static int run(int argc, char **argv, const void *arg)
{
    (void)argc, (void)argv;
    const struct migrate_options *options = arg;
    struct error err = {0};
    AUTO_RELEASE(ctl_db_close) PGconn *conn = ctl_db_connect(&options->db, &err);
    if (!conn)
        return ctl_db_fail(&err);
    return options->dry_run ? run_status(conn, options) : run_migrate(conn, options);
}

int migrate_command(int argc, char **argv)
{
    struct migrate_options options = {0};
    return command_run(&migrate_table, 0, argc, argv, &options, run);
}

int migrate_status_command(int argc, char **argv)
{
    struct migrate_options options = {.dry_run = true};
    return command_run(&status_table, 0, argc, argv, &options, run);
}
