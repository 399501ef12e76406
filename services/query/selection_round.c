#include "selection_round.h"

#include "alloc.h"
#include "change_list.h"
#include "clock.h"
#include "db_value.h"
#include "round_slots.h"
#include "selection_sql.h"
#include "sort_key.h"
#include "store.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/*
 * Calls of the batch for one that changed; beyond, making it anew is about as cheap as patching. Of
 * 1,000,000 calls, PostgreSQL 15, two slow cores, medians of three, ms: patching 20,000, 50,000 and
 * 100,000 that follow each other (at random places), and making anew: a status 114, 252, 529 (278,
 * 583, 1054) and 873; a number 94, 237, 491 (215, 480, 646) and 2117; sorted by a text 55, 187, 247
 * (162, 283, 511) and 1612; a search 45, 109, 241 (190, 368, 575) and 1443.
 */
#define MIN_CHANGED_SHARE 8
#define CHANGED_ALWAYS 256  /* so many are patched however small the batch is */
#define COUNT_INTERVAL 4096 /* calls between two looks at the memory */
#define NOT_KEPT_US (INT64_C(60) * 1000000)
#define KEY_MAX_BYTES ((size_t)64 << 10) /* made at all; kept are those of the ranking's bound */

enum round_state {
    ROUND_IDLE,
    ROUND_ASKING,
    ROUND_COMPARING,
    ROUND_MAKING,
    ROUND_SORTING,
    ROUND_PATCHING,
    ROUND_READING,
    ROUND_ENDING,
};

struct selection_round {
    struct round_host *host;
    struct db_conn *db;
    struct event *sort_step;
    struct selection_sql sql; /* reused by every statement, as are the parameters */
    struct db_params params;
    struct buf key;

    enum round_state state;
    struct selection *selection;
    uint64_t epoch; /* of the host, when the round began */
    struct round_slots slots;
    size_t pending;   /* statements of the step that are not answered */
    struct error err; /* the first of the step */
    int64_t version;  /* of the batch in the snapshot ... */
    int64_t calls;    /* ... and how many it has, matching or not */
    struct change_list changed;
    struct ranking *made;
    size_t row_count; /* of what is made, or patched */
    bool is_refresh;  /* nobody asks */
    bool has_leave;
    bool needs_leave;
    int64_t making_since_us;
};

static void step(struct selection_round *round);

/* --- statements ------------------------------------------------------------------------- */

static void note_error(struct selection_round *round, const struct error *err)
{
    if (round->err.kind == ERR_NONE) {
        round->err = *err;
    }
}

/* What each statement's callback does at its end. */
static void answered(struct selection_round *round, const struct error *err)
{
    if (err) {
        note_error(round, err);
    }
    if (--round->pending == 0) {
        step(round);
    }
}

static void on_done(const PGresult *result, const struct error *err, void *arg)
{
    (void)result;
    answered(arg, err);
}

/* Counts a statement in that was sent, or remembers why it was not. */
static void sent(struct selection_round *round, bool is_sent, const struct error *err)
{
    if (is_sent) {
        round->pending++;
    } else {
        note_error(round, err);
    }
}

static void send_text(struct selection_round *round, const char *text)
{
    struct error err;
    sent(round, db_conn_execute_sql(round->db, text, NULL, on_done, round, &err), &err);
}

static void send_prepared(struct selection_round *round, enum store_statement statement,
                          db_result_fn *fn)
{
    struct error err;
    sent(round, db_conn_execute(round->db, statement, &round->params, fn, round, &err), &err);
}

/* Sends what was written, if it could be. */
static void send_written(struct selection_round *round, bool is_written, struct error *err,
                         db_result_fn *fn, void *arg)
{
    bool is_sent = is_written && db_conn_execute_sql(round->db, buf_text(&round->sql.text),
                                                     &round->sql.params, fn, arg, err);
    sent(round, is_sent, err);
}

static void stream_written(struct selection_round *round, bool is_written, struct error *err,
                           db_row_fn *on_row, db_result_fn *fn)
{
    bool is_sent = is_written && db_conn_stream_sql(round->db, buf_text(&round->sql.text),
                                                    &round->sql.params, on_row, fn, round, err);
    sent(round, is_sent, err);
}

static void begin_step(struct selection_round *round, enum round_state state)
{
    round->state = state;
    round->pending = 0;
    error_set(&round->err, ERR_NONE, "%s", "");
}

/* Nothing was sent: the step is over before it began. */
static void end_step(struct selection_round *round)
{
    db_conn_sync(round->db);
    if (round->pending == 0) {
        step(round);
    }
}

/* --- the end ------------------------------------------------------------------------------ */

static void return_leave(struct selection_round *round)
{
    if (round->has_leave) {
        round->has_leave = false;
        round->host->return_leave(round->host->arg);
    }
}

static void become_idle(struct selection_round *round)
{
    struct selection *selection = round->selection;
    ranking_free(&round->made);
    change_list_done(&round->changed);
    return_leave(round);
    if (!selection->ranking) {
        selection_forget(round->host->set, selection);
    }
    round->state = ROUND_IDLE;
    round->selection = NULL;
    selection->round = NULL;
    round->host->on_idle(selection, round->needs_leave, round->host->arg);
}

static void end_round(struct selection_round *round)
{
    begin_step(round, ROUND_ENDING);
    send_text(round, "COMMIT");
    end_step(round);
}

/* The statement under way is ended with its session: the server notices within
 * client_connection_check_interval. */
static void end_session(struct selection_round *round)
{
    struct db_conn *db = round->db;
    round->state = ROUND_IDLE; /* whoever is called back now is not listened to */
    db_conn_free(&db);
}

static void open_session(struct selection_round *round);

/* There is no room for the ranking. */
static void abandon(struct selection_round *round)
{
    end_session(round);
    open_session(round);
    become_idle(round);
}

static void refuse_to_keep(struct selection_round *round)
{
    round->selection->not_kept_until_us = clock_monotonic_us() + NOT_KEPT_US;
    round_slots_answer(&round->slots, PAGE_NOT_KEPT);
    selection_forget(round->host->set, round->selection);
}

void selection_round_end_unwanted(struct selection_round *round)
{
    if (round->state == ROUND_MAKING && round_slots_are_empty(&round->slots) &&
        TAILQ_EMPTY(&round->selection->waiting)) {
        selection_forget(round->host->set, round->selection);
        abandon(round);
    }
}

/* --- reading ------------------------------------------------------------------------------ */

static void on_rows(const PGresult *result, const struct error *err, void *arg)
{
    struct round_slot *asked = arg;
    struct selection_round *round = asked->round;
    if (!err) {
        round_slots_answer_shared(&round->slots, asked, result);
    }
    answered(round, err);
}

static void send_rows(struct selection_round *round, struct round_slot *slot)
{
    const struct ranking *ranking = round->selection->ranking;
    struct page_span span = slot->span;
    int32_t *positions = alloc_zeroed(span.count + 1, sizeof(*positions));
    struct error err;
    ranking_read(ranking, span.low, span.count, positions);
    bool is_written =
        selection_sql_write_rows(&round->sql, &round->selection->batch_id, &round->selection->what,
                                 (struct position_list){positions, span.count},
                                 (int64_t)span.low + 1, (int64_t)ranking_count(ranking), &err);
    free(positions);
    send_written(round, is_written, &err, on_rows, slot);
}

/* The transaction ends with it: one round trip less. */
static void read_pages(struct selection_round *round)
{
    begin_step(round, ROUND_READING);
    round_slots_find_spans(&round->slots, round->selection->ranking);
    for (size_t i = 0; i < round->slots.count; i++) {
        if (round_slots_is_asked_for(&round->slots, i)) {
            send_rows(round, &round->slots.slots[i]);
        }
    }
    send_text(round, "COMMIT");
    end_step(round);
}

/* --- making ------------------------------------------------------------------------------- */

static struct slice read_key(struct selection_round *round, const PGresult *result, int row,
                             int column)
{
    buf_reset(&round->key);
    sort_key_append(&round->key, field_type(round->selection->what.sort.kind), result, row, column);
    return buf_slice(&round->key);
}

static bool is_kept(const struct selection_round *round)
{
    return !round->key.overflow && round->key.len <= RANKING_KEY_MAX_BYTES;
}

static bool has_room(const struct selection_round *round)
{
    const struct selection *selection = round->selection;
    return round->row_count % COUNT_INTERVAL != 0 ||
           selection_set_count(round->host->set, round->selection,
                               round->made ? round->made : selection->ranking);
}

static void on_member(const PGresult *row, void *arg)
{
    struct selection_round *round = arg;
    if (round->state != ROUND_MAKING) {
        return;
    }
    struct slice key = read_key(round, row, 0, 1);
    if (!is_kept(round) || !has_room(round)) {
        refuse_to_keep(round);
        abandon(round);
        return;
    }
    ranking_append(round->made, db_value_int4(row, 0, 0), key);
    round->row_count++;
}

static void on_members(const PGresult *result, const struct error *err, void *arg)
{
    (void)result;
    struct selection_round *round = arg;
    if (round->state == ROUND_MAKING) {
        answered(round, err);
    }
}

static void make(struct selection_round *round)
{
    struct selection *selection = round->selection;
    struct error err;
    begin_step(round, ROUND_MAKING);
    selection_forget(round->host->set, selection);
    round->making_since_us = clock_monotonic_us();
    round->row_count = 0;
    round->made = ranking_new(field_type(selection->what.sort.kind) != FIELD_NOTHING);
    bool is_written =
        selection_sql_write_members(&round->sql, &selection->batch_id, &selection->what, &err);
    stream_written(round, is_written, &err, on_member, on_members);
    end_step(round);
}

static void make_or_wait(struct selection_round *round)
{
    round->has_leave = round->has_leave || round->host->take_leave(round->host->arg);
    if (round->has_leave) {
        make(round);
        return;
    }
    round->needs_leave = true;
    selection_forget(round->host->set, round->selection);
    round_slots_give_back(&round->slots, &round->selection->waiting);
    end_round(round);
}

static void on_sort_step(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    step(arg);
}

static void sort_some(struct selection_round *round)
{
    struct selection *selection = round->selection;
    if (!ranking_sort_step(round->made)) {
        event_active(round->sort_step, EV_TIMEOUT, 0);
        return;
    }
    if (!selection_set_count(round->host->set, selection, round->made)) {
        refuse_to_keep(round);
        end_round(round);
        return;
    }
    selection_keep(selection, round->made, round->version);
    round->made = NULL;
    return_leave(round);
    round->host->on_made((double)(clock_monotonic_us() - round->making_since_us) / 1e6,
                         round->host->arg);
    read_pages(round);
}

static void begin_sorting(struct selection_round *round)
{
    round->state = ROUND_SORTING;
    event_active(round->sort_step, EV_TIMEOUT, 0);
}

/* --- patching ----------------------------------------------------------------------------- */

static void on_change(const PGresult *row, void *arg)
{
    struct selection_round *round = arg;
    change_list_add(&round->changed, row);
}

static void on_changes(const PGresult *result, const struct error *err, void *arg)
{
    (void)result;
    struct selection_round *round = arg;
    int64_t known = round->selection->version;
    if (round->is_refresh) {
        round->version = round->changed.versions > 0 ? round->changed.version : known;
        round->calls = round->changed.calls;
    }
    if (!err) {
        change_list_end(&round->changed, round->version - known);
    }
    answered(round, err);
}

static bool can_patch(const struct selection_round *round)
{
    size_t changed = round->changed.count;
    return round->changed.is_whole &&
           (changed <= CHANGED_ALWAYS || changed <= (size_t)round->calls / MIN_CHANGED_SHARE);
}

enum changed_column { CHANGED_POSITION, CHANGED_MATCHES, CHANGED_KEY };

static void put_changed(struct selection_round *round, const PGresult *row)
{
    struct ranking *ranking = round->selection->ranking;
    int32_t position = db_value_int4(row, 0, CHANGED_POSITION);
    if (!db_value_bool(row, 0, CHANGED_MATCHES)) {
        ranking_remove(ranking, position);
        return;
    }
    struct slice key = read_key(round, row, 0, CHANGED_KEY);
    if (is_kept(round)) {
        ranking_put(ranking, position, key);
    }
}

/* If what follows fails, the ranking keeps its version, since which all these calls have changed:
 * they will be asked for again. It is gone when a key was too long, when there was no room, or a
 * session was lost. */
static void on_changed_call(const PGresult *row, void *arg)
{
    struct selection_round *round = arg;
    if (!round->selection->ranking) {
        return;
    }
    buf_reset(&round->key);
    put_changed(round, row);
    round->row_count++;
    if (!is_kept(round) || !has_room(round)) {
        refuse_to_keep(round);
    }
}

static void on_changed(const PGresult *result, const struct error *err, void *arg)
{
    (void)result;
    struct selection_round *round = arg;
    struct selection *selection = round->selection;
    round->host->on_patched(round->row_count, round->host->arg);
    if (!err && selection->ranking) {
        selection->version = round->version;
        if (!selection_set_count(round->host->set, selection, selection->ranking)) {
            refuse_to_keep(round);
        }
    }
    answered(round, err);
}

static void patch(struct selection_round *round)
{
    const struct selection *selection = round->selection;
    const struct position_list changed = {round->changed.positions, round->changed.count};
    struct error err;
    begin_step(round, ROUND_PATCHING);
    round->row_count = 0;
    bool is_written = selection_sql_write_changed(&round->sql, &selection->batch_id,
                                                  &selection->what, changed, &err);
    stream_written(round, is_written, &err, on_changed_call, on_changed);
    end_step(round);
}

/* --- asking ------------------------------------------------------------------------------- */

/* Who may not see the batch is answered. */
static void read_outcomes(struct selection_round *round, const PGresult *result)
{
    const struct page_question *questions[ROUND_SLOTS_MAX];
    const struct page_question forgotten = {.take = 0};
    struct page pages[ROUND_SLOTS_MAX];
    struct round_slots *slots = &round->slots;
    struct error err;
    for (size_t i = 0; i < slots->count; i++) {
        questions[i] = slots->slots[i].wait ? &slots->slots[i].wait->question : &forgotten;
    }
    if (!store_read_pages(result, questions, pages, slots->count, &err)) {
        note_error(round, &err);
        return;
    }
    for (size_t i = 0; i < slots->count; i++) {
        if (pages[i].outcome == PAGE_FOUND) {
            round->version = pages[i].version;
            round->calls = pages[i].total;
        } else if (slots->slots[i].wait) {
            round_slot_answer(&slots->slots[i], pages[i].outcome, NULL);
        }
    }
}

static void on_asked(const PGresult *result, const struct error *err, void *arg)
{
    struct selection_round *round = arg;
    if (!err) {
        read_outcomes(round, result);
    }
    answered(round, err);
}

/* Whatever the batch holds, and whoever asks: a pattern that does not compile is a bad parameter.
 */
static void send_check(struct selection_round *round)
{
    struct error err;
    bool is_written = selection_sql_write_check(&round->sql, &round->selection->what, &err);
    if (!is_written || round->sql.params.count > 0) {
        send_written(round, is_written, &err, on_done, round);
    }
}

static void send_asks(struct selection_round *round)
{
    const struct page_question *questions[ROUND_SLOTS_MAX];
    for (size_t i = 0; i < round->slots.count; i++) {
        questions[i] = &round->slots.slots[i].wait->question;
    }
    store_bind_questions(&round->params, questions, round->slots.count);
    send_prepared(round, STORE_ASKS, on_asked);
}

static void send_changes(struct selection_round *round)
{
    const struct selection *selection = round->selection;
    struct error err;
    store_bind_changes(&round->params, &selection->batch_id, selection->version,
                       CHANGE_LIST_MAX_VERSIONS);
    change_list_begin(&round->changed);
    sent(round,
         db_conn_stream(round->db, STORE_CHANGES, &round->params, on_change, on_changes, round,
                        &err),
         &err);
}

static void send_begin(struct selection_round *round)
{
    send_text(round, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

/* The transaction's snapshot is taken by its first statement, and so after all these questions
 * were asked. */
static void ask(struct selection_round *round)
{
    begin_step(round, ROUND_ASKING);
    send_begin(round);
    send_check(round);
    send_asks(round);
    end_step(round);
}

/* Only for those who may see the batch: a refusal must not depend on what others have asked. */
static void compare(struct selection_round *round)
{
    begin_step(round, ROUND_COMPARING);
    send_changes(round);
    end_step(round);
}

/* The last version that left a trace is the batch's, and tells how many calls it has. */
static void refresh(struct selection_round *round)
{
    begin_step(round, ROUND_COMPARING);
    send_begin(round);
    send_changes(round);
    end_step(round);
}

/* --- steps -------------------------------------------------------------------------------- */

static void after_asking(struct selection_round *round)
{
    const struct selection *selection = round->selection;
    if (round_slots_are_empty(&round->slots)) {
        end_round(round);
    } else if (!selection->ranking) {
        make_or_wait(round);
    } else if (round->version != selection->version) {
        compare(round);
    } else {
        read_pages(round);
    }
}

static void after_patching(struct selection_round *round)
{
    if (round_slots_are_empty(&round->slots)) {
        end_round(round);
        return;
    }
    read_pages(round);
}

/* Who asks next will have it made. */
static void give_up_refreshing(struct selection_round *round)
{
    selection_forget(round->host->set, round->selection);
    end_round(round);
}

static void after_comparing(struct selection_round *round)
{
    if (!round->is_refresh && round_slots_are_empty(&round->slots)) {
        end_round(round);
    } else if (!can_patch(round)) {
        round->is_refresh ? give_up_refreshing(round) : make_or_wait(round);
    } else if (round->changed.count > 0) {
        patch(round);
    } else {
        round->selection->version = round->version;
        after_patching(round);
    }
}

typedef void after_fn(struct selection_round *round);

/* What comes when all statements of a step are answered. */
static after_fn *const after_steps[] = {
    [ROUND_ASKING] = after_asking,     [ROUND_COMPARING] = after_comparing,
    [ROUND_MAKING] = begin_sorting,    [ROUND_SORTING] = sort_some,
    [ROUND_PATCHING] = after_patching, [ROUND_READING] = become_idle,
    [ROUND_ENDING] = become_idle,
};

/* Without a session there is nothing to be ended. */
static void fail_round(struct selection_round *round)
{
    struct error err = round->err;
    round_slots_fail(&round->slots, &err);
    if (round->state == ROUND_ENDING || !db_conn_is_ready(round->db)) {
        become_idle(round);
        return;
    }
    end_round(round);
}

/* A session was lost meanwhile, and with it what makes versions comparable. */
static bool is_overtaken(const struct selection_round *round)
{
    return round->epoch != round->host->epoch && round->state != ROUND_ENDING &&
           round->state != ROUND_READING;
}

static void step(struct selection_round *round)
{
    if (round->state == ROUND_IDLE) {
        return;
    }
    if (round->err.kind != ERR_NONE) {
        fail_round(round);
    } else if (is_overtaken(round)) {
        round_slots_give_back(&round->slots, &round->selection->waiting);
        end_round(round);
    } else {
        after_steps[round->state](round);
    }
}

static void take(struct selection_round *round, struct selection *selection)
{
    assert(selection_round_is_free(round) && !selection->round);
    round->selection = selection;
    selection->round = round;
    round->epoch = round->host->epoch;
    round->version = 0;
    round->changed.count = 0;
    round->has_leave = false;
    round->needs_leave = false;
    round_slots_take(&round->slots, &selection->waiting);
}

void selection_round_begin(struct selection_round *round, struct selection *selection,
                           bool has_leave)
{
    take(round, selection);
    round->is_refresh = false;
    round->has_leave = has_leave;
    ask(round);
}

void selection_round_refresh(struct selection_round *round, struct selection *selection)
{
    assert(selection->ranking && TAILQ_EMPTY(&selection->waiting));
    take(round, selection);
    round->is_refresh = true;
    refresh(round);
}

void selection_round_forget(struct selection_wait *wait)
{
    (void)round_slot_leave(wait->slot);
}

/* --- life --------------------------------------------------------------------------------- */

static void on_db_ready(struct db_conn *db, void *arg)
{
    (void)db;
    struct selection_round *round = arg;
    round->host->on_ready(round->host->arg);
}

static void on_db_lost(struct db_conn *db, const struct error *err, void *arg)
{
    (void)db;
    struct selection_round *round = arg;
    round->host->on_lost(err, round->host->arg);
}

static void open_session(struct selection_round *round)
{
    static const struct db_conn_observer observer = {on_db_ready, on_db_lost};
    round->db = db_conn_new(round->host->base, &round->host->db, &observer, round);
}

struct selection_round *selection_round_new(struct round_host *host)
{
    struct selection_round *round = alloc_zeroed(1, sizeof(*round));
    round->host = host;
    round->sort_step = evtimer_new(host->base, on_sort_step, round);
    selection_sql_init(&round->sql);
    db_params_init(&round->params);
    change_list_init(&round->changed);
    buf_init(&round->key, KEY_MAX_BYTES);
    round_slots_init(&round->slots, round);
    open_session(round);
    return round;
}

void selection_round_free(struct selection_round **round)
{
    struct selection_round *gone = *round;
    if (!gone) {
        return;
    }
    end_session(gone);
    if (gone->selection) {
        round_slots_drop(&gone->slots);
        gone->selection->round = NULL;
    }
    ranking_free(&gone->made);
    event_free(gone->sort_step);
    selection_sql_done(&gone->sql);
    db_params_done(&gone->params);
    buf_done(&gone->key);
    change_list_done(&gone->changed);
    free(gone);
    *round = NULL;
}

bool selection_round_is_connected(const struct selection_round *round)
{
    return db_conn_is_ready(round->db);
}

bool selection_round_is_free(const struct selection_round *round)
{
    return round->state == ROUND_IDLE && selection_round_is_connected(round);
}
