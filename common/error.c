#include "error.h"

#include "utf8.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [ERR_NONE] = "none", [ERR_RETRY] = "retry",         [ERR_REJECT] = "reject",
    [ERR_BUSY] = "busy", [ERR_UNCERTAIN] = "uncertain", [ERR_FATAL] = "fatal",
};

const char *error_kind_name(enum error_kind kind)
{
    return (size_t)kind < ARRAY_LEN(kind_names) ? kind_names[kind] : "unknown";
}

/* Formats beside the struct first: `error_set(err, kind, "connect: %s", err->text)` is allowed. */
static void PRINTF_LIKE(2, 0) set_text(struct error *err, const char *format, va_list args)
{
    char text[sizeof(err->text) + 1]; /* one more, to see what a cut would part */
    if (vsnprintf(text, sizeof(text), format, args) < 0) {
        text[0] = '\0';
    }
    size_t len = utf8_cut(slice_of(text), sizeof(err->text) - 1);
    memcpy(err->text, text, len);
    err->text[len] = '\0';
}

bool error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        set_text(err, format, args);
        va_end(args);
        err->kind = kind;
        err->sqlstate[0] = '\0';
    }
    return false;
}
