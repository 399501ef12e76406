#include "buf.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#define ASSERT_CONTENT(buf, text) cr_assert_str_eq(buf_text(buf), text)

Test(buf, keeps_what_is_appended_in_order)
{
    struct buf buf;
    buf_init(&buf, 1000);
    buf_append(&buf, "ab", 2);
    buf_append_char(&buf, 'c');
    buf_append_text(&buf, "def");
    buf_append_slice(&buf, SLICE("gh"));
    buf_append_format(&buf, "-%d-%s", 7, "x");
    buf_append_format(&buf, "%s", "");
    buf_append_format(&buf, "%c", 'y');
    buf_append(&buf, NULL, 0);
    buf_append_slice(&buf, SLICE_NONE);
    ASSERT_CONTENT(&buf, "abcdefgh-7-xy");
    cr_expect(buf.len == 13 && buf_slice(&buf).len == 13);
    buf_done(&buf);
}

Test(buf, is_an_empty_text_before_anything_is_appended)
{
    struct buf buf;
    buf_init(&buf, 10);
    ASSERT_CONTENT(&buf, "");
    cr_expect(slice_is_set(buf_slice(&buf)) && buf_slice(&buf).len == 0);
    cr_expect(buf_reserve(&buf, 0) != NULL);
    buf_done(&buf);
}

Test(buf, fills_up_to_its_maximum)
{
    for (size_t max = 0; max < 300; max++) {
        struct buf buf;
        buf_init(&buf, max);
        for (size_t i = 0; i < max; i++) {
            buf_append_char(&buf, 'x');
        }
        cr_assert(buf.len == max && !buf.overflow, "maximum %zu", max);
        cr_assert(strlen(buf_text(&buf)) == max, "maximum %zu", max);
        cr_assert(buf.cap <= max + 1, "maximum %zu: %zu bytes held", max, buf.cap);
        buf_append_char(&buf, 'y');
        cr_assert(buf.len == max && buf.overflow, "maximum %zu", max);
        buf_done(&buf);
    }
}

Test(buf, refuses_to_grow_beyond_its_maximum)
{
    struct buf buf;
    buf_init(&buf, 5);
    buf_append_text(&buf, "abc");
    buf_append_text(&buf, "def");
    cr_expect(buf.overflow);
    ASSERT_CONTENT(&buf, "abc");
    cr_expect_null(buf_reserve(&buf, SIZE_MAX), "a size that would wrap around");
    buf_done(&buf);
}

Test(buf, appends_nothing_after_an_overflow_until_it_is_reset)
{
    struct buf buf;
    buf_init(&buf, 5);
    buf_append_text(&buf, "abc");
    buf_append_format(&buf, "%s", "def");
    buf_append_char(&buf, 'd');
    buf_append_int(&buf, 4);
    cr_expect_null(buf_reserve(&buf, 1));
    cr_expect(buf.overflow);
    ASSERT_CONTENT(&buf, "abc");
    buf_reset(&buf);
    cr_expect(!buf.overflow && buf.len == 0);
    buf_append_text(&buf, "fghij");
    ASSERT_CONTENT(&buf, "fghij");
    buf_done(&buf);
}

Test(buf, grows_by_doubling)
{
    struct buf buf;
    size_t growths = 0;
    size_t cap = 0;
    buf_init(&buf, (size_t)1 << 20);
    while (buf.len < (size_t)1 << 20) {
        buf_append_char(&buf, 'x');
        growths += buf.cap != cap;
        cap = buf.cap;
    }
    cr_expect(growths <= 16, "%zu times", growths);
    buf_done(&buf);
}

Test(buf, keeps_its_memory_on_reset)
{
    struct buf buf;
    buf_init(&buf, 10000);
    buf_append_format(&buf, "%5000d", 1);
    const char *data = buf.data;
    buf_reset(&buf);
    buf_append_format(&buf, "%4000d", 1);
    cr_expect(buf.data == data);
    buf_done(&buf);
}

Test(buf, counts_reserved_room_only_when_it_is_committed)
{
    struct buf buf;
    buf_init(&buf, 100);
    char *at = buf_reserve(&buf, 100);
    cr_assert_not_null(at);
    cr_expect(buf.len == 0);
    memcpy(at, "abc", 3);
    buf_commit(&buf, 3);
    ASSERT_CONTENT(&buf, "abc");
    cr_expect_null(buf_reserve(&buf, 98));
    buf_done(&buf);
}

Test(buf, may_be_used_again_after_done)
{
    struct buf buf;
    buf_init(&buf, 3);
    buf_append_text(&buf, "abcd");
    buf_done(&buf);
    buf_done(&buf);
    cr_expect(!buf.overflow && buf.max == 3);
    buf_append_text(&buf, "abc");
    ASSERT_CONTENT(&buf, "abc");
    buf_done(&buf);
}

Test(buf, takes_the_largest_maximum)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    buf_append_text(&buf, "abc");
    ASSERT_CONTENT(&buf, "abc");
    buf_done(&buf);
}

static const int64_t integers[] = {
    0,
    1,
    -1,
    9,
    10,
    -10,
    11,
    99,
    100,
    101,
    999,
    1000,
    12345,
    -99999,
    100000,
    INT32_MAX,
    INT32_MIN,
    INT64_MAX,
    INT64_MAX - 1,
    INT64_MIN,
    INT64_MIN + 1,
    INT64_C(1000000000000000000),
};

Test(buf, writes_integers_as_printf_does)
{
    for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
        struct buf buf;
        char expected[32];
        buf_init(&buf, 32);
        buf_append_int(&buf, integers[i]);
        (void)snprintf(expected, sizeof(expected), "%" PRId64, integers[i]);
        cr_expect_str_eq(buf_text(&buf), expected, "row %zu", i);
        buf_done(&buf);
    }
}

Test(buf, writes_big_endian_numbers)
{
    static const uint8_t expected[] = {0xFE, 0x01, 0xFD, 0xB0, 0x0A, 0x01, 0xFC,
                                       0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};
    struct buf buf;
    buf_init(&buf, 100);
    buf_append_be16(&buf, 0xFE01);
    buf_append_be32(&buf, 0xFDB00A01);
    buf_append_be64(&buf, UINT64_C(0xFC02030405060708));
    cr_assert(buf.len == sizeof(expected));
    cr_expect_arr_eq(buf.data, expected, sizeof(expected));
    buf_done(&buf);
}

Test(buf, keeps_NUL_bytes)
{
    struct buf buf;
    buf_init(&buf, 100);
    buf_append(&buf, "a\0b", 3);
    buf_append_char(&buf, '\0');
    cr_assert(buf.len == 4);
    cr_expect_arr_eq(buf_text(&buf), "a\0b\0", 5, "and one behind them");
    buf_done(&buf);
}
