#include "page_cache.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MAX_BYTES ((size_t)64 * 1024)

static struct page_cache *cache;

static void set_up(void)
{
    cache = page_cache_new(MAX_BYTES);
}

static void tear_down(void)
{
    page_cache_free(&cache);
}

TestSuite(page_cache, .init = set_up, .fini = tear_down);

/* The target of page `number`. */
static struct slice target_of(int number, char text[32])
{
    return (struct slice){text, (size_t)snprintf(text, 32, "/batch?page=%d", number)};
}

static void put(int number, int64_t version, size_t body_bytes)
{
    static char body[2 * MAX_BYTES];
    char text[32];
    memset(body, 'a' + number % 26, body_bytes);
    page_cache_put(cache, &(struct page_answer){.target = target_of(number, text),
                                                .headers = SLICE("ETag: \"t\"\r\n"),
                                                .body = {body, body_bytes},
                                                .etag = {"\"t\""},
                                                .version = version});
    memset(body, '?', body_bytes);
    memset(text, '?', sizeof(text));
}

static const struct page_answer *find(int number)
{
    char text[32];
    return page_cache_find(cache, target_of(number, text));
}

Test(page_cache, keeps_a_copy_of_the_whole_answer)
{
    put(3, 42, 1000);
    const struct page_answer *answer = find(3);
    cr_assert_not_null(answer);
    cr_expect(slice_equal(answer->target, SLICE("/batch?page=3")));
    cr_expect(slice_equal(answer->headers, SLICE("ETag: \"t\"\r\n")));
    cr_expect_eq(answer->body.len, 1000);
    cr_expect_eq(answer->body.data[0], 'd');
    cr_expect_eq(answer->body.data[999], 'd');
    cr_expect_str_eq(answer->etag.text, "\"t\"");
    cr_expect_eq(answer->version, 42);
    cr_expect_null(find(4));
    cr_expect_null(page_cache_find(cache, SLICE("/batch?page=")));
}

Test(page_cache, keeps_the_last_answer_of_a_target)
{
    put(3, 42, 1000);
    size_t bytes = page_cache_bytes(cache);
    put(3, 43, 1000);
    cr_expect_eq(find(3)->version, 43);
    cr_expect_eq(page_cache_bytes(cache), bytes);
}

Test(page_cache, never_holds_more_than_its_bound)
{
    for (int i = 0; i < 5000; i++) {
        put(i, 1, (size_t)(i * 37 % 9000));
        cr_assert_leq(page_cache_bytes(cache), MAX_BYTES);
    }
    cr_expect_gt(page_cache_bytes(cache), MAX_BYTES / 2);
}

Test(page_cache, lets_those_go_that_were_used_least_recently)
{
    int count = 0;
    while (page_cache_bytes(cache) + 4000 < MAX_BYTES) {
        put(count++, 1, 3500);
    }
    cr_assert_not_null(find(0), "the oldest is used once more");
    put(count, 1, 3500);
    put(count + 1, 1, 3500);
    cr_expect_not_null(find(0));
    cr_expect_null(find(1));
    cr_expect_null(find(2));
    cr_expect_not_null(find(3));
    cr_expect_not_null(find(count + 1));
}

Test(page_cache, does_not_keep_what_would_drive_out_much)
{
    put(1, 1, 100);
    put(2, 1, MAX_BYTES / 8);
    cr_expect_null(find(2));
    cr_expect_not_null(find(1));
    put(1, 2, MAX_BYTES);
    cr_expect_null(find(1), "the former answer of a target outlives a newer one");
    cr_expect_eq(page_cache_bytes(cache), 0);
}

Test(page_cache, lends_an_answer_beyond_its_stay)
{
    put(1, 7, 1000);
    const struct page_answer *held = page_answer_acquire(find(1));
    put(1, 8, 1000);
    cr_expect_eq(held->version, 7);
    cr_expect_eq(held->body.data[999], 'b');
    const struct page_answer *second = page_answer_acquire(find(1));
    page_cache_free(&cache);
    cr_expect_eq(second->version, 8);
    page_answer_release(&held);
    page_answer_release(&second);
    cr_expect_null(held);
    page_answer_release(&held);
}

Test(page_cache, forgets_everything_when_it_is_cleared)
{
    put(1, 1, 10);
    put(2, 1, 10);
    page_cache_clear(cache);
    cr_expect_null(find(1));
    cr_expect_eq(page_cache_bytes(cache), 0);
    put(1, 2, 10);
    cr_expect_eq(find(1)->version, 2);
}

static void put_coded(int number, enum content_coding coding, size_t body_bytes)
{
    static char body[MAX_BYTES];
    memset(body, 'A' + number % 26, body_bytes);
    page_cache_put_coded(cache, find(number), coding, (struct slice){body, body_bytes});
    memset(body, '?', body_bytes);
}

Test(page_cache, keeps_coded_bodies_with_their_answer_and_counts_them)
{
    put(3, 42, 1000);
    size_t bytes = page_cache_bytes(cache);
    put_coded(3, CODING_GZIP, 300);
    cr_expect_eq(page_cache_bytes(cache), bytes + 300);
    put_coded(3, CODING_ZSTD, 200);
    cr_expect_eq(page_cache_bytes(cache), bytes + 500);
    put_coded(3, CODING_ZSTD, 200);
    cr_expect_eq(page_cache_bytes(cache), bytes + 500, "one that is there is not kept twice");
    const struct page_answer *answer = find(3);
    cr_expect_eq(answer->coded[CODING_GZIP].len, 300);
    cr_expect_eq(answer->coded[CODING_GZIP].data[299], 'D');
    cr_expect_eq(answer->coded[CODING_ZSTD].len, 200);
    cr_expect_not(slice_is_set(answer->coded[CODING_IDENTITY]));
    put(3, 43, 1000);
    cr_expect_not(slice_is_set(find(3)->coded[CODING_GZIP]), "it is of the former answer");
    cr_expect_eq(page_cache_bytes(cache), bytes);
}

Test(page_cache, makes_room_for_coded_bodies_but_not_of_their_own_answer)
{
    int count = 0;
    while (page_cache_bytes(cache) + 4000 < MAX_BYTES) {
        put(count++, 1, 3500);
    }
    put_coded(0, CODING_GZIP, 3500);
    cr_expect_leq(page_cache_bytes(cache), MAX_BYTES);
    cr_expect_eq(find(0)->coded[CODING_GZIP].len, 3500);
    cr_expect_null(find(1));
    cr_expect_not_null(find(count - 1));
}

Test(page_cache, does_not_keep_coded_bodies_that_would_drive_out_much)
{
    put(1, 1, MAX_BYTES / 8 - 1000);
    size_t bytes = page_cache_bytes(cache);
    put_coded(1, CODING_GZIP, 2000);
    cr_expect_not(slice_is_set(find(1)->coded[CODING_GZIP]));
    cr_expect_eq(page_cache_bytes(cache), bytes);
}

Test(page_cache, keeps_no_coded_body_of_an_answer_that_has_gone)
{
    put(1, 7, 1000);
    put_coded(1, CODING_GZIP, 100);
    const struct page_answer *held = page_answer_acquire(find(1));
    page_cache_clear(cache);
    page_cache_put_coded(cache, held, CODING_ZSTD, SLICE("zstd"));
    cr_expect_eq(page_cache_bytes(cache), 0);
    cr_expect_not(slice_is_set(held->coded[CODING_ZSTD]));
    cr_expect_eq(held->coded[CODING_GZIP].data[99], 'B', "what was there lives on with it");
    page_answer_release(&held);
}

Test(page_cache, keeps_nothing_where_it_may_not)
{
    page_cache_free(&cache);
    cache = page_cache_new(0);
    put(1, 1, 0);
    cr_expect_null(find(1));
    cr_expect_eq(page_cache_bytes(cache), 0);
}
