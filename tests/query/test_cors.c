#include "cors.h"

#include <criterion/criterion.h>
#include <string.h>

#define MAX_ORIGINS 2

struct origins_case {
    const char *items[MAX_ORIGINS];
    bool is_good;
};

static const struct origins_case origin_lists[] = {
    {{NULL}, true},
    {{"*"}, true},
    {{"https://app.example"}, true},
    {{"https://app.example:8443", "http://127.0.0.1:3000"}, true},
    {{"http://[::1]:3000"}, true},
    {{"*", "https://app.example"}, false},
    {{"https://app.example/"}, false},
    {{"https://App.example"}, false},
    {{"https://"}, false},
    {{"app.example"}, false},
    {{"null"}, false},
    {{"https://*.example"}, false},
    {{"https://a\r\nX: y"}, false},
};

static struct option_list list_of(const char *const *items)
{
    size_t count = 0;
    while (count < MAX_ORIGINS && items[count]) {
        count++;
    }
    return (struct option_list){(const char **)(uintptr_t)items, count};
}

Test(cors, takes_origins_as_browsers_send_them)
{
    for (size_t i = 0; i < ARRAY_LEN(origin_lists); i++) {
        struct option_list list = list_of(origin_lists[i].items);
        struct error err;
        cr_expect_eq(cors_check_origins(&list, &err), origin_lists[i].is_good, "list %zu", i);
    }
}

struct answer_case {
    const char *items[MAX_ORIGINS];
    const char *origin; /* NULL: absent */
    bool is_preflight;
    const char *begins; /* of the lines; "" for none at all */
    const char *has;
};

static const struct answer_case answers[] = {
    {{NULL}, "https://a.example", false, "", ""},
    {{NULL}, "https://a.example", true, "", ""},
    {{"*"},
     NULL,
     false,
     "Access-Control-Allow-Origin: *\r\n",
     "Access-Control-Expose-Headers: ETag, Link, "},
    {{"*"},
     "null",
     true,
     "Access-Control-Allow-Origin: *\r\n",
     "Access-Control-Allow-Headers: Authorization, "},
    {{"https://a.example"},
     "https://a.example",
     false,
     "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n",
     "Access-Control-Expose-Headers: ETag"},
    {{"https://b.example", "https://a.example"},
     "https://a.example",
     true,
     "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n",
     "Access-Control-Max-Age: "},
};

static const struct answer_case strangers[] = {
    {{"https://a.example"}, "https://a.example.evil", false, "Vary: Origin\r\n", ""},
    {{"https://a.example"}, "http://a.example", true, "Vary: Origin\r\n", ""},
    {{"https://a.example"}, NULL, false, "Vary: Origin\r\n", ""},
    {{"https://a.example"}, "", false, "Vary: Origin\r\n", ""},
};

static void answer(const struct answer_case *one, struct buf *lines)
{
    struct option_list list = list_of(one->items);
    struct cors_request request = {
        .origin = one->origin ? slice_of(one->origin) : SLICE_NONE,
        .is_preflight = one->is_preflight,
    };
    buf_init(lines, 4096);
    cors_append_headers(&list, &request, lines);
}

Test(cors, answers_the_origins_that_it_was_given)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct buf lines;
        answer(&answers[i], &lines);
        const char *text = buf_text(&lines);
        size_t len = strlen(answers[i].begins);
        cr_expect(strncmp(text, answers[i].begins, len) == 0, "case %zu: %s", i, text);
        cr_expect(strstr(text, answers[i].has), "case %zu: %s", i, text);
        cr_expect(len > 0 || lines.len == 0, "case %zu: %s", i, text);
        cr_expect(!strstr(text, "Credentials"), "case %zu: %s", i, text);
        buf_done(&lines);
    }
}

Test(cors, tells_strangers_nothing)
{
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        struct buf lines;
        answer(&strangers[i], &lines);
        cr_expect_str_eq(buf_text(&lines), strangers[i].begins, "case %zu", i);
        buf_done(&lines);
    }
}
