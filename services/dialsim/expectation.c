#include "expectation.h"

#include "alloc.h"
#include "call_script.h"
#include "dialer.h"
#include "jsontext.h"

#include <stdlib.h>
#include <string.h>

/* What is known of an attempt is one byte: 0 nothing, 1 that there is one, else a status plus 2.
 * Statuses ascend by rank and an attempt has but one final one, so the greatest is the one that
 * stays. */
enum { ATTEMPT_NOT_SEEN, ATTEMPT_WITHOUT_STATUS, ATTEMPT_STATUS_BASE };
#define OUTCOME_COUNT (ATTEMPT_STATUS_BASE + DIAL_STATUS_COUNT)

struct call_account {
    bool is_seen; /* the call's own event */
    uint8_t attempts[CALL_SCRIPT_ATTEMPTS_MAX];
    uint16_t transcripts; /* bits by attempt */
};

struct batch_account {
    bool is_seen;  /* anything of it */
    bool is_named; /* the event that says owner and name */
    int status;    /* greatest index of batch_status_name(), -1: none */
    int64_t created_us;
    struct call_account *calls;
    size_t call_count;
    size_t call_cap;
};

struct expectation {
    const struct campaign_setup *setup;
    struct batch_account *batches; /* by number */
    size_t batch_count;
    size_t batch_cap;
    uint64_t poisoned[POISON_COUNT];
};

struct expectation *expectation_new(const struct campaign_setup *setup)
{
    struct expectation *expectation = alloc_zeroed(1, sizeof(*expectation));
    expectation->setup = setup;
    return expectation;
}

void expectation_free(struct expectation **expectation)
{
    if (!*expectation)
        return;
    for (size_t i = 0; i < (*expectation)->batch_count; i++)
        free((*expectation)->batches[i].calls);
    free((*expectation)->batches);
    free(*expectation);
    *expectation = NULL;
}

/* Room for `index`, what is new zeroed. */
static void *grow_to(void *items, size_t item_bytes, size_t index, size_t *count, size_t *cap)
{
    if (index >= *cap) {
        *cap = index + 1 > *cap * 2 ? index + 1 : *cap * 2;
        items = alloc_resize(items, *cap, item_bytes);
    }
    if (index >= *count) {
        memset((char *)items + *count * item_bytes, 0, (index + 1 - *count) * item_bytes);
        *count = index + 1;
    }
    return items;
}

static struct batch_account *batch_of(struct expectation *expectation, uint32_t number)
{
    expectation->batches = grow_to(expectation->batches, sizeof(*expectation->batches), number,
                                   &expectation->batch_count, &expectation->batch_cap);
    struct batch_account *batch = &expectation->batches[number];
    if (!batch->is_seen)
        *batch = (struct batch_account){.is_seen = true, .status = -1};
    return batch;
}

static struct call_account *call_of(struct batch_account *batch, uint32_t call)
{
    batch->calls =
        grow_to(batch->calls, sizeof(*batch->calls), call, &batch->call_count, &batch->call_cap);
    return &batch->calls[call];
}

static void add_to_batch(struct batch_account *batch, const struct record_tag *tag)
{
    if (tag->status > batch->status)
        batch->status = tag->status;
    if (tag->status == 0) {
        batch->is_named = true;
        batch->created_us = tag->created_us;
    }
}

static void add_to_attempt(struct call_account *call, const struct record_tag *tag)
{
    uint8_t *known = &call->attempts[tag->attempt - 1];
    uint8_t told = ATTEMPT_WITHOUT_STATUS;
    if (tag->subject == SUBJECT_STATUS)
        told = (uint8_t)(ATTEMPT_STATUS_BASE + tag->status);
    else
        call->transcripts |= (uint16_t)(1U << tag->attempt);
    if (told > *known)
        *known = told;
}

void expectation_add(struct expectation *expectation, const struct record_tag *tag)
{
    if (tag->poison != POISON_NONE) {
        expectation->poisoned[tag->poison]++;
        return;
    }
    if (tag->subject == SUBJECT_UNKNOWN)
        return;
    struct batch_account *batch = batch_of(expectation, tag->campaign);
    if (tag->subject == SUBJECT_BATCH)
        add_to_batch(batch, tag);
    else if (tag->subject == SUBJECT_CALL)
        call_of(batch, tag->call)->is_seen = true;
    else
        add_to_attempt(call_of(batch, tag->call), tag);
}

struct tally {
    uint64_t calls, attempts, transcripts, without_attempt;
    uint64_t any[OUTCOME_COUNT];
    uint64_t latest[OUTCOME_COUNT];
};

static void tally_call(struct tally *tally, const struct call_account *call)
{
    bool has[OUTCOME_COUNT] = {false};
    uint8_t latest = ATTEMPT_NOT_SEEN;
    for (size_t i = 0; i < CALL_SCRIPT_ATTEMPTS_MAX; i++) {
        if (call->attempts[i] == ATTEMPT_NOT_SEEN)
            continue;
        latest = call->attempts[i];
        has[latest] = true;
        tally->attempts++;
        tally->transcripts += call->transcripts >> (i + 1) & 1;
    }
    tally->calls++;
    tally->without_attempt += latest == ATTEMPT_NOT_SEEN;
    tally->latest[latest]++;
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        tally->any[i] += has[i];
}

static const char *outcome_name(size_t outcome)
{
    return outcome == ATTEMPT_WITHOUT_STATUS
               ? "unknown"
               : dial_status_name((enum dial_status)(outcome - ATTEMPT_STATUS_BASE));
}

static void append_number(struct buf *out, const char *name, uint64_t number)
{
    buf_append_text(out, ",\"");
    buf_append_text(out, name);
    buf_append_text(out, "\":");
    buf_append_int(out, (int64_t)number);
}

static void append_outcomes(struct buf *out, const char *name, const uint64_t counts[OUTCOME_COUNT])
{
    const char *comma = "";
    buf_append_text(out, name);
    for (size_t i = ATTEMPT_WITHOUT_STATUS; i < OUTCOME_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        buf_append_text(out, comma);
        jsontext_append_string(out, slice_of(outcome_name(i)));
        buf_append_char(out, ':');
        buf_append_int(out, (int64_t)counts[i]);
        comma = ",";
    }
    buf_append_char(out, '}');
}

static void append_identity(const struct expectation *expectation, uint32_t number,
                            const struct batch_account *batch, struct buf *out)
{
    struct campaign campaign;
    campaign_init(&campaign, expectation->setup, number);
    campaign_schedule(&campaign, batch->created_us);
    buf_append_text(out, "{\"batchId\":");
    jsontext_append_string(out, slice_of(campaign.id_hex));
    buf_append_text(out, ",\"ownerId\":");
    jsontext_append_string(out, slice_of(batch->is_named ? campaign.owner : NULL));
    buf_append_text(out, ",\"batchName\":");
    jsontext_append_string(out, slice_of(batch->is_named ? campaign.name : NULL));
    buf_append_text(out, ",\"batchStatus\":");
    jsontext_append_string(out,
                           slice_of(batch->status < 0 ? NULL : batch_status_name(batch->status)));
    buf_append_text(out, ",\"createdAt\":");
    if (batch->is_named)
        jsontext_append_time(out, batch->created_us);
    else
        buf_append_text(out, "null");
}

static void append_batch(const struct expectation *expectation, uint32_t number,
                         const struct batch_account *batch, struct buf *out)
{
    struct tally tally = {0};
    for (size_t i = 0; i < batch->call_count; i++)
        if (batch->calls[i].is_seen)
            tally_call(&tally, &batch->calls[i]);
    append_identity(expectation, number, batch, out);
    append_number(out, "calls", tally.calls);
    append_number(out, "attempts", tally.attempts);
    append_number(out, "transcripts", tally.transcripts);
    append_number(out, "withoutAttempt", tally.without_attempt);
    append_outcomes(out, ",\"any\":{", tally.any);
    append_outcomes(out, ",\"latest\":{", tally.latest);
    buf_append_char(out, '}');
}

static void append_poisoned(const struct expectation *expectation, struct buf *out)
{
    uint64_t total = 0;
    const char *comma = "";
    buf_append_text(out, "],\"deadLetters\":{");
    for (enum poison poison = POISON_NONE + 1; poison < POISON_COUNT; poison++) {
        if (expectation->poisoned[poison] == 0)
            continue;
        total += expectation->poisoned[poison];
        buf_append_text(out, comma);
        jsontext_append_string(out, slice_of(poison_name(poison)));
        buf_append_char(out, ':');
        buf_append_int(out, (int64_t)expectation->poisoned[poison]);
        comma = ",";
    }
    buf_append_char(out, '}');
    append_number(out, "deadLettersTotal", total);
    buf_append_char(out, '}');
}

void expectation_append_json(const struct expectation *expectation, struct buf *out)
{
    const char *comma = "";
    buf_append_text(out, "{\"batches\":[");
    for (size_t i = 0; i < expectation->batch_count; i++) {
        if (!expectation->batches[i].is_seen)
            continue;
        buf_append_text(out, comma);
        append_batch(expectation, (uint32_t)i, &expectation->batches[i], out);
        comma = ",\n";
    }
    append_poisoned(expectation, out);
}
