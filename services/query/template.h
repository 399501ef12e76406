/*
 * template - texts with places to be filled: `{{name}}` stands for what the slot of that name
 * appends. Nothing is escaped: a slot knows where it stands.
 */
#ifndef CALLBOARD_QUERY_TEMPLATE_H
#define CALLBOARD_QUERY_TEMPLATE_H

#include "buf.h"
#include "slice.h"

#include <stddef.h>

struct template_slot {
    const char *name;
    void (*append)(struct buf *out, const void *arg);
};

/* Appends the text with its places filled; `arg` is handed to the slots. Every name in the text is
 * one of a slot. */
void template_append(struct buf *out, struct slice text, const struct template_slot *slots,
                     size_t slot_count, const void *arg);

#endif
