/*
 * poison - records that ingest must refuse, one way for each reason of the contract (but for
 * `database-refused`, which no record can be sure of).
 *
 * Each is wrong in one way only: everything that is checked before its fault is in order. Had it
 * been applied all the same, a call or a status that nobody sent would show up in its batch.
 */
#ifndef CALLBOARD_DIALSIM_POISON_H
#define CALLBOARD_DIALSIM_POISON_H

#include "record.h"
#include "rng.h"

#include <stddef.h>
#include <stdint.h>

struct poison_writer;

/* What is longer than `max_event_bytes` is too large for ingest. */
struct poison_writer *poison_writer_new(size_t max_event_bytes);
void poison_writer_free(struct poison_writer **writer);

/* How many forms of this kind there are. */
size_t poison_form_count(enum poison poison);
/*
 * Writes form `form` of the kind: beside `near`, that is for its batch, its key and about its time.
 * The record borrows from the writer until the next is written.
 */
void poison_write(struct poison_writer *writer, enum poison poison, size_t form,
                  const struct record *near, struct rng *rng, struct record *out);

#endif
