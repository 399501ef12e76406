#include "kafka_conf.h"

#include "alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 65536 /* a PEM certificate may be a value, on one line */

static bool set_property(rd_kafka_conf_t *conf, const char *name, const char *value,
                         struct error *err)
{
    char reason[192];
    return rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK ||
           error_set(err, ERR_REJECT, "Kafka property %.40s: %s", name, reason);
}

static bool set_given(rd_kafka_conf_t *conf, const char *property, const char *from,
                      struct error *err)
{
    const char *equals = strchr(property, '=');
    if (!equals || equals == property)
        return error_set(err, ERR_REJECT, "%.120s takes PROPERTY=VALUE", from);
    char *name = alloc_bytes(property, (size_t)(equals - property));
    bool ok = set_property(conf, name, equals + 1, err);
    free(name);
    return ok;
}

static bool is_comment(const char *line)
{
    return line[0] == '\0' || line[0] == '#';
}

static bool set_lines(rd_kafka_conf_t *conf, FILE *in, const char *path, struct error *err)
{
    char *line = alloc_zeroed(1, LINE_BYTES_MAX);
    bool ok = true;
    while (ok && fgets(line, LINE_BYTES_MAX, in)) {
        size_t len = strcspn(line, "\r\n");
        if (!line[len] && !feof(in))
            ok = error_set(err, ERR_REJECT, "%.120s: a line is too long", path);
        line[len] = '\0';
        ok = ok && (is_comment(line) || set_given(conf, line, path, err));
    }
    if (ok && ferror(in))
        ok = error_set(err, ERR_REJECT, "%.120s: %s", path, strerror(errno));
    free(line);
    return ok;
}

static bool set_file(rd_kafka_conf_t *conf, const char *path, struct error *err)
{
    FILE *in = fopen(path, "re");
    if (!in)
        return error_set(err, ERR_REJECT, "cannot read %.120s: %s", path, strerror(errno));
    bool ok = set_lines(conf, in, path, err);
    (void)fclose(in);
    return ok;
}

bool kafka_conf_apply(rd_kafka_conf_t *conf, const struct kafka_property *own, size_t count,
                      const struct kafka_options *options, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!set_property(conf, own[i].name, own[i].value, err))
            return false;
    if (!set_property(conf, "bootstrap.servers", options->brokers, err))
        return false;
    if (options->properties_file && !set_file(conf, options->properties_file, err))
        return false;
    for (size_t i = 0; i < options->properties.count; i++)
        if (!set_given(conf, options->properties.items[i], "-X", err))
            return false;
    return true;
}
