#include "simulation.h"

#include "broker.h"
#include "macros.h"
#include "record_stream.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A broker in this process, and a directory for what a run writes. */
struct fixture {
    struct broker *broker;
    char directory[64];
    char ack_log[96], expect[96], events[96];
};

static const char *const topics[] = {"dialer.batches", "dialer.calls", "dialer.phone-logs"};

static struct fixture set_up(void)
{
    struct error err = {0};
    struct fixture fixture = {.directory = "/tmp/test-simulation-XXXXXX"};
    fixture.broker = broker_new(&(struct broker_config){.broker_count = 1,
                                                        .topics = topics,
                                                        .topic_count = ARRAY_LEN(topics),
                                                        .partition_count = 4},
                                &err);
    cr_assert_not_null(fixture.broker, "%s", err.text);
    cr_assert_not_null(mkdtemp(fixture.directory));
    snprintf(fixture.ack_log, sizeof(fixture.ack_log), "%s/ack", fixture.directory);
    snprintf(fixture.expect, sizeof(fixture.expect), "%s/expect", fixture.directory);
    snprintf(fixture.events, sizeof(fixture.events), "%s/events", fixture.directory);
    return fixture;
}

static void tear_down(struct fixture *fixture)
{
    unlink(fixture->ack_log);
    unlink(fixture->expect);
    unlink(fixture->events);
    cr_expect_eq(rmdir(fixture->directory), 0);
    broker_free(&fixture->broker);
}

#define ARGUMENTS_MAX 24

/* Runs callboard-dialsim's simulation with these arguments (up to the first NULL). */
static int run(const char *const *arguments)
{
    char texts[ARGUMENTS_MAX][128];
    char *argv[ARGUMENTS_MAX + 1] = {NULL};
    int argc = 1;
    struct error err = {0};
    struct stop_signal stop;
    struct dialsim_options options = {0};
    struct dialsim_config config;
    argv[0] = strcpy(texts[0], "callboard-dialsim");
    for (; arguments[argc - 1]; argc++)
        argv[argc] = strcpy(texts[argc], arguments[argc - 1]);
    cr_assert_eq(options_parse(&dialsim_option_table, &argc, argv, &options, &err), OPTIONS_OK,
                 "%s", err.text);
    cr_assert(dialsim_config_init(&config, &options, 0, &err), "%s", err.text);
    cr_assert(stop_signal_init(&stop, &err), "%s", err.text);
    int status = simulation_run(&config, &stop);
    stop_signal_done(&stop);
    dialsim_config_done(&config);
    options_done(&dialsim_option_table, &options);
    return status;
}

struct tally {
    size_t lines, poisoned, binary, calls;
};

static void tally_line(struct tally *tally, const char *line)
{
    struct json_object *value = NULL;
    struct json_object *record = json_tokener_parse(line);
    cr_assert_not_null(record, "%s", line);
    tally->lines++;
    cr_assert(json_object_object_get_ex(record, "offset", &value));
    cr_assert_geq(json_object_get_int64(value), 0);
    cr_assert(json_object_object_get_ex(record, "partition", &value));
    cr_assert_geq(json_object_get_int(value), 0);
    cr_assert(json_object_object_get_ex(record, "poison", &value));
    tally->poisoned += value != NULL;
    bool is_poison = value != NULL;
    cr_assert(json_object_object_get_ex(record, "mode", &value));
    tally->binary += strcmp(json_object_get_string(value), "binary") == 0;
    cr_assert(json_object_object_get_ex(record, "topic", &value));
    tally->calls += !is_poison && strcmp(json_object_get_string(value), "dialer.calls") == 0;
    json_object_put(record);
}

static struct tally read_ack_log(const struct fixture *fixture)
{
    struct tally tally = {0};
    char *line = NULL;
    size_t size = 0;
    FILE *file = fopen(fixture->ack_log, "r");
    cr_assert_not_null(file);
    while (getline(&line, &size, file) > 0)
        tally_line(&tally, line);
    free(line);
    fclose(file);
    return tally;
}

static int64_t number_at(struct json_object *json, const char *name)
{
    struct json_object *value = NULL;
    cr_assert(json_object_object_get_ex(json, name, &value), "%s", name);
    return json_object_get_int64(value);
}

Test(simulation, logs_each_record_that_the_broker_acknowledged)
{
    struct fixture fixture = set_up();
    cr_redirect_stderr();
    const char *const arguments[] = {"--kafka-brokers",
                                     broker_address(fixture.broker),
                                     "--calls",
                                     "200",
                                     "--batches",
                                     "2",
                                     "--mode",
                                     "mixed",
                                     "--poison",
                                     "0.02",
                                     "--max-event-bytes",
                                     "64KiB",
                                     "--ack-log",
                                     fixture.ack_log,
                                     "--expect",
                                     fixture.expect,
                                     NULL};
    cr_assert_eq(run(arguments), 0);

    struct tally tally = read_ack_log(&fixture);
    cr_expect_eq(tally.calls, 400);
    cr_expect_gt(tally.poisoned, 10);
    cr_expect(tally.binary > tally.lines / 4 && tally.binary < tally.lines * 3 / 4);

    struct json_object *expected = json_object_from_file(fixture.expect);
    cr_assert_not_null(expected);
    cr_expect_eq(number_at(expected, "deadLettersTotal"), (int64_t)tally.poisoned);
    struct json_object *batches = NULL;
    cr_assert(json_object_object_get_ex(expected, "batches", &batches));
    cr_assert_eq(json_object_array_length(batches), 2);
    for (size_t i = 0; i < 2; i++)
        cr_expect_eq(number_at(json_object_array_get_idx(batches, i), "calls"), 200);
    json_object_put(expected);
    tear_down(&fixture);
}

Test(simulation, stops_at_its_limit)
{
    struct fixture fixture = set_up();
    cr_redirect_stderr();
    const char *const arguments[] = {"--kafka-brokers",
                                     broker_address(fixture.broker),
                                     "--forever",
                                     "--events",
                                     "777",
                                     "--duplicates",
                                     "0.1",
                                     "--reorder",
                                     "0.1",
                                     "--ack-log",
                                     fixture.ack_log,
                                     NULL};
    cr_assert_eq(run(arguments), 0);
    cr_expect_eq(read_ack_log(&fixture).lines, 777);
    tear_down(&fixture);
}

static void write_events(const struct fixture *fixture, const char *text)
{
    FILE *file = fopen(fixture->events, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

Test(simulation, sends_events_of_a_file_and_fails_for_the_bad_ones)
{
    struct fixture fixture = set_up();
    cr_redirect_stderr();
    write_events(&fixture, "{\"specversion\":\"1.0\",\"type\":\"dialer.call.upserted\"}\n"
                           "nonsense\n"
                           "{\"topic\":\"dialer.calls\",\"value\":\"anything\"}\n");
    const char *const arguments[] = {"--kafka-brokers",
                                     broker_address(fixture.broker),
                                     "--from",
                                     fixture.events,
                                     "--ack-log",
                                     fixture.ack_log,
                                     NULL};
    cr_expect_eq(run(arguments), 1);
    cr_expect_eq(read_ack_log(&fixture).calls, 2);
    tear_down(&fixture);
}

Test(simulation, fails_when_nobody_acknowledges)
{
    cr_redirect_stderr();
    /* Port 9 of the loopback address: nobody listens. */
    const char *const arguments[] = {"--kafka-brokers", "127.0.0.1:9", "--calls", "1",
                                     "--timeout",       "1",           NULL};
    cr_expect_eq(run(arguments), 1);
}

Test(simulation, does_not_run_with_a_property_that_librdkafka_does_not_know)
{
    static const char *const wrong[] = {"no.such.property=1", "acks=many", "acks"};
    cr_redirect_stderr();
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const char *const arguments[] = {"-X", wrong[i], NULL};
        cr_expect_eq(run(arguments), 2, "%s", wrong[i]);
    }
}

Test(simulation, fails_where_it_cannot_write)
{
    struct fixture fixture = set_up();
    cr_redirect_stderr();
    const char *const arguments[] = {"--kafka-brokers", broker_address(fixture.broker), "--ack-log",
                                     "/nonexistent/ack", NULL};
    cr_expect_eq(run(arguments), 1);
    tear_down(&fixture);
}

/* What is on standard output with --print is what --from reads. */
Test(simulation, prints_what_it_would_send)
{
    cr_redirect_stdout();
    cr_redirect_stderr();
    const char *const arguments[] = {"--print-values", "--calls", "0", "--seed", "3", NULL};
    cr_assert_eq(run(arguments), 0);
    fflush(stdout);
    FILE *printed = cr_get_redirected_stdout();
    char *line = NULL;
    size_t size = 0;
    int lines = 0;
    while (getline(&line, &size, printed) > 0) {
        struct json_object *event = json_tokener_parse(line);
        cr_assert(json_object_object_get_ex(event, "specversion", NULL), "%s", line);
        json_object_put(event);
        lines++;
    }
    free(line);
    cr_expect_eq(lines, 3, "scheduled, active, completed");
}
