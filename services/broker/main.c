/* callboard-broker: wires the options, the broker and the signals together. */
#include "broker.h"
#include "broker_config.h"
#include "log.h"
#include "service.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

static void on_stop(void *arg)
{
    struct service **service = arg;
    service_stopped(*service);
}

static bool announce(const struct broker *broker, const struct broker_options *options)
{
    struct error err = {0};
    if (options->listen_file && !broker_write_address(broker, options->listen_file, &err)) {
        log_error("no address file", "error=%s", log_quote(err.text).text);
        return false;
    }
    printf("KAFKA_BROKERS=%s\n", broker_address(broker));
    if (fflush(stdout) != 0) {
        log_error("cannot announce the address", "stream=stdout");
        return false;
    }
    log_warn("this broker keeps nothing: memory only, oldest messages dropped, all gone on stop",
             "address=%s partition_bytes=%d", broker_address(broker), BROKER_PARTITION_BYTES);
    return true;
}

static int serve(const struct broker *broker, const struct broker_options *options)
{
    struct event_base *base = service_event_base_new();
    struct service *service = NULL;
    /* Signals are handled from here on: whoever reads the address may already stop us. */
    service = service_new(base, on_stop, &service);
    int status = announce(broker, options) ? service_run(service) : EXIT_FAILURE;
    service_free(&service);
    event_base_free(base);
    return status;
}

int main(int argc, char **argv)
{
    struct broker_options options = {0};
    options_parse_or_exit(&broker_option_table, &argc, argv, &options);
    if (argc > 1) {
        (void)fprintf(stderr, "callboard-broker: unexpected argument \"%s\"; see --help\n",
                      argv[1]);
        return 2;
    }
    log_configure(broker_option_table.program, (enum log_level)options.log.level,
                  (enum log_format)options.log.format);
    options_log(&broker_option_table, &options);

    struct error err = {0};
    struct broker *broker =
        broker_new(&(struct broker_config){.broker_count = (int)options.brokers,
                                           .topics = options.topics.items,
                                           .topic_count = options.topics.count,
                                           .partition_count = (int)options.partitions},
                   &err);
    int status = EXIT_FAILURE;
    if (broker)
        status = serve(broker, &options);
    else
        log_error("the broker did not start", "error=%s", log_quote(err.text).text);
    broker_free(&broker);
    options_done(&broker_option_table, &options);
    return status;
}
