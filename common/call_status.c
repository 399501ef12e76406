#include "call_status.h"

#include "macros.h"

#include <stdbool.h>

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && is_space(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.data[text.len - 1]))
        text.len--;
    return text;
}

static char normal_byte(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return (char)(byte - 'A' + 'a');
    return byte == '_' || byte == ' ' ? '-' : byte;
}

static bool is_normal(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (normal_byte(text.data[i]) != text.data[i])
            return false;
    return true;
}

static struct slice rewrite(struct slice text, struct arena *arena)
{
    char *out = arena_text(arena, text.len);
    for (size_t i = 0; i < text.len; i++)
        out[i] = normal_byte(text.data[i]);
    arena_trim(arena, out + text.len);
    return (struct slice){out, text.len};
}

static struct slice resolve_synonym(struct slice status)
{
    static const struct {
        struct slice synonym;
        struct slice status;
    } synonyms[] = {
        {SLICE("answered"), SLICE("in-progress")}, {SLICE("cancelled"), SLICE("canceled")},
        {SLICE("noanswer"), SLICE("no-answer")},   {SLICE("unanswered"), SLICE("no-answer")},
        {SLICE("started"), SLICE("initiated")},
    };
    for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
        if (slice_equal(status, synonyms[i].synonym))
            return synonyms[i].status;
    return status;
}

struct slice call_status_normalize(struct slice status, struct arena *arena)
{
    struct slice text = trim(status);
    if (!is_normal(text))
        text = rewrite(text, arena);
    return resolve_synonym(text);
}

int call_status_rank(struct slice status)
{
    static const struct slice ranked[CALL_STATUS_RANK_FINAL] = {
        SLICE("queued"), SLICE("initiated"), SLICE("ringing"), SLICE("in-progress")};
    for (int rank = 0; rank < CALL_STATUS_RANK_FINAL; rank++)
        if (slice_equal(status, ranked[rank]))
            return rank;
    return CALL_STATUS_RANK_FINAL;
}
