#include "etag.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct etag_hasher *hasher;

static void set_up(void)
{
    hasher = etag_hasher_new();
}

static void tear_down(void)
{
    etag_hasher_free(&hasher);
}

TestSuite(etag, .init = set_up, .fini = tear_down);

Test(etag, is_the_first_half_of_the_sha_256_in_quotes)
{
    /* FIPS 180-2, appendix B.1. */
    struct etag etag = etag_of(hasher, SLICE("abc"));
    cr_expect_str_eq(etag.text, "\"ba7816bf8f01cfea414140de5dae2223\"");
    cr_expect_eq(strlen(etag.text), ETAG_LEN);
}

Test(etag, depends_on_the_body_alone)
{
    struct etag first = etag_of(hasher, SLICE("one body"));
    struct etag other = etag_of(hasher, SLICE("one bodz"));
    struct etag again = etag_of(hasher, SLICE("one body"));
    cr_expect_str_eq(first.text, again.text);
    cr_expect_str_neq(first.text, other.text);
}

/* In `value`, T stands for the tag that is asked about. */
struct match_case {
    const char *value; /* NULL: no header */
    bool is_named;     /* as If-None-Match */
    bool is_allowed;   /* as If-Match */
};

static const struct match_case cases[] = {
    {NULL, false, true},
    {"", false, false},
    {"T", true, true},
    {"W/T", true, false},
    {"*", true, true},
    {"\"other\"", false, false},
    {"\"other\", T", true, true},
    {"\"other\",T", true, true},
    {"\"a,b\" ,\t W/\"c\",, T", true, true},
    {"T, \"other\"", true, true},
    {"\"\", T", true, true},
    {"w/T", false, false},
    {"ba7816bf8f01cfea414140de5dae2223", false, false},
    {"\"ba7816bf8f01cfea414140de5dae2223", false, false},
    {"\"ba7816bf8f01cfea414140de5dae222\"", false, false},
    {"\"BA7816BF8F01CFEA414140DE5DAE2223\"", false, false},
    {"W/", false, false},
    {"\"", false, false},
    {"junk T", false, false},
    {"W/T, T", true, true},
};

static struct slice with_tag(const char *value, const struct etag *etag, char *out, size_t size)
{
    size_t len = 0;
    for (; *value; value++) {
        int added = *value == 'T' ? snprintf(out + len, size - len, "%s", etag->text)
                                  : snprintf(out + len, size - len, "%c", *value);
        len += (size_t)added;
    }
    return (struct slice){out, len};
}

Test(etag, is_matched_within_a_list)
{
    struct etag etag = etag_of(hasher, SLICE("abc"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        struct slice value =
            cases[i].value ? with_tag(cases[i].value, &etag, text, sizeof(text)) : SLICE_NONE;
        const char *name = cases[i].value ? cases[i].value : "(none)";
        cr_expect_eq(etag_is_named_by(value, &etag), cases[i].is_named, "%s", name);
        cr_expect_eq(etag_is_allowed_by(value, &etag), cases[i].is_allowed, "%s", name);
    }
}

Test(etag, differs_by_content_coding)
{
    struct etag_hasher *hasher = etag_hasher_new();
    struct etag etag = etag_of(hasher, SLICE("body"));
    struct etag coded = etag_of_coding(&etag, "gzip");
    cr_expect_eq(strlen(coded.text), ETAG_LEN + 5);
    cr_expect_eq(strncmp(coded.text, etag.text, ETAG_LEN - 1), 0);
    cr_expect_str_eq(coded.text + ETAG_LEN - 1, "-gzip\"");
    cr_expect(etag_is_named_by(slice_of(coded.text), &coded));
    cr_expect_not(etag_is_named_by(slice_of(coded.text), &etag));
    cr_expect_not(etag_is_named_by(slice_of(etag.text), &coded));
    etag_hasher_free(&hasher);
}
