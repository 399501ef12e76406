#include "heap.h"

#include "rng.h"

#include <criterion/criterion.h>

Test(heap, yields_keys_in_ascending_order)
{
    struct heap heap;
    struct rng rng;
    int64_t last = INT64_MIN;
    rng_init(&rng, 1, 1, 1);
    heap_init(&heap, sizeof(int64_t));
    for (int i = 0; i < 5000; i++) {
        int64_t key = rng_between(&rng, -1000000, 1000000);
        heap_push(&heap, key, &key);
    }
    for (int i = 0; i < 5000; i++) {
        int64_t item;
        int64_t key = heap_first_key(&heap);
        heap_pop(&heap, &item);
        cr_assert_eq(item, key, "an item came with another one's key");
        cr_assert_geq(key, last);
        last = key;
    }
    cr_expect(heap_is_empty(&heap));
    heap_done(&heap);
}

Test(heap, keeps_the_order_of_equal_keys)
{
    struct heap heap;
    heap_init(&heap, sizeof(int));
    for (int i = 0; i < 1000; i++)
        heap_push(&heap, i % 3, &i);
    for (int key = 0; key < 3; key++) {
        for (int i = key; i < 1000; i += 3) {
            int item;
            heap_pop(&heap, &item);
            cr_assert_eq(item, i);
        }
    }
    heap_done(&heap);
}

/* Slots of items taken out are used again while others stay in. */
Test(heap, mixes_pushing_and_popping)
{
    struct heap heap;
    struct rng rng;
    size_t in = 0;
    int64_t floor = 0;
    rng_init(&rng, 1, 1, 2);
    heap_init(&heap, sizeof(int64_t));
    for (int i = 0; i < 20000; i++) {
        if (in == 0 || rng_below(&rng, 5) < 3) {
            int64_t key = floor + rng_below(&rng, 100);
            heap_push(&heap, key, &key);
            in++;
        } else {
            int64_t item;
            heap_pop(&heap, &item);
            cr_assert_geq(item, floor);
            floor = item;
            in--;
        }
    }
    cr_expect_eq(heap.count, in);
    heap_done(&heap);
}
