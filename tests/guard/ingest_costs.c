/*
 * ingest_costs - puts a fixed load through the parts of callboard-ingest, for tests/guard/ingest.
 *
 * usage: ingest_costs fold EVENTS   decodes and folds them (run it under callgrind)
 *        ingest_costs store SIZE EVENTS DATABASE_URL RECENT_BYTES   stores them, SIZE a transaction
 *
 * `store` prints what the transactions took: {"transactions", "statements", "round_trips"}. The
 * linker puts the counters below in the place of common's functions (CMakeLists.txt, --wrap).
 */
#include "error.h"
#include "fold.h"
#include "ingest_load.h"
#include "service.h"
#include "store.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_IN_TURN 4000

struct load {
    struct event_base *base;
    struct store *store;
    struct arena arena;
    struct fold *fold;
    struct store_offset offset;
    struct store_transaction txn;
    size_t size; /* events of a transaction */
    size_t next;
    size_t end;
    size_t transactions;
    bool failed;
};

/* --- what is counted ----------------------------------------------------------------------- */

static size_t statements;
static size_t round_trips;

bool __real_db_conn_execute(struct db_conn *conn, size_t statement, const struct db_params *params,
                            db_result_fn *fn, void *arg, struct error *err);
bool __wrap_db_conn_execute(struct db_conn *conn, size_t statement, const struct db_params *params,
                            db_result_fn *fn, void *arg, struct error *err);
void __real_db_conn_sync(struct db_conn *conn);
void __wrap_db_conn_sync(struct db_conn *conn);

bool __wrap_db_conn_execute(struct db_conn *conn, size_t statement, const struct db_params *params,
                            db_result_fn *fn, void *arg, struct error *err)
{
    statements++;
    return __real_db_conn_execute(conn, statement, params, fn, arg, err);
}

void __wrap_db_conn_sync(struct db_conn *conn)
{
    round_trips++;
    __real_db_conn_sync(conn);
}

/* --- storing ------------------------------------------------------------------------------- */

static void stop(struct load *load, const char *why)
{
    if (why)
        (void)fprintf(stderr, "ingest_costs: %s\n", why);
    load->failed = why != NULL;
    (void)event_base_loopbreak(load->base);
}

static void fold_events(struct load *load, size_t count)
{
    arena_reset(&load->arena);
    fold_reset(load->fold);
    for (size_t i = 0; i < count; i++)
        fold_add(load->fold, ingest_load_event(&load->arena, load->next + i, CALLS_IN_TURN));
    fold_finish(load->fold);
}

static void on_stored(const struct store_result *result, void *arg);

static void store_next(struct load *load)
{
    if (load->next >= load->end) {
        stop(load, NULL);
        return;
    }
    fold_events(load, load->size);
    load->next += load->size;
    load->offset.next_offset = (int64_t)load->next;
    load->txn =
        (struct store_transaction){.offsets = &load->offset, .offset_count = 1, .fold = load->fold};
    store_write(load->store, &load->txn, on_stored, load);
}

static void on_stored(const struct store_result *result, void *arg)
{
    struct load *load = arg;
    if (result->outcome != STORE_COMMITTED) {
        stop(load, result->err ? result->err->text : "fenced");
        return;
    }
    load->transactions++;
    load->offset.expected = load->offset.next_offset;
    store_next(load);
}

static void on_claimed(const struct store_offset *rows, size_t count, const struct error *err,
                       void *arg)
{
    struct load *load = arg;
    if (err || count != 1) {
        stop(load, err ? err->text : "the partition was not claimed");
        return;
    }
    load->offset.epoch = rows[0].epoch;
    load->offset.expected = rows[0].next_offset;
    statements = 0;
    round_trips = 0;
    store_next(load);
}

static void on_ready(void *arg)
{
    struct load *load = arg;
    store_claim(load->store, &load->offset, 1, on_claimed, load);
}

static void on_lost(const struct error *err, void *arg)
{
    stop(arg, err->text);
}

static int store_load(size_t size, size_t events, const char *url, size_t recent_bytes)
{
    struct load load = {.base = service_event_base_new(),
                        .fold = fold_new(),
                        .offset = {.topic = "guard"},
                        .size = size,
                        .end = events};
    const struct store_config config = {
        .database_url = url, .group_id = "guard", .owner = "guard", .recent_bytes = recent_bytes};
    const struct store_observer observer = {on_ready, on_lost};
    arena_init(&load.arena);
    load.store = store_new(load.base, &config, &observer, &load);
    (void)event_base_dispatch(load.base);
    (void)printf("{\"transactions\": %zu, \"statements\": %zu, \"round_trips\": %zu}\n",
                 load.transactions, statements, round_trips);
    store_free(&load.store);
    fold_free(&load.fold);
    arena_done(&load.arena);
    event_base_free(load.base);
    return load.failed ? 1 : 0;
}

/* --- decoding and folding ------------------------------------------------------------------ */

static int fold_load(size_t events)
{
    struct load load = {.fold = fold_new()};
    arena_init(&load.arena);
    fold_events(&load, events);
    size_t folded = fold_event_count(load.fold);
    fold_free(&load.fold);
    arena_done(&load.arena);
    return folded == events ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "fold") == 0)
        return fold_load(strtoul(argv[2], NULL, 10));
    if (argc == 6 && strcmp(argv[1], "store") == 0)
        return store_load(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), argv[4],
                          strtoul(argv[5], NULL, 10));
    (void)fputs("usage: ingest_costs fold EVENTS | store SIZE EVENTS DATABASE_URL RECENT_BYTES\n",
                stderr);
    return 2;
}
