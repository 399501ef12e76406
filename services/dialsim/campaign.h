/*
 * campaign - one batch of calls: who owns it, what it is about, whom it calls.
 *
 * A campaign follows from (setup, number) alone, and everything about one of its calls from the
 * campaign's seed and the call's index: nothing has to be remembered, and a longer batch begins
 * with the same calls as a shorter one.
 */
#ifndef CALLBOARD_DIALSIM_CAMPAIGN_H
#define CALLBOARD_DIALSIM_CAMPAIGN_H

#include "buf.h"
#include "object_id.h"
#include "people.h"
#include "rng.h"

#include <stddef.h>
#include <stdint.h>

/* The last three bytes of a call's id count the calls of its batch. */
#define CAMPAIGN_CALLS_MAX 0xffffff

/* What calls of this kind are about; each kind has dynamic fields and phrases of its own. */
struct campaign_kind {
    const char *title;  /* "Payment Reminder" */
    const char *reason; /* of the call, for transcripts: "the open balance on your account" */
    unsigned fields; /* dynamic fields behind name, account_id and priority; bits of campaign.c */
};

struct campaign_setup {
    uint64_t seed;
    uint32_t calls;
    const char *const *owners; /* taken in turn */
    size_t owner_count;
    const struct object_id *first_id; /* of campaign 0; NULL: drawn as the others */
};

struct campaign {
    uint32_t number; /* from 0 */
    uint64_t seed;
    struct object_id id;
    char id_hex[OBJECT_ID_HEX + 1];
    const char *owner;
    const struct campaign_kind *kind;
    const struct region *region;
    char name[96];
    uint32_t calls;
    int64_t start_us; /* when it was created; 0 until the dialer knows */
};

void campaign_init(struct campaign *campaign, const struct campaign_setup *setup, uint32_t number);
/* Says when it begins: from then on its name has a month. */
void campaign_schedule(struct campaign *campaign, int64_t start_us);

struct object_id campaign_call_id(const struct campaign *campaign, uint32_t call);
void campaign_person(const struct campaign *campaign, uint32_t call, struct person *person);
/* Appends the call's `fields` object: name, account_id, priority, then those of its kind. */
void campaign_append_fields(const struct campaign *campaign, uint32_t call, struct buf *out);

#endif
