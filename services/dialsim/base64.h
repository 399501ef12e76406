/* base64 - RFC 4648, section 4: the standard alphabet, padded. */
#ifndef CALLBOARD_DIALSIM_BASE64_H
#define CALLBOARD_DIALSIM_BASE64_H

#include "buf.h"
#include "macros.h"
#include "slice.h"

#include <stdbool.h>

void base64_append(struct buf *out, struct slice bytes);
/* Appends what `text` stands for. False when it is no such text; `out` may then hold a part of it.
 */
NODISCARD bool base64_decode(struct slice text, struct buf *out);

#endif
