#include "pattern.h"

#include <string.h>

static bool starts_with(struct slice text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* `(?` and letters up to `)`, which the dialect takes for options at the very beginning only; there
 * `(?:`, `(?=`, `(?!` and `(?<` are groups. */
static bool has_embedded_options(struct slice text)
{
    return starts_with(text, "(?") && text.len > 2 && is_letter(text.data[2]);
}

/*
 * Behind `[`, the index behind its `]`; the text's end where there is none (PostgreSQL then refuses
 * it). A `]` that comes first, behind `^` too, is itself; `[.`, `[:` and `[=` run to `.]`, `:]` and
 * `=]`; `\` takes the next character with it.
 */
static size_t skip_bracket(struct slice text, size_t at)
{
    at += at < text.len && text.data[at] == '^';
    at += at < text.len && text.data[at] == ']';
    char inner = '\0';
    for (; at < text.len; at++) {
        char byte = text.data[at];
        char next = '\0';
        if (at + 1 < text.len) {
            next = text.data[at + 1];
        }
        if (inner != '\0') {
            if (byte == inner && next == ']') {
                inner = '\0';
                at++;
            }
        } else if (byte == '[' && next != '\0' && strchr(".:=", next)) {
            inner = next;
            at++;
        } else if (byte == '\\') {
            at++;
        } else if (byte == ']') {
            return at + 1;
        }
    }
    return text.len;
}

/* The digit of the first back-reference, or '\0'. */
static char find_back_reference(struct slice text)
{
    size_t at = 0;
    while (at < text.len) {
        char byte = text.data[at++];
        if (byte == '[') {
            at = skip_bracket(text, at);
        } else if (byte == '\\' && at < text.len) {
            char escaped = text.data[at++];
            if (escaped >= '1' && escaped <= '9') {
                return escaped;
            }
        }
    }
    return '\0';
}

static bool is_plain(struct slice text, bool ignores_case)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];
        bool is_ascii = (unsigned char)byte < 0x80;
        if ((is_ascii && strchr("\\.*+?()[]{}|^$", byte)) || (!is_ascii && ignores_case)) {
            return false;
        }
    }
    return true;
}

bool pattern_parse(struct slice text, bool ignores_case, struct pattern *out, struct error *err)
{
    if (text.len > PATTERN_MAX_BYTES) {
        return error_set(err, ERR_REJECT, "is longer than %d bytes", PATTERN_MAX_BYTES);
    }
    if (starts_with(text, "***")) {
        return error_set(err, ERR_REJECT, "begins with a director (***): leave it out");
    }
    if (has_embedded_options(text)) {
        return error_set(err, ERR_REJECT, "begins with embedded options (?...): leave them out");
    }
    char digit = find_back_reference(text);
    if (digit != '\0') {
        return error_set(err, ERR_REJECT, "uses a back-reference (\\%c): write the pattern without",
                         digit);
    }
    *out = (struct pattern){text, ignores_case, is_plain(text, ignores_case)};
    return true;
}
