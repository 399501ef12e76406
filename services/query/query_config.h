/*
 * query_config - the options of callboard-query.
 */
#ifndef CALLBOARD_QUERY_CONFIG_H
#define CALLBOARD_QUERY_CONFIG_H

#include "error.h"
#include "macros.h"
#include "options.h"

#include <stdbool.h>
#include <stdint.h>

struct query_config {
    struct log_options log;
    const char *database_url;
    const char *http_listen;
    int64_t http_workers; /* 0: one for each processor */
    int64_t http_max_limit;
    int64_t http_max_connections; /* of all workers together */
    int64_t http_request_timeout_ms;
    struct option_list http_cors_origins; /* empty: CORS is off */
    int64_t http_rate_limit;              /* requests a window and token; 0: no limit */
    int64_t http_rate_window_s;
    int64_t query_timeout_ms;
    int64_t query_cache_bytes;     /* of all workers together; 0: nothing is remembered */
    int64_t query_selection_bytes; /* 0: selections are not kept */
    const char *admin_listen;
};

extern const struct option_table query_option_table;

/* What the table cannot say. ERR_REJECT names the option. */
NODISCARD bool query_config_check(const struct query_config *config, struct error *err);

#endif
