#include "field.h"

#include <criterion/criterion.h>

struct name_case {
    const char *name;
    enum field_kind kind;
};

static const struct name_case names[] = {
    {"createdAt", FIELD_CREATED_AT},
    {"phoneNumber", FIELD_PHONE_NUMBER},
    {"_id", FIELD_ID},
    {"callStatus", FIELD_CALL_STATUS},
    {"callDuration", FIELD_CALL_DURATION},
    {"recordingUrl", FIELD_RECORDING_URL},
    {"transcript", FIELD_TRANSCRIPT},
    {"phoneLogs.callStatus", FIELD_CALL_STATUS},
    {"phoneLogs.callDuration", FIELD_CALL_DURATION},
    {"phoneLogs.recordingUrl", FIELD_RECORDING_URL},
    {"phoneLogs.transcript", FIELD_TRANSCRIPT},
    {"phoneLogs.createdAt", FIELD_ATTEMPT_CREATED_AT},
    {"phoneLogs", FIELD_LACKING},
    {"phoneLogs.", FIELD_LACKING},
    {"phoneLogs.0", FIELD_LACKING},
    {"phoneLogs.attempt", FIELD_LACKING},
    {"phoneLogsx", FIELD_DYNAMIC},
    {"createdat", FIELD_DYNAMIC},
    {"createdAt.x", FIELD_DYNAMIC},
    {"callStatus.x", FIELD_DYNAMIC},
    {"Acct. No", FIELD_DYNAMIC},
    {"", FIELD_DYNAMIC},
};

Test(field, means_by_a_name_what_the_contract_says)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_expect_eq(field_resolve(slice_of(names[i].name)).kind, names[i].kind, "%s",
                     names[i].name);
    }
}
