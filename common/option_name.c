#include "option_name.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

struct option_name option_name_join(const char *prefix, const char *stem, const char *suffix)
{
    struct option_name name;
    int len = snprintf(name.text, sizeof(name.text), "%s%s%s", prefix, stem, suffix);
    assert(len >= 0 && (size_t)len < sizeof(name.text));
    (void)len;
    return name;
}

struct option_name option_name_stem(const struct option *option)
{
    struct option_name name = option_name_join("", option->flag ? option->flag : option->env, "");
    for (char *at = name.text; !option->flag && *at; at++) {
        *at = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
    }
    return name;
}

struct option_name option_name_flag(const struct option *option, const char *suffix)
{
    struct option_name stem = option_name_stem(option);
    return option_name_join(stem.text[1] == '\0' ? "-" : "--", stem.text, suffix);
}
