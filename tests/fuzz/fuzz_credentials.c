/*
 * fuzz_credentials - the values of Authorization, If-None-Match and If-Match, as a client may write
 * them.
 *
 * The first line of the input is the one, the second the other. A token is accepted exactly where
 * the RFC's grammar and the token's own form say so; a tag is found exactly where it stands.
 */
#include "authorization.h"
#include "buf.h"
#include "etag.h"
#include "fuzz_input.h"

#include <strings.h>

/* --- Authorization --------------------------------------------------------------------------- */

/* RFC 9110, 11.4: the scheme, at least one space, and, at the end, a token. */
static bool has_token(struct slice value, struct slice *out)
{
    static const struct slice scheme = SLICE("bearer ");
    if (value.len < scheme.len + API_TOKEN_LEN) {
        return false;
    }
    size_t spaces = value.len - API_TOKEN_LEN;
    *out = (struct slice){value.data + spaces, API_TOKEN_LEN};
    while (spaces > scheme.len && value.data[spaces - 1] == ' ') {
        spaces--;
    }
    return spaces == scheme.len && strncasecmp(value.data, scheme.data, scheme.len) == 0;
}

static void check_authorization(struct slice value)
{
    uint8_t hash[API_TOKEN_HASH_BYTES];
    uint8_t wanted[API_TOKEN_HASH_BYTES];
    struct problem problem = {.detail = ""};
    struct slice token;
    bool is_good = has_token(value, &token) && api_token_is_well_formed(token);
    require(authorization_parse(value, 1, hash, &problem) == is_good);
    if (!is_good) {
        require(problem_status(problem.kind) == 401 && problem.detail[0] != '\0');
        return;
    }
    api_token_hash(token, wanted);
    require(memcmp(hash, wanted, sizeof(hash)) == 0);
    require(!authorization_parse(value, 2, hash, &problem));
}

/* --- If-None-Match --------------------------------------------------------------------------- */

static const struct etag tag = {"\"0123456789abcdef0123456789abcdef\""};

static bool contains(struct slice text, struct slice part)
{
    return text.len > 0 && memmem(text.data, text.len, part.data, part.len) != NULL;
}

static bool etag_is_in(struct slice before, const char *between, struct slice behind)
{
    struct buf list;
    buf_init(&list, (size_t)1 << 20);
    buf_append_slice(&list, before);
    buf_append_text(&list, between);
    buf_append_slice(&list, behind);
    bool is_named = etag_is_named_by(buf_slice(&list), &tag);
    buf_done(&list);
    return is_named;
}

static void check_if_none_match(struct slice value)
{
    static const struct slice wanted = SLICE("\"0123456789abcdef0123456789abcdef\"");
    bool is_named = etag_is_named_by(value, &tag);
    require(!is_named || slice_equal(value, SLICE("*")) || contains(value, wanted));
    require(is_named || !etag_is_allowed_by(value, &tag)); /* strongly equal is weakly equal */
    /* What comes behind the tag does not undo it. */
    require(etag_is_in(SLICE("\"x\", "), tag.text, value));
    require(!is_named || slice_equal(value, SLICE("*")) || etag_is_in(value, ", ", value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    struct slice rest = {copy, size};
    check_authorization(fuzz_take_until(&rest, '\n'));
    check_if_none_match(rest);
    free(copy);
    return 0;
}
