#include "field.h"

#include "macros.h"

#include <string.h>

struct field_name {
    struct slice name;
    enum field_kind kind;
    const char *description;
};

static const char AS_WITHOUT_PREFIX[] = "The same as without `phoneLogs.`";

static const struct field_name names[] = {
    {{"createdAt", 9}, FIELD_CREATED_AT, "When the call was made known"},
    {{"phoneNumber", 11}, FIELD_PHONE_NUMBER, "Whom the call is to"},
    {{"_id", 3}, FIELD_ID, "The call, as 24 hexadecimal digits in lower case"},
    {{"callStatus", 10},
     FIELD_CALL_STATUS,
     "How the attempt went: `queued`, `initiated`, `ringing`, `in-progress`, `completed`, `busy`, "
     "`no-answer`, `failed`, `canceled`, ...; any spelling that events may use is understood"},
    {{"callDuration", 12}, FIELD_CALL_DURATION, "Its length in seconds"},
    {{"recordingUrl", 12}, FIELD_RECORDING_URL, "Where its recording is"},
    {{"transcript", 10}, FIELD_TRANSCRIPT, "What was said"},
    {{"phoneLogs", 9}, FIELD_LACKING, "The attempts themselves: a field that every call lacks"},
    {{"phoneLogs.callStatus", 20}, FIELD_CALL_STATUS, AS_WITHOUT_PREFIX},
    {{"phoneLogs.callDuration", 22}, FIELD_CALL_DURATION, AS_WITHOUT_PREFIX},
    {{"phoneLogs.recordingUrl", 22}, FIELD_RECORDING_URL, AS_WITHOUT_PREFIX},
    {{"phoneLogs.transcript", 20}, FIELD_TRANSCRIPT, AS_WITHOUT_PREFIX},
    {{"phoneLogs.createdAt", 19}, FIELD_ATTEMPT_CREATED_AT, "When the attempt was made known"},
};

struct field_def {
    enum field_type type;
    bool is_of_attempt;
};

static const struct field_def fields[FIELD_KIND_COUNT] = {
    [FIELD_ARRIVAL] = {FIELD_NOTHING, false},        [FIELD_CREATED_AT] = {FIELD_TIME, false},
    [FIELD_PHONE_NUMBER] = {FIELD_TEXT, false},      [FIELD_ID] = {FIELD_TEXT, false},
    [FIELD_CALL_STATUS] = {FIELD_TEXT, true},        [FIELD_CALL_DURATION] = {FIELD_NUMBER, true},
    [FIELD_RECORDING_URL] = {FIELD_TEXT, true},      [FIELD_TRANSCRIPT] = {FIELD_TEXT, true},
    [FIELD_ATTEMPT_CREATED_AT] = {FIELD_TIME, true}, [FIELD_DYNAMIC] = {FIELD_JSON, false},
    [FIELD_LACKING] = {FIELD_NOTHING, false},
};

static bool is_behind_phone_logs(struct slice name)
{
    static const struct slice prefix = {"phoneLogs.", 10};
    return name.len >= prefix.len && memcmp(name.data, prefix.data, prefix.len) == 0;
}

struct field_doc field_doc(size_t index)
{
    static const char *const types[] = {
        [FIELD_TEXT] = "string",         [FIELD_NUMBER] = "number",   [FIELD_TIME] = "time",
        [FIELD_JSON] = "any JSON value", [FIELD_NOTHING] = "nothing",
    };
    const struct field_name *name = &names[index];
    const struct field_def *def = &fields[name->kind];
    return (struct field_doc){name->name.data, types[def->type], def->is_of_attempt,
                              name->description};
}

size_t field_doc_count(void)
{
    return ARRAY_LEN(names);
}

struct field field_resolve(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_equal(name, names[i].name)) {
            return (struct field){names[i].kind, name};
        }
    }
    return (struct field){is_behind_phone_logs(name) ? FIELD_LACKING : FIELD_DYNAMIC, name};
}

bool field_is_of_attempt(enum field_kind kind)
{
    return fields[kind].is_of_attempt;
}

enum field_type field_type(enum field_kind kind)
{
    return fields[kind].type;
}
