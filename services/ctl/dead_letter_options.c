#include "dead_letter_options.h"

#include "time_spec.h"

#include <ctype.h>

bool dead_letter_parse_id(const char *text, int64_t *out)
{
    int64_t id = 0;
    for (const char *at = text; *at; at++) {
        if (!isdigit((unsigned char)*at) || id > (INT64_MAX - 9) / 10)
            return false;
        id = id * 10 + (*at - '0');
    }
    *out = id;
    return id > 0;
}

static bool parse_time(const char *flag, const char *text, struct optional_time *out,
                       struct error *err)
{
    struct error cause;
    *out = (struct optional_time){text != NULL, 0};
    return !text || time_spec_parse_past(text, time_spec_now_us(), &out->us, &cause) ||
           error_set(err, ERR_REJECT, "%s: %s", flag, cause.text);
}

bool dead_letter_make_filter(const struct dead_letter_options *options,
                             struct dead_letter_filter *out, struct error *err)
{
    *out = (struct dead_letter_filter){.reason = slice_of(options->reason),
                                       .topic = slice_of(options->topic)};
    return parse_time("--since", options->since, &out->since, err) &&
           parse_time("--until", options->until, &out->until, err);
}

static bool has_filter(const struct dead_letter_options *options)
{
    return options->all || options->reason || options->topic || options->since || options->until;
}

bool dead_letter_make_selection(const struct dead_letter_options *options, int argc, char **argv,
                                int64_t *ids, struct dead_letter_filter *out, struct error *err)
{
    bool has_ids = argc > 1;
    if (has_ids == has_filter(options))
        return error_set(err, ERR_REJECT,
                         has_ids ? "give ids or conditions, not both"
                                 : "which ones? Give ids, --reason, --topic, --since, --until or "
                                   "--all");
    for (int i = 1; i < argc; i++) {
        if (!dead_letter_parse_id(argv[i], &ids[i - 1]))
            return error_set(err, ERR_REJECT, "\"%.64s\" is no dead letter's id", argv[i]);
    }
    if (!dead_letter_make_filter(options, out, err))
        return false;
    out->ids = has_ids ? ids : NULL;
    out->id_count = (size_t)argc - 1;
    return true;
}
