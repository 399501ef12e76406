#include "entity.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct version early = {1, SLICE_NONE, SLICE("s"), SLICE("a")};
static const struct version late = {2, SLICE_NONE, SLICE("s"), SLICE("b")};

static struct entity attempt_with(enum attempt_field field, const struct version *version,
                                  const char *text)
{
    struct entity entity = {.kind = ENTITY_ATTEMPT};
    entity.fields[field].version = version;
    entity.fields[field].text = slice_of(text);
    return entity;
}

Test(entity, has_as_many_fields_as_its_kind)
{
    cr_expect_eq(entity_field_count(ENTITY_BATCH), 4);
    cr_expect_eq(entity_field_count(ENTITY_CALL), 3);
    cr_expect_eq(entity_field_count(ENTITY_ATTEMPT), 5);
}

Test(entity, merges_each_field_by_the_version_that_set_it)
{
    static const struct {
        const char *name;
        const struct version *stored;
        const struct version *coming;
        bool replaces;
    } rows[] = {
        {"unknown by unknown", NULL, NULL, false}, {"unknown by any", NULL, &early, true},
        {"any by unknown", &early, NULL, false},   {"older by newer", &early, &late, true},
        {"newer by older", &late, &early, false},  {"by the same version", &early, &early, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct entity into = attempt_with(ATTEMPT_TRANSCRIPT, rows[i].stored, "stored");
        struct entity from = attempt_with(ATTEMPT_TRANSCRIPT, rows[i].coming, "coming");
        unsigned mask = entity_merge(&into, &from);
        cr_expect_eq(mask, rows[i].replaces ? 1U << ATTEMPT_TRANSCRIPT : 0, "%s", rows[i].name);
        const struct field *field = &into.fields[ATTEMPT_TRANSCRIPT];
        cr_expect(slice_equal(field->text, slice_of(rows[i].replaces ? "coming" : "stored")), "%s",
                  rows[i].name);
        cr_expect_eq(field->version, rows[i].replaces ? rows[i].coming : rows[i].stored, "%s",
                     rows[i].name);
    }
}

Test(entity, compares_statuses_by_rank_before_version)
{
    static const struct {
        const char *stored;
        const struct version *stored_version;
        const char *coming;
        const struct version *coming_version;
        bool replaces;
    } rows[] = {
        {"queued", &late, "initiated", &early, true},
        {"initiated", &late, "ringing", &early, true},
        {"ringing", &late, "in-progress", &early, true},
        {"in-progress", &late, "completed", &early, true},
        {"completed", &early, "queued", &late, false},
        {"in-progress", &early, "ringing", &late, false},
        {"completed", &early, "failed", &late, true},
        {"completed", &late, "failed", &early, false},
        {"voicemail", &late, "completed", &early, false},
        {"ringing", &early, "ringing", &late, true},
        {"ringing", &late, "ringing", &early, false},
        {"busy", &early, "failed", &early, true},
        {"busy", &early, "busy", &early, false},
        {"", NULL, "queued", &early, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct entity into = attempt_with(ATTEMPT_STATUS, rows[i].stored_version, rows[i].stored);
        struct entity from = attempt_with(ATTEMPT_STATUS, rows[i].coming_version, rows[i].coming);
        cr_expect_eq(entity_merge(&into, &from), rows[i].replaces, "%s by %s, row %zu",
                     rows[i].stored, rows[i].coming, i);
    }
}

Test(entity, ranks_only_the_status_of_attempts)
{
    struct entity into = {.kind = ENTITY_BATCH};
    struct entity from = {.kind = ENTITY_BATCH};
    into.fields[BATCH_OWNER_ID] = (struct field){&early, SLICE("completed"), 0};
    from.fields[BATCH_OWNER_ID] = (struct field){&late, SLICE("queued"), 0};
    cr_expect_eq(entity_merge(&into, &from), 1U << BATCH_OWNER_ID);
}

Test(entity, does_not_replace_what_says_the_same)
{
    struct entity into = {.kind = ENTITY_CALL};
    into.fields[CALL_PHONE_NUMBER] = (struct field){&early, SLICE("123"), 0};
    into.fields[CALL_CREATED_AT] = (struct field){&early, SLICE_NONE, 42};
    struct entity from = into;
    cr_expect_eq(entity_merge(&into, &from), 0);
    from.fields[CALL_CREATED_AT].number = 43;
    cr_expect_eq(entity_merge(&into, &from), 1U << CALL_CREATED_AT);
    cr_expect_eq(into.fields[CALL_CREATED_AT].number, 43);
}

Test(entity, takes_the_value_where_only_the_version_is_known)
{
    struct entity into = {.kind = ENTITY_CALL};
    struct entity from = {.kind = ENTITY_CALL};
    for (int i = 0; i < CALL_FIELD_COUNT; i++)
        into.fields[i].version = from.fields[i].version = &early;
    from.fields[CALL_PHONE_NUMBER].text = SLICE("");
    from.fields[CALL_FIELDS].text = SLICE("{}");
    cr_expect_eq(entity_merge(&into, &from), (1U << CALL_FIELD_COUNT) - 1);
    cr_expect(slice_is_set(into.fields[CALL_PHONE_NUMBER].text));
}

/* --- the order of events does not matter --------------------------------------------------- */

#define EVENTS 6

static struct version event_versions[EVENTS];
static struct entity events[EVENTS];

static const char *const statuses[] = {"queued",    "initiated", "ringing", "in-progress",
                                       "completed", "failed",    "busy"};

static int pick(int count)
{
    return rand() % count;
}

/* Versions that all differ: an event's value in each field follows from its number. */
static void make_events(enum entity_kind kind)
{
    static const char *const texts[EVENTS] = {"a", "b", "c", "d", "e", "f"};
    for (int i = 0; i < EVENTS; i++) {
        event_versions[i] =
            (struct version){pick(3), pick(2) ? SLICE_NONE : slice_of(texts[pick(EVENTS)]),
                             slice_of(texts[pick(EVENTS)]), slice_of(texts[i])};
        events[i] = (struct entity){.kind = kind};
        for (int j = 0; j < entity_field_count(kind); j++) {
            if (pick(2))
                continue;
            bool is_status = kind == ENTITY_ATTEMPT && j == ATTEMPT_STATUS;
            events[i].fields[j] = (struct field){
                &event_versions[i], slice_of(is_status ? statuses[pick(7)] : texts[i]), 0};
        }
    }
}

static bool is_same(const struct entity *a, const struct entity *b)
{
    for (int i = 0; i < entity_field_count(a->kind); i++)
        if (a->fields[i].version != b->fields[i].version ||
            !slice_equal(a->fields[i].text, b->fields[i].text))
            return false;
    return true;
}

static struct entity merge_in_order(const int *order, int count)
{
    struct entity merged = {.kind = events[0].kind};
    for (int i = 0; i < count; i++)
        entity_merge(&merged, &events[order[i]]);
    return merged;
}

/* A random order in which each event comes at least once. */
static int make_order(int order[2 * EVENTS])
{
    int count = EVENTS + pick(EVENTS);
    for (int i = 0; i < count; i++)
        order[i] = i < EVENTS ? i : pick(EVENTS);
    for (int i = count - 1; i > 0; i--) {
        int other = pick(i + 1);
        int kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    return count;
}

Test(entity, ends_the_same_in_any_order_with_any_duplicates_and_any_grouping)
{
    unsigned seed = (unsigned)time(NULL);
    (void)fprintf(stderr, "entity: seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 20000; round++) {
        int order[2 * EVENTS];
        make_events((enum entity_kind)pick(3));
        struct entity expected = merge_in_order((const int[]){0, 1, 2, 3, 4, 5}, EVENTS);

        int count = make_order(order);
        struct entity merged = merge_in_order(order, count);
        cr_assert(is_same(&expected, &merged), "seed %u, round %d: order matters", seed, round);

        int split = pick(count + 1);
        struct entity left = merge_in_order(order, split);
        struct entity right = merge_in_order(order + split, count - split);
        struct entity again = right;
        entity_merge(&left, &right);
        cr_assert(is_same(&expected, &left), "seed %u, round %d: grouping matters", seed, round);
        cr_assert_eq(entity_merge(&left, &again), 0, "seed %u, round %d: twice differs", seed,
                     round);
    }
}

Test(entity, status_rank_is_that_of_call_status)
{
    cr_expect_eq(status_rank(SLICE("in-progress")), 3);
    cr_expect_eq(status_rank(SLICE("gone")), STATUS_RANK_FINAL);
}
