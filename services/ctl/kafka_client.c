#include "kafka_client.h"

#include <stdio.h>
#include <string.h>

/* Commands report errors themselves. */
static void drop_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text;
}

static void on_kafka_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
    (void)rk;
    struct kafka_client *client = arg;
    /* Follows from what was said before. */
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && client->last_problem[0])
        return;
    (void)snprintf(client->last_problem, sizeof(client->last_problem), "%s", reason);
}

bool kafka_client_init(struct kafka_client *client, rd_kafka_conf_t *conf,
                       const struct kafka_property *defaults, size_t count,
                       const struct kafka_options *options, struct error *err)
{
    char problem[192];
    *client = (struct kafka_client){.rk = NULL};
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, drop_log);
    rd_kafka_conf_set_error_cb(conf, on_kafka_error);
    if (!kafka_conf_apply(conf, defaults, count, options, err)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    client->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, problem, sizeof(problem));
    if (client->rk)
        return true;
    rd_kafka_conf_destroy(conf);
    return error_set(err, ERR_REJECT, "Kafka: %s", problem);
}

void kafka_client_done(struct kafka_client *client)
{
    if (client->rk)
        rd_kafka_destroy(client->rk);
    client->rk = NULL;
}

const char *kafka_client_explain(const struct kafka_client *client, rd_kafka_resp_err_t code)
{
    bool is_silence = code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT ||
                      code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT;
    return is_silence && client->last_problem[0] ? client->last_problem : rd_kafka_err2str(code);
}
