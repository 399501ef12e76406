/* callboard-ingest: wires configuration, the event loop, the ingest and its admin port. */
#include "admin.h"
#include "error.h"
#include "ingest.h"
#include "ingest_config.h"
#include "log.h"
#include "service.h"

#include <event2/event.h>
#include <unistd.h>

struct program {
    struct ingest_config config;
    struct service *service;
    struct ingest *ingest;
    struct admin *admin;
};

static void on_stop(void *arg)
{
    struct program *program = arg;
    ingest_stop(program->ingest);
}

static void on_stopped(void *arg)
{
    struct program *program = arg;
    service_stopped(program->service);
}

static void on_failed(void *arg)
{
    struct program *program = arg;
    service_fail(program->service);
}

static bool start(struct program *program, struct event_base *base, struct error *err)
{
    program->ingest = ingest_new(base, &program->config, on_stopped, on_failed, program, err);
    if (!program->ingest)
        return false;
    program->admin =
        admin_new(base, program->config.admin_listen, ingest_metrics_registry(program->ingest),
                  ingest_ready, ingest_collect, program->ingest, err);
    return program->admin != NULL;
}

int main(int argc, char **argv)
{
    struct program program = {0};
    struct error err = {0};
    options_parse_or_exit(&ingest_options, &argc, argv, &program.config);
    log_configure(ingest_options.program, (enum log_level)program.config.log.level,
                  (enum log_format)program.config.log.format);
    options_log(&ingest_options, &program.config);

    struct event_base *base = service_event_base_new();
    program.service = service_new(base, on_stop, &program);
    int status = 1;
    if (start(&program, base, &err)) {
        status = service_run(program.service);
        /* Freeing the Kafka client waits for brokers that do not answer; what matters is in the
         * database. */
        if (status != 0 || !ingest_has_left(program.ingest))
            _exit(status);
    } else {
        log_error("cannot start", "error=%s", log_quote(err.text).text);
    }
    if (err.kind == ERR_REJECT)
        status = 2; /* an option's value */

    admin_free(&program.admin);
    ingest_free(&program.ingest);
    service_free(&program.service);
    event_base_free(base);
    options_done(&ingest_options, &program.config);
    return status;
}
