/*
 * fuzz_cursor - cursors that were given come back as they were; every other text is refused.
 *
 * The first byte says what the rest is: a text that somebody sends, or a mark, its sort key, and
 * what is to become of the cursor on its way. The key is known, so that the cursors are real.
 */
#include "cursor.h"
#include "fuzz_input.h"
#include "statement_check.h"

enum { KIND_TEXT, KIND_CURSOR, KIND_COUNT };

#define KEY SLICE("0123456789abcdef0123456789abcdef")

static const struct page_request base_request = {
    .page = 1,
    .limit = 10,
    .sort = {FIELD_PHONE_NUMBER, {"phoneNumber", 11}},
    .given = {[PARAMETER_SORT_BY] = {"phoneNumber", 11}, [PARAMETER_SEARCH] = {"ab", 2}},
};

static bool parse(struct slice text, struct slice key, const struct page_request *request,
                  struct page_mark *out_mark)
{
    struct arena arena;
    int64_t page = 0;
    arena_init(&arena);
    bool is_good = cursor_parse(text, key, request, &arena, out_mark, &page);
    out_mark->key = SLICE_NONE; /* gone with the arena */
    arena_done(&arena);
    return is_good;
}

/* --- what somebody sends ------------------------------------------------------------------- */

/* Nobody guesses a signature. */
static void check_text(struct slice text)
{
    struct page_mark mark;
    require(!parse(text, KEY, &base_request, &mark));
}

/* --- what was given ------------------------------------------------------------------------ */

static struct page_mark take_mark(struct slice *rest)
{
    unsigned flags = (unsigned)fuzz_take_number(rest, 1);
    struct page_mark mark = {.is_backward = flags & 1};
    mark.position = (int64_t)fuzz_take_number(rest, 8);
    mark.key = flags & 2 ? *rest : SLICE_NONE;
    return mark;
}

static bool is_same_key(const struct page_mark *read, struct slice given)
{
    bool is_long = given.len > CURSOR_SORT_KEY_MAX;
    return read->is_digest == is_long && slice_is_set(read->key) == slice_is_set(given) &&
           (is_long ? read->key.len == 32 : slice_equal(read->key, given));
}

static void check_as_given(struct slice text, const struct page_mark *given, int64_t page)
{
    struct page_mark mark;
    int64_t read_page = 0;
    struct arena arena;
    arena_init(&arena);
    require(cursor_parse(text, KEY, &base_request, &arena, &mark, &read_page));
    require(read_page == page && mark.position == given->position &&
            mark.is_backward == given->is_backward && is_same_key(&mark, given->key));
    struct page_question question = {
        .selection = {.sort = base_request.sort, .take = 10, .mark = &mark}};
    check_statement(&question);
    arena_done(&arena);
}

/* One bit, at a place that the input chooses; one character more; one less. */
static void check_altered(struct buf *text, uint64_t choice)
{
    struct page_mark mark;
    char *at = text->data + choice / 8 % text->len;
    *at = (char)(*at ^ (1 << choice % 8));
    require(!parse(buf_slice(text), KEY, &base_request, &mark));
    *at = (char)(*at ^ (1 << choice % 8));
    struct slice shorter = {text->data, text->len - 1};
    require(!parse(shorter, KEY, &base_request, &mark));
    buf_append_char(text, (char)choice);
    require(!parse(buf_slice(text), KEY, &base_request, &mark));
}

/* The cursor goes with each of these. */
static void check_bound(struct slice text)
{
    struct page_request others[] = {base_request, base_request, base_request,
                                    base_request, base_request, base_request};
    others[0].limit = 11;
    others[1].descending = true;
    others[2].batch_id.bytes[0] = 1;
    others[3].given[PARAMETER_SEARCH] = SLICE_NONE;
    others[4].given[PARAMETER_SORT_BY] = SLICE("phoneNumbe");
    others[5].given[PARAMETER_FILTER] = SLICE("{}");
    struct page_mark mark;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        require(!parse(text, KEY, &others[i], &mark));
    }
    require(!parse(text, SLICE("0123456789abcdef0123456789abcdeF"), &base_request, &mark));
}

static void check_cursor(struct slice rest)
{
    uint64_t choice = fuzz_take_number(&rest, 2);
    int64_t page = (int64_t)fuzz_take_number(&rest, 8);
    struct page_mark mark = take_mark(&rest);
    struct buf text;
    buf_init(&text, 4096);
    cursor_append(&text, KEY, &base_request, &mark, page);
    require(!text.overflow);
    check_as_given(buf_slice(&text), &mark, page);
    check_bound(buf_slice(&text));
    check_altered(&text, choice);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    struct slice rest = {copy, size};
    if (fuzz_take_number(&rest, 1) % KIND_COUNT == KIND_TEXT) {
        check_text(rest);
    } else {
        check_cursor(rest);
    }
    free(copy);
    return 0;
}
