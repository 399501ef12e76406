/*
 * round_slots - the questions of one round, each in its place until it is answered or forgotten.
 *
 * Statements are sent for slots, not for questions: a question may leave while its statement is
 * under way, its slot stays.
 */
#ifndef CALLBOARD_QUERY_ROUND_SLOTS_H
#define CALLBOARD_QUERY_ROUND_SLOTS_H

#include "error.h"
#include "page.h"
#include "page_span.h"
#include "selection_exchange.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#define ROUND_SLOTS_MAX 64

struct selection_round;

struct round_slot {
    struct selection_round *round;
    struct selection_wait *wait; /* NULL: answered, or forgotten */
    struct page_span span;
    size_t shared; /* the slot whose rows are this one's, too */
};

struct round_slots {
    struct round_slot slots[ROUND_SLOTS_MAX];
    size_t count;
};

void round_slots_init(struct round_slots *slots, struct selection_round *round);

/* Takes questions off the front of the list, as many as there are slots. */
void round_slots_take(struct round_slots *slots, struct selection_wait_list *waiting);
/* The questions left go back, before those that came since. */
void round_slots_give_back(struct round_slots *slots, struct selection_wait_list *waiting);
/* The questions left are dropped without an answer. */
void round_slots_drop(struct round_slots *slots);

bool round_slots_are_empty(const struct round_slots *slots);
/* The question leaves its slot; it is the caller's. */
struct selection_wait *round_slot_leave(struct round_slot *slot);

void round_slot_answer(struct round_slot *slot, enum page_outcome outcome, const PGresult *result);
void round_slots_answer(struct round_slots *slots, enum page_outcome outcome);
void round_slots_fail(struct round_slots *slots, const struct error *err);

/* Finds each question's page. Who asks for the same calls shares the first one's rows: */
void round_slots_find_spans(struct round_slots *slots, const struct ranking *ranking);
/* that slot is asked for, and its rows are answered to all who share them. */
bool round_slots_is_asked_for(const struct round_slots *slots, size_t index);
void round_slots_answer_shared(struct round_slots *slots, const struct round_slot *asked,
                               const PGresult *result);

#endif
