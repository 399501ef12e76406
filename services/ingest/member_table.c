#include "member_table.h"

/* An escape sequence is at most this many times as long as the ASCII character it stands for. */
#define ESCAPE_GROWTH 6

static size_t find(const struct slice *names, size_t count, struct slice key)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].len == key.len && memcmp(names[i].data, key.data, key.len) == 0)
            return i;
    return count;
}

size_t member_table_find(const struct slice *names, size_t count, const struct jsonscan_value *key)
{
    if (!key->has_escapes)
        return find(names, count, key->raw);
    char text[MEMBER_NAME_MAX * ESCAPE_GROWTH];
    if (key->raw.len > sizeof text)
        return count;
    uint64_t ignored = 0;
    return find(names, count, (struct slice){text, jsonscan_unescape(key->raw, text, &ignored)});
}
