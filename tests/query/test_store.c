#include "store.h"

#include "scripted_rows.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ID "abcdefghijkl"

/* Five questions for five pages. */
static const struct page_question *const different[] = {
    &(const struct page_question){.skip = 0},  &(const struct page_question){.skip = 10},
    &(const struct page_question){.skip = 20}, &(const struct page_question){.skip = 30},
    &(const struct page_question){.skip = 40},
};

Test(store, splits_an_answer_into_the_pages_that_were_asked_for)
{
    static const struct scripted_row rows[] = {
        {.kind = ROW_BATCH, .ask = 0, .place = 20, .a = "first", .b = "active"},
        {.kind = ROW_TOKEN_REFUSED, .ask = 1},
        {.kind = ROW_NO_BATCH, .ask = 2},
        {.kind = ROW_NEEDS_SORT, .ask = 3, .place = 7},
        {.kind = ROW_BATCH, .ask = 4, .place = 3},
        {.kind = ROW_CALL, .ask = 0, .place = 1, .id = ID},
        {.kind = ROW_CALL, .ask = 0, .place = 2, .id = ID},
        {.kind = ROW_CALL, .ask = 4, .place = 3, .id = ID},
        {.kind = ROW_ATTEMPT, .ask = 4, .place = 3},
        {.kind = ROW_ATTEMPT, .ask = 4, .place = 3},
    };
    PGresult *result = scripted_rows(rows, 10);
    struct page pages[5];
    struct error err;
    cr_assert(store_read_pages(result, different, pages, 5, &err), "%s", err.text);
    static const enum page_outcome outcomes[] = {PAGE_FOUND, PAGE_TOKEN_REFUSED, PAGE_NO_BATCH,
                                                 PAGE_NEEDS_SORT, PAGE_FOUND};
    for (size_t i = 0; i < 5; i++) {
        cr_expect_eq(pages[i].outcome, outcomes[i], "page %zu", i);
    }
    cr_expect_eq(pages[0].total, 20);
    cr_expect(slice_equal(pages[0].batch_name, SLICE("first")));
    cr_expect(slice_equal(pages[0].batch_status, SLICE("active")));
    cr_expect_eq(pages[0].calls.first, 5);
    cr_expect_eq(pages[0].calls.count, 2);
    cr_expect_eq(pages[0].attempts.count, 0);
    cr_expect_eq(pages[4].total, 3);
    cr_expect_not(slice_is_set(pages[4].batch_name));
    cr_expect_eq(pages[4].calls.first, 7);
    cr_expect_eq(pages[4].calls.count, 1);
    cr_expect_eq(pages[4].attempts.first, 8);
    cr_expect_eq(pages[4].attempts.count, 2);
    PQclear(result);
}

/* Five questions for one page. */
Test(store, gives_the_rows_of_a_page_to_whoever_may_see_it_and_to_nobody_else)
{
    static const struct scripted_row rows[] = {
        {.kind = ROW_TOKEN_REFUSED, .ask = 0},
        {.kind = ROW_BATCH, .ask = 1, .place = 20, .version = 7},
        {.kind = ROW_NO_BATCH, .ask = 2},
        {.kind = ROW_UNCHANGED, .ask = 3, .place = 20, .version = 7},
        {.kind = ROW_BATCH, .ask = 4, .place = 20, .version = 7},
        {.kind = ROW_CALL, .ask = 0, .place = 1, .id = ID},
        {.kind = ROW_ATTEMPT, .ask = 0, .place = 1},
    };
    static const enum page_outcome outcomes[] = {PAGE_TOKEN_REFUSED, PAGE_FOUND, PAGE_NO_BATCH,
                                                 PAGE_UNCHANGED, PAGE_FOUND};
    static const struct page_question question = {.take = 10};
    const struct page_question *const same[] = {&question, &question, &question, &question,
                                                &question};
    PGresult *result = scripted_rows(rows, 7);
    struct page pages[5];
    struct error err;
    cr_assert(store_read_pages(result, same, pages, 5, &err), "%s", err.text);
    for (size_t i = 0; i < 5; i++) {
        int count = outcomes[i] == PAGE_FOUND ? 1 : 0;
        cr_expect_eq(pages[i].outcome, outcomes[i], "page %zu", i);
        cr_expect_eq(pages[i].calls.count, count, "page %zu", i);
        cr_expect_eq(pages[i].attempts.count, count, "page %zu", i);
        cr_expect_eq(pages[i].version, count * 7, "page %zu", i);
    }
    cr_expect_eq(pages[4].calls.first, 5);
    cr_expect_eq(pages[4].attempts.first, 6);
    PQclear(result);
}

struct misplaced_case {
    const char *name;
    struct scripted_row rows[5];
    size_t count;
};

static const struct misplaced_case misplaced[] = {
    {"rows of a page apart",
     {{.kind = ROW_BATCH, .ask = 0, .place = 2},
      {.kind = ROW_BATCH, .ask = 1, .place = 2},
      {.kind = ROW_CALL, .ask = 0, .place = 1, .id = ID},
      {.kind = ROW_CALL, .ask = 1, .place = 1, .id = ID},
      {.kind = ROW_CALL, .ask = 0, .place = 2, .id = ID}},
     5},
    {"a question that was not asked", {{.kind = ROW_BATCH, .ask = 2, .place = 2}}, 1},
    {"a negative question", {{.kind = ROW_BATCH, .ask = -1, .place = 2}}, 1},
};

Test(store, refuses_rows_that_are_out_of_place)
{
    for (size_t i = 0; i < sizeof(misplaced) / sizeof(misplaced[0]); i++) {
        PGresult *result = scripted_rows(misplaced[i].rows, misplaced[i].count);
        struct page pages[2];
        struct error err = {0};
        cr_expect_not(store_read_pages(result, different, pages, 2, &err), "%s", misplaced[i].name);
        cr_expect_eq(err.kind, ERR_FATAL, "%s", misplaced[i].name);
        PQclear(result);
    }
}

Test(store, refuses_a_token_for_which_no_row_came)
{
    PGresult *result = scripted_rows(NULL, 0);
    struct page page = {.outcome = PAGE_FOUND};
    struct error err;
    cr_assert(store_read_pages(result, different, &page, 1, &err));
    cr_expect_eq(page.outcome, PAGE_TOKEN_REFUSED);
    PQclear(result);
}

/* Element `index` of the array that is parameter `number`, in PostgreSQL's binary form: dimensions,
 * flags, element type, length, lower bound, then each element with its length. */
static const uint8_t *element(const struct db_params *params, int number, int index, int *out_len)
{
    const uint8_t *at = (const uint8_t *)params->bytes.data + params->offset[number] + 20;
    for (;; index--) {
        uint32_t len = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        if (index == 0) {
            *out_len = (int)len;
            return at + 4;
        }
        at += 4 + len;
    }
}

static void expect_element(const struct db_params *params, int number, int index, const void *bytes,
                           int len)
{
    int found_len;
    const uint8_t *found = element(params, number, index, &found_len);
    cr_assert_eq(found_len, len, "$%d[%d] has %d bytes", number + 1, index, found_len);
    cr_expect_eq(memcmp(found, bytes, (size_t)len), 0, "$%d[%d]", number + 1, index);
}

Test(store, binds_one_array_element_for_each_question)
{
    struct page_question first = {.skip = 10, .take = 5, .by_created_at = true};
    struct page_question second = {.skip = 999999999000, .take = 1000, .descending = true};
    memcpy(first.batch_id.bytes, "batch-000001", OBJECT_ID_BYTES);
    memcpy(second.batch_id.bytes, "batch-000002", OBJECT_ID_BYTES);
    memset(second.token_hash, 7, sizeof(second.token_hash));
    second.known_version = 5;
    struct page_question third = second; /* the same page, for another asker */
    memset(third.token_hash, 8, sizeof(third.token_hash));
    third.known_version = 0;
    const struct page_question *questions[] = {&first, &second, &third};
    struct db_params params;
    db_params_init(&params);
    store_bind_questions(&params, questions, 3);
    cr_assert_eq(params.count, 9);
    expect_element(&params, 0, 1, "\0\0\0\1", 4);
    expect_element(&params, 1, 1, second.token_hash, API_TOKEN_HASH_BYTES);
    expect_element(&params, 2, 0, "batch-000001", 12);
    expect_element(&params, 2, 1, "batch-000002", 12);
    expect_element(&params, 3, 0, "\0\0\0\0\0\0\0\x0a", 8);
    expect_element(&params, 3, 1, "\0\0\0\xe8\xd4\xa5\x0c\x18", 8);
    expect_element(&params, 4, 1, "\0\0\0\0\0\0\x03\xe8", 8);
    expect_element(&params, 5, 0, "\0", 1);
    expect_element(&params, 5, 1, "\1", 1);
    expect_element(&params, 6, 0, "\1", 1);
    expect_element(&params, 6, 1, "\0", 1);
    expect_element(&params, 7, 1, "\0\0\0\0\0\0\0\5", 8);
    expect_element(&params, 7, 2, "\0\0\0\0\0\0\0\0", 8);
    expect_element(&params, 8, 0, "\0\0\0\0", 4);
    expect_element(&params, 8, 1, "\0\0\0\1", 4);
    expect_element(&params, 8, 2, "\0\0\0\1", 4);
    db_params_done(&params);
}

Test(store, binds_who_asks_and_of_which_batch_where_the_version_alone_is_asked_for)
{
    struct page_question first = {.skip = 10};
    struct page_question second = {.skip = 20};
    memcpy(second.batch_id.bytes, "batch-000002", OBJECT_ID_BYTES);
    memset(second.token_hash, 7, sizeof(second.token_hash));
    const struct page_question *questions[] = {&first, &second};
    struct db_params params;
    db_params_init(&params);
    store_bind_versions(&params, questions, 2);
    cr_assert_eq(params.count, 3);
    expect_element(&params, 0, 1, "\0\0\0\1", 4);
    expect_element(&params, 1, 1, second.token_hash, API_TOKEN_HASH_BYTES);
    expect_element(&params, 2, 1, "batch-000002", 12);
    db_params_done(&params);
}

Test(store, sends_the_timeout_to_the_server)
{
    for (int session = 0; session < STORE_SESSION_COUNT; session++) {
        char *options = store_session_options((enum store_session)session, 1234);
        cr_expect_not_null(strstr(options, "-c statement_timeout=1234 "), "%d", session);
        cr_expect_not_null(strstr(options, "-c default_transaction_read_only=on"), "%d", session);
        free(options);
    }
}

/* Row by row: a member that two questions differ in, and whether they still ask for the same rows.
 */
struct difference {
    const char *name;
    struct page_question question;
    bool is_same;
};

static const struct difference differences[] = {
    {"nothing", {.skip = 10, .take = 10}, true},
    {"the token", {.skip = 10, .take = 10, .token_hash = {1}}, true},
    {"what is known", {.skip = 10, .take = 10, .known_version = 1}, true},
    {"the batch", {.skip = 10, .take = 10, .batch_id = {{1}}}, false},
    {"skip", {.skip = 11, .take = 10}, false},
    {"take", {.skip = 10, .take = 11}, false},
    {"direction", {.skip = 10, .take = 10, .descending = true}, false},
    {"order", {.skip = 10, .take = 10, .by_created_at = true}, false},
};

Test(store, knows_which_questions_ask_for_the_same_rows)
{
    const struct page_question question = {.skip = 10, .take = 10};
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        cr_expect_eq(store_asks_same_page(&question, &differences[i].question),
                     differences[i].is_same, "%s", differences[i].name);
    }
}
