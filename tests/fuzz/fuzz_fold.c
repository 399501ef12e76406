/*
 * fuzz_fold - any sequence of events, folded forwards and backwards: the same entities must come
 * out.
 *
 * Six bytes of input make an event. Besides, the versions of what was folded survive being encoded,
 * and the input itself, taken for encoded versions, does no harm.
 */
#include "fold.h"
#include "version.h"

#include <stdint.h>
#include <stdlib.h>

#define EVENT_BYTES 6
#define EVENTS_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void fill_id(struct object_id *id, uint8_t byte)
{
    memset(id->bytes, 0, sizeof id->bytes);
    id->bytes[OBJECT_ID_BYTES - 1] = byte;
}

/* The number makes the version differ from that of every other event. */
static void make_event(struct event *event, const uint8_t *bytes, const uint32_t *number)
{
    static const struct slice texts[] = {
        SLICE("queued"),    SLICE("initiated"), SLICE("ringing"), SLICE("in-progress"),
        SLICE("completed"), SLICE("busy"),      SLICE(""),        SLICE("x")};
    *event = (struct event){.entity.kind = (enum entity_kind)(bytes[0] % 3),
                            .attempt = bytes[3] % 8 + 1,
                            .version = {.time_us = bytes[4] >> 4,
                                        .sequence = bytes[4] & 8 ? SLICE_NONE : texts[bytes[4] & 7],
                                        .source = SLICE("s"),
                                        .id = {(const char *)number, sizeof *number}}};
    fill_id(&event->batch_id, bytes[1] % 4);
    fill_id(&event->call_id, bytes[2]);
    for (int i = 0; i < entity_field_count(event->entity.kind); i++)
        if (bytes[5] >> i & 1)
            event->entity.fields[i] =
                (struct field){&event->version, texts[bytes[5] >> 5], bytes[4]};
}

static bool is_same_entity(const struct entity *a, const struct entity *b)
{
    for (int i = 0; i < entity_field_count(a->kind); i++)
        if (a->fields[i].version != b->fields[i].version ||
            !slice_equal(a->fields[i].text, b->fields[i].text))
            return false;
    return a->kind == b->kind;
}

static void check_versions(const struct entity *entity, struct arena *arena)
{
    const struct version *versions[ENTITY_FIELDS_MAX];
    const struct version *back[ENTITY_FIELDS_MAX];
    size_t count = (size_t)entity_field_count(entity->kind);
    for (size_t i = 0; i < count; i++)
        versions[i] = entity->fields[i].version;
    struct buf encoded;
    buf_init(&encoded, 64 * 1024);
    versions_encode(versions, count, &encoded);
    check(versions_decode(buf_slice(&encoded), arena, back, count));
    for (size_t i = 0; i < count; i++)
        check(versions[i] ? back[i] && version_compare(versions[i], back[i]) == 0 : !back[i]);
    buf_done(&encoded);
}

static const struct fold_call *find_call(const struct fold_batch *batch, const struct object_id *id)
{
    for (size_t i = 0; i < batch->call_count; i++)
        if (object_id_compare(&batch->calls[i]->call_id, id) == 0)
            return batch->calls[i];
    return NULL;
}

static void check_call(const struct fold_call *a, const struct fold_call *b, struct arena *arena)
{
    if (!b)
        abort();
    check(a->has_call_event == b->has_call_event && a->attempt_count == b->attempt_count);
    check(is_same_entity(&a->entity, &b->entity));
    check_versions(&a->entity, arena);
    const struct fold_attempt *other = b->attempts;
    int32_t last = 0;
    for (const struct fold_attempt *at = a->attempts; at; at = at->next, other = other->next) {
        check(other && at->attempt == other->attempt && at->attempt > last);
        check(is_same_entity(&at->entity, &other->entity));
        check_versions(&at->entity, arena);
        last = at->attempt;
    }
}

static void check_batch(const struct fold_batch *a, const struct fold_batch *b, struct arena *arena)
{
    check(object_id_compare(&a->batch_id, &b->batch_id) == 0 && a->call_count == b->call_count);
    check(is_same_entity(&a->entity, &b->entity));
    check_versions(&a->entity, arena);
    for (size_t i = 0; i < a->call_count; i++) {
        check(i == 0 || a->calls[i]->arrival > a->calls[i - 1]->arrival);
        check_call(a->calls[i], find_call(b, &a->calls[i]->call_id), arena);
    }
}

static void fold_both_ways(const struct event *events, size_t count, struct arena *arena)
{
    struct fold *forwards = fold_new();
    struct fold *backwards = fold_new();
    for (size_t i = 0; i < count; i++) {
        fold_add(forwards, &events[i]);
        fold_add(backwards, &events[count - 1 - i]);
    }
    fold_finish(forwards);
    fold_finish(backwards);
    check(fold_event_count(forwards) == count);
    check(fold_batch_count(forwards) == fold_batch_count(backwards));
    for (size_t i = 0; i < fold_batch_count(forwards); i++)
        check_batch(fold_batch_at(forwards, i), fold_batch_at(backwards, i), arena);
    fold_free(&forwards);
    fold_free(&backwards);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct event events[EVENTS_MAX];
    static uint32_t numbers[EVENTS_MAX];
    struct arena arena;
    arena_init(&arena);
    size_t count = 0;
    for (; count < EVENTS_MAX && (count + 1) * EVENT_BYTES <= size; count++) {
        numbers[count] = (uint32_t)count;
        make_event(&events[count], input + count * EVENT_BYTES, &numbers[count]);
    }
    fold_both_ways(events, count, &arena);

    const struct version *versions[ENTITY_FIELDS_MAX];
    if (versions_decode((struct slice){(const char *)input, size}, &arena, versions,
                        ENTITY_FIELDS_MAX))
        for (size_t i = 0; i < ENTITY_FIELDS_MAX; i++)
            check(!versions[i] || version_compare(versions[i], versions[i]) == 0);
    arena_done(&arena);
    return 0;
}
