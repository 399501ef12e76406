#include "dialsim_config.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 8
#define NOW_US INT64_C(1800000000000000)

struct fixture {
    char texts[ARGUMENTS_MAX][64];
    char *argv[ARGUMENTS_MAX + 1];
    struct dialsim_options options;
    struct dialsim_config config;
    struct error err;
};

/* The texts of the options point into argv, which the fixture keeps. */
static bool configure(struct fixture *fixture, const char *const arguments[ARGUMENTS_MAX])
{
    *fixture = (struct fixture){0};
    char **argv = fixture->argv;
    char *name = fixture->texts[0];
    int argc = 1;
    unsetenv("KAFKA_TOPICS");
    unsetenv("KAFKA_BROKERS");
    unsetenv("INGEST_MAX_EVENT_BYTES");
    argv[0] = strcpy(name, "callboard-dialsim");
    for (; arguments[argc - 1]; argc++)
        argv[argc] = strcpy(fixture->texts[argc], arguments[argc - 1]);
    return options_parse(&dialsim_option_table, &argc, argv, &fixture->options, &fixture->err) ==
               OPTIONS_OK &&
           dialsim_config_init(&fixture->config, &fixture->options, NOW_US, &fixture->err);
}

static void done(struct fixture *fixture)
{
    dialsim_config_done(&fixture->config);
    options_done(&dialsim_option_table, &fixture->options);
}

Test(dialsim_config, has_sensible_defaults)
{
    struct fixture fixture;
    cr_assert(configure(&fixture, (const char *const[ARGUMENTS_MAX]){NULL}), "%s",
              fixture.err.text);
    const struct dialsim_config *config = &fixture.config;
    cr_expect_eq(config->seed, 1);
    cr_expect_eq(config->dialer.batches, 1);
    cr_expect_eq(config->dialer.campaign.calls, 100);
    cr_expect_eq(config->dialer.campaign.owner_count, 1);
    cr_expect_str_eq(config->dialer.campaign.owners[0], "demo");
    cr_expect_null(config->dialer.campaign.first_id);
    cr_expect_str_eq(config->cloudevent.topics[TOPIC_BATCHES], "dialer.batches");
    cr_expect_str_eq(config->cloudevent.topics[TOPIC_CALLS], "dialer.calls");
    cr_expect_str_eq(config->cloudevent.topics[TOPIC_PHONE_LOGS], "dialer.phone-logs");
    cr_expect_eq(config->mixer.poison_kinds, (1U << POISON_COUNT) - 2);
    cr_expect_eq(config->mixer.max_event_bytes, 1 << 20);
    cr_expect(config->dialer.transcripts && !config->dialer.one_by_one &&
              !config->dialer.never_sleeps);
    done(&fixture);
}

Test(dialsim_config, begins_at_a_time_that_follows_from_the_seed)
{
    struct fixture one, same, other;
    cr_assert(configure(&one, (const char *const[ARGUMENTS_MAX]){"--seed", "7"}));
    cr_assert(configure(&same, (const char *const[ARGUMENTS_MAX]){"--seed=7"}));
    cr_assert(configure(&other, (const char *const[ARGUMENTS_MAX]){"--seed", "8"}));
    cr_expect_eq(one.config.dialer.start_us, same.config.dialer.start_us);
    cr_expect_neq(one.config.dialer.start_us, other.config.dialer.start_us);
    done(&one);
    done(&same);
    done(&other);
}

Test(dialsim_config, begins_now_when_it_is_live)
{
    struct fixture fixture;
    cr_assert(configure(&fixture, (const char *const[ARGUMENTS_MAX]){"--live"}));
    cr_expect_eq(fixture.config.dialer.start_us, NOW_US);
    cr_expect_eq(fixture.config.seed, NOW_US);
    cr_expect(fixture.config.dialer.never_sleeps);
    done(&fixture);
}

Test(dialsim_config, begins_at_the_time_that_is_given)
{
    struct fixture fixture;
    cr_assert(configure(
        &fixture, (const char *const[ARGUMENTS_MAX]){"--time-base", "2025-05-15T09:30:00+02:00"}));
    cr_expect_eq(fixture.config.dialer.start_us, INT64_C(1747294200000000));
    done(&fixture);
}

static const struct {
    const char *text;
    uint32_t ppm;
} probabilities[] = {{"0", 0},        {"1", 1000000},        {"0.05", 50000}, {"1.0", 1000000},
                     {"0.000001", 1}, {"0.1234567", 123456}, {"0.", 0},       {"00.5", 500000}};

Test(dialsim_config, reads_shares_exactly)
{
    for (size_t i = 0; i < ARRAY_LEN(probabilities); i++) {
        struct fixture fixture;
        cr_assert(configure(&fixture, (const char *const[ARGUMENTS_MAX]){"--duplicates",
                                                                         probabilities[i].text}),
                  "%s", fixture.err.text);
        cr_expect_eq(fixture.config.mixer.duplicate_ppm, probabilities[i].ppm, "%s",
                     probabilities[i].text);
        done(&fixture);
    }
}

Test(dialsim_config, makes_as_many_owners_as_asked)
{
    struct fixture fixture;
    cr_assert(configure(&fixture, (const char *const[ARGUMENTS_MAX]){"--owners", "3"}));
    cr_expect_eq(fixture.config.dialer.campaign.owner_count, 3);
    cr_expect_str_eq(fixture.config.dialer.campaign.owners[2], "owner-3");
    done(&fixture);
}

Test(dialsim_config, sends_all_to_one_topic_when_one_is_given)
{
    struct fixture fixture;
    cr_assert(configure(&fixture, (const char *const[ARGUMENTS_MAX]){"--topics", "all"}));
    for (size_t i = 0; i < TOPIC_COUNT; i++)
        cr_expect_str_eq(fixture.config.cloudevent.topics[i], "all");
    done(&fixture);
}

static const struct {
    const char *arguments[ARGUMENTS_MAX];
    const char *complaint;
} misuses[] = {
    {{"--duplicates", "1.1"}, "--duplicates 1.1: must be a share from 0 to 1"},
    {{"--reorder", "x"}, "--reorder x"},
    {{"--poison", "0.1%"}, "--poison 0.1%"},
    {{"--poison", "."}, "--poison ."},
    {{"--poison", "18446744073709551616"}, "--poison"},
    {{"--poison-kind", "bad-luck"}, "--poison-kind bad-luck"},
    {{"--poison-kind", "database-refused"}, "--poison-kind database-refused"},
    {{"--seed", "-1"}, "--seed -1"},
    {{"--seed", "18446744073709551616"}, "--seed"},
    {{"--batch-id", "67def905349530"}, "--batch-id 67def905349530: must be 24 hex digits"},
    {{"--time-base", "yesterday"}, "--time-base yesterday"},
    {{"--time-base", "2025-05-15T09:30:00Z", "--now"}, "--time-base cannot be used with --now"},
    {{"--owner", "a", "--owners", "2"}, "--owner and --owners"},
    {{"--topics", "a,b"}, "--topics"},
    {{"--print", "--print-values"}, "--print"},
    {{"--print", "--ack-log", "x"}, "--ack-log needs a broker"},
    {{"--print-values", "--mode", "binary"}, "--print-values"},
    {{"--print-values", "--poison", "0.1"}, "--print-values"},
    {{"--from", "-", "--expect", "x"}, "--expect cannot be used with --from"},
    {{"--from", "-", "--forever"}, "--from"},
    {{"--speed", "10"}, "--speed needs --live"},
    {{"--calls", "16777216"}, "calls"},
};

Test(dialsim_config, says_what_is_wrong_with_a_misuse)
{
    for (size_t i = 0; i < ARRAY_LEN(misuses); i++) {
        struct fixture fixture;
        cr_expect_not(configure(&fixture, misuses[i].arguments), "%s was accepted",
                      misuses[i].complaint);
        cr_expect_not_null(strstr(fixture.err.text, misuses[i].complaint), "%s", fixture.err.text);
        done(&fixture);
    }
}
