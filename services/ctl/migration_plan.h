/*
 * migration_plan - what has to be done to a database, from what was applied to it and what this
 * program holds. A pure function.
 */
#ifndef CALLBOARD_CTL_MIGRATION_PLAN_H
#define CALLBOARD_CTL_MIGRATION_PLAN_H

#include "error.h"
#include "macros.h"
#include "migrations.h"

#include <stdbool.h>
#include <stddef.h>

/* A row of callboard.migration. The texts are borrowed. */
struct applied_migration {
    int number;
    const char *name;
    const char *checksum;
};

/*
 * The migrations from known[*out_first] on are pending; all before were applied as they stand.
 * `applied` is in ascending order of number. Refuses (ERR_FATAL) a database newer than the program,
 * a gap in what was applied, and a migration whose file was changed after it was applied.
 */
NODISCARD bool migration_plan(const struct migration *known, size_t known_count,
                              const struct applied_migration *applied, size_t applied_count,
                              size_t *out_first, struct error *err);

#endif
