#include "check.h"

#include "buf.h"
#include "check_store.h"
#include "command.h"
#include "ctl_db.h"
#include "http_probe.h"
#include "jsontext.h"
#include "kafka_client.h"
#include "kafka_probe.h"
#include "print.h"
#include "schema_version.h"

#include <stdio.h>
#include <string.h>

struct check_options {
    struct ctl_db_options db;
    struct kafka_options kafka;
    struct option_list topics;
    struct option_list ingest;
    struct option_list query;
    int64_t timeout_s;
    bool json;
};

static const struct option rows[] = {
    OPTIONS_CTL_DB(struct check_options, db),
    OPTIONS_KAFKA(struct check_options, kafka),
    {.flag = "kafka-topics",
     .env = "KAFKA_TOPICS",
     .type = OPTION_LIST,
     .offset = offsetof(struct check_options, topics),
     .default_text = "dialer.batches,dialer.calls,dialer.phone-logs",
     .value_name = "TOPIC,...",
     .help = "topics that have to be there"},
    {.flag = "ingest-admin",
     .env = "CALLBOARD_INGEST_ADMIN",
     .type = OPTION_LIST,
     .offset = offsetof(struct check_options, ingest),
     .default_text = "127.0.0.1:9181",
     .value_name = "HOST:PORT,...",
     .help = "admin ports of the ingest processes"},
    {.flag = "query-admin",
     .env = "CALLBOARD_QUERY_ADMIN",
     .type = OPTION_LIST,
     .offset = offsetof(struct check_options, query),
     .default_text = "127.0.0.1:9180",
     .value_name = "HOST:PORT,...",
     .help = "admin ports of the query processes"},
    {.flag = "timeout",
     .type = OPTION_INT,
     .offset = offsetof(struct check_options, timeout_s),
     .default_text = "5",
     .min = 1,
     .max = 600,
     .value_name = "SECONDS",
     .help = "how long each part may take to answer"},
    {.flag = "json",
     .type = OPTION_BOOL,
     .offset = offsetof(struct check_options, json),
     .help = "one JSON object a line"},
};

static const struct option_table check_table = {
    .program = CTL_PROGRAM,
    .synopsis = "check [OPTIONS]",
    .summary = "Looks at every part: database, schema, roles, Kafka, topics, ingest, query. Exit "
               "status 0 only if all are well.",
    .options = rows,
    .count = ARRAY_LEN(rows),
};

/* --- findings -------------------------------------------------------------------------------- */

struct check {
    const struct check_options *options;
    PGconn *conn; /* NULL: the database cannot be reached */
    struct buf line;
    bool has_failed;
};

static void append_json(struct buf *line, const char *part, const char *detail, const char *hint)
{
    buf_append_char(line, '{');
    print_json_name(line, "check");
    jsontext_append_string(line, slice_of(part));
    print_json_name(line, "ok");
    buf_append_text(line, hint ? "false" : "true");
    print_json_name(line, "detail");
    jsontext_append_string(line, slice_of(detail));
    print_json_name(line, "hint");
    jsontext_append_string(line, slice_of(hint));
    buf_append_char(line, '}');
}

static void append_words(struct buf *line, const char *part, const char *detail, const char *hint)
{
    buf_append_format(line, "%-4s %-8s ", hint ? "FAIL" : "ok", part);
    print_escaped(line, slice_of(detail));
    if (hint)
        buf_append_format(line, " -> %s", hint);
}

/* One finding, at once: the next part may keep us waiting. No hint means that all is well. */
static void report(struct check *check, const char *part, const char *detail, const char *hint)
{
    (check->options->json ? append_json : append_words)(&check->line, part, detail, hint);
    print_line(&check->line);
    (void)fflush(stdout);
    if (hint)
        check->has_failed = true;
}

static int timeout_ms(const struct check *check)
{
    return (int)check->options->timeout_s * 1000;
}

/* --- the database ---------------------------------------------------------------------------- */

static void check_database(struct check *check)
{
    struct error err = {0};
    char detail[256];
    check->conn = ctl_db_connect(&check->options->db, &err);
    if (!check->conn) {
        report(check, "database", err.text, "start PostgreSQL, or set DATABASE_URL");
        return;
    }
    (void)snprintf(detail, sizeof(detail), "PostgreSQL %s, database %s as %s",
                   PQparameterStatus(check->conn, "server_version"), PQdb(check->conn),
                   PQuser(check->conn));
    report(check, "database", detail, NULL);
}

/* Reports `good`, or what was found to be wrong. */
static void report_found(struct check *check, const char *part,
                         bool (*find)(PGconn *conn, struct buf *problem, struct error *err),
                         const char *good, const char *hint)
{
    struct error err = {0};
    AUTO_RELEASE(buf_done) struct buf problem;
    buf_init(&problem, PRINT_LINE_MAX);
    if (!check->conn)
        report(check, part, "not checked", "the database has to be reached first");
    else if (!find(check->conn, &problem, &err))
        report(check, part, err.text, hint);
    else if (buf_slice(&problem).len > 0)
        report(check, part, buf_text(&problem), hint);
    else
        report(check, part, good, NULL);
}

static void check_schema(struct check *check)
{
    char good[64];
    (void)snprintf(good, sizeof(good), "version %d", schema_version);
    report_found(check, "schema", check_store_schema, good, "see " CTL_PROGRAM " migrate status");
}

static void check_roles(struct check *check)
{
    report_found(check, "roles", check_store_missing_roles, "owner, writer and reader are there",
                 "missing: run " CTL_PROGRAM " migrate");
}

/* --- Kafka ------------------------------------------------------------------------------------ */

static void check_topics(struct check *check, const struct kafka_probe *probe)
{
    AUTO_RELEASE(buf_done) struct buf detail;
    bool is_missing = false;
    buf_init(&detail, PRINT_LINE_MAX);
    for (size_t i = 0; i < check->options->topics.count; i++) {
        const char *topic = check->options->topics.items[i];
        int partitions = kafka_probe_partitions(probe, topic);
        buf_append_format(&detail, "%s%s: %d", i > 0 ? ", " : "partitions of ", topic, partitions);
        is_missing = is_missing || partitions == 0;
    }
    report(check, "topics", buf_text(&detail),
           is_missing ? "create the topics that have no partitions" : NULL);
}

static void check_kafka(struct check *check)
{
    struct error err = {0};
    char detail[64];
    struct kafka_probe *probe = kafka_probe_new(&check->options->kafka, timeout_ms(check), &err);
    if (!probe) {
        report(check, "kafka", err.text, "start the broker, or set KAFKA_BROKERS");
        report(check, "topics", "not checked", "Kafka has to be reached first");
        return;
    }
    (void)snprintf(detail, sizeof(detail), "brokers: %d", kafka_probe_brokers(probe));
    report(check, "kafka", detail, NULL);
    check_topics(check, probe);
    kafka_probe_free(&probe);
}

/* --- the services ----------------------------------------------------------------------------- */

/* The lines of /readyz as one. */
static void join_lines(struct buf *detail, const char *address, struct buf *body)
{
    buf_append_format(detail, "%s", address);
    const char *separator = ": ";
    for (const char *at = buf_text(body); *at; at += strcspn(at, "\n"), at += *at == '\n') {
        buf_append_text(detail, separator);
        buf_append(detail, at, strcspn(at, "\n"));
        separator = "; ";
    }
}

static void check_service(struct check *check, const char *part, const char *address,
                          const char *hint)
{
    enum { READY = 200, BODY_MAX = 16384 };
    struct error err = {0};
    int status = 0;
    AUTO_RELEASE(buf_done) struct buf body;
    AUTO_RELEASE(buf_done) struct buf detail;
    buf_init(&body, (size_t)4 * BODY_MAX);
    buf_init(&detail, PRINT_LINE_MAX);
    if (!http_probe_get(address, "/readyz", timeout_ms(check), &status, &body, &err)) {
        buf_append_format(&detail, "%s: %s", address, err.text);
        report(check, part, buf_text(&detail), hint);
        return;
    }
    join_lines(&detail, address, &body);
    report(check, part, buf_text(&detail), status == READY ? NULL : "it is not ready");
}

static void check_services(struct check *check)
{
    for (size_t i = 0; i < check->options->ingest.count; i++)
        check_service(check, "ingest", check->options->ingest.items[i],
                      "start callboard-ingest, or set CALLBOARD_INGEST_ADMIN");
    for (size_t i = 0; i < check->options->query.count; i++)
        check_service(check, "query", check->options->query.items[i],
                      "start callboard-query, or set CALLBOARD_QUERY_ADMIN");
}

static int run(int argc, char **argv, const void *arg)
{
    (void)argc, (void)argv;
    struct check check = {.options = arg};
    buf_init(&check.line, PRINT_LINE_MAX);
    check_database(&check);
    check_schema(&check);
    check_roles(&check);
    check_kafka(&check);
    check_services(&check);
    ctl_db_close(&check.conn);
    buf_done(&check.line);
    int status = command_finish();
    return check.has_failed ? COMMAND_FAILED : status;
}

int check_command(int argc, char **argv)
{
    struct check_options options = {0};
    return command_run(&check_table, 0, argc, argv, &options, run);
}
