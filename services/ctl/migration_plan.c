#include "migration_plan.h"

#include <string.h>

static bool is_not_newer(const struct migration *known, size_t known_count,
                         const struct applied_migration *applied, size_t applied_count,
                         struct error *err)
{
    int newest_known = known_count > 0 ? known[known_count - 1].number : 0;
    int newest = applied_count > 0 ? applied[applied_count - 1].number : 0;
    return newest <= newest_known ||
           error_set(err, ERR_FATAL,
                     "the database is at schema version %d, newer than this program, which knows "
                     "%d: use the program that migrated it, or a newer one",
                     newest, newest_known);
}

static bool is_as_known(const struct migration *known, const struct applied_migration *applied,
                        struct error *err)
{
    if (applied->number != known->number)
        return error_set(err, ERR_FATAL,
                         "migration %03d is missing in the database although %03d was applied: "
                         "callboard.migration was tampered with",
                         known->number, applied->number);
    if (strcmp(applied->checksum, known->checksum) != 0)
        return error_set(err, ERR_FATAL,
                         "migration %03d (%s) was changed after it had been applied to this "
                         "database: restore the file and put the change into a new migration",
                         known->number, applied->name);
    return true;
}

bool migration_plan(const struct migration *known, size_t known_count,
                    const struct applied_migration *applied, size_t applied_count,
                    size_t *out_first, struct error *err)
{
    if (!is_not_newer(known, known_count, applied, applied_count, err))
        return false;
    /* Numbers are unique and ascending, so `applied` cannot be longer than what is known. */
    for (size_t i = 0; i < applied_count; i++) {
        if (!is_as_known(&known[i], &applied[i], err))
            return false;
    }
    *out_first = applied_count;
    return true;
}
