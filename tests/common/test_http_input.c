#include "http_input.h"

#include <criterion/criterion.h>
#include <string.h>

static void receive(struct http_input *input, const char *text)
{
    cr_assert(strlen(text) <= http_input_room(input));
    memcpy(input->data + input->end, text, strlen(text));
    input->end += strlen(text);
}

static bool holds(const struct http_input *input, const char *text)
{
    return slice_equal(http_input_slice(input), slice_of(text));
}

Test(http_input, moves_what_is_left_to_the_front)
{
    struct http_input input;
    http_input_init(&input, 8);
    receive(&input, "abcdefgh");
    cr_expect(http_input_room(&input) == 0);
    cr_expect_not(http_input_compact(&input), "nothing is used up");
    input.start += 5;
    cr_expect(http_input_len(&input) == 3);
    cr_expect(http_input_compact(&input));
    cr_expect(holds(&input, "fgh"));
    cr_expect(http_input_room(&input) == 5);
    http_input_done(&input);
}

Test(http_input, grows_to_its_maximum_and_keeps_what_it_holds)
{
    struct http_input input;
    http_input_init(&input, 8);
    receive(&input, "abcdefgh");
    cr_expect(http_input_grow(&input, 20));
    cr_expect(input.cap == 16);
    cr_expect(http_input_grow(&input, 20));
    cr_expect(input.cap == 20);
    cr_expect_not(http_input_grow(&input, 20));
    cr_expect(holds(&input, "abcdefgh"));
    http_input_reset(&input);
    cr_expect(holds(&input, ""));
    cr_expect(http_input_room(&input) == 20);
    http_input_done(&input);
}
