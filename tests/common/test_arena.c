#include "arena.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <stdint.h>

#define KIB ((size_t)1024)

Test(arena, aligns_every_allocation_to_16)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < 20000; i++) {
        size_t size = i * 37 % 211;
        uintptr_t at = (uintptr_t)arena_alloc(&arena, size);
        cr_assert(at != 0, "allocation %zu", i);
        cr_assert(at % 16 == 0, "allocation %zu", i);
        cr_assert(arena.at <= arena.end, "allocation %zu goes over its block's end", i);
        (void)arena_text(&arena, i % 7);
        cr_assert(arena.at <= arena.end, "text %zu goes over its block's end", i);
    }
    arena_done(&arena);
}

/* Every allocation is filled with its own byte: none may lie over another. */
Test(arena, hands_out_memory_that_does_not_overlap)
{
    enum { COUNT = 3000 };
    struct arena arena;
    uint8_t *allocations[COUNT];
    size_t sizes[COUNT];
    arena_init(&arena);
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = i % 500 == 499 ? 400 * KIB : i * 37 % 900;
        allocations[i] =
            i % 2 ? arena_alloc(&arena, sizes[i]) : (uint8_t *)arena_text(&arena, sizes[i]);
        memset(allocations[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < sizes[i]; j++) {
            cr_assert(allocations[i][j] == i % 251, "allocation %zu, byte %zu", i, j);
        }
    }
    arena_done(&arena);
}

static size_t bytes_added(struct arena *arena, size_t size)
{
    size_t before = arena->total_bytes;
    (void)arena_alloc(arena, size);
    return arena->total_bytes - before;
}

Test(arena, grows_its_blocks_from_16_KiB_to_1_MiB)
{
    static const size_t expected[] = {16 * KIB,  32 * KIB,  64 * KIB,   128 * KIB,
                                      256 * KIB, 512 * KIB, 1024 * KIB, 1024 * KIB};
    struct arena arena;
    size_t seen = 0;
    arena_init(&arena);
    cr_expect(arena.total_bytes == 0, "nothing is held before it is asked for");
    while (seen < ARRAY_LEN(expected)) {
        size_t added = bytes_added(&arena, 1 * KIB);
        if (added > 0) {
            cr_assert(added == expected[seen], "block %zu has %zu bytes", seen, added);
            seen++;
        }
    }
    arena_done(&arena);
}

Test(arena, makes_a_first_block_that_is_large_enough)
{
    struct arena arena;
    arena_init(&arena);
    cr_expect(bytes_added(&arena, 100 * KIB) == 512 * KIB);
    cr_expect(bytes_added(&arena, 100 * KIB) == 0, "the same block has room for more");
    arena_done(&arena);
}

Test(arena, gives_an_oversize_allocation_a_block_of_its_own)
{
    struct arena arena;
    arena_init(&arena);
    char *small = arena_alloc(&arena, 16);
    size_t own = bytes_added(&arena, 300 * KIB);
    cr_expect(own >= 300 * KIB && own < 301 * KIB, "%zu bytes", own);
    char *next = arena_alloc(&arena, 16);
    cr_expect(next == small + 16, "the block being filled goes on being filled");
    cr_expect(bytes_added(&arena, 3 * 1024 * KIB) < 3073 * KIB, "beyond the largest block too");
    arena_done(&arena);
}

Test(arena, begins_with_an_oversize_allocation_as_well)
{
    struct arena arena;
    arena_init(&arena);
    memset(arena_alloc(&arena, 300 * KIB), 1, 300 * KIB);
    memset(arena_alloc(&arena, 16), 2, 16);
    memset(arena_alloc(&arena, 300 * KIB), 3, 300 * KIB);
    arena_done(&arena);
    (void)arena_alloc(&arena, 300 * KIB);
    arena_reset(&arena);
    cr_expect(arena.total_bytes == 0, "an oversize block is not kept");
    arena_done(&arena);
}

Test(arena, keeps_one_block_on_reset)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < 100; i++) {
        (void)arena_alloc(&arena, 1 * KIB);
    }
    (void)arena_alloc(&arena, 300 * KIB);
    arena_reset(&arena);
    cr_expect(arena.total_bytes == 64 * KIB, "the newest, which is the largest: %zu",
              arena.total_bytes);
    for (size_t i = 0; i < 63; i++) {
        cr_expect(bytes_added(&arena, 1 * KIB) == 0, "all of it is used again: %zu KiB", i);
    }
    arena_done(&arena);
    cr_expect(arena.total_bytes == 0);
}

Test(arena, may_be_used_again_after_done)
{
    struct arena arena;
    arena_init(&arena);
    arena_reset(&arena);
    (void)arena_alloc(&arena, 10);
    arena_done(&arena);
    arena_done(&arena);
    memset(arena_alloc(&arena, 10), 1, 10);
    arena_done(&arena);
}

Test(arena, zeroes_memory_that_was_used_before)
{
    static const char zeroes[100];
    struct arena arena;
    arena_init(&arena);
    memset(arena_alloc(&arena, sizeof(zeroes)), 0xFF, sizeof(zeroes));
    arena_reset(&arena);
    cr_expect_arr_eq(arena_alloc_zeroed(&arena, sizeof(zeroes)), zeroes, sizeof(zeroes));
    arena_done(&arena);
}

Test(arena, copies_slices_and_keeps_the_absent_one_absent)
{
    char text[] = "some text";
    struct arena arena;
    arena_init(&arena);
    struct slice copy = arena_copy(&arena, slice_of(text));
    memset(text, 'x', sizeof(text) - 1);
    cr_expect(slice_equal(copy, SLICE("some text")));
    cr_expect_not(slice_is_set(arena_copy(&arena, SLICE_NONE)));
    struct slice empty = arena_copy(&arena, SLICE(""));
    cr_expect(slice_is_set(empty) && empty.len == 0);
    arena_done(&arena);
}

Test(arena, takes_back_what_a_text_did_not_need)
{
    struct arena arena;
    arena_init(&arena);
    char *first = arena_text(&arena, 1000);
    memcpy(first, "abc", 3);
    arena_trim(&arena, first + 3);
    char *second = arena_text(&arena, 10);
    cr_expect(second == first + 3, "texts stand one behind the other");
    arena_trim(&arena, second);
    cr_expect(arena_text(&arena, 1) == second, "all of it may be given back");
    arena_done(&arena);
}

Test(arena, takes_nothing_back_from_a_block_of_its_own)
{
    struct arena arena;
    arena_init(&arena);
    char *small = arena_text(&arena, 10);
    char *large = arena_text(&arena, 300 * KIB);
    arena_trim(&arena, large + 5);
    memset(large, 1, 5);
    cr_expect(arena_text(&arena, 10) == small + 10);
    arena_done(&arena);
}
