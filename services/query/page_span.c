#include "page_span.h"

#include "cursor.h"
#include "sort_key.h"

/* The key of a mark that is no digest. */
#define KEY_MAX_BYTES (2 * (size_t)CURSOR_SORT_KEY_MAX)

static size_t at_most(int64_t value, size_t max)
{
    return value < (int64_t)max ? (size_t)value : max;
}

/* As many as asked for that stand just before rank `end` of the ascending order. */
static struct page_span span_before(size_t end, int64_t take)
{
    size_t count = at_most(take, end);
    return (struct page_span){end - count, count};
}

static struct page_span span_behind(size_t begin, int64_t take, size_t total)
{
    begin = begin < total ? begin : total;
    return (struct page_span){begin, at_most(take, total - begin)};
}

/* Beside the mark: a page that is read upwards, in the ascending order, begins behind what stands
 * at or before it. */
static struct page_span find_by_mark(const struct page_selection *asked,
                                     const struct ranking *ranking)
{
    const struct page_mark *mark = asked->mark;
    bool is_upward = mark->is_backward == asked->descending;
    struct buf key;
    buf_init(&key, KEY_MAX_BYTES);
    sort_key_append_text(&key, field_type(asked->sort.kind), mark->key);
    size_t before =
        ranking_count_before(ranking, (int32_t)mark->position, buf_slice(&key), is_upward);
    buf_done(&key);
    return is_upward ? span_behind(before, asked->take, ranking_count(ranking))
                     : span_before(before, asked->take);
}

struct page_span page_span_find(const struct page_selection *asked, const struct ranking *ranking)
{
    size_t total = ranking_count(ranking);
    if (asked->mark) {
        return find_by_mark(asked, ranking);
    }
    size_t skip = at_most(asked->skip, total);
    return asked->descending ? span_before(total - skip, asked->take)
                             : span_behind(skip, asked->take, total);
}

bool page_span_is_same(const struct page_span *a, const struct page_span *b)
{
    return a->low == b->low && a->count == b->count;
}
