#include "kafka_conf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct kafka_property own[] = {{"acks", "all"}, {"linger.ms", "5"}};

static bool apply(rd_kafka_conf_t *conf, const char **properties, size_t count, struct error *err)
{
    const struct kafka_options options = {"127.0.0.1:1", {properties, count}, NULL};
    return kafka_conf_apply(conf, own, ARRAY_LEN(own), &options, err);
}

static void expect_value(const rd_kafka_conf_t *conf, const char *name, const char *expected)
{
    char value[64] = "";
    size_t size = sizeof value;
    cr_assert_eq(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
    cr_assert_str_eq(value, expected, "%s", name);
}

Test(kafka_conf, lets_the_operator_win_over_the_program)
{
    const char *properties[] = {"linger.ms=7", "client.id=a=b"};
    struct error err = {0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    cr_assert(apply(conf, properties, ARRAY_LEN(properties), &err), "%s", err.text);
    expect_value(conf, "bootstrap.servers", "127.0.0.1:1");
    expect_value(conf, "linger.ms", "7");
    expect_value(conf, "client.id", "a=b");
    expect_value(conf, "acks", "-1");
    rd_kafka_conf_destroy(conf);
}

Test(kafka_conf, refuses_what_librdkafka_does_not_take)
{
    static const struct {
        const char *property;
        const char *expected;
    } rows[] = {
        {"no.such=1", "no.such"},
        {"linger.ms=soon", "linger.ms"},
        {"acks", "PROPERTY=VALUE"},
        {"=1", "PROPERTY=VALUE"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *properties[] = {rows[i].property};
        struct error err = {0};
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        cr_expect_not(apply(conf, properties, 1, &err), "%s is taken", rows[i].property);
        cr_expect_eq(err.kind, ERR_REJECT, "%s", rows[i].property);
        cr_expect(strstr(err.text, rows[i].expected), "%s: %s", rows[i].property, err.text);
        rd_kafka_conf_destroy(conf);
    }
}

static const char *write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static bool apply_file(rd_kafka_conf_t *conf, const char *path, struct error *err)
{
    const char *given[] = {"linger.ms=7"};
    const struct kafka_options options = {"127.0.0.1:1", {given, 1}, path};
    return kafka_conf_apply(conf, own, ARRAY_LEN(own), &options, err);
}

Test(kafka_conf, reads_a_file_between_the_programs_own_and_what_is_given)
{
    char path[] = "/tmp/test-kafka-conf-XXXXXX";
    (void)write_file(path, "# secrets\n\nsasl.password=a=b #c\r\nlinger.ms=6\nacks=1");
    struct error err = {0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    cr_assert(apply_file(conf, path, &err), "%s", err.text);
    expect_value(conf, "sasl.password", "a=b #c");
    expect_value(conf, "acks", "1");
    expect_value(conf, "linger.ms", "7");
    rd_kafka_conf_destroy(conf);
    unlink(path);
}

Test(kafka_conf, refuses_a_file_by_its_name)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"acks\n", "takes PROPERTY=VALUE"},
        {"acks=1\nno.such=1\n", "no.such"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[] = "/tmp/test-kafka-conf-XXXXXX";
        struct error err = {0};
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        cr_expect_not(apply_file(conf, write_file(path, rows[i].text), &err));
        cr_expect_eq(err.kind, ERR_REJECT);
        cr_expect(strstr(err.text, rows[i].expected), "%s", err.text);
        rd_kafka_conf_destroy(conf);
        unlink(path);
    }
    struct error err = {0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    cr_expect_not(apply_file(conf, "/no/such/file", &err));
    cr_expect_eq(err.kind, ERR_REJECT);
    cr_expect(strstr(err.text, "/no/such/file"), "%s", err.text);
    rd_kafka_conf_destroy(conf);
}
