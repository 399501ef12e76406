#include "simulation.h"

#include "alloc.h"
#include "cloudevent.h"
#include "expectation.h"
#include "lines_file.h"
#include "log.h"
#include "producer.h"
#include "reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Signals, reports and progress are looked after each so many records. */
#define LOOK_AFTER_INTERVAL 64
/* No wait is longer: it has to see signals and reports. */
#define WAIT_MS 50
/* What a signal leaves for the rest to be acknowledged, in milliseconds: the contract's 10 s less a
 * margin. */
#define DRAIN_AFTER_SIGNAL_MS 8000
#define TIMEOUT_SCAN_MS 2000
/* A run that fell behind its rate does not make up for more than this. */
#define CATCH_UP_US INT64_C(1000000)

struct simulation {
    const struct dialsim_config *config;
    struct stop_signal *stop;
    struct producer *producer; /* NULL: print */
    struct lines_file printed;
    struct lines_file ack_log;
    struct expectation *expectation; /* NULL: nobody asks */
    struct mixer *mixer;
    struct reader *reader;
    int64_t began_us; /* of the monotonic clock, as the three below */
    int64_t rate_began_us;
    int64_t next_progress_us;
    uint64_t rate_count;
    uint64_t sent;
    uint64_t bad_lines;
    bool is_over; /* a limit was reached, a signal came, or it failed */
    bool has_failed;
};

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Logs why, once; the run ends. Always false. */
static bool fail(struct simulation *sim, const struct error *err)
{
    if (!sim->has_failed)
        log_error("the run failed", "error=%s", log_quote(err->text).text);
    sim->has_failed = true;
    sim->is_over = true;
    return false;
}

static struct producer_counts counts_of(const struct simulation *sim)
{
    if (sim->producer)
        return producer_counts(sim->producer);
    return (struct producer_counts){.produced = sim->sent, .acknowledged = sim->sent};
}

static void print_summary(const struct simulation *sim, bool is_final)
{
    struct producer_counts counts = counts_of(sim);
    double seconds = (double)(clock_us(CLOCK_MONOTONIC) - sim->began_us) / 1e6;
    uint64_t failed = is_final ? counts.produced - counts.acknowledged : counts.failed;
    (void)fprintf(stderr,
                  "produced %" PRIu64 " acknowledged %" PRIu64 " failed %" PRIu64
                  " in %.1f s (%.0f events/s)\n",
                  counts.produced, counts.acknowledged, failed, seconds,
                  seconds > 0 ? (double)counts.acknowledged / seconds : 0.0);
}

static void print_progress(struct simulation *sim)
{
    int64_t interval_us = sim->config->options->progress_s * INT64_C(1000000);
    int64_t now_us = clock_us(CLOCK_MONOTONIC);
    if (interval_us == 0 || now_us < sim->next_progress_us)
        return;
    print_summary(sim, false);
    sim->next_progress_us = now_us + interval_us;
}

/* Called by the producer for each record that the broker has. */
static void on_acknowledged(const struct record *record, const struct record_place *place,
                            void *arg)
{
    struct simulation *sim = arg;
    struct error err;
    if (sim->expectation)
        expectation_add(sim->expectation, &record->tag);
    if (!sim->ack_log.path)
        return;
    record_append_json(record, place, lines_file_line(&sim->ack_log));
    if (!lines_file_end_line(&sim->ack_log, &err))
        fail(sim, &err);
}

/* Waits for a while, or not at all, and does what has become due in the meantime. `fd` (or -1)
 * ends the wait when it becomes readable. */
static void look_after(struct simulation *sim, int fd, int wait_ms)
{
    struct error err;
    if (!sim->producer && wait_ms > 0 && !lines_file_flush(&sim->printed, &err))
        fail(sim, &err);
    int signals_before = sim->stop->count;
    stop_signal_wait(sim->stop, fd, wait_ms);
    if (sim->producer)
        producer_serve(sim->producer, 0);
    /* Written out with each look: who reads the log sees what is acknowledged, even if we are
     * killed. */
    if (sim->ack_log.path && !lines_file_flush(&sim->ack_log, &err))
        fail(sim, &err);
    if (sim->stop->count > signals_before)
        sim->is_over = true;
    print_progress(sim);
}

static bool print_record(struct simulation *sim, const struct record *record)
{
    struct error err;
    struct buf *line = lines_file_line(&sim->printed);
    if (sim->config->options->print_values)
        buf_append_slice(line, record->value);
    else
        record_append_json(record, NULL, line);
    if (!lines_file_end_line(&sim->printed, &err))
        return fail(sim, &err);
    if (sim->expectation)
        expectation_add(sim->expectation, &record->tag);
    return true;
}

static bool produce_record(struct simulation *sim, const struct record *record)
{
    struct error err;
    int64_t deadline_us =
        clock_us(CLOCK_MONOTONIC) + sim->config->options->timeout_s * INT64_C(1000000);
    while (!producer_send(sim->producer, record, &err)) {
        if (err.kind != ERR_BUSY || clock_us(CLOCK_MONOTONIC) > deadline_us)
            return fail(sim, &err);
        producer_serve(sim->producer, WAIT_MS);
        look_after(sim, -1, 0);
        if (sim->is_over)
            return false;
    }
    return true;
}

/* Keeps to --rate: returns when the next record may go, or the run is over. */
static void wait_for_rate(struct simulation *sim)
{
    int64_t rate = sim->config->options->rate;
    if (rate == 0)
        return;
    int64_t due_us = sim->rate_began_us + (int64_t)(sim->rate_count++ * 1000000 / (uint64_t)rate);
    int64_t left_us = due_us - clock_us(CLOCK_MONOTONIC);
    if (left_us < -CATCH_UP_US) {
        sim->rate_began_us += -left_us - CATCH_UP_US;
        return;
    }
    while (left_us > 0 && !sim->is_over) {
        int64_t wait_ms = (left_us + 999) / 1000;
        look_after(sim, -1, wait_ms < WAIT_MS ? (int)wait_ms : WAIT_MS);
        left_us = due_us - clock_us(CLOCK_MONOTONIC);
    }
}

/* The mixer's output: a record leaves. */
static bool send_record(const struct record *record, void *arg)
{
    struct simulation *sim = arg;
    int64_t limit = sim->config->options->events;
    if (limit > 0 && sim->sent >= (uint64_t)limit) {
        sim->is_over = true;
        return false;
    }
    wait_for_rate(sim);
    if (sim->is_over)
        return false;
    if (!(sim->producer ? produce_record(sim, record) : print_record(sim, record)))
        return false;
    if (++sim->sent % LOOK_AFTER_INTERVAL == 0)
        look_after(sim, -1, 0);
    return !sim->is_over;
}

/* With --live: until the event's time has come. */
static void wait_for_time(struct simulation *sim, int64_t at_us)
{
    int64_t left_us = at_us - clock_us(CLOCK_REALTIME);
    while (left_us > 0 && !sim->is_over) {
        int64_t wait_ms = (left_us + 999) / 1000;
        look_after(sim, -1, wait_ms < WAIT_MS ? (int)wait_ms : WAIT_MS);
        left_us = at_us - clock_us(CLOCK_REALTIME);
    }
}

/* The simulated clock, run --speed times faster. */
static int64_t sped_up(const struct simulation *sim, int64_t at_us)
{
    int64_t start_us = sim->config->dialer.start_us;
    return start_us + (at_us - start_us) / sim->config->options->speed;
}

static void simulate(struct simulation *sim)
{
    struct occurrence occurrence = {.kind = OCCURRENCE_BATCH};
    struct record record;
    struct dialer *dialer = dialer_new(&sim->config->dialer);
    struct cloudevent_writer *writer = cloudevent_writer_new(&sim->config->cloudevent);
    while (!sim->is_over && dialer_next(dialer, &occurrence)) {
        occurrence.at_us = sped_up(sim, occurrence.at_us);
        occurrence.created_us = sped_up(sim, occurrence.created_us);
        if (sim->config->options->live)
            wait_for_time(sim, occurrence.at_us);
        cloudevent_write(writer, &occurrence, &record);
        if (sim->is_over || !mixer_put(sim->mixer, &record))
            break;
    }
    cloudevent_writer_free(&writer);
    dialer_free(&dialer);
}

static bool forward_line(struct simulation *sim, enum reader_result result,
                         const struct record *record, const struct error *err)
{
    switch (result) {
    case READER_RECORD:
        return mixer_put(sim->mixer, record);
    case READER_WAIT:
        look_after(sim, reader_fd(sim->reader), WAIT_MS);
        return true;
    case READER_BAD_LINE:
        sim->bad_lines++;
        log_error("a line was not sent", "file=%s error=%s",
                  log_quote(sim->config->options->from).text, log_quote(err->text).text);
        return true;
    case READER_FAILED:
        return fail(sim, err);
    case READER_END:
    default:
        return false;
    }
}

static void forward(struct simulation *sim)
{
    struct error err;
    struct record record;
    enum reader_result result;
    do {
        result = reader_next(sim->reader, &record, &err);
    } while (forward_line(sim, result, &record, &err) && !sim->is_over);
}

/* Waits until everything is acknowledged or given up. */
static void drain(struct simulation *sim)
{
    struct producer_counts counts = counts_of(sim);
    int signals_before = sim->stop->count;
    /* librdkafka looks for what has timed out once a second: let it say so itself. */
    int64_t patience_ms = sim->config->options->timeout_s * 1000 + TIMEOUT_SCAN_MS;
    if (signals_before > 0 && patience_ms > DRAIN_AFTER_SIGNAL_MS)
        patience_ms = DRAIN_AFTER_SIGNAL_MS;
    int64_t deadline_us = clock_us(CLOCK_MONOTONIC) + patience_ms * 1000;
    while (counts.acknowledged + counts.failed < counts.produced &&
           clock_us(CLOCK_MONOTONIC) < deadline_us && sim->stop->count == signals_before) {
        producer_serve(sim->producer, WAIT_MS);
        look_after(sim, -1, 0);
        counts = counts_of(sim);
    }
}

static bool write_expectation(struct simulation *sim, struct error *err)
{
    struct lines_file file = {0};
    if (!sim->expectation)
        return true;
    bool opened = lines_file_open(&file, sim->config->options->expect, err);
    if (opened)
        expectation_append_json(sim->expectation, lines_file_line(&file));
    bool written = opened && lines_file_end_line(&file, err);
    return lines_file_close(&file, written ? err : NULL) && written;
}

static bool open_files(struct simulation *sim, struct error *err)
{
    const struct dialsim_options *options = sim->config->options;
    if (options->from) {
        struct reader_setup setup = {.path = options->from, .key = sim->config->cloudevent.key};
        for (size_t i = 0; i < TOPIC_COUNT; i++)
            setup.topics[i] = sim->config->cloudevent.topics[i];
        sim->reader = reader_new(&setup, err);
        if (!sim->reader)
            return false;
    }
    if (options->expect)
        sim->expectation = expectation_new(&sim->config->dialer.campaign);
    if ((options->print || options->print_values) && !lines_file_open(&sim->printed, NULL, err))
        return false;
    return !options->ack_log || lines_file_open(&sim->ack_log, options->ack_log, err);
}

static bool connect_producer(struct simulation *sim, struct error *err)
{
    const struct dialsim_options *options = sim->config->options;
    if (options->print || options->print_values)
        return true;
    bool is_asked = options->ack_log || options->expect;
    sim->producer =
        producer_new(&(struct producer_setup){.kafka = &options->kafka,
                                              .max_record_bytes = READER_LINE_BYTES_MAX,
                                              .timeout_ms = (int)options->timeout_s * 1000,
                                              .on_acknowledged = is_asked ? on_acknowledged : NULL,
                                              .arg = sim},
                     err);
    return sim->producer != NULL;
}

static void run(struct simulation *sim)
{
    sim->mixer = mixer_new(&sim->config->mixer, send_record, sim);
    sim->began_us = clock_us(CLOCK_MONOTONIC);
    sim->rate_began_us = sim->began_us;
    sim->next_progress_us = sim->began_us + sim->config->options->progress_s * INT64_C(1000000);
    if (sim->reader)
        forward(sim);
    else
        simulate(sim);
    if (!sim->is_over && !mixer_flush(sim->mixer))
        sim->is_over = true;
    if (sim->producer)
        drain(sim);
}

static int finish(struct simulation *sim)
{
    struct error err = {0};
    bool written = lines_file_close(&sim->printed, &err);
    written = lines_file_close(&sim->ack_log, &err) && written;
    written = write_expectation(sim, &err) && written;
    if (!written)
        fail(sim, &err);
    print_summary(sim, true);
    struct producer_counts counts = counts_of(sim);
    if (sim->bad_lines > 0)
        log_error("some lines were not sent", "lines=%" PRIu64, sim->bad_lines);
    bool complete = counts.acknowledged == counts.produced && sim->bad_lines == 0;
    return complete && !sim->has_failed ? EXIT_SUCCESS : EXIT_FAILURE;
}

int simulation_run(const struct dialsim_config *config, struct stop_signal *stop)
{
    struct error err = {0};
    struct simulation sim = {.config = config, .stop = stop};
    int status = EXIT_FAILURE;
    if (!open_files(&sim, &err))
        fail(&sim, &err);
    else if (!connect_producer(&sim, &err)) {
        fail(&sim, &err);
        status = 2;
    } else {
        run(&sim);
        status = finish(&sim);
    }
    /* First the producer: it reports to the files. */
    producer_free(&sim.producer);
    mixer_free(&sim.mixer);
    reader_free(&sim.reader);
    expectation_free(&sim.expectation);
    (void)!lines_file_close(&sim.printed, NULL);
    (void)!lines_file_close(&sim.ack_log, NULL);
    return status;
}
