/*
 * cloudevent - writes an occurrence as a Kafka record that carries a CloudEvent.
 *
 * CloudEvents 1.0, its JSON format and its Kafka protocol binding: structured mode (the envelope is
 * the value) or binary mode (`ce_` headers, the value is the data). Which worker of the dialer an
 * event comes from decides whether it counts its events in `sequence` and how it makes its ids.
 *
 * Ownership: a record written borrows from the writer until the next is written.
 */
#ifndef CALLBOARD_DIALSIM_CLOUDEVENT_H
#define CALLBOARD_DIALSIM_CLOUDEVENT_H

#include "dialer.h"
#include "record.h"

#include <stdbool.h>

enum cloudevent_mode { CLOUDEVENT_STRUCTURED, CLOUDEVENT_BINARY, CLOUDEVENT_MIXED };
enum cloudevent_key { CLOUDEVENT_KEY_BATCH, CLOUDEVENT_KEY_CALL, CLOUDEVENT_KEY_NONE };

enum cloudevent_topic { TOPIC_BATCHES, TOPIC_CALLS, TOPIC_PHONE_LOGS, TOPIC_COUNT };

struct cloudevent_setup {
    enum cloudevent_mode mode;
    enum cloudevent_key key;
    const char *topics[TOPIC_COUNT];
    bool varied_spellings; /* of statuses: "No Answer", "ANSWERED" */
    int transcript_words;
};

struct cloudevent_writer;

struct cloudevent_writer *cloudevent_writer_new(const struct cloudevent_setup *setup);
void cloudevent_writer_free(struct cloudevent_writer **writer);
void cloudevent_write(struct cloudevent_writer *writer, const struct occurrence *occurrence,
                      struct record *out);

#endif
