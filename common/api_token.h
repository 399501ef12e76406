/*
 * api_token - the text of a bearer token.
 *
 * `cbt_`, 32 random characters of 0-9A-Za-z (190 bits), and the CRC-32 of those 36 characters as
 * six more of the same alphabet, most significant first. The prefix and the checksum let a secret
 * scanner recognise a leaked token, and tell it from a look-alike, without asking anybody. The
 * idea is GitHub's:
 * https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
 *
 * The database holds only the SHA-256 of a token's text: the text is random enough for a plain
 * hash (there is nothing to guess), and one look-up by hash finds its row.
 */
#ifndef CALLBOARD_API_TOKEN_H
#define CALLBOARD_API_TOKEN_H

#include "error.h"
#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stdint.h>

#define API_TOKEN_LEN 42
#define API_TOKEN_HASH_BYTES 32
/* The first characters of a token name it in lists and logs; 142 random bits stay unknown. */
#define API_TOKEN_ID_LEN 12
#define API_TOKEN_OWNER_MAX 128 /* bytes, as an event's ownerId */

/* Whether the text has a token's form: length, prefix, alphabet and checksum. */
bool api_token_is_well_formed(struct slice text);

/* SHA-256 of the text, well-formed or not. */
void api_token_hash(struct slice text, uint8_t out[API_TOKEN_HASH_BYTES]);

/* Writes a new random token and a NUL. ERR_FATAL when the system gives no random bytes. */
NODISCARD bool api_token_new(char out[API_TOKEN_LEN + 1], struct error *err);

#endif
