#include "log.h"
#include "options.h"
#include "query.h"
#include "query_config.h"

#include <stdio.h>

static int serve(const struct query_config *config)
{
    struct error err = {0};
    struct query *query = query_new(config, &err);
    if (!query) {
        log_error("cannot start", "error=%s", log_quote(err.text).text);
        return 1;
    }
    int status = query_run(query);
    query_free(&query);
    return status;
}

int main(int argc, char **argv)
{
    struct query_config config = {0};
    options_parse_or_exit(&query_option_table, &argc, argv, &config);
    int status = 2;
    struct error err;
    if (argc > 1) {
        (void)fprintf(stderr, "callboard-query: unexpected argument \"%s\": try --help\n", argv[1]);
    } else if (!query_config_check(&config, &err)) {
        (void)fprintf(stderr, "callboard-query: %s\n", err.text);
    } else {
        log_configure("callboard-query", (enum log_level)config.log.level,
                      (enum log_format)config.log.format);
        options_log(&query_option_table, &config);
        status = serve(&config);
    }
    options_done(&query_option_table, &config);
    return status;
}
