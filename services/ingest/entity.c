#include "entity.h"

#include "call_status.h"

#include <assert.h>

int entity_field_count(enum entity_kind kind)
{
    static const int counts[] = {
        [ENTITY_BATCH] = BATCH_FIELD_COUNT,
        [ENTITY_CALL] = CALL_FIELD_COUNT,
        [ENTITY_ATTEMPT] = ATTEMPT_FIELD_COUNT,
    };
    return counts[kind];
}

int status_rank(struct slice status)
{
    return call_status_rank(status);
}

static bool is_ranked(enum entity_kind kind, int number)
{
    return kind == ENTITY_ATTEMPT && number == ATTEMPT_STATUS;
}

/* What was stored may be known by its version alone: then nothing tells whether it is the same. */
static bool is_same_value(const struct field *a, const struct field *b)
{
    if (slice_is_set(a->text) || slice_is_set(b->text))
        return slice_is_set(a->text) && slice_is_set(b->text) && slice_equal(a->text, b->text);
    return a->number == b->number && a->number != 0;
}

/* Whether `from` is to stand where `into` does. Equal versions are the same event: what came last
 * stands, and nothing is replaced by itself. */
static bool is_superseded(const struct field *into, const struct field *from, bool ranked)
{
    if (!from->version)
        return false;
    if (!into->version)
        return true;
    if (ranked) {
        int difference = status_rank(from->text) - status_rank(into->text);
        if (difference != 0)
            return difference > 0;
    }
    int order = version_compare(from->version, into->version);
    return order > 0 || (order == 0 && !is_same_value(into, from));
}

unsigned entity_merge(struct entity *into, const struct entity *from)
{
    assert(into->kind == from->kind);
    unsigned replaced = 0;
    int count = entity_field_count(into->kind);
    for (int i = 0; i < count; i++) {
        if (is_superseded(&into->fields[i], &from->fields[i], is_ranked(into->kind, i))) {
            into->fields[i] = from->fields[i];
            replaced |= 1U << i;
        }
    }
    return replaced;
}
