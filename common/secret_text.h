/*
 * secret_text - hides the secrets within a text that is going to be shown: passwords in connection
 * strings and URLs, and the values of keys that say they are secret (password, passphrase, token,
 * client.secret, key.pem, ...; in any case).
 */
#ifndef CALLBOARD_SECRET_TEXT_H
#define CALLBOARD_SECRET_TEXT_H

#include "buf.h"

#define SECRET_HIDDEN "***" /* what stands in a secret's place */

/* How far the value of a secret key reaches. */
enum secret_extent {
    SECRET_TO_BLANK, /* as in a connection string: up to a blank, or '&' in a URL, unless quoted */
    SECRET_TO_END,   /* the text is one `key=value`, as in `-X sasl.password=a b` */
};

/* Appends `text` with SECRET_HIDDEN for each secret. When in doubt, it hides more. */
void secret_text_append(struct buf *out, const char *text, enum secret_extent extent);

#endif
