#include "rejection.h"

#include <stdarg.h>
#include <stdio.h>

const char *reject_reason_name(enum reject_reason reason)
{
    static const char *const names[REJECT_REASON_COUNT] = {
        [REJECT_EMPTY] = "empty",
        [REJECT_TOO_LARGE] = "too-large",
        [REJECT_NOT_UTF8] = "not-utf8",
        [REJECT_NOT_JSON] = "not-json",
        [REJECT_BAD_ENVELOPE] = "bad-envelope",
        [REJECT_UNKNOWN_TYPE] = "unknown-type",
        [REJECT_BAD_ID] = "bad-id",
        [REJECT_BAD_TIME] = "bad-time",
        [REJECT_BAD_FIELD] = "bad-field",
        [REJECT_RESERVED_KEY] = "reserved-key",
        [REJECT_DATABASE_REFUSED] = "database-refused",
    };
    return names[reason];
}

bool reject(struct rejection *rejection, enum reject_reason reason, const char *format, ...)
{
    rejection->reason = reason;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(rejection->detail, sizeof rejection->detail, format, args);
    va_end(args);
    return false;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

struct reject_quoted reject_quote(struct slice text)
{
    struct reject_quoted quoted;
    size_t len = text.len;
    if (len > REJECT_QUOTE_MAX) {
        len = REJECT_QUOTE_MAX;
        while (len > 0 && is_continuation(text.data[len]))
            len--;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        quoted.text[i] = byte < 0x20 || byte == 0x7F || byte == '"' ? '?' : (char)byte;
    }
    (void)snprintf(quoted.text + len, sizeof quoted.text - len, "%s", len < text.len ? "..." : "");
    return quoted;
}
