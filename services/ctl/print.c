#include "print.h"

#include "jsontext.h"
#include "rfc3339.h"
#include "utf8.h"

#include <stdbool.h>
#include <stdio.h>

void print_json_name(struct buf *buf, const char *name)
{
    struct slice so_far = buf_slice(buf);
    if (so_far.len > 0 && so_far.data[so_far.len - 1] != '{')
        buf_append_char(buf, ',');
    buf_append_char(buf, '"');
    buf_append_text(buf, name);
    buf_append_text(buf, "\":");
}

void print_json_time(struct buf *buf, struct optional_time time)
{
    if (time.is_set)
        jsontext_append_time(buf, time.us);
    else
        buf_append_text(buf, "null");
}

void print_time(struct buf *buf, struct optional_time time)
{
    char text[RFC3339_MILLIS_LEN];
    if (!time.is_set) {
        buf_append_char(buf, '-');
        return;
    }
    rfc3339_format_millis(time.us, text);
    buf_append(buf, text, sizeof(text));
}

static char short_escape(char byte)
{
    switch (byte) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\\':
        return '\\';
    default:
        return '\0';
    }
}

/* U+0080 to U+009F are C2 80 to C2 9F; terminals may take them for control sequences. */
static bool begins_control(struct slice bytes, size_t at)
{
    return (unsigned char)bytes.data[at] == 0xC2 && at + 1 < bytes.len &&
           (unsigned char)bytes.data[at + 1] < 0xA0;
}

static bool is_shown(struct slice bytes, size_t at, bool is_utf8)
{
    unsigned char byte = (unsigned char)bytes.data[at];
    if (byte < 0x80)
        return byte >= 0x20 && byte != 0x7F;
    return is_utf8 && !begins_control(bytes, at) && !(at > 0 && begins_control(bytes, at - 1));
}

void print_escaped(struct buf *buf, struct slice bytes)
{
    bool is_utf8 = utf8_is_valid(bytes);
    for (size_t at = 0; at < bytes.len; at++) {
        char escape = short_escape(bytes.data[at]);
        if (escape != '\0')
            buf_append_format(buf, "\\%c", escape);
        else if (is_shown(bytes, at, is_utf8))
            buf_append_char(buf, bytes.data[at]);
        else
            buf_append_format(buf, "\\x%02x", (unsigned char)bytes.data[at]);
    }
}

void print_line(struct buf *buf)
{
    struct slice line = buf_slice(buf);
    (void)fwrite(line.data, 1, line.len, stdout);
    putchar('\n');
    buf_reset(buf);
}
