/*
 * migrations - deploy/schema/NNN_name.sql as the build put them into this program.
 */
#ifndef CALLBOARD_CTL_MIGRATIONS_H
#define CALLBOARD_CTL_MIGRATIONS_H

#include <stddef.h>

struct migration {
    int number; /* from 1, without gaps */
    const char *name;
    const char *checksum; /* SHA-256 of the file, lower-case hex */
    const char *sql;      /* may be several statements; without transaction control */
};

extern const struct migration migrations[];
extern const size_t migrations_count;

#endif
