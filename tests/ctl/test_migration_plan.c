#include "migration_plan.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct migration known[] = {
    {1, "first", "aa", ""}, {2, "second", "bb", ""}, {3, "third", "cc", ""}};

static const struct {
    const char *name;
    struct applied_migration applied[5];
    size_t applied_count;
    size_t known_count;
    int first;           /* -1: refused */
    const char *problem; /* a part of the message */
} cases[] = {
    {"empty database", {{0}}, 0, 3, 0, NULL},
    {"one applied", {{1, "first", "aa"}}, 1, 3, 1, NULL},
    {"all applied", {{1, "first", "aa"}, {2, "second", "bb"}, {3, "third", "cc"}}, 3, 3, 3, NULL},
    {"a name alone may change", {{1, "renamed", "aa"}}, 1, 3, 1, NULL},
    {"newer", {{1, "first", "aa"}, {2, "second", "bb"}, {3, "third", "cc"}}, 3, 2, -1, "newer"},
    {"newer by far", {{9, "ninth", "ii"}}, 1, 3, -1, "newer"},
    {"first was edited", {{1, "first", "a0"}}, 1, 3, -1, "migration 001 (first) was changed"},
    {"second was edited",
     {{1, "first", "aa"}, {2, "second", "b0"}, {3, "third", "cc"}},
     3,
     3,
     -1,
     "migration 002 (second) was changed"},
    {"last was edited",
     {{1, "first", "aa"}, {2, "second", "bb"}, {3, "third", "CC"}},
     3,
     3,
     -1,
     "migration 003 (third) was changed"},
    {"gap at the start", {{2, "second", "bb"}}, 1, 3, -1, "migration 001 is missing"},
    {"gap in the middle",
     {{1, "first", "aa"}, {3, "third", "cc"}},
     2,
     3,
     -1,
     "migration 002 is missing"},
    {"number below the first", {{0, "zeroth", "zz"}, {1, "first", "aa"}}, 2, 3, -1, "missing"},
};

Test(migration_plan, says_what_is_pending_or_why_not)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        size_t first = 99;
        bool ok = migration_plan(known, cases[i].known_count, cases[i].applied,
                                 cases[i].applied_count, &first, &err);
        cr_expect(ok == (cases[i].first >= 0), "%s: %s", cases[i].name, err.text);
        if (ok)
            cr_expect(first == (size_t)cases[i].first, "%s: %zu", cases[i].name, first);
        else
            cr_expect(cases[i].problem && strstr(err.text, cases[i].problem), "%s: %s",
                      cases[i].name, err.text);
    }
}

Test(migrations, of_this_build_are_numbered_from_one_without_gaps)
{
    cr_assert(migrations_count > 0);
    for (size_t i = 0; i < migrations_count; i++) {
        cr_expect_eq(migrations[i].number, (int)i + 1);
        cr_expect_eq(strlen(migrations[i].checksum), 64, "%s", migrations[i].name);
        cr_expect(strlen(migrations[i].sql) > 0, "%s", migrations[i].name);
    }
}
