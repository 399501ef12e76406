/*
 * dialsim_config - the options of callboard-dialsim, and what they amount to.
 */
#ifndef CALLBOARD_DIALSIM_CONFIG_H
#define CALLBOARD_DIALSIM_CONFIG_H

#include "cloudevent.h"
#include "dialer.h"
#include "error.h"
#include "kafka_conf.h"
#include "macros.h"
#include "mixer.h"
#include "object_id.h"
#include "options.h"

#include <stdbool.h>
#include <stdint.h>

/* As given, one field for each option. */
struct dialsim_options {
    struct log_options log;
    struct kafka_options kafka;
    struct option_list topics;
    const char *seed;
    int64_t batches, calls, batches_at_once, lines, attempts_max;
    struct option_list owners;
    int64_t owner_count;
    const char *batch_id;
    bool forever;
    int interleave; /* off, on */
    int transcripts;
    int64_t words;
    const char *time_base;
    bool now, live;
    int64_t speed;
    int64_t events, rate;
    int mode, key, spellings;
    const char *duplicates, *reorder, *poison; /* probabilities */
    int64_t reorder_window;
    struct option_list poison_kinds;
    int64_t max_event_bytes;
    const char *from;
    bool print, print_values;
    const char *ack_log, *expect;
    int64_t timeout_s, progress_s;
};

extern const struct option_table dialsim_option_table;

/* What the modules need. Points into the options and into itself: it must not be copied. */
struct dialsim_config {
    const struct dialsim_options *options;
    uint64_t seed;
    struct object_id first_id;
    char **generated_owners;
    struct dialer_setup dialer;
    struct cloudevent_setup cloudevent;
    struct mixer_setup mixer;
};

/* False: misuse, `err` says which option is wrong and how. `now_us` is the time on the wall. */
NODISCARD bool dialsim_config_init(struct dialsim_config *config,
                                   const struct dialsim_options *options, int64_t now_us,
                                   struct error *err);
void dialsim_config_done(struct dialsim_config *config);

#endif
