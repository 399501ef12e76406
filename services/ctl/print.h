/*
 * print - what the commands write to standard output, for programs (JSON lines) and for people.
 */
#ifndef CALLBOARD_CTL_PRINT_H
#define CALLBOARD_CTL_PRINT_H

#include "buf.h"
#include "slice.h"
#include "time_spec.h"

#include <stddef.h>

/* More than any dead letter written out in full takes. */
#define PRINT_LINE_MAX ((size_t)1 << 30)

/* An object's member: name and colon, with a comma before all but the first. */
void print_json_name(struct buf *buf, const char *name);
/* The time in quotes, or null. */
void print_json_time(struct buf *buf, struct optional_time time);

/* A time for people, or "-". */
void print_time(struct buf *buf, struct optional_time time);
/*
 * Bytes that a terminal may be shown: control characters (also those of U+0080 to U+009F), and
 * every byte above 127 unless the whole is UTF-8, as \xNN; \n, \r, \t and \\ as such. Reversible.
 */
void print_escaped(struct buf *buf, struct slice bytes);

/* Writes the bytes and a line feed to standard output, and empties the buffer. */
void print_line(struct buf *buf);

#endif
