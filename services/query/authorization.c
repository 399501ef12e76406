#include "authorization.h"

#include <strings.h>

static const char SCHEME[] = "Bearer";
#define SCHEME_LEN (sizeof(SCHEME) - 1)

static bool has_bearer_scheme(struct slice value)
{
    return value.len >= SCHEME_LEN && strncasecmp(value.data, SCHEME, SCHEME_LEN) == 0 &&
           (value.len == SCHEME_LEN || value.data[SCHEME_LEN] == ' ');
}

/* What stands behind the scheme and its spaces (RFC 9110, section 11.4: 1*SP). */
static struct slice token_of(struct slice value)
{
    size_t start = SCHEME_LEN;
    while (start < value.len && value.data[start] == ' ') {
        start++;
    }
    return (struct slice){value.data + start, value.len - start};
}

bool authorization_parse(struct slice value, size_t count, uint8_t out_hash[API_TOKEN_HASH_BYTES],
                         struct problem *problem)
{
    if (!slice_is_set(value) || !has_bearer_scheme(value)) {
        return problem_set(problem, PROBLEM_NO_CREDENTIALS,
                           "send the header \"Authorization: Bearer <token>\"");
    }
    if (count > 1) {
        return problem_set(problem, PROBLEM_INVALID_TOKEN, "send exactly one Authorization header");
    }
    struct slice token = token_of(value);
    if (!api_token_is_well_formed(token)) {
        return problem_set(problem, PROBLEM_INVALID_TOKEN,
                           "the bearer token is not one that this service issues: check that it "
                           "was copied whole");
    }
    api_token_hash(token, out_hash);
    return true;
}
