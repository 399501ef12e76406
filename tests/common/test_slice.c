#include "slice.h"

#include "macros.h"

#include <criterion/criterion.h>

/* In ascending order. */
static const struct slice ascending[] = {
    {NULL, 0}, {"", 0},  {"\0", 1},   {"\0\0", 2},     {"A", 1},        {"Aa", 2},   {"a", 1},
    {"ab", 2}, {"b", 1}, {"\x7F", 1}, {"\xC3\xA9", 2}, {"\xF4\x8F", 2}, {"\xFF", 1},
};

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

Test(slice, compares_by_bytes_with_a_prefix_first_and_the_absent_one_before_all)
{
    for (size_t i = 0; i < ARRAY_LEN(ascending); i++) {
        for (size_t j = 0; j < ARRAY_LEN(ascending); j++) {
            int expected = (i > j) - (i < j);
            int order = sign(slice_compare(ascending[i], ascending[j]));
            cr_expect(order == expected, "rows %zu and %zu: %d", i, j, order);
        }
    }
}

Test(slice, is_equal_when_length_and_bytes_are)
{
    char copy[] = "abc";
    cr_expect(slice_equal(SLICE("abc"), (struct slice){copy, 3}));
    cr_expect_not(slice_equal(SLICE("abc"), SLICE("abd")));
    cr_expect_not(slice_equal(SLICE("abc"), SLICE("ab")));
    cr_expect(slice_equal(SLICE(""), SLICE_NONE), "nothing to compare");
}

Test(slice, tells_an_absent_slice_from_an_empty_one)
{
    cr_expect_not(slice_is_set(SLICE_NONE));
    cr_expect_not(slice_is_set(slice_of(NULL)));
    cr_expect(slice_is_set(SLICE("")));
    cr_expect(slice_is_set(slice_of("")));
    cr_expect(slice_of("four").len == 4);
}

Test(slice, is_equal_in_any_case_when_only_the_case_of_ASCII_letters_differs)
{
    cr_expect(slice_equal_any_case(SLICE("Host"), SLICE("hOST")));
    cr_expect(slice_equal_any_case(SLICE(""), SLICE_NONE), "nothing to compare");
    cr_expect_not(slice_equal_any_case(SLICE("host"), SLICE("hosts")));
    cr_expect_not(slice_equal_any_case(SLICE("[a"), SLICE("{a")), "32 apart, and no letters");
}

static const struct {
    const char *text;
    const char *trimmed;
} trims[] = {{"", ""}, {" \t ", ""}, {"a", "a"}, {" a\tb\t", "a\tb"}, {"\ra ", "\ra"}};

Test(slice, is_trimmed_of_spaces_and_tabs_alone)
{
    for (size_t i = 0; i < ARRAY_LEN(trims); i++) {
        struct slice found = slice_trim(slice_of(trims[i].text));
        cr_expect(slice_equal(found, slice_of(trims[i].trimmed)), "row %zu", i);
    }
}

Test(slice, is_taken_apart_at_separators_until_nothing_is_left)
{
    struct slice rest = SLICE("a,,b");
    cr_expect(slice_equal(slice_take_until(&rest, ','), SLICE("a")));
    cr_expect(slice_equal(slice_take_until(&rest, ','), SLICE("")));
    cr_expect(slice_equal(slice_take_until(&rest, ','), SLICE("b")));
    cr_expect_not(slice_is_set(rest));
    cr_expect_not(slice_is_set(slice_take_until(&rest, ',')));
    rest = SLICE("a,");
    (void)slice_take_until(&rest, ',');
    cr_expect(slice_is_set(rest), "an empty one comes behind the last separator");
}
