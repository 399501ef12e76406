#include "dynamic_fields.h"

#include "jsonrewrite.h"
#include "jsonscan.h"

#define NUMBER_BYTES_MAX 1000
#define EXPONENT_MAX 9999

static const struct slice reserved_keys[] = {SLICE("_id"), SLICE("phoneNumber"), SLICE("phoneLogs"),
                                             SLICE("createdAt")};

/* Remembers a reserved key: `arg` is a `const struct slice *`, NULL while none was met. */
static void on_key(struct slice key, void *arg)
{
    const struct slice **reserved = arg;
    for (size_t i = 0; i < ARRAY_LEN(reserved_keys); i++)
        if (slice_equal(key, reserved_keys[i]))
            *reserved = &reserved_keys[i];
}

bool dynamic_fields_rewrite(struct slice object, struct arena *arena, struct slice *out,
                            struct rejection *rejection, uint64_t *replaced_nuls)
{
    const struct slice *reserved = NULL;
    struct jsonrewrite_report report;
    if (!jsonrewrite(object, JSONSCAN_DEPTH_MAX, arena, on_key, &reserved, out, &report))
        return reject(rejection, REJECT_BAD_FIELD, "fields must be a JSON object");
    if (report.longest_number > NUMBER_BYTES_MAX)
        return reject(rejection, REJECT_BAD_FIELD,
                      "a number in fields is longer than %d characters", NUMBER_BYTES_MAX);
    if (report.widest_exponent > EXPONENT_MAX)
        return reject(rejection, REJECT_BAD_FIELD, "a number in fields has an exponent beyond %d",
                      EXPONENT_MAX);
    if (reserved)
        return reject(rejection, REJECT_RESERVED_KEY, "fields may not have a key named %s",
                      reserved->data);
    *replaced_nuls += report.replaced_nuls;
    return true;
}
