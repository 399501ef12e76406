/*
 * db_resolver - finds out which servers a connection string means, without blocking the event loop.
 *
 * libpq resolves host names inside PQconnectStart() and waits for the answer. So the names are
 * resolved here, in a thread of their own, and libpq is given addresses (`hostaddr`) beside them.
 * Hosts, ports and addresses may be lists, as libpq's are; a name with several addresses becomes
 * several targets. A name that cannot be resolved is left out as long as another target remains.
 *
 * What the string leaves open comes from libpq's environment variables, as in libpq. One exception:
 * where the string names a `service` and no host, libpq reads the hosts from its service file and
 * resolves them itself.
 *
 * Ownership: targets are lent to the callback and die when it returns.
 * Threads:   the callback runs on the event_base's thread.
 * Callbacks: exactly one, never before db_resolver_start() returns, none after db_resolver_free().
 */
#ifndef CALLBOARD_DB_RESOLVER_H
#define CALLBOARD_DB_RESOLVER_H

#include "buf.h"
#include "error.h"
#include "macros.h"

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct db_resolver;

/* One server to try, in libpq's terms; "" means libpq's default. */
struct db_target {
    char *host;
    char *hostaddr; /* "" for a Unix socket, and where `host` is a numeric address */
    char *port;
};

struct db_targets {
    struct db_target *items;
    size_t count; /* 0: leave hosts and ports to libpq */
};

/* `err` is NULL on success. ERR_RETRY: no target is left; ERR_FATAL: the string is not valid. */
typedef void db_resolver_fn(const struct db_targets *targets, const struct error *err, void *arg);

/* Appends the numeric addresses of `name`, best first, each followed by a comma; returns NULL, or
 * why there are none. Runs in a thread of its own. */
typedef const char *db_lookup_fn(const char *name, struct buf *out);
/* The one to use: getaddrinfo(3). */
db_lookup_fn db_lookup_system;

struct db_resolver *db_resolver_start(struct event_base *base, const char *conninfo,
                                      db_lookup_fn *lookup, db_resolver_fn *fn, void *arg);
/* Cancels: a look-up that is under way ends by itself, unheard. May be called by the callback.
 * Accepts NULL; sets NULL. */
void db_resolver_free(struct db_resolver **resolver);

/* Whether libpq understands the string ("" included). libpq's own message may quote a password, so
 * the error does not repeat it. */
NODISCARD bool db_conninfo_check(const char *conninfo, struct error *err);
/* The value of `keyword` in the string, else from libpq's environment and defaults; NULL where
 * nothing gives it, or only a service that the string names. Release with free(). */
char *db_conninfo_value(const char *conninfo, const char *keyword);

#endif
