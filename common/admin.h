/*
 * admin - the admin port every service has: /livez, /readyz, /metrics.
 *
 * /livez   200 "ok" while the loop turns.
 * /readyz  200 "ok", or 503 with one line for each thing that is missing.
 * /metrics Prometheus text.
 */
#ifndef CALLBOARD_ADMIN_H
#define CALLBOARD_ADMIN_H

#include "buf.h"
#include "error.h"
#include "macros.h"
#include "metrics.h"

struct event_base;
struct admin;

/* Appends a line "what: why\n" for each missing thing; nothing when ready. */
typedef void admin_ready_fn(struct buf *missing, void *arg);
/* Called before each rendering of /metrics, to set gauges. May be NULL. */
typedef void admin_collect_fn(void *arg);

NODISCARD struct admin *admin_new(struct event_base *base, const char *listen,
                                  struct metrics *metrics, admin_ready_fn *ready,
                                  admin_collect_fn *collect, void *arg, struct error *err);
void admin_free(struct admin **admin);
int admin_port(const struct admin *admin);

#endif
