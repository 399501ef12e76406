#include "api_token.h"

#include <criterion/criterion.h>
#include <string.h>

/* The checksum worked out with Python: zlib.crc32(b"cbt_0123456789ABCDEFGHIJKLMNOPQRSTUV"). */
#define KNOWN "cbt_0123456789ABCDEFGHIJKLMNOPQRSTUV3oe6w9"
#define KNOWN_PADDED "cbt_0000000000000000000000000000026900mCmY"

static const struct {
    const char *name;
    const char *text;
    bool is_well_formed;
} forms[] = {
    {"known", KNOWN, true},
    {"checksum with a leading zero", KNOWN_PADDED, true},
    {"empty", "", false},
    {"prefix alone", "cbt_", false},
    {"one character short", "cbt_0123456789ABCDEFGHIJKLMNOPQRSTU3oe6w9", false},
    {"one character long", KNOWN "0", false},
    {"another prefix", "ghp_0123456789ABCDEFGHIJKLMNOPQRSTUV3oe6w9", false},
    {"not of the alphabet", "cbt_0123456789ABCDEFGHIJKLMNOPQRST-V113pmF", false},
};

Test(api_token, knows_its_form)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        cr_expect(api_token_is_well_formed(slice_of(forms[i].text)) == forms[i].is_well_formed,
                  "%s", forms[i].name);
    cr_expect_not(api_token_is_well_formed(SLICE_NONE), "not there");
}

Test(api_token, detects_any_single_changed_character)
{
    static const char characters[] = "09AZaz_-\x01\x7f";
    for (size_t at = 0; at < API_TOKEN_LEN; at++) {
        for (const char *other = characters; *other; other++) {
            char text[] = KNOWN;
            if (text[at] == *other)
                continue;
            text[at] = *other;
            cr_expect_not(api_token_is_well_formed(slice_of(text)), "%s", text);
        }
    }
}

Test(api_token, detects_a_nul_within)
{
    char text[] = KNOWN;
    text[10] = '\0';
    cr_expect_not(api_token_is_well_formed((struct slice){text, API_TOKEN_LEN}));
}

Test(api_token, makes_well_formed_tokens_that_differ)
{
    char first[API_TOKEN_LEN + 1];
    char second[API_TOKEN_LEN + 1];
    struct error err;
    cr_assert(api_token_new(first, &err), "%s", err.text);
    cr_assert(api_token_new(second, &err), "%s", err.text);
    cr_expect_eq(strlen(first), API_TOKEN_LEN);
    cr_expect(api_token_is_well_formed(slice_of(first)), "%s", first);
    cr_expect(api_token_is_well_formed(slice_of(second)), "%s", second);
    cr_expect_str_neq(first, second);
}

/* 4000 tokens draw 128,000 characters: each of 62 is expected 2065 times, with a deviation of 45. A
 * biased draw (256 is no multiple of 62) would give the first eight a quarter more. */
Test(api_token, draws_each_character_equally_often)
{
    int seen[256] = {0};
    struct error err;
    for (int i = 0; i < 4000; i++) {
        char token[API_TOKEN_LEN + 1];
        cr_assert(api_token_new(token, &err), "%s", err.text);
        for (int at = 4; at < 36; at++)
            seen[(unsigned char)token[at]]++;
    }
    for (const char *c = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"; *c; c++)
        cr_expect(seen[(unsigned char)*c] > 1750 && seen[(unsigned char)*c] < 2380, "%c: %d", *c,
                  seen[(unsigned char)*c]);
}

Test(api_token, hashes_with_sha_256)
{
    /* FIPS 180-2, appendix B.1: SHA-256 of "abc". */
    static const uint8_t of_abc[API_TOKEN_HASH_BYTES] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t hash[API_TOKEN_HASH_BYTES];
    api_token_hash(SLICE("abc"), hash);
    cr_expect(memcmp(hash, of_abc, sizeof(hash)) == 0);
}
