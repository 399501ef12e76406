#include "decode.h"

#include "call_status.h"
#include "decimal.h"
#include "dynamic_fields.h"
#include "envelope.h"
#include "payload.h"
#include "rfc3339.h"
#include "utf8.h"

#define ATTEMPT_MAX 1000000
#define DURATION_MAX_S INT64_C(2147483647)
#define MILLIS_DIGITS 3

struct decoder {
    struct envelope envelope;
    struct event *event;
    struct arena *arena;
    struct rejection *rejection;
    uint64_t replaced_nuls;
};

/* How a member of the data becomes a field of the entity. */
struct field_rule {
    enum payload_member member;
    int field;
    bool (*decode)(struct decoder *self, const struct field_rule *rule, struct field *out);
    size_t min_bytes; /* of texts */
    size_t max_bytes; /* 0: any */
};

struct event_type {
    struct slice name;
    enum entity_kind kind;
    int created_at;                 /* the field for `createdAt` */
    const struct field_rule *rules; /* for all others, in the order in which they are judged */
    size_t rule_count;
};

static bool decode_text(struct decoder *self, const struct field_rule *rule, struct field *out);
static bool decode_status(struct decoder *self, const struct field_rule *rule, struct field *out);
static bool decode_duration(struct decoder *self, const struct field_rule *rule, struct field *out);
static bool decode_fields(struct decoder *self, const struct field_rule *rule, struct field *out);

static const struct field_rule batch_rules[] = {
    {PAYLOAD_OWNER_ID, BATCH_OWNER_ID, decode_text, 1, 128},
    {PAYLOAD_BATCH_NAME, BATCH_NAME, decode_text, 0, 0},
    {PAYLOAD_BATCH_STATUS, BATCH_STATUS, decode_text, 0, 0},
};

static const struct field_rule call_rules[] = {
    {PAYLOAD_PHONE_NUMBER, CALL_PHONE_NUMBER, decode_text, 1, 64},
    /* Last: only here a message can be rejected for a reserved key. */
    {PAYLOAD_FIELDS, CALL_FIELDS, decode_fields, 0, 0},
};

static const struct field_rule attempt_rules[] = {
    {PAYLOAD_CALL_STATUS, ATTEMPT_STATUS, decode_status, 1, CALL_STATUS_MAX_BYTES},
    {PAYLOAD_CALL_DURATION, ATTEMPT_DURATION, decode_duration, 0, 0},
    {PAYLOAD_RECORDING_URL, ATTEMPT_RECORDING_URL, decode_text, 0, 0},
    {PAYLOAD_TRANSCRIPT, ATTEMPT_TRANSCRIPT, decode_text, 0, 0},
};

static const struct event_type event_types[] = {
    {SLICE("dialer.phone-log.upserted"), ENTITY_ATTEMPT, ATTEMPT_CREATED_AT, attempt_rules,
     ARRAY_LEN(attempt_rules)},
    {SLICE("dialer.call.upserted"), ENTITY_CALL, CALL_CREATED_AT, call_rules,
     ARRAY_LEN(call_rules)},
    {SLICE("dialer.batch.upserted"), ENTITY_BATCH, BATCH_CREATED_AT, batch_rules,
     ARRAY_LEN(batch_rules)},
};

static const struct jsonscan_value *member_of(const struct decoder *self,
                                              enum payload_member member)
{
    return &self->envelope.payload.members[member];
}

static struct slice text_of(struct decoder *self, const struct jsonscan_value *value)
{
    return jsonscan_text(value, self->arena, &self->replaced_nuls);
}

/* --- fields -------------------------------------------------------------------------------- */

static bool reject_text(struct decoder *self, const struct field_rule *rule, const char *when)
{
    const char *name = payload_member_name(rule->member);
    if (rule->max_bytes == 0)
        return reject(self->rejection, REJECT_BAD_FIELD, "%s must be a string", name);
    return reject(self->rejection, REJECT_BAD_FIELD, "%s must be a string of %zu to %zu bytes%s",
                  name, rule->min_bytes, rule->max_bytes, when);
}

static bool has_allowed_length(const struct field_rule *rule, struct slice text)
{
    return text.len >= rule->min_bytes && (rule->max_bytes == 0 || text.len <= rule->max_bytes);
}

static bool decode_text(struct decoder *self, const struct field_rule *rule, struct field *out)
{
    const struct jsonscan_value *value = member_of(self, rule->member);
    if (value->type != JSONSCAN_STRING)
        return reject_text(self, rule, "");
    out->text = text_of(self, value);
    return has_allowed_length(rule, out->text) || reject_text(self, rule, "");
}

static bool decode_status(struct decoder *self, const struct field_rule *rule, struct field *out)
{
    const struct jsonscan_value *value = member_of(self, rule->member);
    if (value->type != JSONSCAN_STRING)
        return reject_text(self, rule, " once trimmed");
    out->text = call_status_normalize(text_of(self, value), self->arena);
    return has_allowed_length(rule, out->text) || reject_text(self, rule, " once trimmed");
}

/* Seconds, kept to the millisecond, rounded half up. */
static bool read_duration(const struct jsonscan_value *value, int64_t *out_ms)
{
    const int64_t max_ms = DURATION_MAX_S * 1000;
    struct decimal ms;
    if (value->type != JSONSCAN_NUMBER || !decimal_parse(value->raw, MILLIS_DIGITS, &ms))
        return false;
    if (ms.is_negative || ms.magnitude > max_ms || (ms.magnitude == max_ms && ms.is_cut))
        return false;
    *out_ms = ms.magnitude + ms.is_half_or_more;
    return true;
}

static bool decode_duration(struct decoder *self, const struct field_rule *rule, struct field *out)
{
    if (read_duration(member_of(self, rule->member), &out->number))
        return true;
    return reject(self->rejection, REJECT_BAD_FIELD, "%s must be a number from 0 to %lld",
                  payload_member_name(rule->member), (long long)DURATION_MAX_S);
}

static bool decode_fields(struct decoder *self, const struct field_rule *rule, struct field *out)
{
    const struct jsonscan_value *value = member_of(self, rule->member);
    if (value->type != JSONSCAN_OBJECT)
        return reject(self->rejection, REJECT_BAD_FIELD, "fields must be an object");
    return dynamic_fields_rewrite(value->raw, self->arena, &out->text, self->rejection,
                                  &self->replaced_nuls);
}

static bool decode_entity(struct decoder *self, const struct event_type *type)
{
    for (size_t i = 0; i < type->rule_count; i++) {
        const struct field_rule *rule = &type->rules[i];
        struct field *field = &self->event->entity.fields[rule->field];
        if (payload_is_absent(&self->envelope.payload, rule->member))
            continue;
        if (!rule->decode(self, rule, field))
            return false;
        field->version = &self->event->version;
    }
    return true;
}

/* --- identity, times, attempt -------------------------------------------------------------- */

static bool decode_id(struct decoder *self, enum payload_member member, struct object_id *out)
{
    const struct jsonscan_value *value = member_of(self, member);
    if (value->type == JSONSCAN_STRING && object_id_parse(text_of(self, value), out))
        return true;
    return reject(self->rejection, REJECT_BAD_ID, "%s must be 24 hex digits",
                  payload_member_name(member));
}

static bool decode_ids(struct decoder *self, enum entity_kind kind)
{
    if (self->envelope.payload.type != JSONSCAN_OBJECT)
        return true; /* check_data() has the better reason */
    return decode_id(self, PAYLOAD_BATCH_ID, &self->event->batch_id) &&
           (kind == ENTITY_BATCH || decode_id(self, PAYLOAD_CALL_ID, &self->event->call_id));
}

static bool decode_created_at(struct decoder *self, struct field *out)
{
    if (payload_is_absent(&self->envelope.payload, PAYLOAD_CREATED_AT))
        return true;
    const struct jsonscan_value *value = member_of(self, PAYLOAD_CREATED_AT);
    int64_t us;
    if (value->type != JSONSCAN_STRING || !rfc3339_parse(text_of(self, value), &us))
        return reject(self->rejection, REJECT_BAD_TIME, "createdAt must be an RFC 3339 time");
    out->number = rfc3339_floor_to_millis(us);
    out->version = &self->event->version;
    return true;
}

static bool decode_times(struct decoder *self, const struct event_type *type)
{
    if (!rfc3339_parse(self->envelope.time, &self->event->version.time_us))
        return reject(self->rejection, REJECT_BAD_TIME, "time must be an RFC 3339 time, not \"%s\"",
                      reject_quote(self->envelope.time).text);
    return decode_created_at(self, &self->event->entity.fields[type->created_at]);
}

static bool read_attempt(const struct jsonscan_value *value, int32_t *out)
{
    struct decimal number;
    if (value->type != JSONSCAN_NUMBER || !decimal_parse(value->raw, 0, &number))
        return false;
    if (number.is_negative || number.is_cut || number.magnitude < 1 ||
        number.magnitude > ATTEMPT_MAX)
        return false;
    *out = (int32_t)number.magnitude;
    return true;
}

static bool decode_attempt(struct decoder *self, enum entity_kind kind)
{
    if (kind != ENTITY_ATTEMPT ||
        read_attempt(member_of(self, PAYLOAD_ATTEMPT), &self->event->attempt))
        return true;
    return reject(self->rejection, REJECT_BAD_FIELD, "attempt must be an integer from 1 to %d",
                  ATTEMPT_MAX);
}

/* --- the message --------------------------------------------------------------------------- */

static bool check_value(const struct message *message, size_t max_value_bytes,
                        struct rejection *rejection)
{
    if (message->value.len == 0)
        return reject(rejection, REJECT_EMPTY, "the message has no value");
    if (message->value.len > max_value_bytes)
        return reject(rejection, REJECT_TOO_LARGE,
                      "the value has %zu bytes, more than the %zu allowed", message->value.len,
                      max_value_bytes);
    if (!utf8_is_valid(message->value))
        return reject(rejection, REJECT_NOT_UTF8, "the value is not valid UTF-8");
    return true;
}

static const struct event_type *find_type(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(event_types); i++)
        if (slice_equal(event_types[i].name, name))
            return &event_types[i];
    return NULL;
}

static bool check_data(const struct decoder *self)
{
    if (self->envelope.payload.type == JSONSCAN_OBJECT)
        return true;
    if (self->envelope.payload.type == JSONSCAN_NONE && self->envelope.has_data_base64)
        return reject(self->rejection, REJECT_BAD_FIELD,
                      "data_base64 is not understood: give data as a JSON object");
    return reject(self->rejection, REJECT_BAD_FIELD, "data must be a JSON object");
}

static struct event *new_event(const struct decoder *self, const struct event_type *type)
{
    struct event *event = arena_alloc_zeroed(self->arena, sizeof *event);
    event->version = (struct version){
        .sequence = self->envelope.sequence,
        .source = self->envelope.source,
        .id = self->envelope.id,
    };
    event->entity.kind = type->kind;
    return event;
}

bool decode_message(const struct message *message, size_t max_value_bytes, struct arena *arena,
                    const struct event **out_event, struct rejection *rejection,
                    uint64_t *replaced_nuls)
{
    struct decoder self = {.arena = arena, .rejection = rejection};
    if (!check_value(message, max_value_bytes, rejection) ||
        !envelope_read(message, arena, &self.envelope, rejection, &self.replaced_nuls))
        return false;
    const struct event_type *type = find_type(self.envelope.type);
    if (!type)
        return reject(rejection, REJECT_UNKNOWN_TYPE, "type \"%s\" is not known",
                      reject_quote(self.envelope.type).text);

    self.event = new_event(&self, type);
    if (!decode_ids(&self, type->kind) || !decode_times(&self, type) || !check_data(&self) ||
        !decode_attempt(&self, type->kind) || !decode_entity(&self, type))
        return false;
    *replaced_nuls += self.replaced_nuls;
    *out_event = self.event;
    return true;
}
