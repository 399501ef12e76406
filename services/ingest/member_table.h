/*
 * member_table - finds a JSON key among a few known names.
 */
#ifndef CALLBOARD_INGEST_MEMBER_TABLE_H
#define CALLBOARD_INGEST_MEMBER_TABLE_H

#include "jsonscan.h"
#include "slice.h"

#include <stddef.h>

#define MEMBER_NAME_MAX 16 /* bytes; ASCII */

/* The index of the key (escapes resolved) among `names`, or `count`. */
size_t member_table_find(const struct slice *names, size_t count, const struct jsonscan_value *key);

#endif
