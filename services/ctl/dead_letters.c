#include "dead_letters.h"

#include "buf.h"
#include "command.h"
#include "ctl_db.h"
#include "db_value.h"
#include "dead_letter_options.h"
#include "dead_letter_store.h"
#include "jsontext.h"
#include "print.h"

#include <inttypes.h>
#include <stdio.h>

static const struct option list_rows[] = {
    OPTIONS_CTL_DB(struct dead_letter_options, db),
    OPTIONS_FILTER,
    OPTION_ALL("also those that were replayed or discarded"),
    {.flag = "limit",
     .type = OPTION_INT,
     .offset = offsetof(struct dead_letter_options, limit),
     .min = 1,
     .max = INT64_MAX,
     .value_name = "N",
     .help = "no more than the first N; default: all"},
    OPTION_JSON,
};

static const struct option_table list_table = {
    .program = CTL_PROGRAM,
    .synopsis = "dead-letters list [OPTIONS]",
    .summary = "Lists the dead letters that were neither replayed nor discarded, oldest first.",
    .options = list_rows,
    .count = ARRAY_LEN(list_rows),
};

static const struct option count_rows[] = {
    OPTIONS_CTL_DB(struct dead_letter_options, db),
    OPTIONS_FILTER,
    OPTION_ALL("also those that were replayed or discarded"),
    OPTION_JSON,
};

static const struct option_table count_table = {
    .program = CTL_PROGRAM,
    .synopsis = "dead-letters count [OPTIONS]",
    .summary = "Counts the open dead letters by reason.",
    .options = count_rows,
    .count = ARRAY_LEN(count_rows),
};

/* --- list ------------------------------------------------------------------------------------ */

static void append_json(struct buf *line, const struct dead_letter_row *row)
{
    buf_append_char(line, '{');
    print_json_name(line, "id");
    buf_append_int(line, row->id);
    print_json_name(line, "topic");
    jsontext_append_string(line, row->topic);
    print_json_name(line, "partition");
    buf_append_int(line, row->partition);
    print_json_name(line, "offset");
    buf_append_int(line, row->offset);
    print_json_name(line, "reason");
    jsontext_append_string(line, row->reason);
    print_json_name(line, "detail");
    jsontext_append_string(line, row->detail);
    print_json_name(line, "receivedAt");
    print_json_time(line, row->received);
    buf_append_char(line, '}');
}

static const char *state_of(const struct dead_letter_row *row)
{
    return row->replayed.is_set ? "replayed" : row->discarded.is_set ? "discarded" : "open";
}

static void append_columns(struct buf *line, const struct dead_letter_row *row)
{
    buf_append_format(line, "%-8" PRId64 " ", row->id);
    print_time(line, row->received);
    buf_append_format(line, "  %-9s  %-16.*s  ", state_of(row), (int)row->reason.len,
                      row->reason.data);
    print_escaped(line, row->topic);
    buf_append_format(line, "[%" PRId32 "]@%" PRId64 "  ", row->partition, row->offset);
    print_escaped(line, row->detail);
}

static void print_rows(const PGresult *result, bool as_json, int64_t *last_id)
{
    AUTO_RELEASE(buf_done) struct buf line;
    buf_init(&line, PRINT_LINE_MAX);
    for (int i = 0; i < PQntuples(result); i++) {
        struct dead_letter_row row;
        dead_letter_store_row(result, i, &row);
        (as_json ? append_json : append_columns)(&line, &row);
        print_line(&line);
        *last_id = row.id;
    }
}

/* In chunks: there may be millions. */
static bool print_list(PGconn *conn, const struct dead_letter_options *options,
                       const struct dead_letter_filter *filter, struct error *err)
{
    enum { CHUNK = 1000 };
    int64_t left = options->limit > 0 ? options->limit : INT64_MAX;
    int64_t last_id = 0;
    while (left > 0) {
        int64_t wanted = left < CHUNK ? left : CHUNK;
        AUTO_RELEASE(ctl_db_clear)
        PGresult *result = dead_letter_store_list(conn, filter, last_id, wanted, err);
        if (!result)
            return false;
        print_rows(result, options->json, &last_id);
        left = PQntuples(result) == wanted ? left - wanted : 0;
    }
    return true;
}

static int list(int argc, char **argv, const void *arg)
{
    (void)argc, (void)argv;
    const struct dead_letter_options *options = arg;
    struct dead_letter_filter filter;
    struct error err = {0};
    if (!dead_letter_make_filter(options, &filter, &err))
        return command_misuse("%s", err.text);
    filter.include_closed = options->all;
    AUTO_RELEASE(ctl_db_close) PGconn *conn = ctl_db_open(&options->db, &err);
    if (!conn)
        return ctl_db_fail(&err);
    if (!options->json)
        printf("%-8s %-24s  %-9s  %-16s  %s\n", "ID", "RECEIVED", "STATE", "REASON",
               "TOPIC[PARTITION]@OFFSET  DETAIL");
    return print_list(conn, options, &filter, &err) ? command_finish() : command_fail(&err);
}

int dead_letters_list_command(int argc, char **argv)
{
    struct dead_letter_options options = {0};
    return command_run(&list_table, 0, argc, argv, &options, list);
}

/* --- count ----------------------------------------------------------------------------------- */

static void append_count(struct buf *line, struct slice reason, int64_t count, bool as_json)
{
    if (!as_json) {
        buf_append_format(line, "%-16.*s %" PRId64, (int)reason.len, reason.data, count);
        return;
    }
    buf_append_char(line, '{');
    print_json_name(line, "reason");
    jsontext_append_string(line, reason);
    print_json_name(line, "count");
    buf_append_int(line, count);
    buf_append_char(line, '}');
}

static void print_counts(const PGresult *result, bool as_json)
{
    AUTO_RELEASE(buf_done) struct buf line;
    buf_init(&line, PRINT_LINE_MAX);
    for (int row = 0; row < PQntuples(result); row++) {
        append_count(&line, db_value_bytes(result, row, 0), db_value_int8(result, row, 1), as_json);
        print_line(&line);
    }
}

static int count(int argc, char **argv, const void *arg)
{
    (void)argc, (void)argv;
    const struct dead_letter_options *options = arg;
    struct dead_letter_filter filter;
    struct error err = {0};
    if (!dead_letter_make_filter(options, &filter, &err))
        return command_misuse("%s", err.text);
    filter.include_closed = options->all;
    AUTO_RELEASE(ctl_db_close) PGconn *conn = ctl_db_open(&options->db, &err);
    if (!conn)
        return ctl_db_fail(&err);
    AUTO_RELEASE(ctl_db_clear) PGresult *result = dead_letter_store_count(conn, &filter, &err);
    if (!result)
        return command_fail(&err);
    print_counts(result, options->json);
    return command_finish();
}

int dead_letters_count_command(int argc, char **argv)
{
    struct dead_letter_options options = {0};
    return command_run(&count_table, 0, argc, argv, &options, count);
}
