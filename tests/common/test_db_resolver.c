#include "db_resolver.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define GUARD_S 10

/* What libpq would take from the environment. */
static const char *const libpq_variables[] = {"PGHOST",    "PGHOSTADDR", "PGPORT",
                                              "PGSERVICE", "PGOPTIONS",  "PGSERVICEFILE"};

static void clean_environment(void)
{
    for (size_t i = 0; i < ARRAY_LEN(libpq_variables); i++) {
        cr_assert_eq(unsetenv(libpq_variables[i]), 0);
    }
    cr_assert_eq(setenv("PGPORT", "5", 1), 0);
}

TestSuite(db_resolver, .init = clean_environment);

/* --- the network ------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *addresses;
    const char *error;
} network[] = {
    {"one", "10.0.0.1,", NULL},
    {"two", "10.0.0.2,fe80::1%eth0,", NULL},
    {"unknown", NULL, "no such host"},
    {"empty", "", NULL},
};

static const char *look_up(const char *name, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(network); i++) {
        if (strcmp(network[i].name, name) == 0 && network[i].addresses) {
            buf_append_text(out, network[i].addresses);
        }
        if (strcmp(network[i].name, name) == 0) {
            return network[i].error;
        }
    }
    return "not in the test's network";
}

/* --- the one who asks -------------------------------------------------------------------- */

struct asker {
    struct event_base *base;
    struct db_resolver *resolver;
    struct buf heard;
    bool frees_in_callback;
};

static void on_resolved(const struct db_targets *targets, const struct error *err, void *arg)
{
    struct asker *asker = arg;
    cr_assert((targets == NULL) == (err != NULL));
    if (asker->frees_in_callback) {
        db_resolver_free(&asker->resolver);
    }
    if (err) {
        buf_append_format(&asker->heard, "%s: %s", error_kind_name(err->kind), err->text);
    }
    for (size_t i = 0; targets && i < targets->count; i++) {
        const struct db_target *target = &targets->items[i];
        buf_append_format(&asker->heard, "%s=%s:%s ", target->host, target->hostaddr, target->port);
    }
    buf_append_text(&asker->heard, ".");
    event_base_loopbreak(asker->base);
}

static void asker_init(struct asker *asker, const char *conninfo, db_lookup_fn *lookup)
{
    *asker = (struct asker){.base = event_base_new()};
    buf_init(&asker->heard, 4096);
    asker->resolver = db_resolver_start(asker->base, conninfo, lookup, on_resolved, asker);
    cr_assert_eq(buf_slice(&asker->heard).len, 0, "called before it returned");
}

static void asker_wait(struct asker *asker)
{
    static const struct timeval guard = {.tv_sec = GUARD_S};
    cr_assert_eq(event_base_loopexit(asker->base, &guard), 0);
    cr_assert_eq(event_base_dispatch(asker->base), 0);
}

static void asker_done(struct asker *asker)
{
    db_resolver_free(&asker->resolver);
    cr_expect_null(asker->resolver);
    event_base_free(asker->base);
    buf_done(&asker->heard);
}

/* --- targets ----------------------------------------------------------------------------- */

/* Expected: host=hostaddr:port of each target. */
static const struct {
    const char *conninfo;
    const char *expected;
} target_rows[] = {
    {"", "."},
    {"dbname=x", "."},
    {"host=/tmp", "/tmp=:5 ."},
    {"host=@abstract port=1", "@abstract=:1 ."},
    {"host=127.0.0.1", "127.0.0.1=:5 ."},
    {"host=fe80::1%eth0", "fe80::1%eth0=:5 ."},
    {"hostaddr=10.0.0.9", "=10.0.0.9:5 ."},
    {"host=unknown hostaddr=10.0.0.9", "unknown=10.0.0.9:5 ."},
    {"host=one", "one=10.0.0.1:5 ."},
    {"postgresql://u:p@one:7/db?sslmode=disable", "one=10.0.0.1:7 ."},
    {"host=two", "two=10.0.0.2:5 two=fe80::1%eth0:5 ."},
    {"host=two,/tmp,one port=1,2,3", "two=10.0.0.2:1 two=fe80::1%eth0:1 /tmp=:2 one=10.0.0.1:3 ."},
    {"host=one,two port=9", "one=10.0.0.1:9 two=10.0.0.2:9 two=fe80::1%eth0:9 ."},
    {"host=one,two hostaddr=,10.0.0.9", "one=10.0.0.1:5 two=10.0.0.9:5 ."},
    {"host=,one port=1,2", "=:1 one=10.0.0.1:2 ."},
    {"host=unknown,one,empty port=1,2,3", "one=10.0.0.1:2 ."},
    {"host=unknown,/tmp", "/tmp=:5 ."},
    {"host=unknown", "retry: could not resolve host name \"unknown\": no such host."},
    {"host=empty", "retry: could not resolve host name \"empty\": no address."},
    {"host=one,two port=1,2,3", "."},
    {"host=one,two hostaddr=10.0.0.9", "."},
    {"service=nowhere", "."},
    {"host=one port=", "one=10.0.0.1: ."},
};

Test(db_resolver, finds_the_targets_of_a_string)
{
    for (size_t i = 0; i < ARRAY_LEN(target_rows); i++) {
        struct asker asker;
        asker_init(&asker, target_rows[i].conninfo, look_up);
        asker_wait(&asker);
        cr_expect_str_eq(buf_text(&asker.heard), target_rows[i].expected, "'%s' gave '%s'",
                         target_rows[i].conninfo, buf_text(&asker.heard));
        asker_done(&asker);
    }
}

Test(db_resolver, takes_from_the_environment_what_the_string_leaves_open)
{
    cr_assert_eq(setenv("PGHOST", "one,two", 1), 0);
    cr_assert_eq(setenv("PGPORT", "1,2", 1), 0);
    struct asker asker;
    asker_init(&asker, "dbname=x", look_up);
    asker_wait(&asker);
    cr_expect_str_eq(buf_text(&asker.heard), "one=10.0.0.1:1 two=10.0.0.2:2 two=fe80::1%eth0:2 .");
    asker_done(&asker);
}

Test(db_resolver, leaves_a_service_in_the_string_to_libpq)
{
    cr_assert_eq(setenv("PGHOST", "one", 1), 0);
    struct asker asker;
    asker_init(&asker, "service=nowhere", look_up);
    asker_wait(&asker);
    cr_expect_str_eq(buf_text(&asker.heard), ".");
    asker_done(&asker);
}

static const char *const invalid_strings[] = {"secret", "host='secret", "secret=1",
                                              "postgresql://u:secret@[::1/db"};

Test(db_resolver, refuses_a_string_that_is_none_without_quoting_it)
{
    for (size_t i = 0; i < ARRAY_LEN(invalid_strings); i++) {
        struct asker asker;
        asker_init(&asker, invalid_strings[i], look_up);
        asker_wait(&asker);
        cr_expect_eq(strncmp(buf_text(&asker.heard), "fatal: ", 7), 0, "'%s' gave '%s'",
                     invalid_strings[i], buf_text(&asker.heard));
        cr_expect_null(strstr(buf_text(&asker.heard), "secret"), "%s", invalid_strings[i]);
        asker_done(&asker);
    }
}

Test(db_resolver, knows_localhost)
{
    struct asker asker;
    asker_init(&asker, "host=localhost port=1", db_lookup_system);
    asker_wait(&asker);
    cr_expect_not_null(strstr(buf_text(&asker.heard), "localhost=127.0.0.1:1 "), "%s",
                       buf_text(&asker.heard));
    asker_done(&asker);
}

Test(db_resolver, may_be_freed_by_its_callback)
{
    struct asker asker;
    asker_init(&asker, "host=two", look_up);
    asker.frees_in_callback = true;
    asker_wait(&asker);
    cr_expect_str_eq(buf_text(&asker.heard), "two=10.0.0.2:5 two=fe80::1%eth0:5 .");
    asker_done(&asker);
}

/* --- a slow network ---------------------------------------------------------------------- */

static sem_t lookup_begun;
static sem_t lookup_may_end;
static sem_t lookup_ended;
static atomic_bool signals_blocked;

static const char *look_up_slowly(const char *name, struct buf *out)
{
    (void)name;
    sigset_t blocked;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    signals_blocked = sigismember(&blocked, SIGTERM) == 1;
    (void)sem_post(&lookup_begun);
    (void)sem_wait(&lookup_may_end);
    buf_append_text(out, "10.0.0.1,");
    (void)sem_post(&lookup_ended);
    return NULL;
}

static void init_slow_network(void)
{
    cr_assert_eq(sem_init(&lookup_begun, 0, 0), 0);
    cr_assert_eq(sem_init(&lookup_may_end, 0, 0), 0);
    cr_assert_eq(sem_init(&lookup_ended, 0, 0), 0);
}

Test(db_resolver, does_not_hold_up_the_loop)
{
    init_slow_network();
    struct asker asker;
    asker_init(&asker, "host=slow", look_up_slowly);
    (void)sem_wait(&lookup_begun);
    cr_assert_eq(event_base_loop(asker.base, EVLOOP_NONBLOCK), 0);
    cr_expect_eq(buf_slice(&asker.heard).len, 0);
    cr_expect(signals_blocked, "signals are for the program's own threads");
    (void)sem_post(&lookup_may_end);
    asker_wait(&asker);
    cr_expect_str_eq(buf_text(&asker.heard), "slow=10.0.0.1:5 .");
    asker_done(&asker);
}

Test(db_resolver, may_be_freed_while_a_name_is_looked_up)
{
    init_slow_network();
    struct asker asker;
    asker_init(&asker, "host=slow", look_up_slowly);
    (void)sem_wait(&lookup_begun);
    db_resolver_free(&asker.resolver);
    (void)sem_post(&lookup_may_end);
    (void)sem_wait(&lookup_ended);
    cr_assert_eq(event_base_loop(asker.base, EVLOOP_NONBLOCK), 1, "no event is left");
    cr_expect_eq(buf_slice(&asker.heard).len, 0);
    asker_done(&asker);
}

Test(db_resolver, frees_nothing_twice)
{
    struct db_resolver *none = NULL;
    db_resolver_free(&none);
    cr_expect_null(none);
}

/* --- single values ----------------------------------------------------------------------- */

static const struct {
    const char *conninfo;
    const char *keyword;
    const char *expected;
} value_rows[] = {
    {"options='-c a=1'", "options", "-c a=1"},
    {"postgresql:///?options=-ca%3D1", "options", "-ca=1"},
    {"", "options", "-c env=1"},
    {"service=nowhere", "options", NULL},
    {"", "sslcert", NULL},
    {"", "no_such_keyword", NULL},
};

Test(db_resolver, tells_the_value_of_a_keyword)
{
    cr_assert_eq(setenv("PGOPTIONS", "-c env=1", 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(value_rows); i++) {
        char *value = db_conninfo_value(value_rows[i].conninfo, value_rows[i].keyword);
        const char *expected = value_rows[i].expected;
        cr_expect(expected ? value && strcmp(value, expected) == 0 : !value, "%s of '%s': %s",
                  value_rows[i].keyword, value_rows[i].conninfo, value ? value : "none");
        free(value);
    }
}
