#include "http_query.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* --- pairs --------------------------------------------------------------------------------- */

struct pairs_row {
    const char *query; /* NULL: none */
    const char *pairs; /* "name>value|" for each */
};

static const struct pairs_row pair_rows[] = {
    {NULL, ""},
    {"", ""},
    {"a=b", "a>b|"},
    {"a=b&c=d", "a>b|c>d|"},
    {"a", "a>|"},
    {"a=", "a>|"},
    {"=b", ">b|"},
    {"=", ">|"},
    {"a=b=c", "a>b=c|"},
    {"&&a=b&&&c&", "a>b|c>|"},
    {"&", ""},
    {"a%3Db=%26", "a%3Db>%26|"},
    {"a=b;c=d", "a>b;c=d|"},
    {"a=1&a=2", "a>1|a>2|"},
};

Test(http_query, splits_pairs_and_leaves_them_encoded)
{
    for (size_t i = 0; i < ARRAY_LEN(pair_rows); i++) {
        const struct pairs_row *row = &pair_rows[i];
        struct slice rest = slice_of(row->query);
        struct slice name;
        struct slice value;
        char pairs[128] = "";
        while (http_query_next(&rest, &name, &value)) {
            size_t len = strlen(pairs);
            snprintf(pairs + len, sizeof(pairs) - len, "%.*s>%.*s|", (int)name.len, name.data,
                     (int)value.len, value.data);
        }
        cr_expect_str_eq(pairs, row->pairs, "%s: %s", row->query, pairs);
    }
}

/* --- percent-encoding ------------------------------------------------------------------------ */

struct decode_row {
    const char *raw;
    bool plus_is_space;
    const char *decoded; /* NULL: refused */
    const char *why;     /* a part of the text */
};

static const struct decode_row decode_rows[] = {
    {"", true, "", NULL},
    {"plain-_.~", true, "plain-_.~", NULL},
    {"a%20b", true, "a b", NULL},
    {"a+b", true, "a b", NULL},
    {"a+b", false, "a+b", NULL},
    {"a+b%20", false, "a+b ", NULL},
    {"a%2Bb", true, "a+b", NULL},
    {"%41%6a%4A", false, "AjJ", NULL},
    {"%25", false, "%", NULL},
    {"%2541", false, "%41", NULL},
    {"%C3%A9", true, "\xC3\xA9", NULL},
    {"\xC3\xA9", true, "\xC3\xA9", NULL},
    {"%F0%9F%98%80", true, "\xF0\x9F\x98\x80", NULL},
    {"%09", true, "\t", NULL},
    {"%", true, NULL, "\"%\" is not a percent-encoded byte"},
    {"ab%", true, NULL, "\"%\""},
    {"ab%4", true, NULL, "\"%4\""},
    {"%4g", true, NULL, "\"%4g\""},
    {"%zz1", true, NULL, "\"%zz\""},
    {"%%41", true, NULL, "\"%%4\""},
    {"% 41", true, NULL, "\"%\""},
    {"%u0041", true, NULL, "\"%u0\""},
    {"%00", true, NULL, "control character %00"},
    {"a%0A", true, NULL, "control character %0A"},
    {"%1f", true, NULL, "control character %1F"},
    {"%7F", true, NULL, "control character %7F"},
    {"%FF", true, NULL, "not UTF-8"},
    {"%C3", true, NULL, "not UTF-8"},
    {"%C0%80", true, NULL, "not UTF-8"},
    {"%ED%A0%80", true, NULL, "not UTF-8"},
    {"\xFF", true, NULL, "not UTF-8"},
};

static void expect_decoded(const struct decode_row *row, struct arena *arena)
{
    struct slice out;
    struct error err = {0};
    bool ok = http_percent_decode(arena, slice_of(row->raw), row->plus_is_space, &out, &err);
    cr_expect(ok == (row->decoded != NULL), "%s: %s", row->raw, err.text);
    if (ok && row->decoded) {
        cr_expect(slice_equal(out, slice_of(row->decoded)), "%s: %.*s", row->raw, (int)out.len,
                  out.data);
    }
    if (!ok && row->why) {
        cr_expect(err.kind == ERR_REJECT, "%s", row->raw);
        cr_expect(strstr(err.text, row->why), "%s: %s", row->raw, err.text);
    }
}

Test(http_query, decodes_strictly)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(decode_rows); i++) {
        expect_decoded(&decode_rows[i], &arena);
    }
    arena_done(&arena);
}

Test(http_query, does_not_look_beyond_the_end)
{
    struct arena arena;
    struct slice out;
    struct error err = {0};
    arena_init(&arena);
    cr_expect_not(http_percent_decode(&arena, (struct slice){"%41", 2}, true, &out, &err));
    cr_expect(strstr(err.text, "\"%4\""), "%s", err.text);
    arena_done(&arena);
}

Test(http_query, does_not_copy_what_needs_no_decoding)
{
    struct arena arena;
    arena_init(&arena);
    struct slice raw = SLICE("plain");
    struct slice out;
    cr_assert(http_percent_decode(&arena, raw, true, &out, NULL));
    cr_expect(out.data == raw.data);
    cr_expect(arena.total_bytes == 0);
    arena_done(&arena);
}

Test(http_query, keeps_what_it_decoded_before)
{
    struct arena arena;
    arena_init(&arena);
    struct slice first;
    struct slice second;
    cr_assert(http_percent_decode(&arena, SLICE("%61%62"), true, &first, NULL));
    cr_assert(http_percent_decode(&arena, SLICE("%63%64"), true, &second, NULL));
    cr_expect(slice_equal(first, SLICE("ab")));
    cr_expect(slice_equal(second, SLICE("cd")));
    arena_done(&arena);
}
