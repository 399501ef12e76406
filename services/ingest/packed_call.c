#include "packed_call.h"

#include <string.h>

/* --- numbers and texts --------------------------------------------------------------------- */

#define TEXT_NONE UINT32_MAX

static void put(struct buf *out, const void *value, size_t size)
{
    buf_append(out, value, size);
}

static void put_text(struct buf *out, struct slice text)
{
    const uint32_t len = slice_is_set(text) ? (uint32_t)text.len : TEXT_NONE;
    put(out, &len, sizeof len);
    if (slice_is_set(text))
        buf_append_slice(out, text);
}

static void take(const char **at, void *value, size_t size)
{
    memcpy(value, *at, size);
    *at += size;
}

static struct slice take_text(const char **at)
{
    uint32_t len;
    take(at, &len, sizeof len);
    if (len == TEXT_NONE)
        return SLICE_NONE;
    struct slice text = {*at, len};
    *at += len;
    return text;
}

/* --- attempts ------------------------------------------------------------------------------ */

static void put_values(struct buf *out, const struct entity *values)
{
    for (int i = 0; i < ATTEMPT_FIELD_COUNT; i++) {
        put(out, &values->fields[i].number, sizeof values->fields[i].number);
        put_text(out, values->fields[i].text);
    }
}

static const struct entity *take_values(const char **at, struct arena *arena)
{
    struct entity *values = arena_alloc_zeroed(arena, sizeof *values);
    values->kind = ENTITY_ATTEMPT;
    for (int i = 0; i < ATTEMPT_FIELD_COUNT; i++) {
        take(at, &values->fields[i].number, sizeof values->fields[i].number);
        values->fields[i].text = take_text(at);
    }
    return values;
}

/* The end of a list: attempts are numbered from 1. */
static const int32_t no_attempt = 0;

static void put_attempts(struct buf *out, const struct stored_attempt *list, bool with_values)
{
    for (; list; list = list->next) {
        put(out, &list->attempt, sizeof list->attempt);
        put_text(out, list->status);
        put_text(out, list->versions);
        if (with_values)
            put_values(out, list->values);
    }
    put(out, &no_attempt, sizeof no_attempt);
}

static struct stored_attempt *take_attempts(const char **at, struct arena *arena, bool with_values)
{
    struct stored_attempt *first = NULL;
    struct stored_attempt **end = &first;
    int32_t number;
    for (take(at, &number, sizeof number); number != no_attempt; take(at, &number, sizeof number)) {
        struct stored_attempt *attempt = arena_alloc_zeroed(arena, sizeof *attempt);
        attempt->attempt = number;
        attempt->status = take_text(at);
        attempt->versions = take_text(at);
        if (with_values)
            attempt->values = take_values(at, arena);
        *end = attempt;
        end = &attempt->next;
    }
    return first;
}

/* --- calls --------------------------------------------------------------------------------- */

static void put_call(struct buf *out, const struct stored_call *call)
{
    put(out, &call->position, sizeof call->position);
    put(out, &call->has_created_at, sizeof call->has_created_at);
    put(out, &call->created_at_us, sizeof call->created_at_us);
    put_text(out, call->versions);
}

static const struct stored_call *take_call(const char **at, struct arena *arena)
{
    struct stored_call *call = arena_alloc_zeroed(arena, sizeof *call);
    take(at, &call->position, sizeof call->position);
    take(at, &call->has_created_at, sizeof call->has_created_at);
    take(at, &call->created_at_us, sizeof call->created_at_us);
    call->versions = take_text(at);
    return call;
}

void packed_call_write(const struct call_snapshot *call, struct buf *out)
{
    const bool is_stored = call->call != NULL;
    put(out, &is_stored, sizeof is_stored);
    if (is_stored) {
        put_call(out, call->call);
        put_attempts(out, call->attempts, false);
    } else {
        put_attempts(out, call->pending, true);
    }
}

void packed_call_read(struct slice packed, struct arena *arena, struct call_snapshot *call)
{
    const char *at = arena_copy(arena, packed).data;
    bool is_stored;
    *call = (struct call_snapshot){0};
    take(&at, &is_stored, sizeof is_stored);
    if (is_stored) {
        call->call = take_call(&at, arena);
        call->attempts = take_attempts(&at, arena, false);
        call->has_attempts = true;
    } else {
        call->pending = take_attempts(&at, arena, true);
        call->has_pending = true;
    }
}
