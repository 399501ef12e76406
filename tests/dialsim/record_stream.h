/*
 * record_stream - records that a test has gathered, in order.
 *
 * Ownership: the stream owns clones of the records.
 */
#ifndef CALLBOARD_TESTS_RECORD_STREAM_H
#define CALLBOARD_TESTS_RECORD_STREAM_H

#include "cloudevent.h"
#include "dialer.h"
#include "record.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_stream {
    struct record **records;
    size_t count;
    size_t cap;
};

/* Adds a clone. Always true: it has the shape of a mixer_emit_fn. */
bool record_stream_add(const struct record *record, void *stream);
void record_stream_done(struct record_stream *stream);

/* A dialer of one batch of `calls` for "acme", seed 1, and a writer of structured events, keyed by
 * the batch. */
struct dialer_setup test_dialer_setup(uint32_t calls);
struct cloudevent_setup test_cloudevent_setup(void);
/* Adds all that the dialer yields, up to `max` records. */
void record_stream_generate(struct record_stream *stream, const struct dialer_setup *dialer,
                            const struct cloudevent_setup *cloudevent, size_t max);

/* FNV-1a over every byte of every record, topics, keys and headers included. */
uint64_t record_stream_hash(const struct record_stream *stream);
bool record_is_equal(const struct record *a, const struct record *b);

/* The value as a tree; fails the test where it is no JSON object. Release with json_object_put().
 */
struct json_object *record_parse_value(const struct record *record);
/* An attribute of the CloudEvent in either mode, copied to `out`; false where it is missing. */
bool record_attribute(const struct record *record, struct json_object *value, const char *name,
                      char *out, size_t size);
/* The event's data in either mode. */
struct json_object *record_data(const struct record *record, struct json_object *value);

#endif
