#include "selection.h"

#include "alloc.h"
#include "filter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Looking for one goes through all of them. */
#define MAX_SELECTIONS 512

/* --- one -------------------------------------------------------------------------------- */

static bool is_same_pattern(const struct pattern *a, const struct pattern *b)
{
    return a == b ||
           (a && b && a->ignores_case == b->ignores_case && slice_equal(a->text, b->text));
}

static bool is_same_text(struct slice a, struct slice b)
{
    return slice_is_set(a) == slice_is_set(b) && slice_equal(a, b);
}

/* Descending is the reverse of ascending: both are one selection. */
static bool is_asked_by(const struct selection *selection, const struct page_question *question)
{
    const struct page_selection *a = &selection->what;
    const struct page_selection *b = &question->selection;
    return memcmp(&selection->batch_id, &question->batch_id, sizeof(selection->batch_id)) == 0 &&
           a->sort.kind == b->sort.kind && is_same_text(a->sort.name, b->sort.name) &&
           is_same_text(a->filter_text, b->filter_text) && is_same_pattern(a->search, b->search);
}

static const struct pattern *copy_pattern(struct arena *arena, const struct pattern *pattern)
{
    if (!pattern) {
        return NULL;
    }
    struct pattern *copy = arena_alloc(arena, sizeof(*copy));
    *copy = *pattern;
    copy->text = arena_copy(arena, pattern->text);
    return copy;
}

static const struct filter *parse_filter(struct arena *arena, struct slice text)
{
    const struct filter *filter = NULL;
    struct problem problem;
    if (slice_is_set(text)) {
        bool is_filter = filter_parse(text, arena, &filter, &problem);
        assert(is_filter); /* as it was when the request was read */
        (void)is_filter;
    }
    return filter;
}

static struct selection *selection_new(const struct page_question *question)
{
    struct selection *selection = alloc_zeroed(1, sizeof(*selection));
    struct arena *arena = &selection->arena;
    const struct page_selection *asked = &question->selection;
    arena_init(arena);
    TAILQ_INIT(&selection->waiting);
    selection->batch_id = question->batch_id;
    selection->what = (struct page_selection){
        .filter_text = arena_copy(arena, asked->filter_text),
        .search = copy_pattern(arena, asked->search),
        .sort = {asked->sort.kind, arena_copy(arena, asked->sort.name)},
    };
    selection->what.filter = parse_filter(arena, selection->what.filter_text);
    return selection;
}

static bool is_in_use(const struct selection *selection)
{
    return selection->round || !TAILQ_EMPTY(&selection->waiting);
}

void selection_keep(struct selection *selection, struct ranking *ranking, int64_t version)
{
    assert(!selection->ranking);
    selection->ranking = ranking;
    selection->version = version;
}

/* --- all -------------------------------------------------------------------------------- */

void selection_set_init(struct selection_set *set, size_t max_bytes)
{
    *set = (struct selection_set){.max_bytes = max_bytes};
    TAILQ_INIT(&set->by_use);
}

void selection_forget(struct selection_set *set, struct selection *selection)
{
    ranking_free(&selection->ranking);
    set->bytes -= selection->bytes;
    selection->bytes = 0;
    selection->version = 0;
}

static void remove_selection(struct selection_set *set, struct selection *selection)
{
    assert(!is_in_use(selection) && !selection->queue);
    selection_forget(set, selection);
    TAILQ_REMOVE(&set->by_use, selection, by_use);
    set->count--;
    arena_done(&selection->arena);
    free(selection);
}

void selection_set_done(struct selection_set *set)
{
    while (!TAILQ_EMPTY(&set->by_use)) {
        remove_selection(set, TAILQ_FIRST(&set->by_use));
    }
}

void selection_set_forget_all(struct selection_set *set)
{
    struct selection *selection;
    TAILQ_FOREACH(selection, &set->by_use, by_use)
    {
        selection_forget(set, selection);
    }
}

/* The one used least recently of those that nobody uses; `with_ranking`: that takes memory. */
static struct selection *find_idle(const struct selection_set *set, bool with_ranking)
{
    struct selection *selection;
    TAILQ_FOREACH_REVERSE(selection, &set->by_use, selection_list, by_use)
    {
        if (!is_in_use(selection) && (selection->ranking || !with_ranking)) {
            return selection;
        }
    }
    return NULL;
}

static void make_room(struct selection_set *set)
{
    struct selection *idle;
    while (set->bytes > set->max_bytes && (idle = find_idle(set, true))) {
        remove_selection(set, idle);
    }
}

bool selection_set_count(struct selection_set *set, struct selection *selection,
                         const struct ranking *ranking)
{
    set->bytes -= selection->bytes;
    selection->bytes = ranking_bytes(ranking);
    set->bytes += selection->bytes;
    make_room(set);
    return set->bytes <= set->max_bytes;
}

static struct selection *find(const struct selection_set *set, const struct page_question *question)
{
    struct selection *selection;
    TAILQ_FOREACH(selection, &set->by_use, by_use)
    {
        if (is_asked_by(selection, question)) {
            return selection;
        }
    }
    return NULL;
}

static struct selection *add(struct selection_set *set, const struct page_question *question)
{
    struct selection *idle = set->count >= MAX_SELECTIONS ? find_idle(set, false) : NULL;
    if (idle) {
        remove_selection(set, idle);
    }
    struct selection *selection = selection_new(question);
    TAILQ_INSERT_HEAD(&set->by_use, selection, by_use);
    set->count++;
    return selection;
}

struct selection *selection_set_find(struct selection_set *set,
                                     const struct page_question *question)
{
    struct selection *selection = find(set, question);
    if (!selection) {
        return add(set, question);
    }
    TAILQ_REMOVE(&set->by_use, selection, by_use);
    TAILQ_INSERT_HEAD(&set->by_use, selection, by_use);
    return selection;
}

void selection_set_tidy(struct selection_set *set, struct selection *selection)
{
    if (!is_in_use(selection) && !selection->ranking && selection->not_kept_until_us == 0) {
        remove_selection(set, selection);
    }
}
