#include "payload.h"

#include "member_table.h"

static const struct slice names[PAYLOAD_MEMBER_COUNT] = {
    [PAYLOAD_BATCH_ID] = SLICE("batchId"),
    [PAYLOAD_CALL_ID] = SLICE("callId"),
    [PAYLOAD_ATTEMPT] = SLICE("attempt"),
    [PAYLOAD_OWNER_ID] = SLICE("ownerId"),
    [PAYLOAD_BATCH_NAME] = SLICE("batchName"),
    [PAYLOAD_BATCH_STATUS] = SLICE("batchStatus"),
    [PAYLOAD_PHONE_NUMBER] = SLICE("phoneNumber"),
    [PAYLOAD_FIELDS] = SLICE("fields"),
    [PAYLOAD_CALL_STATUS] = SLICE("callStatus"),
    [PAYLOAD_CALL_DURATION] = SLICE("callDuration"),
    [PAYLOAD_RECORDING_URL] = SLICE("recordingUrl"),
    [PAYLOAD_TRANSCRIPT] = SLICE("transcript"),
    [PAYLOAD_CREATED_AT] = SLICE("createdAt"),
};

const char *payload_member_name(enum payload_member member)
{
    return names[member].data;
}

bool payload_is_absent(const struct payload *payload, enum payload_member member)
{
    enum jsonscan_type type = payload->members[member].type;
    return type == JSONSCAN_NONE || type == JSONSCAN_NULL;
}

bool payload_read(struct jsonscan *scan, struct payload *out)
{
    struct jsonscan_value value;
    *out = (struct payload){.type = jsonscan_peek(scan)};
    if (out->type != JSONSCAN_OBJECT)
        return jsonscan_value(scan, &value);
    if (!jsonscan_enter_object(scan))
        return false;
    struct jsonscan_value key;
    while (jsonscan_next_member(scan, &key)) {
        if (!jsonscan_value(scan, &value))
            return false;
        size_t member = member_table_find(names, PAYLOAD_MEMBER_COUNT, &key);
        if (member < PAYLOAD_MEMBER_COUNT)
            out->members[member] = value;
    }
    return !jsonscan_error(scan);
}
