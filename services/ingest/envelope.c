#include "envelope.h"

#include "member_table.h"
#include "utf8.h"

#include <strings.h>

#define NESTING_MAX 64 /* of the message's value as a whole */
#define HEADER_PREFIX "ce_"
#define HEADER_PREFIX_LEN (sizeof HEADER_PREFIX - 1)

enum member {
    ATTRIBUTE_ID,
    ATTRIBUTE_SOURCE,
    ATTRIBUTE_TYPE,
    ATTRIBUTE_TIME,
    ATTRIBUTE_SPECVERSION,
    ATTRIBUTE_SEQUENCE,
    ATTRIBUTE_DATACONTENTTYPE,
    ATTRIBUTE_COUNT,
    MEMBER_DATA = ATTRIBUTE_COUNT,
    MEMBER_DATA_BASE64,
    MEMBER_COUNT
};

static const struct slice names[MEMBER_COUNT] = {
    [ATTRIBUTE_ID] = SLICE("id"),
    [ATTRIBUTE_SOURCE] = SLICE("source"),
    [ATTRIBUTE_TYPE] = SLICE("type"),
    [ATTRIBUTE_TIME] = SLICE("time"),
    [ATTRIBUTE_SPECVERSION] = SLICE("specversion"),
    [ATTRIBUTE_SEQUENCE] = SLICE("sequence"),
    [ATTRIBUTE_DATACONTENTTYPE] = SLICE("datacontenttype"),
    [MEMBER_DATA] = SLICE("data"),
    [MEMBER_DATA_BASE64] = SLICE("data_base64"),
};

static const struct slice content_type_header = SLICE("content-type");

struct attribute_rule {
    bool is_required;
    size_t min_bytes;
    size_t max_bytes; /* 0: any */
};

static const struct attribute_rule rules[ATTRIBUTE_COUNT] = {
    [ATTRIBUTE_ID] = {true, 1, 512},
    [ATTRIBUTE_SOURCE] = {true, 1, 512},
    [ATTRIBUTE_TYPE] = {true, 0, 0},
    [ATTRIBUTE_TIME] = {true, 0, 0},
    [ATTRIBUTE_SPECVERSION] = {true, 0, 0},
    [ATTRIBUTE_SEQUENCE] = {false, 0, 128},
    [ATTRIBUTE_DATACONTENTTYPE] = {false, 0, 0},
};

/* --- media types --------------------------------------------------------------------------- */

static struct slice trim_spaces(struct slice text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* RFC 9110, section 5.6.2: one or more of these. */
static bool is_token(struct slice text)
{
    static const char letters[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t i = 0; i < text.len; i++)
        if (!memchr(letters, text.data[i], sizeof letters - 1))
            return false;
    return text.len > 0;
}

static struct slice before(struct slice text, char byte)
{
    const char *at = memchr(text.data, byte, text.len);
    return at ? (struct slice){text.data, (size_t)(at - text.data)} : text;
}

/* application/json, text/json or anything/anything+json (RFC 6839), parameters allowed. */
static bool is_json_media_type(struct slice text)
{
    static const struct slice suffix = SLICE("+json");
    struct slice media_type = trim_spaces(before(text, ';'));
    if (slice_equal_any_case(media_type, SLICE("application/json")) ||
        slice_equal_any_case(media_type, SLICE("text/json")))
        return true;
    struct slice type = before(media_type, '/');
    if (type.len + 1 + suffix.len >= media_type.len)
        return false;
    struct slice subtype = {type.data + type.len + 1, media_type.len - type.len - 1};
    struct slice ending = {subtype.data + subtype.len - suffix.len, suffix.len};
    return is_token(type) && is_token(subtype) && slice_equal_any_case(ending, suffix);
}

/* --- judging attributes, in either mode ---------------------------------------------------- */

/* How an attribute is called in the mode at hand, for people. */
static const char *shown_name(enum member attribute, bool is_binary, char room[32])
{
    if (!is_binary)
        return names[attribute].data;
    if (attribute == ATTRIBUTE_DATACONTENTTYPE)
        return content_type_header.data;
    memcpy(room, HEADER_PREFIX, HEADER_PREFIX_LEN);
    memcpy(room + HEADER_PREFIX_LEN, names[attribute].data, names[attribute].len + 1);
    return room;
}

static bool judge_length(enum member attribute, struct slice text, const char *name,
                         struct rejection *rejection)
{
    const struct attribute_rule *rule = &rules[attribute];
    if (!slice_is_set(text))
        return !rule->is_required || reject(rejection, REJECT_BAD_ENVELOPE, "%s is missing", name);
    if (text.len >= rule->min_bytes && (rule->max_bytes == 0 || text.len <= rule->max_bytes))
        return true;
    return reject(rejection, REJECT_BAD_ENVELOPE, "%s must have %zu to %zu bytes", name,
                  rule->min_bytes, rule->max_bytes);
}

static bool judge(const struct slice *attributes, bool is_binary, struct rejection *rejection)
{
    char room[32];
    for (enum member i = 0; i < ATTRIBUTE_COUNT; i++)
        if (!judge_length(i, attributes[i], shown_name(i, is_binary, room), rejection))
            return false;
    if (!slice_equal(attributes[ATTRIBUTE_SPECVERSION], SLICE("1.0")))
        return reject(rejection, REJECT_BAD_ENVELOPE, "%s must be \"1.0\", not \"%s\"",
                      shown_name(ATTRIBUTE_SPECVERSION, is_binary, room),
                      reject_quote(attributes[ATTRIBUTE_SPECVERSION]).text);
    struct slice content_type = attributes[ATTRIBUTE_DATACONTENTTYPE];
    if (slice_is_set(content_type) && !is_json_media_type(content_type))
        return reject(rejection, REJECT_BAD_ENVELOPE, "%s must be JSON, not \"%s\"",
                      shown_name(ATTRIBUTE_DATACONTENTTYPE, is_binary, room),
                      reject_quote(content_type).text);
    return true;
}

static bool take(const struct slice *attributes, bool is_binary, struct envelope *out,
                 struct rejection *rejection)
{
    out->id = attributes[ATTRIBUTE_ID];
    out->source = attributes[ATTRIBUTE_SOURCE];
    out->type = attributes[ATTRIBUTE_TYPE];
    out->time = attributes[ATTRIBUTE_TIME];
    out->sequence = attributes[ATTRIBUTE_SEQUENCE];
    return judge(attributes, is_binary, rejection);
}

static bool finish(struct jsonscan *scan, struct rejection *rejection)
{
    if (jsonscan_finish(scan))
        return true;
    return reject(rejection, REJECT_NOT_JSON, "not JSON at byte %zu: %s", jsonscan_offset(scan),
                  jsonscan_error(scan));
}

/* --- binary mode --------------------------------------------------------------------------- */

/* The attribute that a header carries, or ATTRIBUTE_COUNT. */
static enum member attribute_of_header(struct slice name)
{
    if (slice_equal_any_case(name, content_type_header))
        return ATTRIBUTE_DATACONTENTTYPE;
    if (name.len <= HEADER_PREFIX_LEN ||
        strncasecmp(name.data, HEADER_PREFIX, HEADER_PREFIX_LEN) != 0)
        return ATTRIBUTE_COUNT;
    struct slice rest = {name.data + HEADER_PREFIX_LEN, name.len - HEADER_PREFIX_LEN};
    for (enum member i = 0; i < ATTRIBUTE_DATACONTENTTYPE; i++)
        if (slice_equal_any_case(rest, names[i]))
            return i;
    return ATTRIBUTE_COUNT;
}

static bool is_binary_mode(const struct message *message)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (attribute_of_header(message->headers[i].name) == ATTRIBUTE_SPECVERSION)
            return true;
    return false;
}

/* The last of repeated headers stands, as among members of an object. */
static bool read_headers(const struct message *message, struct slice *attributes,
                         struct rejection *rejection)
{
    for (size_t i = 0; i < message->header_count; i++) {
        const struct message_header *header = &message->headers[i];
        enum member attribute = attribute_of_header(header->name);
        if (attribute == ATTRIBUTE_COUNT)
            continue;
        if (slice_is_set(header->value) && !utf8_is_valid(header->value)) {
            char room[32];
            return reject(rejection, REJECT_NOT_UTF8, "the header %s is not valid UTF-8",
                          shown_name(attribute, true, room));
        }
        attributes[attribute] = header->value;
    }
    return true;
}

static bool read_binary(const struct message *message, struct envelope *out,
                        struct rejection *rejection)
{
    struct slice attributes[ATTRIBUTE_COUNT] = {0};
    if (!read_headers(message, attributes, rejection))
        return false;
    struct jsonscan scan;
    jsonscan_init(&scan, message->value, NESTING_MAX);
    bool ok = payload_read(&scan, &out->payload);
    return finish(&scan, rejection) && ok && take(attributes, true, out, rejection);
}

/* --- structured mode ----------------------------------------------------------------------- */

static bool is_null(const struct jsonscan_value *value)
{
    return value->type == JSONSCAN_NONE || value->type == JSONSCAN_NULL;
}

/* Reads the envelope's members, `data` included. */
static bool read_members(struct jsonscan *scan, struct jsonscan_value *members,
                         struct payload *payload)
{
    struct jsonscan_value key;
    if (!jsonscan_enter_object(scan))
        return false;
    while (jsonscan_next_member(scan, &key)) {
        size_t member = member_table_find(names, MEMBER_COUNT, &key);
        struct jsonscan_value ignored;
        bool ok = member == MEMBER_DATA
                      ? payload_read(scan, payload)
                      : jsonscan_value(scan, member < MEMBER_COUNT ? &members[member] : &ignored);
        if (!ok)
            return false;
    }
    return !jsonscan_error(scan);
}

static bool read_structured(const struct message *message, struct arena *arena,
                            struct envelope *out, struct rejection *rejection,
                            uint64_t *replaced_nuls)
{
    struct jsonscan_value members[MEMBER_COUNT] = {0};
    struct jsonscan_value other;
    struct jsonscan scan;
    jsonscan_init(&scan, message->value, NESTING_MAX);
    bool is_object = jsonscan_peek(&scan) == JSONSCAN_OBJECT;
    bool ok =
        is_object ? read_members(&scan, members, &out->payload) : jsonscan_value(&scan, &other);
    if (!finish(&scan, rejection) || !ok)
        return false;
    if (!is_object)
        return reject(rejection, REJECT_BAD_ENVELOPE, "the event must be a JSON object");

    out->has_data_base64 = !is_null(&members[MEMBER_DATA_BASE64]);
    struct slice attributes[ATTRIBUTE_COUNT] = {0};
    for (enum member i = 0; i < ATTRIBUTE_COUNT; i++) {
        if (is_null(&members[i]))
            continue;
        if (members[i].type != JSONSCAN_STRING)
            return reject(rejection, REJECT_BAD_ENVELOPE, "%s must be a string", names[i].data);
        attributes[i] = jsonscan_text(&members[i], arena, replaced_nuls);
    }
    return take(attributes, false, out, rejection);
}

bool envelope_read(const struct message *message, struct arena *arena, struct envelope *out,
                   struct rejection *rejection, uint64_t *replaced_nuls)
{
    *out = (struct envelope){0};
    if (is_binary_mode(message))
        return read_binary(message, out, rejection);
    return read_structured(message, arena, out, rejection, replaced_nuls);
}
