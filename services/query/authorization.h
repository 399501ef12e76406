/*
 * authorization - the bearer token of a request (RFC 6750, section 2.1).
 *
 * Decides what can be decided without the database: whether credentials came, and whether they can
 * be a token at all. Whether the token is valid, and what it may see, is part of the page's
 * statement.
 */
#ifndef CALLBOARD_QUERY_AUTHORIZATION_H
#define CALLBOARD_QUERY_AUTHORIZATION_H

#include "api_token.h"
#include "macros.h"
#include "problem.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses the field value of `Authorization` (SLICE_NONE when absent), of which the request had
 * `count`, and hashes the token. False: PROBLEM_NO_CREDENTIALS or PROBLEM_INVALID_TOKEN. */
NODISCARD bool authorization_parse(struct slice value, size_t count,
                                   uint8_t out_hash[API_TOKEN_HASH_BYTES], struct problem *problem);

#endif
