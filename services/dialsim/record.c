#include "record.h"

#include "alloc.h"
#include "base64.h"
#include "jsontext.h"
#include "utf8.h"

#include <assert.h>
#include <string.h>

static const char *const poison_names[POISON_COUNT] = {
    [POISON_EMPTY] = "empty",
    [POISON_TOO_LARGE] = "too-large",
    [POISON_NOT_UTF8] = "not-utf8",
    [POISON_NOT_JSON] = "not-json",
    [POISON_BAD_ENVELOPE] = "bad-envelope",
    [POISON_UNKNOWN_TYPE] = "unknown-type",
    [POISON_BAD_ID] = "bad-id",
    [POISON_BAD_TIME] = "bad-time",
    [POISON_BAD_FIELD] = "bad-field",
    [POISON_RESERVED_KEY] = "reserved-key",
};

const char *poison_name(enum poison poison)
{
    return poison_names[poison];
}

void record_add_header(struct record *record, struct slice name, struct slice value)
{
    assert(record->header_count < RECORD_HEADERS_MAX);
    record->headers[record->header_count++] = (struct record_header){name, value};
}

static size_t text_bytes(const struct record *record)
{
    size_t bytes = strlen(record->topic) + 1 + record->key.len + record->value.len;
    for (size_t i = 0; i < record->header_count; i++)
        bytes += record->headers[i].name.len + record->headers[i].value.len;
    return bytes;
}

static void move_text(struct slice *slice, char **at)
{
    if (!slice_is_set(*slice))
        return;
    if (slice->len > 0)
        memcpy(*at, slice->data, slice->len);
    slice->data = *at;
    *at += slice->len;
}

struct record *record_clone(const struct record *record)
{
    /* The texts stand behind the record, the topic first: so even an empty text has an address. */
    struct record *clone = alloc_resize(NULL, 1, sizeof(*clone) + text_bytes(record));
    *clone = *record;
    clone->topic = (const char *)(clone + 1);
    char *at = stpcpy((char *)(clone + 1), record->topic) + 1;
    move_text(&clone->key, &at);
    move_text(&clone->value, &at);
    for (size_t i = 0; i < clone->header_count; i++) {
        move_text(&clone->headers[i].name, &at);
        move_text(&clone->headers[i].value, &at);
    }
    return clone;
}

/* `,"name":"text"`, or `,"nameBase64":"..."`. */
static void append_bytes(struct buf *out, const char *name, struct slice bytes)
{
    bool is_text = !slice_is_set(bytes) || utf8_is_valid(bytes);
    buf_append_text(out, ",\"");
    buf_append_text(out, name);
    if (is_text) {
        buf_append_text(out, "\":");
        jsontext_append_string(out, bytes);
        return;
    }
    buf_append_text(out, "Base64\":\"");
    base64_append(out, bytes);
    buf_append_char(out, '"');
}

static void append_headers(struct buf *out, const struct record *record)
{
    buf_append_text(out, ",\"headers\":{");
    for (size_t i = 0; i < record->header_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        jsontext_append_string(out, record->headers[i].name);
        buf_append_char(out, ':');
        jsontext_append_string(out, record->headers[i].value);
    }
    buf_append_char(out, '}');
}

static void append_place(struct buf *out, const struct record_place *place)
{
    buf_append_text(out, ",\"partition\":");
    buf_append_int(out, place->partition);
    buf_append_text(out, ",\"offset\":");
    buf_append_int(out, place->offset);
}

void record_append_json(const struct record *record, const struct record_place *place,
                        struct buf *out)
{
    buf_append_text(out, "{\"topic\":");
    jsontext_append_string(out, slice_of(record->topic));
    if (place)
        append_place(out, place);
    buf_append_text(out, ",\"poison\":");
    jsontext_append_string(out, slice_of(poison_name(record->tag.poison)));
    buf_append_text(out, record->is_binary ? ",\"mode\":\"binary\"" : ",\"mode\":\"structured\"");
    append_bytes(out, "key", record->key);
    append_headers(out, record);
    append_bytes(out, "value", record->value);
    buf_append_char(out, '}');
}
