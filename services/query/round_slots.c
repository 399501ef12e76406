#include "round_slots.h"

void round_slots_init(struct round_slots *slots, struct selection_round *round)
{
    slots->count = 0;
    for (size_t i = 0; i < ROUND_SLOTS_MAX; i++) {
        slots->slots[i] = (struct round_slot){.round = round};
    }
}

void round_slots_take(struct round_slots *slots, struct selection_wait_list *waiting)
{
    struct selection_wait *wait;
    slots->count = 0;
    while (slots->count < ROUND_SLOTS_MAX && (wait = TAILQ_FIRST(waiting))) {
        struct round_slot *slot = &slots->slots[slots->count++];
        TAILQ_REMOVE(waiting, wait, in_selection);
        slot->wait = wait;
        wait->slot = slot;
    }
}

struct selection_wait *round_slot_leave(struct round_slot *slot)
{
    struct selection_wait *wait = slot->wait;
    slot->wait = NULL;
    wait->slot = NULL;
    return wait;
}

void round_slots_give_back(struct round_slots *slots, struct selection_wait_list *waiting)
{
    for (size_t i = slots->count; i-- > 0;) {
        if (slots->slots[i].wait) {
            struct selection_wait *wait = round_slot_leave(&slots->slots[i]);
            TAILQ_INSERT_HEAD(waiting, wait, in_selection);
        }
    }
}

void round_slots_drop(struct round_slots *slots)
{
    for (size_t i = 0; i < slots->count; i++) {
        if (slots->slots[i].wait) {
            exchange_drop(round_slot_leave(&slots->slots[i]));
        }
    }
}

bool round_slots_are_empty(const struct round_slots *slots)
{
    for (size_t i = 0; i < slots->count; i++) {
        if (slots->slots[i].wait) {
            return false;
        }
    }
    return true;
}

void round_slot_answer(struct round_slot *slot, enum page_outcome outcome, const PGresult *result)
{
    exchange_answer(round_slot_leave(slot), outcome, result);
}

void round_slots_answer(struct round_slots *slots, enum page_outcome outcome)
{
    for (size_t i = 0; i < slots->count; i++) {
        if (slots->slots[i].wait) {
            round_slot_answer(&slots->slots[i], outcome, NULL);
        }
    }
}

void round_slots_fail(struct round_slots *slots, const struct error *err)
{
    for (size_t i = 0; i < slots->count; i++) {
        if (slots->slots[i].wait) {
            exchange_fail(round_slot_leave(&slots->slots[i]), err);
        }
    }
}

static size_t find_shared(const struct round_slots *slots, size_t index)
{
    size_t first = 0;
    while (!slots->slots[first].wait ||
           !page_span_is_same(&slots->slots[first].span, &slots->slots[index].span)) {
        first++;
    }
    return first;
}

void round_slots_find_spans(struct round_slots *slots, const struct ranking *ranking)
{
    for (size_t i = 0; i < slots->count; i++) {
        struct round_slot *slot = &slots->slots[i];
        if (slot->wait) {
            slot->span = page_span_find(&slot->wait->question.selection, ranking);
            slot->shared = find_shared(slots, i);
        }
    }
}

bool round_slots_is_asked_for(const struct round_slots *slots, size_t index)
{
    return slots->slots[index].wait && slots->slots[index].shared == index;
}

void round_slots_answer_shared(struct round_slots *slots, const struct round_slot *asked,
                               const PGresult *result)
{
    size_t index = (size_t)(asked - slots->slots);
    for (size_t i = index; i < slots->count; i++) {
        if (slots->slots[i].wait && slots->slots[i].shared == index) {
            round_slot_answer(&slots->slots[i], PAGE_FOUND, result);
        }
    }
}
