#include "selection_exchange.h"

#include "alloc.h"
#include "bell.h"
#include "store.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct exchange {
    pthread_mutex_t lock;
    struct selection_wait_list asked;
    struct selection_wait_list forgotten;
    struct bell bell;
    void (*on_asked)(void *arg);
    void *arg;
};

struct exchange_client {
    struct exchange *exchange;
    struct selection_wait_list answered; /* under the exchange's lock */
    struct bell bell;
};

/* --- waits ------------------------------------------------------------------------------ */

static struct slice copy_text(char **at, struct slice text)
{
    struct slice copy = {*at, text.len};
    if (!slice_is_set(text)) {
        return SLICE_NONE;
    }
    if (text.len > 0) {
        memcpy(*at, text.data, text.len);
    }
    *at += text.len;
    return copy;
}

static size_t texts_len(const struct page_selection *selection)
{
    return selection->filter_text.len + (selection->search ? selection->search->text.len : 0) +
           selection->sort.name.len + (selection->mark ? selection->mark->key.len : 0);
}

/* The pattern lies behind the wait and before its texts. */
static const struct pattern *copy_pattern(char **at, const struct pattern *pattern)
{
    if (!pattern) {
        return NULL;
    }
    struct pattern *copy = (struct pattern *)(void *)*at;
    *at += sizeof(*copy);
    *copy = *pattern;
    copy->text = copy_text(at, pattern->text);
    return copy;
}

static void copy_selection(struct selection_wait *wait, const struct page_selection *from)
{
    struct page_selection *to = &wait->question.selection;
    char *at = wait->texts;
    to->search = copy_pattern(&at, from->search);
    to->filter = NULL;
    to->filter_text = copy_text(&at, from->filter_text);
    to->sort.name = copy_text(&at, from->sort.name);
    if (from->mark) {
        wait->mark = *from->mark;
        wait->mark.key = copy_text(&at, from->mark->key);
        to->mark = &wait->mark;
    }
}

_Static_assert(offsetof(struct selection_wait, texts) % _Alignof(struct pattern) == 0,
               "a pattern can lie behind a wait");

static struct selection_wait *wait_new(const struct page_question *question)
{
    size_t size =
        sizeof(struct selection_wait) + sizeof(struct pattern) + texts_len(&question->selection);
    struct selection_wait *wait = alloc_zeroed(1, size);
    wait->question = *question;
    wait->question.by_created_at = false; /* arrival numbers are no answer */
    wait->question.known_version = 0;
    copy_selection(wait, &question->selection);
    return wait;
}

static void wait_free(struct selection_wait *wait)
{
    PQclear(wait->result);
    free(wait);
}

/* --- the selector's side ------------------------------------------------------------------ */

static void on_bell(uint64_t rings, void *arg)
{
    (void)rings;
    struct exchange *exchange = arg;
    exchange->on_asked(exchange->arg);
}

struct exchange *exchange_new(struct event_base *base, void (*on_asked)(void *arg), void *arg)
{
    struct exchange *exchange = alloc_zeroed(1, sizeof(*exchange));
    pthread_mutex_init(&exchange->lock, NULL);
    TAILQ_INIT(&exchange->asked);
    TAILQ_INIT(&exchange->forgotten);
    exchange->on_asked = on_asked;
    exchange->arg = arg;
    bell_init(&exchange->bell, base, on_bell, exchange);
    return exchange;
}

void exchange_free(struct exchange **exchange)
{
    struct exchange *gone = *exchange;
    if (!gone) {
        return;
    }
    bell_done(&gone->bell);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *exchange = NULL;
}

static struct selection_wait *take_first(struct exchange *exchange,
                                         struct selection_wait_list *list)
{
    pthread_mutex_lock(&exchange->lock);
    struct selection_wait *wait = TAILQ_FIRST(list);
    if (wait) {
        TAILQ_REMOVE(list, wait, in_exchange);
        wait->place = WAIT_WITH_SELECTOR;
    }
    pthread_mutex_unlock(&exchange->lock);
    return wait;
}

struct selection_wait *exchange_take_asked(struct exchange *exchange)
{
    return take_first(exchange, &exchange->asked);
}

struct selection_wait *exchange_take_forgotten(struct exchange *exchange)
{
    return take_first(exchange, &exchange->forgotten);
}

void exchange_drop(struct selection_wait *wait)
{
    wait_free(wait);
}

/* False when nobody wants it any more: it is then gone. */
static bool give_back(struct selection_wait *wait)
{
    struct exchange *exchange = wait->exchange;
    pthread_mutex_lock(&exchange->lock);
    bool is_wanted = !wait->is_forgotten;
    if (is_wanted) {
        wait->place = WAIT_ANSWERED;
        TAILQ_INSERT_TAIL(&wait->client->answered, wait, in_exchange);
        bell_ring(&wait->client->bell, 1);
    } else {
        TAILQ_REMOVE(&exchange->forgotten, wait, in_exchange);
    }
    pthread_mutex_unlock(&exchange->lock);
    return is_wanted;
}

void exchange_answer(struct selection_wait *wait, enum page_outcome outcome, const PGresult *result)
{
    wait->outcome = outcome;
    wait->result = result ? PQcopyResult(result, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES) : NULL;
    if (!give_back(wait)) {
        wait_free(wait);
    }
}

void exchange_fail(struct selection_wait *wait, const struct error *err)
{
    wait->err = *err;
    if (!give_back(wait)) {
        wait_free(wait);
    }
}

/* --- the workers' side -------------------------------------------------------------------- */

static struct selection_wait *take_answered(struct exchange_client *client)
{
    pthread_mutex_lock(&client->exchange->lock);
    struct selection_wait *wait = TAILQ_FIRST(&client->answered);
    if (wait) {
        TAILQ_REMOVE(&client->answered, wait, in_exchange);
    }
    pthread_mutex_unlock(&client->exchange->lock);
    return wait;
}

static void deliver(const struct selection_wait *wait)
{
    const struct page_question *question = &wait->question;
    struct page page = {.outcome = wait->outcome};
    struct error err = wait->err;
    bool is_read = err.kind == ERR_NONE;
    if (is_read && wait->outcome == PAGE_FOUND) {
        is_read = wait->result ? store_read_pages(wait->result, &question, &page, 1, &err)
                               : error_set(&err, ERR_RETRY, "out of memory for the page");
    }
    wait->fn(is_read ? &page : NULL, is_read ? NULL : &err, wait->arg);
}

static void on_answers(uint64_t rings, void *arg)
{
    (void)rings;
    struct exchange_client *client = arg;
    struct selection_wait *wait;
    while ((wait = take_answered(client))) {
        deliver(wait);
        wait_free(wait);
    }
}

struct exchange_client *exchange_client_new(struct exchange *exchange, struct event_base *base)
{
    struct exchange_client *client = alloc_zeroed(1, sizeof(*client));
    client->exchange = exchange;
    TAILQ_INIT(&client->answered);
    bell_init(&client->bell, base, on_answers, client);
    return client;
}

void exchange_client_free(struct exchange_client **client)
{
    struct exchange_client *gone = *client;
    if (!gone) {
        return;
    }
    bell_done(&gone->bell);
    free(gone);
    *client = NULL;
}

struct selection_wait *exchange_client_ask(struct exchange_client *client,
                                           const struct page_question *question, exchange_fn *fn,
                                           void *arg)
{
    struct exchange *exchange = client->exchange;
    struct selection_wait *wait = wait_new(question);
    wait->exchange = exchange;
    wait->client = client;
    wait->fn = fn;
    wait->arg = arg;
    pthread_mutex_lock(&exchange->lock);
    TAILQ_INSERT_TAIL(&exchange->asked, wait, in_exchange);
    pthread_mutex_unlock(&exchange->lock);
    bell_ring(&exchange->bell, 1);
    return wait;
}

/* True when it is the forgetting side's to free. */
static bool take_back(struct exchange *exchange, struct selection_wait *wait)
{
    if (wait->place == WAIT_WITH_SELECTOR) {
        wait->is_forgotten = true;
        TAILQ_INSERT_TAIL(&exchange->forgotten, wait, in_exchange);
        bell_ring(&exchange->bell, 1);
        return false;
    }
    TAILQ_REMOVE(wait->place == WAIT_ASKED ? &exchange->asked : &wait->client->answered, wait,
                 in_exchange);
    return true;
}

void exchange_client_forget(struct selection_wait *wait)
{
    struct exchange *exchange = wait->exchange;
    pthread_mutex_lock(&exchange->lock);
    bool is_ours = take_back(exchange, wait);
    pthread_mutex_unlock(&exchange->lock);
    if (is_ours) {
        wait_free(wait);
    }
}
