#include "reader.h"

#include "alloc.h"
#include "base64.h"
#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 << 10)
#define DEPTH_MAX 256

struct reader {
    struct reader_setup setup;
    int fd;
    struct buf bytes; /* read, from the current line on */
    size_t line_at;   /* where the next line begins in them */
    size_t searched;  /* up to here there is no line end */
    bool at_end;      /* of the file */
    long line;
    struct json_tokener *tokener;
    struct json_object *object; /* of the current line */
    struct buf decoded[2];      /* key and value from base64 */
};

struct reader *reader_new(const struct reader_setup *setup, struct error *err)
{
    bool is_stdin = strcmp(setup->path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(setup->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set(err, ERR_FATAL, "cannot read %s: %s", setup->path, strerror(errno));
        return NULL;
    }
    struct reader *reader = alloc_zeroed(1, sizeof(*reader));
    reader->setup = *setup;
    reader->fd = fd;
    buf_init(&reader->bytes, READER_LINE_BYTES_MAX + READ_BYTES);
    buf_init(&reader->decoded[0], READER_LINE_BYTES_MAX);
    buf_init(&reader->decoded[1], READER_LINE_BYTES_MAX);
    reader->tokener = json_tokener_new_ex(DEPTH_MAX);
    json_tokener_set_flags(reader->tokener, JSON_TOKENER_STRICT);
    return reader;
}

void reader_free(struct reader **reader)
{
    if (!*reader)
        return;
    if ((*reader)->fd != STDIN_FILENO)
        close((*reader)->fd);
    json_object_put((*reader)->object);
    json_tokener_free((*reader)->tokener);
    buf_done(&(*reader)->bytes);
    buf_done(&(*reader)->decoded[0]);
    buf_done(&(*reader)->decoded[1]);
    free(*reader);
    *reader = NULL;
}

int reader_fd(const struct reader *reader)
{
    return reader->fd;
}

/* Moves what is left of the bytes to their beginning. */
static void drop_read_lines(struct reader *reader)
{
    size_t left = reader->bytes.len - reader->line_at;
    if (reader->line_at == 0)
        return;
    memmove(reader->bytes.data, reader->bytes.data + reader->line_at, left);
    reader->bytes.len = left;
    reader->searched -= reader->line_at;
    reader->line_at = 0;
}

static enum reader_result read_more(struct reader *reader, struct error *err)
{
    struct pollfd ready = {.fd = reader->fd, .events = POLLIN};
    if (poll(&ready, 1, 0) == 0)
        return READER_WAIT;
    drop_read_lines(reader);
    char *room = buf_reserve(&reader->bytes, READ_BYTES);
    if (!room) {
        error_set(err, ERR_FATAL, "line %ld: longer than %zu MiB", reader->line + 1,
                  READER_LINE_BYTES_MAX >> 20);
        return READER_FAILED;
    }
    ssize_t count = read(reader->fd, room, READ_BYTES);
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return READER_WAIT;
    if (count < 0) {
        error_set(err, ERR_FATAL, "cannot read %s: %s", reader->setup.path, strerror(errno));
        return READER_FAILED;
    }
    reader->at_end = count == 0;
    buf_commit(&reader->bytes, (size_t)count);
    return READER_RECORD;
}

/* The next line without its end; the last one may lack it. */
static bool take_line(struct reader *reader, struct slice *out)
{
    struct slice rest = buf_slice(&reader->bytes);
    const char *end = NULL;
    if (rest.len > reader->searched)
        end = memchr(rest.data + reader->searched, '\n', rest.len - reader->searched);
    if (!end && (!reader->at_end || rest.len == reader->line_at)) {
        reader->searched = rest.len;
        return false;
    }
    size_t end_at = end ? (size_t)(end - rest.data) : rest.len;
    *out = (struct slice){rest.data + reader->line_at, end_at - reader->line_at};
    reader->line_at = end ? end_at + 1 : end_at;
    reader->searched = reader->line_at;
    reader->line++;
    if (out->len > 0 && out->data[out->len - 1] == '\r')
        out->len--;
    return true;
}

/* The first byte that is no blank, or '\n' where there is none. */
static char first_byte(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t')
            return line.data[i];
    return '\n';
}

static bool bad_line(const struct reader *reader, struct error *err, const char *what,
                     const char *which)
{
    return error_set(err, ERR_REJECT, "line %ld: %s%s", reader->line, what, which);
}

static bool parse_object(struct reader *reader, struct slice line, struct error *err)
{
    json_object_put(reader->object);
    reader->object = NULL;
    if (!utf8_is_valid(line))
        return bad_line(reader, err, "not UTF-8", "");
    if (first_byte(line) != '{')
        return bad_line(reader, err, "not a JSON object", "");
    json_tokener_reset(reader->tokener);
    reader->object = json_tokener_parse_ex(reader->tokener, line.data, (int)line.len);
    enum json_tokener_error code = json_tokener_get_error(reader->tokener);
    if (code != json_tokener_success) {
        json_object_put(reader->object);
        reader->object = NULL;
        return bad_line(reader, err, "not JSON: ",
                        code == json_tokener_continue ? "the line ends too early"
                                                      : json_tokener_error_desc(code));
    }
    return true;
}

static struct slice string_of(const struct json_object *object)
{
    /* json-c's accessors take no const, and change nothing of a string. */
    struct json_object *string = (struct json_object *)(uintptr_t)object;
    return (struct slice){json_object_get_string(string),
                          (size_t)json_object_get_string_len(string)};
}

/* A member that is a string or null (or missing): SLICE_NONE for null. */
static bool read_text(const struct reader *reader, const char *name, struct slice *out,
                      struct error *err)
{
    struct json_object *member;
    *out = SLICE_NONE;
    if (!json_object_object_get_ex(reader->object, name, &member) || !member)
        return true;
    if (!json_object_is_type(member, json_type_string))
        return bad_line(reader, err, name,
                        " must be a string with the bytes of the message (or null)");
    *out = string_of(member);
    return true;
}

/* `key` or `keyBase64`, `value` or `valueBase64`. */
static bool read_bytes(struct reader *reader, const char *name, const char *base64_name,
                       struct buf *decoded, struct slice *out, struct error *err)
{
    struct slice encoded;
    if (!read_text(reader, name, out, err) || !read_text(reader, base64_name, &encoded, err))
        return false;
    if (!slice_is_set(encoded))
        return true;
    buf_reset(decoded);
    if (!base64_decode(encoded, decoded))
        return bad_line(reader, err, base64_name, " is not base64");
    *out = encoded.len > 0 ? buf_slice(decoded) : SLICE("");
    return true;
}

static bool read_headers(struct reader *reader, struct record *out, struct error *err)
{
    struct json_object *headers;
    if (!json_object_object_get_ex(reader->object, "headers", &headers) || !headers)
        return true;
    if (!json_object_is_type(headers, json_type_object))
        return bad_line(reader, err, "headers must be an object of strings", "");
    json_object_object_foreach(headers, name, value)
    {
        if (value && !json_object_is_type(value, json_type_string))
            return bad_line(reader, err, "headers must be an object of strings", "");
        if (out->header_count == RECORD_HEADERS_MAX)
            return bad_line(reader, err, "too many headers", "");
        record_add_header(out, slice_of(name), value ? string_of(value) : SLICE_NONE);
        out->is_binary |= strcasecmp(name, "ce_specversion") == 0;
    }
    return true;
}

static enum poison poison_of(struct slice name)
{
    for (enum poison poison = POISON_NONE + 1; poison < POISON_COUNT; poison++)
        if (slice_equal(name, slice_of(poison_name(poison))))
            return poison;
    return POISON_NONE;
}

static bool read_message(struct reader *reader, struct record *out, struct error *err)
{
    struct slice topic, poison;
    if (!read_text(reader, "topic", &topic, err) || !read_text(reader, "poison", &poison, err) ||
        !read_bytes(reader, "key", "keyBase64", &reader->decoded[0], &out->key, err) ||
        !read_bytes(reader, "value", "valueBase64", &reader->decoded[1], &out->value, err) ||
        !read_headers(reader, out, err))
        return false;
    if (topic.len == 0)
        return bad_line(reader, err, "a message needs a topic", "");
    out->topic = topic.data;
    out->tag.poison = poison_of(poison);
    return true;
}

static struct slice member_text(struct json_object *object, const char *name)
{
    struct json_object *member;
    if (!json_object_object_get_ex(object, name, &member) ||
        !json_object_is_type(member, json_type_string))
        return SLICE_NONE;
    return string_of(member);
}

static const char *topic_of_type(const struct reader *reader, struct slice type)
{
    if (slice_equal(type, SLICE("dialer.batch.upserted")))
        return reader->setup.topics[TOPIC_BATCHES];
    if (slice_equal(type, SLICE("dialer.phone-log.upserted")))
        return reader->setup.topics[TOPIC_PHONE_LOGS];
    /* Calls, and types that ingest will refuse. */
    return reader->setup.topics[TOPIC_CALLS];
}

static struct slice key_of_event(const struct reader *reader)
{
    struct json_object *data;
    if (reader->setup.key == CLOUDEVENT_KEY_NONE ||
        !json_object_object_get_ex(reader->object, "data", &data) ||
        !json_object_is_type(data, json_type_object))
        return SLICE_NONE;
    struct slice call_id = member_text(data, "callId");
    if (reader->setup.key == CLOUDEVENT_KEY_CALL && slice_is_set(call_id))
        return call_id;
    return member_text(data, "batchId");
}

static bool read_event(struct reader *reader, struct slice line, struct record *out,
                       struct error *err)
{
    struct slice type = member_text(reader->object, "type");
    if (!slice_is_set(type))
        return bad_line(reader, err, "neither an event (no type) nor a message (no topic)", "");
    out->topic = topic_of_type(reader, type);
    out->key = key_of_event(reader);
    out->value = line;
    record_add_header(out, SLICE("content-type"),
                      SLICE("application/cloudevents+json; charset=UTF-8"));
    return true;
}

static bool read_line(struct reader *reader, struct slice line, struct record *out,
                      struct error *err)
{
    *out = (struct record){.topic = NULL};
    if (!parse_object(reader, line, err))
        return false;
    bool is_event = json_object_object_get_ex(reader->object, "specversion", NULL) ||
                    !json_object_object_get_ex(reader->object, "topic", NULL);
    return is_event ? read_event(reader, line, out, err) : read_message(reader, out, err);
}

enum reader_result reader_next(struct reader *reader, struct record *out, struct error *err)
{
    struct slice line;
    for (;;) {
        while (take_line(reader, &line))
            if (first_byte(line) != '\n')
                return read_line(reader, line, out, err) ? READER_RECORD : READER_BAD_LINE;
        if (reader->at_end)
            return READER_END;
        enum reader_result result = read_more(reader, err);
        if (result != READER_RECORD)
            return result;
    }
}
