/*
 * markup - plain texts written into HTML.
 */
#ifndef CALLBOARD_QUERY_MARKUP_H
#define CALLBOARD_QUERY_MARKUP_H

#include "buf.h"
#include "slice.h"

/* The text as content or as the value of a quoted attribute. */
void markup_append_escaped(struct buf *out, struct slice text);
/* The same; what stands between two backquotes becomes <code>, as in CommonMark. */
void markup_append_prose(struct buf *out, const char *text);
/* The same of JSON text: names are in <span class="k">, strings in <span class="s">. */
void markup_append_json(struct buf *out, struct slice json);

#endif
