#include "token.h"

#include "api_token.h"
#include "command.h"
#include "ctl_db.h"
#include "jsontext.h"
#include "print.h"
#include "time_spec.h"
#include "token_store.h"
#include "utf8.h"

#include <stdio.h>

struct token_options {
    struct ctl_db_options db;
    const char *owner;
    const char *expires;
    bool json;
};

static const struct option create_rows[] = {
    OPTIONS_CTL_DB(struct token_options, db),
    {.flag = "owner",
     .type = OPTION_TEXT,
     .offset = offsetof(struct token_options, owner),
     .value_name = "ID",
     .help = "whose batches the token opens: the ownerId of their events (required)"},
    {.flag = "expires",
     .type = OPTION_TEXT,
     .offset = offsetof(struct token_options, expires),
     .value_name = "D",
     .help = "a time (2030-01-31T00:00:00Z) or a duration from now (30d, 12h); default: never"},
};

static const struct option_table create_table = {
    .program = CTL_PROGRAM,
    .synopsis = "token create --owner ID [OPTIONS]",
    .summary = "Makes a bearer token and prints it, once: only its hash is kept.",
    .options = create_rows,
    .count = ARRAY_LEN(create_rows),
};

static const struct option list_rows[] = {
    OPTIONS_CTL_DB(struct token_options, db),
    {.flag = "json",
     .type = OPTION_BOOL,
     .offset = offsetof(struct token_options, json),
     .help = "one JSON object a line"},
};

static const struct option_table list_table = {
    .program = CTL_PROGRAM,
    .synopsis = "token list [OPTIONS]",
    .summary = "Lists all tokens by their ids; the tokens themselves are not known.",
    .options = list_rows,
    .count = ARRAY_LEN(list_rows),
};

static const struct option revoke_rows[] = {OPTIONS_CTL_DB(struct token_options, db)};

static const struct option_table revoke_table = {
    .program = CTL_PROGRAM,
    .synopsis = "token revoke TOKEN_ID [OPTIONS]",
    .summary = "Revokes the token that has this id, or the token given in full.",
    .options = revoke_rows,
    .count = ARRAY_LEN(revoke_rows),
};

/* --- create --------------------------------------------------------------------------------- */

static bool is_owner(const char *owner)
{
    struct slice text = slice_of(owner);
    return text.len >= 1 && text.len <= API_TOKEN_OWNER_MAX && utf8_is_valid(text);
}

static bool parse_expiry(const char *text, struct optional_time *out, struct error *err)
{
    *out = (struct optional_time){text != NULL, 0};
    return !text || time_spec_parse_future(text, time_spec_now_us(), &out->us, err);
}

static void explain(const char *token, const struct token_options *options,
                    struct optional_time expires)
{
    struct buf line;
    buf_init(&line, PRINT_LINE_MAX);
    buf_append_text(&line, "token ");
    buf_append(&line, token, API_TOKEN_ID_LEN);
    buf_append_text(&line, " for owner ");
    print_escaped(&line, slice_of(options->owner));
    buf_append_text(&line, expires.is_set ? " until " : ", without expiry");
    if (expires.is_set)
        print_time(&line, expires);
    command_note("%s; it is shown only this once, and kept only as a hash", buf_text(&line));
    buf_done(&line);
}

static int store_new_token(const struct token_options *options, struct optional_time expires)
{
    struct error err = {0};
    char token[API_TOKEN_LEN + 1];
    AUTO_RELEASE(ctl_db_close) PGconn *conn = ctl_db_open(&options->db, &err);
    if (!conn)
        return ctl_db_fail(&err);
    if (!api_token_new(token, &err) ||
        !token_store_insert(conn, slice_of(token), slice_of(options->owner), expires, &err))
        return command_fail(&err);
    explain(token, options, expires);
    puts(token);
    return command_finish();
}

static int create(int argc, char **argv, const void *arg)
{
    (void)argc, (void)argv;
    const struct token_options *options = arg;
    struct optional_time expires;
    struct error err = {0};
    if (!options->owner)
        return command_misuse("--owner is required");
    if (!is_owner(options->owner))
        return command_misuse("--owner takes 1 to %d bytes of UTF-8", API_TOKEN_OWNER_MAX);
    if (!parse_expiry(options->expires, &expires, &err))
        return command_misuse("--expires: %s", err.text);
    return store_new_token(options, expires);
}

int token_create_command(int argc, char **argv)
{
    struct token_options options = {0};
    return command_run(&create_table, 0, argc, argv, &options, create);
}

/* --- list ----------------------------------------------------------------------------------- */

static void append_json(struct buf *line, const struct token_row *token)
{
    buf_append_char(line, '{');
    print_json_name(line, "id");
    jsontext_append_string(line, token->id);
    print_json_name(line, "owner");
    jsontext_append_string(line, token->owner);
    print_json_name(line, "createdAt");
    print_json_time(line, token->created);
    print_json_name(line, "expiresAt");
    print_json_time(line, token->expires);
    print_json_name(line, "revokedAt");
    print_json_time(line, token->revoked);
    buf_append_char(line, '}');
}

static void append_column(struct buf *line, size_t width, struct optional_time time)
{
    size_t start = buf_slice(line).len;
    print_time(line, time);
    while (buf_slice(line).len < start + width)
        buf_append_char(line, ' ');
}

static void append_columns(struct buf *line, const struct token_row *token)
{
    enum { TIME_WIDTH = 26 };
    buf_append_slice(line, token->id);
    buf_append_text(line, "  ");
    append_column(line, TIME_WIDTH, token->created);
    append_column(line, TIME_WIDTH, token->expires);
    append_column(line, TIME_WIDTH, token->revoked);
    print_escaped(line, token->owner);
}

static int list(int argc, char **argv, const void *arg)
{
    (void)argc, (void)argv;
    const struct token_options *options = arg;
    struct error err = {0};
    AUTO_RELEASE(ctl_db_close) PGconn *conn = ctl_db_open(&options->db, &err);
    if (!conn)
        return ctl_db_fail(&err);
    AUTO_RELEASE(ctl_db_clear) PGresult *result = token_store_list(conn, &err);
    if (!result)
        return command_fail(&err);
    AUTO_RELEASE(buf_done) struct buf line;
    buf_init(&line, PRINT_LINE_MAX);
    if (!options->json)
        printf("%-12s  %-26s%-26s%-26s%s\n", "ID", "CREATED", "EXPIRES", "REVOKED", "OWNER");
    for (int row = 0; row < PQntuples(result); row++) {
        struct token_row token;
        token_store_row(result, row, &token);
        (options->json ? append_json : append_columns)(&line, &token);
        print_line(&line);
    }
    return command_finish();
}

int token_list_command(int argc, char **argv)
{
    struct token_options options = {0};
    return command_run(&list_table, 0, argc, argv, &options, list);
}

/* --- revoke --------------------------------------------------------------------------------- */

static int report_revocation(enum token_revocation outcome)
{
    switch (outcome) {
    case TOKEN_REVOKED:
        puts("revoked");
        return command_finish();
    case TOKEN_WAS_REVOKED:
        puts("already revoked");
        return command_finish();
    case TOKEN_UNKNOWN:
        break;
    }
    return command_fail(&(struct error){.text = "no such token: see " CTL_PROGRAM " token list"});
}

static int revoke(int argc, char **argv, const void *arg)
{
    const struct token_options *options = arg;
    struct error err = {0};
    enum token_revocation outcome;
    struct slice text = slice_of(argc > 1 ? argv[1] : "");
    if (text.len != API_TOKEN_ID_LEN && !api_token_is_well_formed(text))
        return command_misuse("token revoke takes a token id, of %d characters, or a whole token, "
                              "of %d",
                              API_TOKEN_ID_LEN, API_TOKEN_LEN);
    AUTO_RELEASE(ctl_db_close) PGconn *conn = ctl_db_open(&options->db, &err);
    if (!conn)
        return ctl_db_fail(&err);
    if (!token_store_revoke(conn, text, &outcome, &err))
        return command_fail(&err);
    return report_revocation(outcome);
}

int token_revoke_command(int argc, char **argv)
{
    struct token_options options = {0};
    return command_run(&revoke_table, 1, argc, argv, &options, revoke);
}
