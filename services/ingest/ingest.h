/*
 * ingest - from Kafka to PostgreSQL, one transaction after the other.
 *
 * While one transaction is under way the next micro-batch gathers; when it ends, what has gathered
 * is sent. So an idle system stores an event at once, and a busy one in large transactions. Nothing
 * is read that there is no room for.
 *
 *   consumer ──messages──▶ gathering ──(transaction ended)──▶ writing ──▶ store
 *   consumer ──assigned──▶ claim in the store ──offsets──▶ consumer reads from there
 *
 * After a lost connection the stored offsets are read again before anything is written: that
 * settles a COMMIT whose answer was lost, and finds out that another process took over.
 */
#ifndef CALLBOARD_INGEST_H
#define CALLBOARD_INGEST_H

#include "error.h"
#include "ingest_config.h"
#include "macros.h"
#include "metrics.h"

struct buf;
struct event_base;
struct ingest;

/* `on_stopped` is called once, after ingest_stop(); `on_failed` when nothing but a new process
 * helps. The config must outlive the object. */
NODISCARD struct ingest *ingest_new(struct event_base *base, const struct ingest_config *config,
                                    void (*on_stopped)(void *arg), void (*on_failed)(void *arg),
                                    void *arg, struct error *err);
/* Reads no more, stores what was read, leaves the group (or gives that up where Kafka does not
 * answer); then on_stopped. */
void ingest_stop(struct ingest *ingest);
/* Whether Kafka has let us go: else freeing waits for brokers that do not answer. */
bool ingest_has_left(const struct ingest *ingest);
void ingest_free(struct ingest **ingest);

struct metrics *ingest_metrics_registry(struct ingest *ingest);
/* For the admin port. */
void ingest_ready(struct buf *missing, void *arg);
void ingest_collect(void *arg);

#endif
