#include "version.h"

#include "arena.h"
#include "buf.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define FIELDS 5

static const struct version versions[] = {
    {-62135596800000000, SLICE_NONE, SLICE("s"), SLICE("i")},
    {-1, SLICE_NONE, SLICE("s"), SLICE("i")},
    {0, SLICE_NONE, SLICE("s"), SLICE("i")},
    {0, SLICE_NONE, SLICE("s"), SLICE("ii")},
    {0, SLICE_NONE, SLICE("t"), SLICE("a")},
    {0, SLICE(""), SLICE("a"), SLICE("a")},
    {0, SLICE("0"), SLICE("b"), SLICE("a")},
    {0, SLICE("0"), SLICE("b"), SLICE("b")},
    {0, SLICE("10"), SLICE("a"), SLICE("a")},
    {0, SLICE("9"), SLICE("a"), SLICE("a")},
    {0, SLICE("9\x7f"), SLICE("a"), SLICE("a")},
    {0, SLICE("9\xC3\xA9"), SLICE("a"), SLICE("a")},
    {1, SLICE_NONE, SLICE("a"), SLICE("a")},
    {253402300799999999, SLICE_NONE, SLICE("a"), SLICE("a")},
};
#define VERSION_COUNT (sizeof versions / sizeof *versions)

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

Test(version, orders_by_time_then_sequence_then_source_then_id)
{
    for (int i = 0; i < (int)VERSION_COUNT; i++)
        for (int j = 0; j < (int)VERSION_COUNT; j++)
            cr_expect_eq(sign(version_compare(&versions[i], &versions[j])), sign(i - j),
                         "rows %d and %d", i, j);
}

static struct slice encode(const struct version *const *set, size_t count, struct buf *buf)
{
    buf_reset(buf);
    versions_encode(set, count, buf);
    return buf_slice(buf);
}

static bool is_same(const struct version *a, const struct version *b)
{
    if (!a || !b)
        return a == b;
    return version_compare(a, b) == 0 && slice_is_set(a->sequence) == slice_is_set(b->sequence);
}

Test(version, of_fields_come_back_as_they_were_kept)
{
    struct arena arena;
    struct buf buf;
    arena_init(&arena);
    buf_init(&buf, 1 << 20);
    srand(1);
    for (int round = 0; round < 5000; round++) {
        const struct version *set[FIELDS];
        const struct version *back[FIELDS];
        for (int i = 0; i < FIELDS; i++)
            set[i] = rand() % 3 ? &versions[(size_t)rand() % VERSION_COUNT] : NULL;
        struct slice encoded = encode(set, FIELDS, &buf);
        cr_assert(versions_decode(encoded, &arena, back, FIELDS), "round %d", round);
        for (int i = 0; i < FIELDS; i++)
            cr_assert(is_same(set[i], back[i]), "round %d, field %d", round, i);
    }
    buf_done(&buf);
    arena_done(&arena);
}

Test(version, of_one_event_is_kept_once_for_all_its_fields)
{
    static const unsigned char expected[] = {
        0x1d, 0,   0,   0,    0,   0,   0,   1,   2,   3,   '4', '2', 2, '/', 'd', 4, 'i',
        'd',  '-', '1', 0x02, 255, 255, 255, 255, 255, 255, 255, 255, 0, 1,   's', 1, 'x',
    };
    struct version all = {0x102, SLICE("42"), SLICE("/d"), SLICE("id-1")};
    struct version same = all;
    struct version other = {-1, SLICE_NONE, SLICE("s"), SLICE("x")};
    const struct version *set[FIELDS] = {&all, &other, &same, &all, &same};
    struct buf buf;
    buf_init(&buf, 1024);
    struct slice encoded = encode(set, FIELDS, &buf);
    cr_expect_eq(encoded.len, sizeof expected);
    cr_expect_arr_eq(encoded.data, expected, sizeof expected);
    buf_done(&buf);
}

Test(version, of_no_field_is_kept_as_nothing)
{
    const struct version *set[FIELDS] = {NULL};
    const struct version *back[FIELDS] = {&versions[0], &versions[0]};
    struct arena arena;
    struct buf buf;
    arena_init(&arena);
    buf_init(&buf, 1024);
    cr_expect_eq(encode(set, FIELDS, &buf).len, 0);
    cr_expect(versions_decode(SLICE(""), &arena, back, FIELDS));
    cr_expect_null(back[0]);
    cr_expect_null(back[1]);
    buf_done(&buf);
    arena_done(&arena);
}

Test(version, texts_of_any_length_come_back)
{
    static const size_t lengths[] = {0, 1, 126, 127, 128, 129, 512, 16383, 16384, 70000};
    static char text[70000];
    memset(text, 'x', sizeof text);
    struct arena arena;
    struct buf buf;
    arena_init(&arena);
    buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct slice slice = {text, lengths[i]};
        struct version version = {7, slice, slice, slice};
        const struct version *set[1] = {&version};
        const struct version *back[1];
        cr_assert(versions_decode(encode(set, 1, &buf), &arena, back, 1), "%zu", lengths[i]);
        cr_expect(is_same(&version, back[0]), "%zu bytes", lengths[i]);
    }
    buf_done(&buf);
    arena_done(&arena);
}

/* A copy without a byte behind it, so that AddressSanitizer sees every step too far. */
static bool decodes(const char *bytes, size_t len, size_t count)
{
    struct arena arena;
    arena_init(&arena);
    const struct version *back[8];
    char *copy = malloc(len ? len : 1);
    cr_assert(copy);
    memcpy(copy, bytes, len);
    bool ok = versions_decode((struct slice){copy, len}, &arena, back, count);
    free(copy);
    arena_done(&arena);
    return ok;
}

Test(version, refuses_every_truncated_encoding)
{
    struct version one = {1, SLICE("7"), SLICE("source"), SLICE("id")};
    struct version two = {2, SLICE_NONE, SLICE("source"), SLICE("another")};
    const struct version *set[2] = {&one, &two};
    struct buf buf;
    buf_init(&buf, 1024);
    struct slice encoded = encode(set, 2, &buf);
    size_t first = 1 + 8 + 2 + 7 + 3;
    for (size_t len = 0; len <= encoded.len; len++)
        cr_expect_eq(decodes(encoded.data, len, 2), len == 0 || len == first || len == encoded.len,
                     "%zu bytes", len);
    buf_done(&buf);
}

Test(version, refuses_bytes_that_are_no_encoding)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t len;
    } rows[] = {
        {"no field", "\0\0\0\0\0\0\0\0\0\0\1s\1i", 14},
        {"a field beyond the last", "\4\0\0\0\0\0\0\0\0\0\1s\1i", 14},
        {"a field twice", "\1\0\0\0\0\0\0\0\0\0\1s\1i\3\0\0\0\0\0\0\0\0\0\1s\1i", 28},
        {"a text beyond the end", "\1\0\0\0\0\0\0\0\0\0\1s\2i", 14},
        {"a sequence beyond the end", "\1\0\0\0\0\0\0\0\0\x7f\1s\1i", 14},
        {"a length without end", "\1\0\0\0\0\0\0\0\0\0\1s\xff\xff\xff\xff\xff\xff\xff\xff", 20},
        {"a huge length", "\1\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\x0fs\1i", 18},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect(!decodes(rows[i].bytes, rows[i].len, 2), "%s", rows[i].name);
    cr_expect(decodes("\3\0\0\0\0\0\0\0\0\0\1s\1i", 14, 2), "what is right");
}
