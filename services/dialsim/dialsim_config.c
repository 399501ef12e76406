#include "dialsim_config.h"

#include "alloc.h"
#include "rfc3339.h"
#include "rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_TIME_BASE = 128 };

static const char *const off_on[] = {"off", "on", NULL};
static const char *const modes[] = {"structured", "binary", "mixed", NULL};
static const char *const keys[] = {"batch", "call", "none", NULL};
static const char *const spelling_names[] = {"canonical", "varied", NULL};

#define FIELD(name) .offset = offsetof(struct dialsim_options, name)

/* clang-format off */
static const struct option options_of_dialsim[] = {
    OPTIONS_LOG(struct dialsim_options, log),
    OPTIONS_KAFKA(struct dialsim_options, kafka),
    {.flag = "topics", .env = "KAFKA_TOPICS", .type = OPTION_LIST, FIELD(topics),
     .default_text = "dialer.batches,dialer.calls,dialer.phone-logs", .value_name = "TOPIC",
     .help = "topics of batches, calls and phone logs, in this order; or one for all"},
    {.flag = "timeout", .type = OPTION_INT, FIELD(timeout_s), .default_text = "60", .min = 1,
     .max = 86400, .value_name = "SECONDS",
     .help = "give up a record that was not acknowledged for so long"},

    {.flag = "seed", .type = OPTION_TEXT, FIELD(seed), .value_name = "N|random",
     .help = "the same seed (and options) makes the same events; default 1, random with --now or --live"},
    {.flag = "batches", .type = OPTION_INT, FIELD(batches), .default_text = "1", .min = 1,
     .max = 1000000, .value_name = "N", .help = "batches to create"},
    {.flag = "calls", .type = OPTION_INT, FIELD(calls), .default_text = "100", .min = 0,
     .max = CAMPAIGN_CALLS_MAX, .value_name = "N", .help = "calls in each batch"},
    {.flag = "forever", .type = OPTION_BOOL, FIELD(forever),
     .help = "new batches follow each other until stopped"},
    {.flag = "at-once", .type = OPTION_INT, FIELD(batches_at_once), .default_text = "4", .min = 1,
     .max = DIALER_BATCHES_AT_ONCE_MAX, .value_name = "N", .help = "batches that run side by side"},
    {.flag = "lines", .type = OPTION_INT, FIELD(lines), .default_text = "50", .min = 1,
     .max = 1000000, .value_name = "N", .help = "calls of a batch that are on the line at a time"},
    {.flag = "interleave", .type = OPTION_CHOICE, FIELD(interleave), .default_text = "on",
     .choices = off_on, .value_name = "on|off",
     .help = "off: each call from its upload to its last attempt before the next"},
    {.flag = "attempts-max", .type = OPTION_INT, FIELD(attempts_max), .default_text = "4", .min = 1,
     .max = CALL_SCRIPT_ATTEMPTS_MAX, .value_name = "N",
     .help = "times that a number is dialed at most, after no-answer and busy"},
    {.flag = "transcripts", .type = OPTION_CHOICE, FIELD(transcripts), .default_text = "on",
     .choices = off_on, .value_name = "on|off", .help = "write transcripts of what was recorded"},
    {.flag = "words", .type = OPTION_INT, FIELD(words), .default_text = "250", .min = 1,
     .max = 100000, .value_name = "N", .help = "words of a transcript, on average"},
    {.flag = "owner", .type = OPTION_LIST, FIELD(owners), .value_name = "ID",
     .help = "whose the batches are, in turn; default demo"},
    {.flag = "owners", .type = OPTION_INT, FIELD(owner_count), .default_text = "0", .min = 0,
     .max = 100000, .value_name = "N", .help = "so many owners instead: owner-1, owner-2, ..."},
    {.flag = "batch-id", .type = OPTION_TEXT, FIELD(batch_id), .value_name = "HEX",
     .help = "id of the first batch, 24 hex digits"},

    {.flag = "time-base", .type = OPTION_TEXT, FIELD(time_base), .value_name = "RFC3339",
     .help = "when the first batch was created; default a morning of 2025, by the seed"},
    {.flag = "now", .type = OPTION_BOOL, FIELD(now), .help = "the first batch is created now"},
    {.flag = "live", .type = OPTION_BOOL, FIELD(live),
     .help = "--now, at any hour, and each event is sent when its time has come"},
    {.flag = "speed", .type = OPTION_INT, FIELD(speed), .default_text = "1", .min = 1, .max = 100000,
     .value_name = "N", .help = "with --live: so many times faster than life"},
    {.flag = "events", .type = OPTION_INT, FIELD(events), .default_text = "0", .min = 0,
     .max = INT64_MAX, .value_name = "N",
     .help = "stop after so many records, duplicates and poison included; 0: no limit"},
    {.flag = "rate", .type = OPTION_INT, FIELD(rate), .default_text = "0", .min = 0,
     .max = 10000000, .value_name = "N",
     .help = "records a second at most; 0: as fast as possible"},

    {.flag = "mode", .type = OPTION_CHOICE, FIELD(mode), .default_text = "structured",
     .choices = modes, .value_name = "MODE", .help = "CloudEvents mode"},
    {.flag = "key", .type = OPTION_CHOICE, FIELD(key), .default_text = "batch", .choices = keys,
     .value_name = "KEY", .help = "key of the records: id of the batch or of the call"},
    {.flag = "spellings", .type = OPTION_CHOICE, FIELD(spellings), .default_text = "canonical",
     .choices = spelling_names, .value_name = "KIND", .help = "of statuses; varied: as dialers do"},
    {.flag = "duplicates", .type = OPTION_TEXT, FIELD(duplicates), .default_text = "0",
     .value_name = "P", .help = "share of records that are sent twice, 0 to 1"},
    {.flag = "reorder", .type = OPTION_TEXT, FIELD(reorder), .default_text = "0", .value_name = "P",
     .help = "share of records that come late, 0 to 1"},
    {.flag = "reorder-window", .type = OPTION_INT, FIELD(reorder_window), .default_text = "100",
     .min = 1, .max = 1000000, .value_name = "N", .help = "records that overtake them, at most"},
    {.flag = "poison", .type = OPTION_TEXT, FIELD(poison), .default_text = "0", .value_name = "P",
     .help = "share of records that are followed by one that ingest must refuse"},
    {.flag = "poison-kind", .type = OPTION_LIST, FIELD(poison_kinds), .value_name = "REASON",
     .help = "only records refused for this reason; default all, in turn"},
    {.flag = "max-event-bytes", .env = "INGEST_MAX_EVENT_BYTES", .type = OPTION_BYTES,
     FIELD(max_event_bytes), .default_text = "1MiB", .min = 1024, .max = INT64_C(64) << 20,
     .value_name = "SIZE", .help = "poison of reason too-large is longer than this"},

    {.flag = "from", .type = OPTION_TEXT, FIELD(from), .value_name = "FILE|-",
     .help = "send the events of this file instead of simulating, one JSON a line"},
    {.flag = "print", .type = OPTION_BOOL, FIELD(print),
     .help = "write records to standard output, one JSON a line, instead of sending them"},
    {.flag = "print-values", .type = OPTION_BOOL, FIELD(print_values),
     .help = "write only their values, one a line, as kcat sends them (structured, no poison)"},
    {.flag = "ack-log", .type = OPTION_TEXT, FIELD(ack_log), .value_name = "FILE",
     .help = "write each record here that the broker acknowledged, one JSON a line"},
    {.flag = "expect", .type = OPTION_TEXT, FIELD(expect), .value_name = "FILE",
     .help = "write here, at the end, what has to come of what was acknowledged (JSON)"},
    {.flag = "progress", .type = OPTION_INT, FIELD(progress_s), .default_text = "10", .min = 0,
     .max = 86400, .value_name = "SECONDS", .help = "time between lines of progress; 0: none"},
};
/* clang-format on */

const struct option_table dialsim_option_table = {
    .program = "callboard-dialsim",
    .synopsis = "[options]",
    .summary = "A simulated dialer: realistic batches of calls, as CloudEvents to Kafka.",
    .options = options_of_dialsim,
    .count = ARRAY_LEN(options_of_dialsim),
    .footer =
        "A line of --from is a CloudEvent in structured mode, sent byte for byte, or a message\n"
        "{\"topic\",\"key\",\"headers\",\"value\"}, as --print and --ack-log write them. A line "
        "that is\n"
        "neither is reported with its number; the others are sent, and the exit status is 1.\n"
        "Exit status 0: everything was acknowledged; 1: it was not; 2: misuse. SIGINT and SIGTERM\n"
        "end a run early: what was sent is waited for, summary and files are written.\n",
};

static bool parse_probability(const char *flag, const char *text, uint32_t *out_ppm,
                              struct error *err)
{
    uint32_t whole = 0;
    uint32_t digits = 0;
    uint32_t scale = RNG_CERTAIN;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && whole <= 1; at++)
        whole = whole * 10 + (uint32_t)(*at - '0');
    if (at > text && *at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++, scale /= 10)
            digits += (uint32_t)(*at - '0') * (scale / 10);
    *out_ppm = whole * RNG_CERTAIN + digits;
    return (at > text && *at == '\0' && whole <= 1 && *out_ppm <= RNG_CERTAIN) ||
           error_set(err, ERR_FATAL, "--%s %s: must be a share from 0 to 1, such as 0.05", flag,
                     text);
}

/* What happens now is new: the batches of an earlier run are not sent again unless asked for. */
static bool choose_seed(struct dialsim_config *config, int64_t now_us, struct error *err)
{
    const struct dialsim_options *options = config->options;
    bool is_now = options->now || options->live;
    const char *text = options->seed ? options->seed : is_now ? "random" : "1";
    uint64_t *out = &config->seed;
    char *end;
    if (strcmp(text, "random") == 0) {
        *out = (uint64_t)now_us;
        return true;
    }
    errno = 0;
    *out = strtoull(text, &end, 10);
    return (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0) ||
           error_set(err, ERR_FATAL, "--seed %s: must be a number from 0 to %llu, or random", text,
                     (unsigned long long)UINT64_MAX);
}

/* 7 o'clock UTC on one of 200 days from 2025-01-06 on. */
static int64_t time_base_of_seed(uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed, STREAM_TIME_BASE, 0);
    return (INT64_C(1736146800) + (int64_t)rng_below(&rng, 200) * 86400) * 1000000;
}

static bool choose_time_base(struct dialsim_config *config, int64_t now_us, struct error *err)
{
    const struct dialsim_options *options = config->options;
    bool is_now = options->now || options->live;
    int64_t *start_us = &config->dialer.start_us;
    *start_us = is_now ? now_us : time_base_of_seed(config->seed);
    if (!options->time_base)
        return true;
    if (is_now)
        return error_set(err, ERR_FATAL, "--time-base cannot be used with --now or --live");
    return rfc3339_parse(slice_of(options->time_base), start_us) ||
           error_set(err, ERR_FATAL, "--time-base %s: must be a time such as 2025-05-15T14:00:00Z",
                     options->time_base);
}

static bool choose_first_id(struct dialsim_config *config, struct error *err)
{
    const char *text = config->options->batch_id;
    if (!text)
        return true;
    config->dialer.campaign.first_id = &config->first_id;
    return object_id_parse(slice_of(text), &config->first_id) ||
           error_set(err, ERR_FATAL, "--batch-id %s: must be 24 hex digits", text);
}

static bool choose_owners(struct dialsim_config *config, struct error *err)
{
    static const char *const nobody_named[] = {"demo"};
    const struct dialsim_options *options = config->options;
    struct campaign_setup *campaign = &config->dialer.campaign;
    size_t generated = (size_t)options->owner_count;
    if (generated > 0 && options->owners.count > 0)
        return error_set(err, ERR_FATAL, "--owner and --owners cannot both be given");
    campaign->owners = options->owners.count > 0 ? options->owners.items : nobody_named;
    campaign->owner_count = options->owners.count > 0 ? options->owners.count : 1;
    if (generated == 0)
        return true;
    config->generated_owners = alloc_zeroed(generated, sizeof(char *));
    for (size_t i = 0; i < generated; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "owner-%zu", i + 1);
        config->generated_owners[i] = alloc_string(name);
    }
    campaign->owners = (const char *const *)config->generated_owners;
    campaign->owner_count = generated;
    return true;
}

static bool choose_topics(struct dialsim_config *config, struct error *err)
{
    const struct option_list *topics = &config->options->topics;
    if (topics->count != 1 && topics->count != TOPIC_COUNT)
        return error_set(err, ERR_FATAL,
                         "--topics: one topic, or three: of batches, calls and phone logs");
    for (size_t i = 0; i < TOPIC_COUNT; i++)
        config->cloudevent.topics[i] = topics->items[topics->count == 1 ? 0 : i];
    return true;
}

static bool choose_poison_kinds(struct dialsim_config *config, struct error *err)
{
    const struct option_list *kinds = &config->options->poison_kinds;
    unsigned *bits = &config->mixer.poison_kinds;
    for (size_t i = 0; i < kinds->count; i++) {
        enum poison poison = POISON_NONE + 1;
        while (poison < POISON_COUNT && strcmp(poison_name(poison), kinds->items[i]) != 0)
            poison++;
        if (poison == POISON_COUNT)
            return error_set(err, ERR_FATAL, "--poison-kind %s: not a reason that can be provoked",
                             kinds->items[i]);
        *bits |= 1U << poison;
    }
    if (kinds->count == 0)
        *bits = (1U << POISON_COUNT) - (1U << (POISON_NONE + 1));
    return true;
}

static bool check_combinations(const struct dialsim_config *config, struct error *err)
{
    const struct dialsim_options *options = config->options;
    const struct {
        bool is_wrong;
        const char *text;
    } rules[] = {
        {options->print && options->print_values,
         "--print and --print-values cannot both be given"},
        {(options->print || options->print_values) && options->ack_log,
         "--ack-log needs a broker: nothing is acknowledged with --print"},
        {options->print_values &&
             (options->mode != CLOUDEVENT_STRUCTURED || config->mixer.poison_ppm),
         "--print-values: values alone need --mode structured, without --poison; use --print"},
        {options->from && options->expect,
         "--expect cannot be used with --from: only what was simulated is reckoned; use --ack-log"},
        {options->from && (options->live || options->forever),
         "--live and --forever cannot be used with --from"},
        {options->speed != 1 && !options->live, "--speed needs --live"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].is_wrong)
            return error_set(err, ERR_FATAL, "%s", rules[i].text);
    return true;
}

static void copy_plain_options(struct dialsim_config *config)
{
    const struct dialsim_options *options = config->options;
    struct dialer_setup *dialer = &config->dialer;
    dialer->campaign.seed = config->seed;
    dialer->campaign.calls = (uint32_t)options->calls;
    dialer->batches = options->forever ? 0 : (uint32_t)options->batches;
    dialer->batches_at_once = (uint32_t)options->batches_at_once;
    dialer->lines = (uint32_t)options->lines;
    dialer->attempts_max = (int)options->attempts_max;
    dialer->transcripts = options->transcripts != 0;
    dialer->one_by_one = options->interleave == 0;
    dialer->never_sleeps = options->live;
    config->cloudevent.mode = (enum cloudevent_mode)options->mode;
    config->cloudevent.key = (enum cloudevent_key)options->key;
    config->cloudevent.varied_spellings = options->spellings != 0;
    config->cloudevent.transcript_words = (int)options->words;
    config->mixer.seed = config->seed;
    config->mixer.reorder_window = (uint32_t)options->reorder_window;
    config->mixer.max_event_bytes = (size_t)options->max_event_bytes;
}

bool dialsim_config_init(struct dialsim_config *config, const struct dialsim_options *options,
                         int64_t now_us, struct error *err)
{
    *config = (struct dialsim_config){.options = options};
    struct mixer_setup *mixer = &config->mixer;
    bool ok = choose_seed(config, now_us, err) && choose_time_base(config, now_us, err) &&
              choose_first_id(config, err) && choose_owners(config, err) &&
              choose_topics(config, err) && choose_poison_kinds(config, err) &&
              parse_probability("duplicates", options->duplicates, &mixer->duplicate_ppm, err) &&
              parse_probability("reorder", options->reorder, &mixer->reorder_ppm, err) &&
              parse_probability("poison", options->poison, &mixer->poison_ppm, err) &&
              check_combinations(config, err);
    copy_plain_options(config);
    return ok;
}

void dialsim_config_done(struct dialsim_config *config)
{
    for (size_t i = 0; config->generated_owners && i < config->dialer.campaign.owner_count; i++)
        free(config->generated_owners[i]);
    free(config->generated_owners);
    config->generated_owners = NULL;
}
