/*
 * expectation - what must be in the database once everything acknowledged has been applied.
 *
 * It is told of each record that the broker acknowledged, in any order and any number of times, and
 * reckons from the tags, not from the bytes: an account of its own. Only records that were
 * generated are counted; what was read from a file has no tag to reckon from.
 */
#ifndef CALLBOARD_DIALSIM_EXPECTATION_H
#define CALLBOARD_DIALSIM_EXPECTATION_H

#include "buf.h"
#include "campaign.h"
#include "record.h"

struct expectation;

/* `setup` must outlive it: it tells what the campaigns are called. */
struct expectation *expectation_new(const struct campaign_setup *setup);
void expectation_free(struct expectation **expectation);
void expectation_add(struct expectation *expectation, const struct record_tag *tag);
/*
 * Appends, as JSON: {"batches":[{"batchId","ownerId","batchName","batchStatus","createdAt","calls",
 * "attempts","transcripts","withoutAttempt","any":{status:calls},"latest":{status:calls}}],
 * "deadLetters":{reason:count},"deadLettersTotal"}. `calls` counts calls whose own event was
 * acknowledged; `any` those with at least one attempt of that status, `latest` those whose attempt
 * with the highest number has it; "unknown" is an attempt of which only the transcript was
 * acknowledged. ownerId, batchName and createdAt are null where the event that tells them was not
 * acknowledged.
 */
void expectation_append_json(const struct expectation *expectation, struct buf *out);

#endif
