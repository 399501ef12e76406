#include "page_loader.h"

#include "fake_db_conn.h"
#include "log.h"
#include "scripted_rows.h"
#include "store.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <string.h>

#define MAX_WAITING 100
#define ID "abcdefghijkl"

/* What happened to one question. Static in each test: questions still there at its end must outlive
 * it. */
struct asked {
    struct page_wait wait;
    int answers;
    enum page_outcome outcome;
    int64_t total;
    int calls;
    enum error_kind error;
    struct asked *forget; /* forgotten from within the callback */
};

static struct event_base *base;
static struct page_loader *loader;
static struct metrics *metrics;
static struct page_loader_config config;
static bool is_ready;
static char why[256];

static void on_state(bool ready, const char *reason, void *arg)
{
    (void)arg;
    is_ready = ready;
    snprintf(why, sizeof(why), "%s", reason);
}

static void make_loader(int timeout_ms, int gather_ms)
{
    static const double bounds[] = {1, 1000};
    config = (struct page_loader_config){
        .conninfo = "",
        .timeout_ms = timeout_ms,
        .gather_ms = gather_ms,
        .max_waiting = MAX_WAITING,
        .metrics =
            {
                .waiting = metrics_gauge(metrics, "waiting", "", "-"),
                .pages_per_statement = metrics_histogram(metrics, "pages", "", "-", bounds, 2),
                .connections_ready = metrics_gauge(metrics, "ready", "", "-"),
            },
        .on_state = on_state,
    };
    loader = page_loader_new(base, &config);
}

static void set_up(void)
{
    log_configure("test", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    fake_db_reset();
    base = event_base_new();
    metrics = metrics_new();
    make_loader(60000, 60000);
}

static void tear_down(void)
{
    page_loader_free(&loader);
    metrics_free(&metrics);
    event_base_free(base);
}

TestSuite(page_loader, .init = set_up, .fini = tear_down);

static void turn(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
}

static void on_page(const struct page *page, const struct error *err, void *arg)
{
    struct asked *asked = arg;
    asked->answers++;
    cr_assert_neq(page == NULL, err == NULL);
    if (err) {
        asked->error = err->kind;
    } else {
        asked->outcome = page->outcome;
        asked->total = page->total;
        asked->calls = page->calls.count;
    }
    if (asked->forget) {
        page_loader_forget(loader, &asked->forget->wait);
    }
}

/* Each question for a page of its own, unless the test has asked for one. */
static void ask(struct asked *asked)
{
    static int64_t next_skip;
    asked->wait.fn = on_page;
    asked->wait.arg = asked;
    if (asked->wait.question.take == 0) {
        asked->wait.question.take = 10;
    }
    if (asked->wait.question.skip == 0) {
        asked->wait.question.skip = next_skip += 1000;
    }
    struct error err = {0};
    cr_assert(page_loader_ask(loader, &asked->wait, &err), "%s", err.text);
}

static void ask_all(struct asked *asked, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ask(&asked[i]);
    }
}

/* A found batch for each question, its total being 100 and the question's number. */
static void answer_all(struct db_conn *conn)
{
    int count = fake_db_questions(conn);
    struct scripted_row rows[64];
    memset(rows, 0, sizeof(rows));
    for (int i = 0; i < count; i++) {
        rows[i] = (struct scripted_row){.kind = ROW_BATCH, .ask = i, .place = 100 + i};
    }
    fake_db_answer(conn, scripted_rows(rows, (size_t)count), NULL);
}

static void both_ready(void)
{
    fake_db_set_ready(fake_db_at(0));
    fake_db_set_ready(fake_db_at(1));
}

Test(page_loader, refuses_without_a_connection)
{
    static struct asked asked = {0};
    asked.wait.fn = on_page;
    struct error err;
    cr_expect_not(page_loader_is_ready(loader));
    cr_assert_not(page_loader_ask(loader, &asked.wait, &err));
    cr_expect_eq(err.kind, ERR_RETRY);
}

Test(page_loader, asks_the_questions_of_one_turn_with_one_statement)
{
    both_ready();
    static struct asked asked[5] = {0};
    ask_all(asked, 5);
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 0, "asked before the turn's end");
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 5);
    cr_expect_eq(fake_db_statement(fake_db_at(0)), STORE_PAGES);
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 0);
    answer_all(fake_db_at(0));
    for (size_t i = 0; i < 5; i++) {
        cr_expect_eq(asked[i].answers, 1, "question %zu", i);
        cr_expect_eq(asked[i].outcome, PAGE_FOUND, "question %zu", i);
        cr_expect_eq(asked[i].total, 100 + (int64_t)i, "question %zu", i);
    }
}

Test(page_loader, gathers_while_a_short_statement_is_under_way)
{
    both_ready();
    static struct asked asked[6] = {0};
    for (size_t i = 0; i < 6; i++) {
        ask(&asked[i]);
        turn();
    }
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 1);
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 0, "a second statement went out");
    answer_all(fake_db_at(0));
    cr_expect_eq(asked[0].answers, 1);
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 5, "what gathered did not go out at once");
    answer_all(fake_db_at(0));
    for (size_t i = 0; i < 6; i++) {
        cr_expect_eq(asked[i].answers, 1, "question %zu", i);
    }
}

Test(page_loader, does_not_gather_behind_a_long_statement)
{
    both_ready();
    static struct asked asked[3] = {0};
    asked[0].wait.question.take = 1000;
    ask(&asked[0]);
    turn();
    ask(&asked[1]);
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 1);
    ask(&asked[2]);
    turn();
    answer_all(fake_db_at(1));
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 1, "the third one");
}

Test(page_loader, asks_a_full_statement_without_gathering)
{
    both_ready();
    static struct asked asked[65] = {0};
    ask(&asked[0]);
    turn();
    ask_all(asked + 1, 64);
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 1);
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 64);
}

Test(page_loader, gathers_no_longer_than_a_short_statement_should_take)
{
    page_loader_free(&loader);
    fake_db_reset();
    make_loader(60000, 1);
    both_ready();
    static struct asked asked[2] = {0};
    ask(&asked[0]);
    turn();
    ask(&asked[1]);
    turn();
    while (fake_db_questions(fake_db_at(1)) == 0) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    answer_all(fake_db_at(1));
    cr_expect_eq(asked[1].answers, 1);
    cr_expect_eq(asked[0].answers, 0);
}

Test(page_loader, limits_the_calls_of_one_statement_but_asks_a_large_page_alone)
{
    both_ready();
    static struct asked asked[4] = {0};
    asked[0].wait.question.take = 5000;
    asked[1].wait.question.take = 1000;
    asked[2].wait.question.take = 1000;
    asked[3].wait.question.take = 1;
    ask_all(asked, 4);
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 1);
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 2);
    answer_all(fake_db_at(0));
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 1);
}

Test(page_loader, never_asks_more_than_64_pages_at_once)
{
    both_ready();
    static struct asked asked[70] = {0};
    ask_all(asked, 70);
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 64);
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 6);
}

Test(page_loader, puts_a_question_once_for_all_who_ask_the_same)
{
    both_ready();
    static struct asked asked[100] = {0};
    for (size_t i = 0; i < 100; i++) {
        asked[i].wait.question.skip = 10;
    }
    asked[0].forget = &asked[99];
    ask_all(asked, 100);
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 1);
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 0);
    page_loader_forget(loader, &asked[50].wait);
    answer_all(fake_db_at(0));
    for (size_t i = 0; i < 100; i++) {
        cr_expect_eq(asked[i].answers, i != 50 && i != 99, "question %zu", i);
    }
    cr_expect_eq(asked[98].total, 100);
}

/* Each row: a question that is not the one for page 10 without knowledge, by the first token. */
Test(page_loader, asks_by_itself_for_each_token_page_and_known_version)
{
    both_ready();
    static struct asked asked[5] = {0};
    for (size_t i = 0; i < 5; i++) {
        asked[i].wait.question.skip = 10;
    }
    asked[1].wait.question.token_hash[31] = 1;
    asked[2].wait.question.known_version = 4;
    asked[3].wait.question.descending = true;
    asked[4].wait.question.must_select = true;
    ask_all(asked, 5);
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 4);
    answer_all(fake_db_at(0));
    for (int i = 0; i < 4; i++) {
        cr_expect_eq(asked[i].total, 100 + i, "question %d", i);
    }
}

Test(page_loader, counts_the_calls_of_a_shared_page_once)
{
    both_ready();
    static struct asked asked[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        asked[i].wait.question.skip = 10;
        asked[i].wait.question.take = 1000;
        asked[i].wait.question.token_hash[0] = (uint8_t)i;
    }
    ask_all(asked, 3);
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 3);
}

Test(page_loader, begins_an_epoch_with_every_session_and_then_trusts_no_known_version)
{
    uint64_t first = page_loader_epoch(loader);
    both_ready();
    uint64_t second = page_loader_epoch(loader);
    cr_expect_neq(first, second);
    static struct asked asked[3] = {0};
    asked[0].wait.question.take = 1000; /* behind which nothing gathers */
    ask(&asked[0]);
    turn();
    ask(&asked[1]);
    turn();
    asked[2].wait.question.known_version = 9;
    ask(&asked[2]);
    fake_db_lose(fake_db_at(0), "gone");
    cr_expect_neq(page_loader_epoch(loader), second);
    cr_expect_eq(asked[2].wait.question.known_version, 0);
    uint64_t third = page_loader_epoch(loader);
    fake_db_set_ready(fake_db_at(0));
    cr_expect_neq(page_loader_epoch(loader), third);
}

/* A question of one who has an answer that was made at `version`, and has held before. */
static void ask_steady(struct asked *asked, int64_t version)
{
    asked->wait.question.known_version = version;
    asked->wait.question.is_steady = true;
    ask(asked);
}

static void answer_version(struct db_conn *conn, int64_t version)
{
    fake_db_answer(conn, scripted_versions(&version, 1), NULL);
}

Test(page_loader, asks_for_the_version_alone_once_for_all_whose_answer_has_held)
{
    both_ready();
    static struct asked asked[3] = {0};
    static struct asked other = {.wait.question.token_hash[0] = 1};
    for (size_t i = 0; i < 3; i++) {
        ask_steady(&asked[i], 7);
    }
    ask_steady(&other, 7);
    turn();
    struct db_conn *conn = fake_db_at(0);
    cr_assert_eq(fake_db_statement(conn), STORE_VERSIONS);
    cr_expect_eq(fake_db_questions(conn), 2, "one for each token");
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 0);
    static const int64_t versions[] = {7, 0};
    fake_db_answer(conn, scripted_versions(versions, 2), NULL);
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(asked[i].answers, 1);
        cr_expect_eq(asked[i].outcome, PAGE_UNCHANGED);
    }
    turn();
    cr_assert_eq(fake_db_statement(conn), STORE_PAGES, "why there was no version is told by it");
    const struct scripted_row refused = {.kind = PAGE_TOKEN_REFUSED};
    fake_db_answer(conn, scripted_rows(&refused, 1), NULL);
    cr_expect_eq(other.outcome, PAGE_TOKEN_REFUSED);
}

Test(page_loader, asks_for_the_page_when_its_batch_has_changed)
{
    both_ready();
    static struct asked steady = {0};
    static struct asked older = {0};
    ask_steady(&steady, 8);
    ask_steady(&older, 7);
    turn();
    answer_version(fake_db_at(0), 8);
    cr_expect_eq(steady.outcome, PAGE_UNCHANGED);
    cr_expect_eq(older.answers, 0);
    turn();
    cr_assert_eq(fake_db_statement(fake_db_at(0)), STORE_PAGES);
    answer_all(fake_db_at(0));
    cr_expect_eq(older.answers, 1);
    cr_expect_eq(older.outcome, PAGE_FOUND);
}

Test(page_loader, asks_for_versions_and_for_pages_one_after_the_other)
{
    both_ready();
    static struct asked steady[2] = {0};
    static struct asked page = {0};
    ask_steady(&steady[0], 7);
    turn();
    ask(&page);
    ask_steady(&steady[1], 7);
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 0, "the others wait for the first");
    answer_version(fake_db_at(0), 7);
    cr_expect_eq(steady[0].answers, 1);
    cr_expect_eq(steady[1].answers, 0, "it came after its statement was sent");
    cr_expect_eq(fake_db_statement(fake_db_at(0)), STORE_PAGES);
    answer_all(fake_db_at(0));
    cr_expect_eq(page.answers, 1);
    cr_expect_eq(fake_db_statement(fake_db_at(0)), STORE_VERSIONS);
    answer_version(fake_db_at(0), 7);
    cr_expect_eq(steady[1].outcome, PAGE_UNCHANGED);
}

Test(page_loader, keeps_its_epoch_when_a_selecting_session_comes_and_goes)
{
    both_ready();
    static struct asked selection = {.wait.question.must_select = true};
    ask(&selection);
    turn();
    uint64_t epoch = page_loader_epoch(loader);
    fake_db_set_ready(fake_db_at(2));
    fake_db_lose(fake_db_at(2), "gone");
    cr_expect_eq(page_loader_epoch(loader), epoch);
}

Test(page_loader, is_busy_at_its_bound)
{
    both_ready();
    static struct asked asked[MAX_WAITING] = {0};
    ask_all(asked, MAX_WAITING);
    static struct asked last = {0};
    struct error err;
    cr_assert_not(page_loader_ask(loader, &last.wait, &err));
    cr_expect_eq(err.kind, ERR_BUSY);
    turn();
    answer_all(fake_db_at(0));
    ask(&last);
}

Test(page_loader, selects_on_connections_of_its_own)
{
    both_ready();
    cr_assert_eq(fake_db_count(), 2, "the selecting connections are made when they are needed");
    static struct asked asked[2] = {0};
    asked[0].wait.question.by_created_at = true;
    ask_all(asked, 2);
    turn();
    static const struct scripted_row rows[] = {{.kind = ROW_NEEDS_SORT, .ask = 0, .place = 3},
                                               {.kind = ROW_BATCH, .ask = 1, .place = 5}};
    fake_db_answer(fake_db_at(0), scripted_rows(rows, 2), NULL);
    cr_expect_eq(asked[0].answers, 0);
    cr_expect_eq(asked[1].total, 5);
    turn();
    cr_assert_eq(fake_db_count(), 4);
    fake_db_set_ready(fake_db_at(2));
    cr_expect_eq(fake_db_statement(fake_db_at(2)), STORE_STATEMENT_COUNT);
    cr_expect_not_null(strstr(fake_db_sql(fake_db_at(2)), "callboard.call"));
    cr_expect_eq(fake_db_questions(fake_db_at(2)), 1);
    static const struct scripted_row sorted[] = {
        {.kind = ROW_BATCH, .ask = 0, .place = 3},
        {.kind = ROW_CALL, .ask = 0, .place = 1, .id = ID}};
    fake_db_answer(fake_db_at(2), scripted_rows(sorted, 2), NULL);
    cr_expect_eq(asked[0].answers, 1);
    cr_expect_eq(asked[0].calls, 1);
}

Test(page_loader, gives_up_selecting_when_its_connections_cannot_be_made)
{
    both_ready();
    static struct asked asked = {0};
    ask(&asked);
    turn();
    static const struct scripted_row rows[] = {{.kind = ROW_NEEDS_SORT, .ask = 0, .place = 3}};
    fake_db_answer(fake_db_at(0), scripted_rows(rows, 1), NULL);
    turn();
    fake_db_fail_attempt(fake_db_at(2), "too many clients");
    fake_db_fail_attempt(fake_db_at(3), "too many clients");
    cr_expect_eq(asked.answers, 1);
    cr_expect_eq(asked.error, ERR_RETRY);
    cr_expect(page_loader_is_ready(loader), "the selecting lane does not speak for all");
}

Test(page_loader, asks_selections_one_by_one_beside_the_pages)
{
    both_ready();
    static struct asked selections[3] = {0};
    static struct asked page = {0};
    for (size_t i = 0; i < 3; i++) {
        selections[i].wait.question.must_select = true;
    }
    ask_all(selections, 3);
    ask(&page);
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 1);
    cr_expect_eq(fake_db_statement(fake_db_at(0)), STORE_PAGES);
    fake_db_set_ready(fake_db_at(2));
    fake_db_set_ready(fake_db_at(3));
    cr_expect_eq(fake_db_questions(fake_db_at(2)), 1);
    cr_expect_eq(fake_db_questions(fake_db_at(3)), 1);
    answer_all(fake_db_at(0));
    cr_expect_eq(page.answers, 1, "a page waits for a selection");
    answer_all(fake_db_at(2));
    cr_expect_eq(selections[0].answers, 1);
    cr_expect_eq(fake_db_questions(fake_db_at(2)), 1);
    answer_all(fake_db_at(2));
    cr_expect_eq(selections[2].answers, 1);
}

Test(page_loader, refuses_selections_beyond_64_that_wait_but_no_pages)
{
    both_ready();
    static struct asked selections[64] = {0};
    static struct asked refused = {0};
    static struct asked page = {0};
    for (size_t i = 0; i < 64; i++) {
        selections[i].wait.question.must_select = true;
    }
    ask_all(selections, 64);
    refused.wait.question.must_select = true;
    struct error err;
    cr_assert_not(page_loader_ask(loader, &refused.wait, &err));
    cr_expect_eq(err.kind, ERR_BUSY);
    ask(&page);
}

Test(page_loader, ends_a_selection_that_is_not_wanted_any_more_with_its_session)
{
    both_ready();
    static struct asked selections[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        selections[i].wait.question.must_select = true;
    }
    ask_all(selections, 2);
    turn();
    fake_db_set_ready(fake_db_at(2));
    fake_db_set_ready(fake_db_at(3));
    page_loader_forget(loader, &selections[0].wait);
    cr_expect_not(db_conn_is_ready(fake_db_at(2)), "the session goes on");
    cr_expect_eq(selections[0].answers, 0);
    ask(&selections[2]);
    turn();
    cr_assert_eq(fake_db_count(), 5, "no session in its place");
    fake_db_set_ready(fake_db_at(4));
    cr_expect_eq(fake_db_questions(fake_db_at(4)), 1);
    answer_all(fake_db_at(4));
    answer_all(fake_db_at(3));
    cr_expect_eq(selections[1].answers, 1);
    cr_expect_eq(selections[2].answers, 1);
}

Test(page_loader, knows_the_cursor_key_once_it_is_ready)
{
    cr_expect_not(slice_is_set(page_loader_cursor_key(loader)));
    fake_db_set_ready(fake_db_at(0));
    cr_expect(page_loader_is_ready(loader));
    cr_expect(
        slice_equal(page_loader_cursor_key(loader), SLICE("0123456789abcdef0123456789abcdef")));
}

Test(page_loader, forgets_a_question_that_waits)
{
    both_ready();
    static struct asked asked[3] = {0};
    ask_all(asked, 3);
    page_loader_forget(loader, &asked[1].wait);
    turn();
    cr_expect_eq(fake_db_questions(fake_db_at(0)), 2);
    answer_all(fake_db_at(0));
    cr_expect_eq(asked[0].answers, 1);
    cr_expect_eq(asked[1].answers, 0);
    cr_expect_eq(asked[2].total, 101);
}

Test(page_loader, forgets_a_question_that_was_asked)
{
    both_ready();
    static struct asked asked[3] = {0};
    ask_all(asked, 3);
    turn();
    page_loader_forget(loader, &asked[1].wait);
    answer_all(fake_db_at(0));
    cr_expect_eq(asked[0].answers, 1);
    cr_expect_eq(asked[1].answers, 0);
    cr_expect_eq(asked[2].total, 102);
}

Test(page_loader, forgets_a_question_from_the_callback_of_another)
{
    both_ready();
    static struct asked asked[3] = {0};
    asked[0].forget = &asked[2];
    ask_all(asked, 3);
    turn();
    answer_all(fake_db_at(0));
    cr_expect_eq(asked[1].answers, 1);
    cr_expect_eq(asked[2].answers, 0);
}

Test(page_loader, passes_an_error_to_every_question_of_the_statement)
{
    both_ready();
    static struct asked asked[2] = {0};
    ask_all(asked, 2);
    turn();
    struct error err = {.kind = ERR_FATAL, .sqlstate = "42501", .text = "permission denied"};
    fake_db_answer(fake_db_at(0), NULL, &err);
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(asked[i].answers, 1);
        cr_expect_eq(asked[i].error, ERR_FATAL);
    }
}

Test(page_loader, lets_waiting_questions_go_to_the_connection_that_is_left)
{
    both_ready();
    static struct asked asked[3] = {0};
    asked[0].wait.question.take = 1000; /* behind which nothing gathers */
    ask(&asked[0]);
    turn();
    ask(&asked[1]);
    turn();
    ask(&asked[2]);
    turn();
    fake_db_lose(fake_db_at(0), "gone");
    cr_expect_eq(asked[0].error, ERR_UNCERTAIN);
    cr_expect_eq(asked[2].answers, 0);
    cr_expect(page_loader_is_ready(loader));
    answer_all(fake_db_at(1));
    cr_expect_eq(fake_db_questions(fake_db_at(1)), 1);
}

Test(page_loader, fails_all_that_wait_when_the_last_connection_is_lost)
{
    both_ready();
    cr_expect(is_ready);
    static struct asked asked[3] = {0};
    ask(&asked[0]);
    turn();
    ask(&asked[1]);
    turn();
    ask(&asked[2]);
    fake_db_lose(fake_db_at(0), "gone");
    fake_db_lose(fake_db_at(1), "the server went away");
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(asked[i].answers, 1, "question %zu", i);
        cr_expect_neq(asked[i].error, ERR_NONE, "question %zu", i);
    }
    cr_expect_not(is_ready);
    cr_expect_str_eq(why, "the server went away");
    fake_db_set_ready(fake_db_at(1));
    cr_expect(is_ready);
    cr_expect_str_eq(why, "");
}

Test(page_loader, answers_by_an_error_at_the_deadline_waiting_or_asked)
{
    page_loader_free(&loader);
    fake_db_reset();
    make_loader(20, 60000);
    both_ready();
    static struct asked asked[3] = {0};
    asked[0].wait.question.take = 1000; /* behind which nothing gathers */
    ask(&asked[0]);
    turn();
    ask(&asked[1]);
    turn();
    ask(&asked[2]);
    while (asked[2].answers == 0) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(asked[i].answers, 1, "question %zu", i);
        cr_expect_eq(asked[i].error, ERR_RETRY, "question %zu", i);
    }
    answer_all(fake_db_at(0));
    answer_all(fake_db_at(1));
    cr_expect_eq(asked[0].answers, 1, "a late answer is nobody's");
}

Test(page_loader, forgets_everything_when_it_is_freed)
{
    both_ready();
    static struct asked asked[2] = {0};
    ask(&asked[0]);
    turn();
    ask(&asked[1]);
    page_loader_free(&loader);
    cr_expect_eq(asked[0].answers, 0);
    cr_expect_eq(asked[1].answers, 0);
}
