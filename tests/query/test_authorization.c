#include "authorization.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char token[API_TOKEN_LEN + 1];

static void make_token(void)
{
    struct error err;
    cr_assert(api_token_new(token, &err), "%s", err.text);
}

TestSuite(authorization, .init = make_token);

/* The value of the header: a well-formed token between two texts. */
static struct slice value_of(const char *before, bool has_token, const char *after, char out[128])
{
    snprintf(out, 128, "%s%s%s", before, has_token ? token : "", after);
    return slice_of(out);
}

struct accepted_case {
    const char *name;
    const char *before;
};

static const struct accepted_case accepted[] = {
    {"as written", "Bearer "},
    {"scheme in lower case", "bearer "},
    {"scheme in upper case", "BEARER "},
    {"several spaces", "Bearer   "},
};

Test(authorization, hashes_the_token_of_well_formed_credentials)
{
    uint8_t wanted[API_TOKEN_HASH_BYTES];
    api_token_hash(slice_of(token), wanted);
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        char value[128];
        struct slice header = value_of(accepted[i].before, true, "", value);
        uint8_t hash[API_TOKEN_HASH_BYTES] = {0};
        struct problem problem;
        cr_expect(authorization_parse(header, 1, hash, &problem), "%s", accepted[i].name);
        cr_expect_arr_eq(hash, wanted, sizeof(hash), "%s", accepted[i].name);
    }
}

struct refused_case {
    const char *name;
    const char *before; /* NULL: no header */
    bool has_token;
    const char *after;
    size_t count;
    enum problem_kind kind;
};

static const struct refused_case refused[] = {
    {"no header", NULL, false, "", 0, PROBLEM_NO_CREDENTIALS},
    {"empty header", "", false, "", 1, PROBLEM_NO_CREDENTIALS},
    {"another scheme", "Basic ", true, "", 1, PROBLEM_NO_CREDENTIALS},
    {"no scheme", "", true, "", 1, PROBLEM_NO_CREDENTIALS},
    {"scheme run into the token", "Bearer", true, "", 1, PROBLEM_NO_CREDENTIALS},
    {"a scheme that begins alike", "BearerX ", true, "", 1, PROBLEM_NO_CREDENTIALS},
    {"scheme alone", "Bearer", false, "", 1, PROBLEM_INVALID_TOKEN},
    {"scheme and space", "Bearer ", false, "", 1, PROBLEM_INVALID_TOKEN},
    {"something behind the token", "Bearer ", true, " x", 1, PROBLEM_INVALID_TOKEN},
    {"a parameter list", "Bearer token=\"", true, "\"", 1, PROBLEM_INVALID_TOKEN},
    {"a tab in between", "Bearer \t", true, "", 1, PROBLEM_INVALID_TOKEN},
    {"two headers", "Bearer ", true, "", 2, PROBLEM_INVALID_TOKEN},
};

Test(authorization, refuses_what_cannot_be_a_token)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const struct refused_case *row = &refused[i];
        char value[128];
        struct slice header = SLICE_NONE;
        if (row->before) {
            header = value_of(row->before, row->has_token, row->after, value);
        }
        uint8_t hash[API_TOKEN_HASH_BYTES];
        struct problem problem;
        cr_assert_not(authorization_parse(header, row->count, hash, &problem), "%s", row->name);
        cr_expect_eq(problem.kind, row->kind, "%s: kind %d", row->name, problem.kind);
    }
}

Test(authorization, refuses_a_token_with_one_character_changed)
{
    char value[128];
    snprintf(value, sizeof(value), "Bearer %s", token);
    size_t last = strlen(value) - 1;
    value[last] = value[last] == 'a' ? 'b' : 'a';
    uint8_t hash[API_TOKEN_HASH_BYTES];
    struct problem problem;
    cr_assert_not(authorization_parse(slice_of(value), 1, hash, &problem));
    cr_expect_eq(problem.kind, PROBLEM_INVALID_TOKEN);
}
