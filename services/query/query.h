/*
 * query - the whole service: its workers, the admin port, and how it stops.
 */
#ifndef CALLBOARD_QUERY_H
#define CALLBOARD_QUERY_H

#include "error.h"
#include "macros.h"
#include "query_config.h"

struct query;

/* Binds the ports. `config` must outlive it. ERR_FATAL when a port cannot be bound. */
NODISCARD struct query *query_new(const struct query_config *config, struct error *err);
/* Serves until SIGTERM or SIGINT, then drains. Returns the exit status. */
int query_run(struct query *query);
/* Accepts NULL; sets NULL. */
void query_free(struct query **query);

#endif
