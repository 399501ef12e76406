#include "slice.h"

#include <strings.h>

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

int slice_compare(struct slice a, struct slice b)
{
    if (!slice_is_set(a) || !slice_is_set(b)) {
        return slice_is_set(a) - slice_is_set(b);
    }
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    return order != 0 ? order : compare_sizes(a.len, b.len);
}

bool slice_equal_any_case(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

struct slice slice_trim(struct slice text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text = (struct slice){text.data + 1, text.len - 1};
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

struct slice slice_take_until(struct slice *rest, char separator)
{
    struct slice taken = *rest;
    const char *found = taken.len > 0 ? memchr(taken.data, separator, taken.len) : NULL;
    if (!found) {
        *rest = SLICE_NONE;
        return taken;
    }
    taken.len = (size_t)(found - taken.data);
    *rest = (struct slice){found + 1, rest->len - taken.len - 1};
    return taken;
}
