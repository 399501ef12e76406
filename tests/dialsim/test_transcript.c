#include "transcript.h"

#include "macros.h"
#include "utf8.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct transcript_setup setup = {
    .first_name = "Zoë", .last_name = "O'Connor", .reason = "your appointment", .words = 250};

static int count_words(const char *text)
{
    int words = 0;
    bool inside = false;
    for (; *text; text++) {
        bool is_space = *text == ' ' || *text == '\n';
        words += !is_space && !inside;
        inside = !is_space;
    }
    return words;
}

typedef void append_fn(struct buf *out, const struct transcript_setup *setup, struct rng *rng);

static const struct {
    const char *name;
    append_fn *append;
    int min, max;
} cases[] = {
    {"conversation", transcript_append_conversation, 150, 400},
    {"voicemail", transcript_append_voicemail, 30, 70},
};

Test(transcript, has_the_words_it_should)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (uint64_t item = 0; item < 1000; item++) {
            struct buf text;
            struct rng rng;
            rng_init(&rng, 1, i, item);
            buf_init(&text, 100000);
            cases[i].append(&text, &setup, &rng);
            int words = count_words(buf_text(&text));
            cr_assert(words >= cases[i].min && words <= cases[i].max, "%s of %d words: %s",
                      cases[i].name, words, buf_text(&text));
            cr_assert(utf8_is_valid(buf_slice(&text)));
            cr_assert_null(strchr(buf_text(&text), '$'), "a placeholder was left: %s",
                           buf_text(&text));
            buf_done(&text);
        }
    }
}

Test(transcript, names_the_person_and_the_reason)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int reasons = 0;
        for (uint64_t item = 0; item < 100; item++) {
            struct buf text;
            struct rng rng;
            rng_init(&rng, 2, i, item);
            buf_init(&text, 100000);
            cases[i].append(&text, &setup, &rng);
            cr_assert_not_null(strstr(buf_text(&text), "Zoë"), "%s", buf_text(&text));
            reasons += strstr(buf_text(&text), "your appointment") != NULL;
            buf_done(&text);
        }
        cr_expect_eq(reasons, 100, "%s", cases[i].name);
    }
}

Test(transcript, grows_with_the_words_asked_for)
{
    struct transcript_setup longer = setup;
    struct rng rng;
    struct buf text;
    longer.words = 2000;
    rng_init(&rng, 3, 0, 0);
    buf_init(&text, 1000000);
    transcript_append_conversation(&text, &longer, &rng);
    cr_expect_gt(count_words(buf_text(&text)), 1100);
    buf_done(&text);
}
