#include "template.h"

#include <assert.h>
#include <string.h>

#define MARK_LEN 2 /* of "{{" and of "}}" */

static const struct template_slot *find_slot(struct slice name, const struct template_slot *slots,
                                             size_t slot_count)
{
    for (size_t i = 0; i < slot_count; i++) {
        if (slice_equal(name, slice_of(slots[i].name))) {
            return &slots[i];
        }
    }
    return NULL;
}

/* Takes what stands before the mark off the front, and the mark with it; all of the text where
 * there is none. */
static struct slice take_until_mark(struct slice *text, const char *mark)
{
    const char *at = memmem(text->data, text->len, mark, MARK_LEN);
    struct slice before = {text->data, at ? (size_t)(at - text->data) : text->len};
    size_t taken = before.len + (at ? MARK_LEN : 0);
    *text = (struct slice){text->data + taken, text->len - taken};
    return before;
}

void template_append(struct buf *out, struct slice text, const struct template_slot *slots,
                     size_t slot_count, const void *arg)
{
    while (text.len > 0) {
        buf_append_slice(out, take_until_mark(&text, "{{"));
        if (text.len == 0) {
            return;
        }
        const struct template_slot *slot =
            find_slot(take_until_mark(&text, "}}"), slots, slot_count);
        assert(slot);
        if (slot) {
            slot->append(out, arg);
        }
    }
}
