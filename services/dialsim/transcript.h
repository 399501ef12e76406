/*
 * transcript - what was said in a call, as a speech recogniser would write it.
 *
 * Phrases from tables, turn by turn, consistent with what the call was about and how it ended.
 */
#ifndef CALLBOARD_DIALSIM_TRANSCRIPT_H
#define CALLBOARD_DIALSIM_TRANSCRIPT_H

#include "buf.h"
#include "rng.h"

struct transcript_setup {
    const char *first_name; /* of the person called */
    const char *last_name;
    const char *reason; /* "the open balance on your account" */
    int words;          /* of a conversation, on average */
};

/* Appends a conversation: from 0.6 to 1.35 times `words`, plus at most 50 for the turn in which it
 * ends. Plain text, lines separated by '\n'. */
void transcript_append_conversation(struct buf *out, const struct transcript_setup *setup,
                                    struct rng *rng);
/* Appends what was left on a machine: 30 to 70 words. */
void transcript_append_voicemail(struct buf *out, const struct transcript_setup *setup,
                                 struct rng *rng);

#endif
