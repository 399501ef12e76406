#include "call_status.h"

#include "arena.h"

#include <criterion/criterion.h>

Test(call_status, brings_every_spelling_to_one_form)
{
    static const struct {
        const char *given;
        const char *normal;
    } rows[] = {
        {"completed", "completed"},
        {"Completed", "completed"},
        {"  COMPLETED\t\r\n\v\f", "completed"},
        {"in_progress", "in-progress"},
        {"In Progress", "in-progress"},
        {"in-progress", "in-progress"},
        {"answered", "in-progress"},
        {" ANSWERED ", "in-progress"},
        {"cancelled", "canceled"},
        {"Canceled", "canceled"},
        {"noanswer", "no-answer"},
        {"NoAnswer", "no-answer"},
        {"unanswered", "no-answer"},
        {"no_answer", "no-answer"},
        {"NO ANSWER", "no-answer"},
        {"started", "initiated"},
        {"a  b__c", "a--b--c"},
        {"a\tb", "a\tb"},
        {"-", "-"},
        {"_", "-"},
        {"answered by machine", "answered-by-machine"},
        {"\xC3\x89tabli", "\xC3\x89tabli"},
        {"", ""},
        {" \t ", ""},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice normal = call_status_normalize(slice_of(rows[i].given), &arena);
        cr_expect(slice_equal(normal, slice_of(rows[i].normal)), "'%s' became '%.*s'",
                  rows[i].given, (int)normal.len, normal.data);
        cr_expect(slice_is_set(normal), "'%s'", rows[i].given);
        struct slice again = call_status_normalize(normal, &arena);
        cr_expect(slice_equal(again, normal), "'%s': normalising twice differs", rows[i].given);
    }
    arena_done(&arena);
}

Test(call_status, takes_no_memory_for_what_is_normal_already)
{
    struct arena arena;
    arena_init(&arena);
    static const char text[] = "  no-answer ";
    cr_expect_eq(call_status_normalize(SLICE(text), &arena).data, text + 2);
    cr_expect_eq(arena.total_bytes, 0);
    arena_done(&arena);
}

Test(call_status, ranks_what_is_under_way_below_what_is_final)
{
    static const struct {
        const char *status;
        int rank;
    } rows[] = {
        {"queued", 0},    {"initiated", 1}, {"ringing", 2}, {"in-progress", 3},
        {"completed", 4}, {"no-answer", 4}, {"busy", 4},    {"failed", 4},
        {"anything", 4},  {"", 4},          {"Queued", 4}, /* not normalised: the caller's mistake
                                                            */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(call_status_rank(slice_of(rows[i].status)), rows[i].rank, "%s",
                     rows[i].status);
}
