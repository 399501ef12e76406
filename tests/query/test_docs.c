/* Whatever the code knows is on the page. */
#include "docs.h"

#include "api_status.h"
#include "field.h"
#include "filter.h"
#include "http_server.h"
#include "markup.h"
#include "page_request.h"
#include "problem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *origins[] = {"*"};
static const struct query_config with_all = {
    .http_max_limit = 2345,
    .http_cors_origins = {origins, 1},
    .http_rate_limit = 4321,
    .http_rate_window_s = 60,
    .query_timeout_ms = 2500,
};
static const struct query_config with_least = {.http_max_limit = 5, .query_timeout_ms = 1000};

static struct buf page;

static void write_page(const struct query_config *options)
{
    buf_init(&page, (size_t)1 << 20);
    docs_append(&page, options);
    cr_assert(!page.overflow);
}

static void forget_page(void)
{
    buf_done(&page);
}

static bool has(const char *text)
{
    return strstr(buf_text(&page), text) != NULL;
}

static bool has_prose(const char *text)
{
    struct buf html;
    buf_init(&html, 4096);
    markup_append_prose(&html, text);
    bool is_there = has(buf_text(&html));
    buf_done(&html);
    return is_there;
}

/* A row or an entry of its own: "<code>NAME</code>" behind its anchor. */
static bool has_entry(const char *kind, const char *anchor, const char *name)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "id=\"%s-%s\"", kind, anchor);
    const char *at = strstr(buf_text(&page), text);
    (void)snprintf(text, sizeof(text), "<code>%s</code>", name);
    return at && strstr(at, text) && strstr(at, text) - at < 100;
}

Test(docs, has_every_parameter)
{
    write_page(&with_all);
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        const char *name = page_parameter_name((enum page_parameter)i);
        const struct page_parameter_doc *doc = page_parameter_doc((enum page_parameter)i);
        cr_expect(has_entry("parameter", name, name), "%s", name);
        cr_expect(has_prose(doc->description), "%s", name);
        cr_expect(!doc->example || has_prose(doc->example), "%s", name);
    }
    forget_page();
}

Test(docs, has_every_operator)
{
    write_page(&with_all);
    for (size_t i = 0; i < FILTER_OPERATOR_COUNT; i++) {
        struct filter_operator_doc doc = filter_operator_doc(i);
        cr_expect(has_entry("operator", doc.name + 1, doc.name), "%s", doc.name);
        cr_expect(has_prose(doc.description) && has_prose(doc.example) && has_prose(doc.takes),
                  "%s", doc.name);
    }
    forget_page();
}

Test(docs, has_every_field)
{
    write_page(&with_all);
    for (size_t i = 0; i < field_doc_count(); i++) {
        struct field_doc doc = field_doc(i);
        cr_expect(has_entry("field", doc.name, doc.name), "%s", doc.name);
        cr_expect(has_prose(doc.description), "%s", doc.name);
    }
    forget_page();
}

Test(docs, has_every_status_and_message)
{
    write_page(&with_all);
    for (size_t i = 0; i < api_status_count; i++) {
        char code[8];
        (void)snprintf(code, sizeof(code), "%d", api_statuses[i].status);
        cr_expect(has_entry("status", code, code), "%s", code);
        cr_expect(has(http_status_text(api_statuses[i].status)), "%s", code);
        cr_expect(has_prose(api_statuses[i].description), "%s", code);
    }
    for (int kind = 0; kind < PROBLEM_KIND_COUNT; kind++) {
        cr_expect(has(problem_message((enum problem_kind)kind)), "problem %d", kind);
    }
    forget_page();
}

Test(docs, has_every_header_field)
{
    write_page(&with_all);
    for (int i = 0; i < API_HEADER_COUNT; i++) {
        const struct api_header_doc *doc = api_header_doc((enum api_header)i);
        cr_expect(has_entry("header", doc->name, doc->name), "%s", doc->name);
    }
    forget_page();
}

Test(docs, tells_what_the_options_say)
{
    write_page(&with_all);
    cr_expect(has("1 to 2,345, default 10"));
    cr_expect(has("4,321 requests in 60 seconds"));
    cr_expect(has("may take 2.5 s"));
    cr_expect(has("scripts of other origins"));
    forget_page();
}

Test(docs, does_not_tell_what_the_options_do_not_give)
{
    write_page(&with_least);
    cr_expect(has("1 to 5, default 5"));
    cr_expect(has("does not limit the rate"));
    cr_expect(has("scripts of no other origin"));
    cr_expect(!has("Access-Control-Allow-Origin"));
    forget_page();
}
