#include "db_connect.h"

#include "alloc.h"
#include "buf.h"
#include "macros.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#define PARAMS_MAX 16

struct connect_params {
    const char *keywords[PARAMS_MAX + 1];
    const char *values[PARAMS_MAX + 1];
    size_t count;
};

/* libpq takes the last value given for a keyword: what comes before `dbname`, which is the
 * connection string, yields to the string. */
static const struct {
    const char *keyword;
    const char *value;
} yielding_params[] = {
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "15000"},
};

/* libpq's lists, one item for each target. */
struct target_lists {
    struct buf host;
    struct buf hostaddr;
    struct buf port;
};

static void add_param(struct connect_params *params, const char *keyword, const char *value)
{
    assert(params->count < PARAMS_MAX);
    params->keywords[params->count] = keyword;
    params->values[params->count] = value;
    params->count++;
}

static void append_item(struct buf *list, size_t index, const char *item)
{
    buf_append_text(list, index > 0 ? "," : "");
    buf_append_text(list, item);
}

static void target_lists_init(struct target_lists *lists, const struct db_targets *targets,
                              size_t first)
{
    buf_init(&lists->host, SIZE_MAX);
    buf_init(&lists->hostaddr, SIZE_MAX);
    buf_init(&lists->port, SIZE_MAX);
    for (size_t i = 0; i < targets->count; i++) {
        const struct db_target *target = &targets->items[(first + i) % targets->count];
        append_item(&lists->host, i, target->host);
        append_item(&lists->hostaddr, i, target->hostaddr);
        append_item(&lists->port, i, target->port);
    }
}

static void target_lists_done(struct target_lists *lists)
{
    buf_done(&lists->host);
    buf_done(&lists->hostaddr);
    buf_done(&lists->port);
}

static void add_targets(struct connect_params *params, struct target_lists *lists)
{
    add_param(params, "host", buf_text(&lists->host));
    add_param(params, "hostaddr", buf_text(&lists->hostaddr));
    add_param(params, "port", buf_text(&lists->port));
}

static void merge_options(struct buf *merged, const struct db_connect_options *options)
{
    char *own = db_conninfo_value(options->conninfo, "options");
    buf_init(merged, SIZE_MAX);
    if (own && own[0]) {
        buf_append_format(merged, "%s ", own);
    }
    buf_append_text(merged, options->session_options);
    free(own);
}

PGconn *db_connect_start(const struct db_connect_options *options, const struct db_targets *targets,
                         size_t first_target)
{
    struct connect_params params = {.count = 0};
    for (size_t i = 0; i < ARRAY_LEN(yielding_params); i++) {
        add_param(&params, yielding_params[i].keyword, yielding_params[i].value);
    }
    add_param(&params, "application_name", options->application_name);
    add_param(&params, "dbname", options->conninfo);
    add_param(&params, "client_encoding", "UTF8");
    struct buf merged;
    merge_options(&merged, options);
    add_param(&params, "options", buf_text(&merged));
    struct target_lists lists;
    target_lists_init(&lists, targets, first_target);
    if (targets->count > 0) {
        add_targets(&params, &lists);
    }
    PGconn *session = PQconnectStartParams(params.keywords, params.values, 1);
    target_lists_done(&lists);
    buf_done(&merged);
    return session;
}
