#include "markup.h"

#include <stdbool.h>
#include <stddef.h>

static const char *escape_of(char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

void markup_append_escaped(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *escape = escape_of(text.data[i]);
        if (escape) {
            buf_append_text(out, escape);
        } else {
            buf_append_char(out, text.data[i]);
        }
    }
}

void markup_append_prose(struct buf *out, const char *text)
{
    struct slice rest = slice_of(text);
    for (bool is_code = false; slice_is_set(rest); is_code = !is_code) {
        struct slice part = slice_take_until(&rest, '`');
        buf_append_text(out, is_code ? "<code>" : "");
        markup_append_escaped(out, part);
        buf_append_text(out, is_code ? "</code>" : "");
    }
}

/* How much of the text, which begins with a quotation mark, the string takes. */
static size_t string_len(struct slice text)
{
    size_t len = 1;
    while (len < text.len && text.data[len] != '"') {
        len += text.data[len] == '\\' ? 2 : 1;
    }
    return len < text.len ? len + 1 : text.len;
}

static void append_json_string(struct buf *out, struct slice string, bool is_name)
{
    buf_append_format(out, "<span class=\"%c\">", is_name ? 'k' : 's');
    markup_append_escaped(out, string);
    buf_append_text(out, "</span>");
}

void markup_append_json(struct buf *out, struct slice json)
{
    while (json.len > 0) {
        bool is_string = *json.data == '"';
        size_t len = is_string ? string_len(json) : 1;
        struct slice part = {json.data, len};
        json = (struct slice){json.data + len, json.len - len};
        if (is_string) {
            append_json_string(out, part, json.len > 0 && *json.data == ':');
        } else {
            markup_append_escaped(out, part);
        }
    }
}
