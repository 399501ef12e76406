#include "markup.h"

#include <criterion/criterion.h>

struct markup_case {
    const char *text;
    const char *html;
};

static const struct markup_case prose[] = {
    {"", ""},
    {"a < b & c > \"d\"", "a &lt; b &amp; c &gt; &quot;d&quot;"},
    {"`$gt` or `a<b`", "<code>$gt</code> or <code>a&lt;b</code>"},
    {"é`é`", "é<code>é</code>"},
};

static const struct markup_case json[] = {
    {"", ""},
    {"{\"a\": 1}", "{<span class=\"k\">&quot;a&quot;</span>: 1}"},
    {"[\"a\", \"<\\\"\\\\\"]", "[<span class=\"s\">&quot;a&quot;</span>, "
                               "<span class=\"s\">&quot;&lt;\\&quot;\\\\&quot;</span>]"},
    {"\"open", "<span class=\"s\">&quot;open</span>"},
    {"\"open\\", "<span class=\"s\">&quot;open\\</span>"},
};

Test(markup, writes_prose)
{
    for (size_t i = 0; i < ARRAY_LEN(prose); i++) {
        struct buf out;
        buf_init(&out, 1024);
        markup_append_prose(&out, prose[i].text);
        cr_expect_str_eq(buf_text(&out), prose[i].html, "%s", prose[i].text);
        buf_done(&out);
    }
}

Test(markup, tells_names_of_json_from_strings)
{
    for (size_t i = 0; i < ARRAY_LEN(json); i++) {
        struct buf out;
        buf_init(&out, 1024);
        markup_append_json(&out, slice_of(json[i].text));
        cr_expect_str_eq(buf_text(&out), json[i].html, "%s: %s", json[i].text, buf_text(&out));
        buf_done(&out);
    }
}
