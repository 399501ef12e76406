/*
 * call_filter - which calls a batch certainly does not have, in some six bytes for each that it
 * has.
 *
 * Keeps 32 bits of each call's hash, at a place that further bits of it choose, and nothing else:
 * so one call in a hundred million that was never added looks as if it were. (A Bloom filter of a
 * third of the size lets through one in a hundred; then a transaction of some hundred new calls has
 * nearly always one that must be looked up after all, at the price of a round trip.)
 *
 * It grows by parts, so nothing is ever moved.
 */
#ifndef CALLBOARD_INGEST_CALL_FILTER_H
#define CALLBOARD_INGEST_CALL_FILTER_H

#include "object_id.h"

#include <stdbool.h>
#include <stddef.h>

struct call_filter;

struct call_filter *call_filter_new(void);
void call_filter_free(struct call_filter **filter);

void call_filter_add(struct call_filter *filter, const struct object_id *call_id);
/* False: it was never added. */
bool call_filter_may_have(const struct call_filter *filter, const struct object_id *call_id);

size_t call_filter_bytes(const struct call_filter *filter);

#endif
