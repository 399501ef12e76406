/*
 * fuzz_filter - whatever a caller sends as a filter or a pattern is refused with a text, or becomes
 * one statement within its bounds, in every order and from every mark.
 */
#include "filter.h"
#include "fuzz_input.h"
#include "statement_check.h"
#include "utf8.h"

static const struct page_mark marks[] = {
    {.position = 7, .key = {"1", 1}},
    {.position = 1, .is_backward = true, .key = {NULL, 0}},
    {.position = INT64_MAX, .is_digest = true, .key = {"0123456789abcdef0123456789abcdef", 32}},
};

/* `sort` is taken for the name of a field. */
static void write_statements(const struct filter *filter, const struct pattern *search,
                             struct slice sort)
{
    struct page_question question = {.selection = {.filter = filter, .search = search, .take = 10}};
    check_statement(&question);
    question.selection.sort = field_resolve(sort);
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        question.selection.mark = &marks[i];
        question.selection.descending = i % 2 == 0;
        check_statement(&question);
    }
}

static void try_filter(struct slice text, struct slice sort, struct arena *arena)
{
    const struct filter *filter = NULL;
    struct problem problem = {.detail = ""};
    if (filter_parse(text, arena, &filter, &problem)) {
        write_statements(filter, NULL, sort);
    } else {
        require(problem.detail[0] != '\0' && utf8_is_valid(slice_of(problem.detail)));
    }
}

static void try_pattern(struct slice text, struct slice sort)
{
    struct pattern pattern;
    struct error err;
    if (pattern_parse(text, true, &pattern, &err)) {
        write_statements(NULL, &pattern, sort);
    }
}

/* The last line of several is the field to sort by. */
static struct slice take_sort(struct slice *text)
{
    const char *feed = text->len > 0 ? memrchr(text->data, '\n', text->len) : NULL;
    if (!feed) {
        return SLICE("callStatus");
    }
    struct slice sort = {feed + 1, text->len - (size_t)(feed + 1 - text->data)};
    text->len -= sort.len + 1;
    return sort;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    struct slice text = {copy, size};
    struct slice sort = take_sort(&text);
    struct arena arena;
    arena_init(&arena);
    if (utf8_is_valid(text)) {
        try_filter(text, sort, &arena);
        try_pattern(text, sort);
    }
    arena_done(&arena);
    free(copy);
    return 0;
}
