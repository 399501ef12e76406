/*
 * reader - records from a file or standard input, one JSON object a line.
 *
 * A line is either a CloudEvent in structured mode, which is sent as it stands (not a byte is
 * written anew) to the topic of its type; or a whole message, {"topic", "key", "headers", "value"}
 * with the value as a string, as "valueBase64", or null: the form of --print and of the ack log.
 * Empty lines are passed over. Nothing of an event is checked but what is needed to send it: what
 * ingest must refuse can be sent too.
 */
#ifndef CALLBOARD_DIALSIM_READER_H
#define CALLBOARD_DIALSIM_READER_H

#include "cloudevent.h"
#include "error.h"
#include "macros.h"
#include "record.h"

/* A line may be this long. */
#define READER_LINE_BYTES_MAX ((size_t)64 << 20)

enum reader_result {
    READER_RECORD,
    READER_WAIT,     /* no whole line yet: come back when reader_fd() is readable */
    READER_BAD_LINE, /* err->text begins with "line N: "; the next line can be read */
    READER_END,
    READER_FAILED, /* ERR_FATAL: it cannot be read any further */
};

struct reader_setup {
    const char *path; /* "-": standard input */
    const char *topics[TOPIC_COUNT];
    enum cloudevent_key key; /* of events; a message has its own */
};

struct reader;

NODISCARD struct reader *reader_new(const struct reader_setup *setup, struct error *err);
void reader_free(struct reader **reader);
/* The record borrows from the reader until the next call. Never blocks on a pipe or terminal. */
NODISCARD enum reader_result reader_next(struct reader *reader, struct record *out,
                                         struct error *err);
int reader_fd(const struct reader *reader);

#endif
