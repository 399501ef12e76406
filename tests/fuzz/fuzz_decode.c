/*
 * fuzz_decode - decode_message() on any message.
 *
 * An input that begins with "headers\n" gives lines `name:value` up to an empty line, then the
 * value; any other is the value alone. Whatever comes: what is accepted keeps the promises that the
 * database relies on, what is rejected is so with a detail that can be stored and shown.
 */
#include "decode.h"
#include "jsonrewrite.h"
#include "jsonscan.h"
#include "utf8.h"

#include <stdint.h>
#include <stdlib.h>

#define HEADERS_MAX 16
#define MAX_VALUE_BYTES ((size_t)64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* --- the message --------------------------------------------------------------------------- */

/* Takes what stands before `byte` off `rest`, which then begins behind it. */
static struct slice take_until(struct slice *rest, char byte)
{
    const char *at = rest->len ? memchr(rest->data, byte, rest->len) : NULL;
    struct slice taken = {rest->data, at ? (size_t)(at - rest->data) : rest->len};
    size_t skipped = taken.len + (at != NULL);
    rest->data += skipped;
    rest->len -= skipped;
    return taken;
}

static size_t read_headers(struct slice *rest, struct message_header *headers)
{
    size_t count = 0;
    while (count < HEADERS_MAX && rest->len > 0) {
        struct slice line = take_until(rest, '\n');
        if (line.len == 0)
            break;
        bool has_value = memchr(line.data, ':', line.len) != NULL;
        headers[count].name = take_until(&line, ':');
        headers[count].value = has_value ? line : SLICE_NONE;
        count++;
    }
    return count;
}

/* --- what is promised ---------------------------------------------------------------------- */

static bool is_storable(struct slice text)
{
    return slice_is_set(text) && utf8_is_valid(text) &&
           (text.len == 0 || !memchr(text.data, '\0', text.len));
}

static bool is_within(struct slice text, size_t min_bytes, size_t max_bytes)
{
    return text.len >= min_bytes && text.len <= max_bytes;
}

static void check_fields_text(struct slice text, struct arena *arena)
{
    struct slice again;
    struct jsonrewrite_report report;
    check(text.len >= 2 && text.data[0] == '{');
    check(jsonrewrite(text, JSONSCAN_DEPTH_MAX, arena, NULL, NULL, &again, &report));
    check(slice_equal(text, again));
    check(report.longest_number <= 1000 && report.widest_exponent <= 9999);
}

static bool is_number_field(const struct entity *entity, int number)
{
    return (entity->kind == ENTITY_BATCH && number == BATCH_CREATED_AT) ||
           (entity->kind == ENTITY_CALL && number == CALL_CREATED_AT) ||
           (entity->kind == ENTITY_ATTEMPT &&
            (number == ATTEMPT_CREATED_AT || number == ATTEMPT_DURATION));
}

static void check_limits(const struct event *event, struct arena *arena)
{
    const struct field *fields = event->entity.fields;
    if (event->entity.kind == ENTITY_BATCH && fields[BATCH_OWNER_ID].version)
        check(is_within(fields[BATCH_OWNER_ID].text, 1, 128));
    if (event->entity.kind == ENTITY_CALL && fields[CALL_PHONE_NUMBER].version)
        check(is_within(fields[CALL_PHONE_NUMBER].text, 1, 64));
    if (event->entity.kind == ENTITY_CALL && fields[CALL_FIELDS].version)
        check_fields_text(fields[CALL_FIELDS].text, arena);
    if (event->entity.kind != ENTITY_ATTEMPT)
        return;
    check(event->attempt >= 1 && event->attempt <= 1000000);
    if (fields[ATTEMPT_STATUS].version)
        check(is_within(fields[ATTEMPT_STATUS].text, 1, 64));
    if (fields[ATTEMPT_DURATION].version)
        check(fields[ATTEMPT_DURATION].number >= 0 &&
              fields[ATTEMPT_DURATION].number <= INT64_C(2147483647000));
}

static void check_event(const struct event *event, struct arena *arena)
{
    check(is_within(event->version.id, 1, 512) && utf8_is_valid(event->version.id));
    check(is_within(event->version.source, 1, 512) && utf8_is_valid(event->version.source));
    check(is_within(event->version.sequence, 0, 128) && utf8_is_valid(event->version.sequence));
    for (int i = 0; i < entity_field_count(event->entity.kind); i++) {
        const struct field *field = &event->entity.fields[i];
        if (!field->version)
            continue;
        check(field->version == &event->version);
        check(is_number_field(&event->entity, i) || is_storable(field->text));
    }
    check_limits(event, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const struct slice mark = SLICE("headers\n");
    struct message_header headers[HEADERS_MAX];
    struct message message = {.value = {(const char *)input, size}, .headers = headers};
    if (size >= mark.len && memcmp(input, mark.data, mark.len) == 0) {
        message.value.data += mark.len;
        message.value.len -= mark.len;
        message.header_count = read_headers(&message.value, headers);
    }

    struct arena arena;
    arena_init(&arena);
    const struct event *event = NULL;
    struct rejection rejection;
    uint64_t nuls = 0;
    if (decode_message(&message, MAX_VALUE_BYTES, &arena, &event, &rejection, &nuls)) {
        check_event(event, &arena);
    } else {
        check(rejection.reason < REJECT_DATABASE_REFUSED);
        check(is_storable(slice_of(rejection.detail)) && rejection.detail[0] && nuls == 0);
    }
    arena_done(&arena);
    return 0;
}
