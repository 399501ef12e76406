#include "reader.h"

#include "macros.h"
#include "record_stream.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENT(type)                                                                                \
    "{\"specversion\":\"1.0\", \"id\":\"1\",\"source\":\"/s\",\"type\":\"" type                    \
    "\",\"time\":\"2025-05-15T14:30:00Z\",\"data\":{\"batchId\":\"67def9053495307c718d9dfb\","     \
    "\"callId\":\"64e5f12345abcdef11111111\",\"n\":1.50e400}}"

struct fixture {
    char path[64];
    struct reader *reader;
};

static struct fixture open_text(const char *text, size_t len, enum cloudevent_key key)
{
    struct error err = {0};
    struct fixture fixture = {.path = "/tmp/test-reader-XXXXXX"};
    int fd = mkstemp(fixture.path);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, len), (ssize_t)len);
    close(fd);
    struct reader_setup setup = {
        .path = fixture.path, .topics = {"batches", "calls", "logs"}, .key = key};
    fixture.reader = reader_new(&setup, &err);
    cr_assert_not_null(fixture.reader, "%s", err.text);
    return fixture;
}

static struct fixture open_lines(const char *text)
{
    return open_text(text, strlen(text), CLOUDEVENT_KEY_BATCH);
}

static void done(struct fixture *fixture)
{
    reader_free(&fixture->reader);
    unlink(fixture->path);
}

static const struct {
    const char *line, *topic;
    enum cloudevent_key key;
    const char *expected_key;
} events[] = {
    {EVENT("dialer.batch.upserted"), "batches", CLOUDEVENT_KEY_BATCH, "67def9053495307c718d9dfb"},
    {EVENT("dialer.call.upserted"), "calls", CLOUDEVENT_KEY_BATCH, "67def9053495307c718d9dfb"},
    {EVENT("dialer.call.upserted"), "calls", CLOUDEVENT_KEY_CALL, "64e5f12345abcdef11111111"},
    {EVENT("dialer.phone-log.upserted"), "logs", CLOUDEVENT_KEY_NONE, NULL},
    {EVENT("something.else"), "calls", CLOUDEVENT_KEY_BATCH, "67def9053495307c718d9dfb"},
    {"{\"specversion\":\"1.0\",\"type\":\"dialer.call.upserted\",\"data\":7}", "calls",
     CLOUDEVENT_KEY_BATCH, NULL},
};

Test(reader, sends_an_event_as_it_stands_to_the_topic_of_its_type)
{
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct error err = {0};
        struct record record;
        struct fixture fixture = open_text(events[i].line, strlen(events[i].line), events[i].key);
        cr_assert_eq(reader_next(fixture.reader, &record, &err), READER_RECORD, "%s", err.text);
        cr_expect_str_eq(record.topic, events[i].topic, "row %zu", i);
        cr_expect(slice_equal(record.value, slice_of(events[i].line)), "row %zu", i);
        cr_expect_eq(slice_is_set(record.key), events[i].expected_key != NULL, "row %zu", i);
        cr_expect(slice_equal(record.key, slice_of(events[i].expected_key)), "row %zu", i);
        cr_expect_eq(reader_next(fixture.reader, &record, &err), READER_END);
        done(&fixture);
    }
}

static const struct {
    const char *line;
    struct slice key, value;
    bool is_binary;
    enum poison poison;
} messages[] = {
    {"{\"topic\":\"t\",\"key\":\"k\",\"headers\":{\"ce_specversion\":\"1.0\"},\"value\":\"{"
     "\\\"a\\\":1}\"}",
     SLICE("k"), SLICE("{\"a\":1}"), true, POISON_NONE},
    {"{\"topic\":\"t\",\"key\":null,\"value\":null}", SLICE_NONE, SLICE_NONE, false, POISON_NONE},
    {"{\"topic\":\"t\"}", SLICE_NONE, SLICE_NONE, false, POISON_NONE},
    {"{\"topic\":\"t\",\"keyBase64\":\"/"
     "w==\",\"valueBase64\":\"Sm9z6Q==\",\"poison\":\"not-utf8\"}",
     SLICE("\xff"), SLICE("Jos\xe9"), false, POISON_NOT_UTF8},
    {"{\"topic\":\"t\",\"valueBase64\":\"\",\"poison\":\"empty\"}", SLICE_NONE, SLICE(""), false,
     POISON_EMPTY},
    {"{\"topic\":\"t\",\"value\":\"a\\u0000b\",\"partition\":3,\"offset\":9}", SLICE_NONE,
     SLICE("a\0b"), false, POISON_NONE},
};

Test(reader, sends_a_message_with_its_key_headers_and_bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct error err = {0};
        struct record record;
        struct fixture fixture = open_lines(messages[i].line);
        cr_assert_eq(reader_next(fixture.reader, &record, &err), READER_RECORD, "%s", err.text);
        cr_expect_str_eq(record.topic, "t");
        cr_expect_eq(slice_is_set(record.key), slice_is_set(messages[i].key), "row %zu", i);
        cr_expect(slice_equal(record.key, messages[i].key), "row %zu", i);
        cr_expect_eq(slice_is_set(record.value), slice_is_set(messages[i].value), "row %zu", i);
        cr_expect(slice_equal(record.value, messages[i].value), "row %zu", i);
        cr_expect_eq(record.is_binary, messages[i].is_binary, "row %zu", i);
        cr_expect_eq(record.tag.poison, messages[i].poison, "row %zu", i);
        done(&fixture);
    }
}

static const struct {
    const char *line, *complaint;
} bad_lines[] = {
    {"{\"specversion\":\"1.0\",", "line 3: not JSON: the line ends too early"},
    {"{'type':'x'}", "line 3: not JSON"},
    {EVENT("x") " more", "line 3: not JSON"},
    {"[1,2]", "line 3: not a JSON object"},
    {"7", "line 3: not a JSON object"},
    {"{\"type\":\"Jos\xe9\"}", "line 3: not UTF-8"},
    {"{\"a\":1}", "line 3: neither an event (no type) nor a message (no topic)"},
    {"{\"topic\":7}", "line 3: topic must be a string"},
    {"{\"topic\":\"\"}", "line 3: a message needs a topic"},
    {"{\"topic\":\"t\",\"value\":{\"a\":1}}", "line 3: value must be a string"},
    {"{\"topic\":\"t\",\"valueBase64\":\"%%\"}", "line 3: valueBase64 is not base64"},
    {"{\"topic\":\"t\",\"headers\":[]}", "line 3: headers must be an object of strings"},
    {"{\"topic\":\"t\",\"headers\":{\"a\":1}}", "line 3: headers must be an object of strings"},
};

Test(reader, names_the_line_that_is_bad_and_reads_on)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_lines); i++) {
        char text[4096];
        struct error err = {0};
        struct record record;
        snprintf(text, sizeof(text), "%s\n\n%s\r\n%s\n", events[0].line, bad_lines[i].line,
                 events[1].line);
        struct fixture fixture = open_lines(text);
        cr_assert_eq(reader_next(fixture.reader, &record, &err), READER_RECORD);
        cr_assert_eq(reader_next(fixture.reader, &record, &err), READER_BAD_LINE, "%s",
                     bad_lines[i].line);
        cr_expect_eq(strncmp(err.text, bad_lines[i].complaint, strlen(bad_lines[i].complaint)), 0,
                     "%s", err.text);
        cr_assert_eq(reader_next(fixture.reader, &record, &err), READER_RECORD, "%s", err.text);
        cr_expect_str_eq(record.topic, "calls");
        cr_expect_eq(reader_next(fixture.reader, &record, &err), READER_END);
        done(&fixture);
    }
}

Test(reader, reads_what_a_record_was_written_as)
{
    struct record_stream stream = {0};
    struct dialer_setup dialer = test_dialer_setup(50);
    struct cloudevent_setup cloudevent = test_cloudevent_setup();
    struct buf text;
    struct error err = {0};
    struct record record;
    cloudevent.mode = CLOUDEVENT_MIXED;
    record_stream_generate(&stream, &dialer, &cloudevent, SIZE_MAX);
    buf_init(&text, 64 << 20);
    for (size_t i = 0; i < stream.count; i++) {
        record_append_json(stream.records[i], NULL, &text);
        buf_append_char(&text, '\n');
    }
    struct fixture fixture = open_text(text.data, text.len, CLOUDEVENT_KEY_NONE);
    for (size_t i = 0; i < stream.count; i++) {
        cr_assert_eq(reader_next(fixture.reader, &record, &err), READER_RECORD, "%s", err.text);
        cr_assert(record_is_equal(&record, stream.records[i]), "record %zu", i);
    }
    cr_expect_eq(reader_next(fixture.reader, &record, &err), READER_END);
    done(&fixture);
    buf_done(&text);
    record_stream_done(&stream);
}

/* A pipe that is slow: nothing blocks, and a line is read once it is whole. */
Test(reader, waits_for_the_rest_of_a_line)
{
    char path[64];
    int ends[2];
    struct error err = {0};
    struct record record;
    cr_assert_eq(pipe(ends), 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    struct reader_setup setup = {
        .path = path, .topics = {"batches", "calls", "logs"}, .key = CLOUDEVENT_KEY_NONE};
    struct reader *reader = reader_new(&setup, &err);
    cr_assert_not_null(reader, "%s", err.text);
    const char *line = EVENT("dialer.call.upserted") "\n";
    for (const char *at = line; *at; at++) {
        cr_assert_eq(reader_next(reader, &record, &err), READER_WAIT, "at byte %zu",
                     (size_t)(at - line));
        cr_assert_eq(write(ends[1], at, 1), 1);
    }
    cr_expect_eq(reader_next(reader, &record, &err), READER_RECORD);
    cr_expect_eq(record.value.len, strlen(line) - 1);
    cr_expect_eq(reader_next(reader, &record, &err), READER_WAIT);
    close(ends[1]);
    cr_expect_eq(reader_next(reader, &record, &err), READER_END);
    reader_free(&reader);
    close(ends[0]);
}

Test(reader, says_which_file_it_cannot_read)
{
    struct error err = {0};
    struct reader_setup setup = {.path = "/nonexistent/events"};
    cr_expect_null(reader_new(&setup, &err));
    cr_expect_not_null(strstr(err.text, "/nonexistent/events"), "%s", err.text);
}
