#include "cursor.h"

#include <criterion/criterion.h>
#include <string.h>

#define KEY SLICE("0123456789abcdef0123456789abcdef")

static struct arena arena;
static struct buf text;

static void set_up(void)
{
    arena_init(&arena);
    buf_init(&text, 1 << 16);
}

static void tear_down(void)
{
    arena_done(&arena);
    buf_done(&text);
}

TestSuite(cursor, .init = set_up, .fini = tear_down);

static struct page_request base_request(void)
{
    struct page_request request = {.limit = 10, .page = 1, .descending = true};
    memcpy(request.batch_id.bytes, "batch-000001", OBJECT_ID_BYTES);
    request.given[PARAMETER_FILTER] = SLICE("{\"a\":1}");
    request.given[PARAMETER_SORT_BY] = SLICE("name");
    request.given[PARAMETER_SEARCH] = SLICE("x");
    return request;
}

static const struct page_mark base_mark = {.position = 1234567, .key = {"\"key\"", 5}};

static bool parse(struct slice cursor, const struct page_request *request, struct page_mark *mark,
                  int64_t *page)
{
    return cursor_parse(cursor, KEY, request, &arena, mark, page);
}

struct mark_case {
    const char *name;
    struct page_mark mark;
    int64_t page;
};

static const struct mark_case marks[] = {
    {"forward", {.position = 1, .key = {"k", 1}}, 2},
    {"backward", {.position = 2147483647, .is_backward = true, .key = {"k", 1}}, 1000000001},
    {"no key", {.position = 7}, 1},
    {"an empty key", {.position = 7, .key = {"", 0}}, 1},
    {"any bytes", {.position = 7, .key = {"\xff\x01\n", 3}}, 1},
};

Test(cursor, gives_back_what_it_was_made_of)
{
    struct page_request request = base_request();
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        const struct mark_case *row = &marks[i];
        struct page_mark mark;
        int64_t page = 0;
        buf_reset(&text);
        cursor_append(&text, KEY, &request, &row->mark, row->page);
        cr_assert(parse(buf_slice(&text), &request, &mark, &page), "%s", row->name);
        cr_expect_eq(page, row->page, "%s", row->name);
        cr_expect_eq(mark.position, row->mark.position, "%s", row->name);
        cr_expect_eq(mark.is_backward, row->mark.is_backward, "%s", row->name);
        cr_expect_not(mark.is_digest, "%s", row->name);
        cr_expect_eq(slice_is_set(mark.key), slice_is_set(row->mark.key), "%s", row->name);
        cr_expect(slice_equal(mark.key, row->mark.key), "%s", row->name);
    }
}

Test(cursor, carries_the_digest_of_a_long_key)
{
    static char key[CURSOR_SORT_KEY_MAX + 1];
    memset(key, 'a', sizeof(key));
    struct page_request request = base_request();
    struct page_mark mark = {.position = 1, .key = {key, CURSOR_SORT_KEY_MAX}};
    int64_t page;
    cursor_append(&text, KEY, &request, &mark, 1);
    cr_assert(parse(buf_slice(&text), &request, &mark, &page));
    cr_expect_not(mark.is_digest);
    cr_expect_eq(mark.key.len, CURSOR_SORT_KEY_MAX);
    buf_reset(&text);
    mark.key = (struct slice){key, CURSOR_SORT_KEY_MAX + 1};
    cursor_append(&text, KEY, &request, &mark, 1);
    cr_assert(parse(buf_slice(&text), &request, &mark, &page));
    cr_expect(mark.is_digest);
    cr_expect_eq(mark.key.len, 32);
}

Test(cursor, is_refused_with_any_bit_flipped_cut_or_lengthened)
{
    struct page_request request = base_request();
    struct page_mark mark;
    int64_t page;
    cursor_append(&text, KEY, &request, &base_mark, 2);
    char copy[256];
    size_t len = buf_slice(&text).len;
    cr_assert_lt(len, sizeof(copy));
    memcpy(copy, buf_slice(&text).data, len);
    cr_assert(parse((struct slice){copy, len}, &request, &mark, &page));
    for (size_t bit = 0; bit < len * 8; bit++) {
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        cr_expect_not(parse((struct slice){copy, len}, &request, &mark, &page), "bit %zu", bit);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t cut = 0; cut < len; cut++) {
        cr_expect_not(parse((struct slice){copy, cut}, &request, &mark, &page), "%zu bytes", cut);
    }
    copy[len] = 'A';
    cr_expect_not(parse((struct slice){copy, len + 1}, &request, &mark, &page));
}

Test(cursor, is_bound_to_its_request_and_key)
{
    struct page_request request = base_request();
    cursor_append(&text, KEY, &request, &base_mark, 2);
    struct page_request others[7];
    for (size_t i = 0; i < 7; i++) {
        others[i] = base_request();
    }
    others[0].batch_id.bytes[11] ^= 1;
    others[1].given[PARAMETER_FILTER] = SLICE_NONE;
    others[2].given[PARAMETER_SORT_BY] = SLICE("namf");
    others[3].given[PARAMETER_SEARCH] = SLICE("xx");
    others[4].limit = 11;
    others[5].descending = false;
    others[6].given[PARAMETER_SORT_BY] = SLICE("namex"); /* the same bytes, divided otherwise */
    others[6].given[PARAMETER_SEARCH] = SLICE_NONE;
    struct page_mark mark;
    int64_t page;
    for (size_t i = 0; i < 7; i++) {
        cr_expect_not(parse(buf_slice(&text), &others[i], &mark, &page), "request %zu", i);
    }
    cr_expect_not(
        cursor_parse(buf_slice(&text), SLICE("another key"), &request, &arena, &mark, &page));
    cr_expect(parse(buf_slice(&text), &request, &mark, &page));
}
