#include "buf.h"
#include "command.h"
#include "ctl_db.h"
#include "dead_letter_options.h"
#include "dead_letter_store.h"
#include "dead_letters.h"
#include "print.h"

#include <inttypes.h>
#include <stdio.h>

static const struct option show_rows[] = {
    OPTIONS_CTL_DB(struct dead_letter_options, db),
    {.flag = "raw",
     .type = OPTION_BOOL,
     .offset = offsetof(struct dead_letter_options, raw),
     .help = "write the exact bytes of the message's value, and nothing else"},
    {.flag = "key",
     .type = OPTION_BOOL,
     .offset = offsetof(struct dead_letter_options, key),
     .help = "write the exact bytes of the message's key, and nothing else"},
};

static const struct option_table show_table = {
    .program = CTL_PROGRAM,
    .synopsis = "dead-letters show ID [OPTIONS]",
    .summary = "Shows one dead letter; what a terminal must not see is escaped.",
    .options = show_rows,
    .count = ARRAY_LEN(show_rows),
};

static int print_raw(const char *what, struct slice bytes)
{
    if (!slice_is_set(bytes))
        command_note("the message has no %s", what);
    else
        (void)fwrite(bytes.data, 1, bytes.len, stdout);
    return command_finish();
}

static void print_text(struct buf *line, const char *name, struct slice value)
{
    buf_append_format(line, "%-10s ", name);
    if (slice_is_set(value))
        print_escaped(line, value);
    else
        buf_append_text(line, "(none)");
    print_line(line);
}

static void print_closed(struct buf *line, const char *name, struct optional_time at,
                         struct slice by)
{
    if (!at.is_set)
        return;
    buf_append_format(line, "%-10s ", name);
    print_time(line, at);
    buf_append_text(line, " by ");
    print_escaped(line, by);
    print_line(line);
}

static void print_header(struct buf *line, const struct dead_letter_header *header)
{
    buf_append_format(line, "%-10s ", "header");
    print_escaped(line, header->name);
    buf_append_text(line, slice_is_set(header->value) ? ": " : " (no value)");
    print_escaped(line, header->value);
    print_line(line);
}

static void print_detail(const struct dead_letter_detail *letter, const PGresult *headers)
{
    AUTO_RELEASE(buf_done) struct buf line;
    buf_init(&line, PRINT_LINE_MAX);
    printf("%-10s %" PRId64 "\n", "id", letter->row.id);
    print_text(&line, "reason", letter->row.reason);
    print_text(&line, "detail", letter->row.detail);
    print_text(&line, "topic", letter->row.topic);
    printf("%-10s %" PRId32 "\n%-10s %" PRId64 "\n", "partition", letter->row.partition, "offset",
           letter->row.offset);
    print_text(&line, "group", letter->group);
    buf_append_format(&line, "%-10s ", "received");
    print_time(&line, letter->row.received);
    print_line(&line);
    print_closed(&line, "replayed", letter->row.replayed, letter->replayed_by);
    print_closed(&line, "discarded", letter->row.discarded, letter->discarded_by);
    print_text(&line, "key", letter->key);
    for (int row = 0; row < PQntuples(headers); row++) {
        struct dead_letter_header header;
        dead_letter_store_header(headers, row, &header);
        print_header(&line, &header);
    }
    if (!slice_is_set(letter->payload)) {
        print_text(&line, "payload", SLICE_NONE);
        return;
    }
    printf("%-10s %zu bytes\n", "payload", letter->payload.len);
    print_escaped(&line, letter->payload);
    print_line(&line);
}

static int show_letter(PGconn *conn, const struct dead_letter_options *options, const PGresult *row)
{
    struct dead_letter_detail letter;
    struct error err = {0};
    dead_letter_store_detail(row, &letter);
    if (options->key)
        return print_raw("key", letter.key);
    if (options->raw)
        return print_raw("value", letter.payload);
    AUTO_RELEASE(ctl_db_clear)
    PGresult *headers = dead_letter_store_headers(conn, &letter.row.id, 1, &err);
    if (!headers)
        return command_fail(&err);
    print_detail(&letter, headers);
    return command_finish();
}

static int show(int argc, char **argv, const void *arg)
{
    const struct dead_letter_options *options = arg;
    struct error err = {0};
    int64_t id = 0;
    if (argc != 2 || !dead_letter_parse_id(argv[1], &id))
        return command_misuse("dead-letters show takes one id");
    AUTO_RELEASE(ctl_db_close) PGconn *conn = ctl_db_open(&options->db, &err);
    if (!conn)
        return ctl_db_fail(&err);
    AUTO_RELEASE(ctl_db_clear) PGresult *row = dead_letter_store_find(conn, id, &err);
    if (row && PQntuples(row) == 0)
        (void)error_set(&err, ERR_REJECT, "there is no dead letter %" PRId64, id);
    return row && PQntuples(row) > 0 ? show_letter(conn, options, row) : command_fail(&err);
}

int dead_letters_show_command(int argc, char **argv)
{
    struct dead_letter_options options = {0};
    return command_run(&show_table, 1, argc, argv, &options, show);
}
