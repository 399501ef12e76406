#include "object_id.h"

#include <criterion/criterion.h>

#define ID "682604a0b7e31c1fA9F0c7d3"

Test(object_id, reads_either_case_and_writes_lower_case)
{
    struct object_id id;
    char text[OBJECT_ID_HEX];
    cr_assert(object_id_parse(SLICE(ID), &id));
    const uint8_t expected[] = {0x68, 0x26, 0x04, 0xa0, 0xb7, 0xe3,
                                0x1c, 0x1f, 0xa9, 0xf0, 0xc7, 0xd3};
    cr_expect_arr_eq(id.bytes, expected, sizeof(expected));
    object_id_format(&id, text);
    cr_expect_arr_eq(text, "682604a0b7e31c1fa9f0c7d3", OBJECT_ID_HEX);
}

static const struct {
    const char *name;
    struct slice text;
} refused[] = {
    {"absent", {NULL, 0}},
    {"empty", {"", 0}},
    {"23 digits", {ID, 23}},
    {"25 digits", {ID "0", 25}},
    {"a blank before", {" " ID, 24}},
    {"0x before", {"0x2604a0b7e31c1fA9F0c7d3", 24}},
    {"a NUL within", {"682604a0b7e3\0c1fA9F0c7d3", 24}},
    {"a sign", {"+82604a0b7e31c1fA9F0c7d3", 24}},
};

Test(object_id, refuses_what_is_not_24_hex_digits)
{
    struct object_id id;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        cr_expect_not(object_id_parse(refused[i].text, &id), "%s", refused[i].name);
    }
}

/* Every byte at every place: a digit has its value, anything else is refused. */
Test(object_id, knows_every_byte_at_every_place)
{
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";
    for (size_t place = 0; place < OBJECT_ID_HEX; place++) {
        for (int byte = 1; byte < 256; byte++) {
            char text[] = "000000000000000000000000";
            struct object_id id;
            text[place] = (char)byte;
            const char *digit = strchr(lower, byte) ? strchr(lower, byte) : NULL;
            ptrdiff_t value = digit ? digit - lower : -1;
            digit = strchr(upper, byte);
            value = digit ? digit - upper : value;
            bool accepted = object_id_parse(slice_of(text), &id);
            cr_assert(accepted == (value >= 0), "byte %d at %zu", byte, place);
            int got = accepted ? id.bytes[place / 2] >> (place % 2 ? 0 : 4) : -1;
            cr_assert(got == (int)value, "byte %d at %zu is %d", byte, place, got);
        }
    }
}

Test(object_id, orders_by_bytes)
{
    const struct object_id low = {{0, 0xFF}};
    const struct object_id high = {{1}};
    cr_expect(object_id_compare(&low, &high) < 0);
    cr_expect(object_id_compare(&high, &low) > 0);
    cr_expect(object_id_compare(&low, &low) == 0);
}
