#include "call_filter.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#define CALLS 300000 /* several parts */

static struct object_id id_of(uint32_t number)
{
    struct object_id id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    return id;
}

Test(call_filter, knows_every_call_that_was_added_and_hardly_any_other)
{
    struct call_filter *filter = call_filter_new();
    for (uint32_t i = 0; i < CALLS; i++) {
        struct object_id id = id_of(i);
        call_filter_add(filter, &id);
    }
    size_t missing = 0;
    size_t mistaken = 0;
    for (uint32_t i = 0; i < CALLS; i++) {
        struct object_id added = id_of(i);
        struct object_id other = id_of(CALLS + i);
        missing += !call_filter_may_have(filter, &added);
        mistaken += call_filter_may_have(filter, &other);
    }
    cr_assert_eq(missing, 0, "%zu calls were added, and are said not to be there", missing);
    /* One in a hundred million is expected, two of 300,000 once in a hundred thousand runs. */
    cr_assert_leq(mistaken, 1, "%zu calls were never added, and look as if they were", mistaken);
    call_filter_free(&filter);
    cr_assert_null(filter);
}

Test(call_filter, says_no_while_it_is_empty)
{
    struct call_filter *filter = call_filter_new();
    struct object_id id = id_of(1);
    cr_assert_not(call_filter_may_have(filter, &id));
    call_filter_free(&filter);
}

Test(call_filter, grows_in_proportion)
{
    struct call_filter *filter = call_filter_new();
    cr_assert_leq(call_filter_bytes(filter), 8192, "an empty one is small");
    for (uint32_t i = 0; i < CALLS; i++) {
        struct object_id id = id_of(i);
        call_filter_add(filter, &id);
    }
    cr_assert_leq(call_filter_bytes(filter), 12 * CALLS);
    size_t before = call_filter_bytes(filter);
    for (uint32_t i = 0; i < 1000; i++) {
        struct object_id again = id_of(7);
        call_filter_add(filter, &again);
    }
    cr_assert_leq(call_filter_bytes(filter), before + 65536, "the same call again takes nothing");
    call_filter_free(&filter);
}
