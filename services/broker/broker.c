#include "broker.h"

#include "alloc.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
/* Must come after rdkafka.h. */
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define ADDRESS_FILE_NAME_MAX 4096

struct broker {
    rd_kafka_t *handle; /* the mock cluster's house-keeping needs one; it connects nowhere */
    rd_kafka_mock_cluster_t *cluster;
};

static void on_library_log(const rd_kafka_t *handle, int level, const char *facility,
                           const char *text)
{
    (void)handle;
    /* The handle itself has no servers to connect to, which librdkafka reports as a notice. */
    enum log_level ours = level <= LOG_ERR       ? LOG_LEVEL_ERROR
                          : level == LOG_WARNING ? LOG_LEVEL_WARN
                                                 : LOG_LEVEL_DEBUG;
    log_write(ours, "librdkafka", "facility=%s text=%s", facility, log_quote(text).text);
}

static rd_kafka_t *new_handle(struct error *err)
{
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_library_log);
    rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    if (!handle) {
        rd_kafka_conf_destroy(conf);
        error_set(err, ERR_FATAL, "cannot create a librdkafka handle: %s", reason);
    }
    return handle;
}

static bool create_topics(struct broker *broker, const struct broker_config *config,
                          struct error *err)
{
    for (size_t i = 0; i < config->topic_count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(
            broker->cluster, config->topics[i], config->partition_count, config->broker_count);
        if (code)
            return error_set(err, ERR_FATAL, "cannot create topic %s: %s", config->topics[i],
                             rd_kafka_err2str(code));
    }
    return true;
}

struct broker *broker_new(const struct broker_config *config, struct error *err)
{
    struct broker *broker = alloc_zeroed(1, sizeof(*broker));
    broker->handle = new_handle(err);
    if (broker->handle) {
        broker->cluster = rd_kafka_mock_cluster_new(broker->handle, config->broker_count);
        if (!broker->cluster)
            error_set(err, ERR_FATAL, "cannot start %d mock brokers", config->broker_count);
    }
    if (!broker->cluster || !create_topics(broker, config, err))
        broker_free(&broker);
    return broker;
}

const char *broker_address(const struct broker *broker)
{
    return rd_kafka_mock_cluster_bootstraps(broker->cluster);
}

void broker_free(struct broker **broker)
{
    if (!*broker)
        return;
    if ((*broker)->cluster)
        rd_kafka_mock_cluster_destroy((*broker)->cluster);
    if ((*broker)->handle)
        rd_kafka_destroy((*broker)->handle);
    free(*broker);
    *broker = NULL;
}

static bool write_line(int fd, const char *address)
{
    bool written = dprintf(fd, "KAFKA_BROKERS=%s\n", address) > 0;
    /* mkstemp() lets only us read; the address is no secret and its readers may be others. */
    bool readable = fchmod(fd, 0644) == 0;
    return close(fd) == 0 && written && readable;
}

bool broker_write_address(const struct broker *broker, const char *path, struct error *err)
{
    char temporary[ADDRESS_FILE_NAME_MAX];
    int len = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    if (len < 0 || (size_t)len >= sizeof(temporary))
        return error_set(err, ERR_FATAL, "the name of the address file is too long");
    int fd = mkstemp(temporary);
    if (fd < 0)
        return error_set(err, ERR_FATAL, "cannot write %s: %s", path, strerror(errno));
    if (!write_line(fd, broker_address(broker)) || rename(temporary, path) != 0) {
        int reason = errno;
        unlink(temporary);
        return error_set(err, ERR_FATAL, "cannot write %s: %s", path, strerror(reason));
    }
    return true;
}
