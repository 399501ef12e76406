#include "docs.h"

#include "api_status.h"
#include "assets.h"
#include "cors.h"
#include "field.h"
#include "filter.h"
#include "http_server.h"
#include "macros.h"
#include "markup.h"
#include "page_request.h"
#include "problem.h"
#include "program_version.h"
#include "template.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA256_BYTES 32
#define BASE64_LEN(bytes) (((bytes) + 2) / 3 * 4)

static const struct query_config *config_of(const void *arg)
{
    return arg;
}

static void append_version(struct buf *out, const void *arg)
{
    (void)arg;
    buf_append_text(out, CALLBOARD_VERSION);
}

static void append_css(struct buf *out, const void *arg)
{
    (void)arg;
    buf_append_slice(out, asset_docs_css);
}

static void append_example(struct buf *out, const void *arg)
{
    (void)arg;
    markup_append_json(out, asset_example_json);
}

static void append_error(struct buf *out, const void *arg)
{
    (void)arg;
    markup_append_json(out, asset_error_json);
}

static void append_code(struct buf *out, const char *class, const char *text)
{
    buf_append_format(out, class ? "<code class=\"%s\">" : "<code>", class);
    markup_append_escaped(out, slice_of(text));
    buf_append_text(out, "</code>");
}

/* A description is a sentence without its full stop. */
static void append_sentence(struct buf *out, const char *text)
{
    markup_append_prose(out, text);
    buf_append_char(out, '.');
}

/* Digits in groups of three. */
static void append_number(struct buf *out, int64_t number)
{
    if (number >= 1000) {
        append_number(out, number / 1000);
        buf_append_format(out, ",%03" PRId64, number % 1000);
        return;
    }
    buf_append_int(out, number);
}

/* --- parameters ----------------------------------------------------------------------------- */

static void append_integer_type(struct buf *out, const struct page_parameter_doc *doc,
                                int64_t max_limit)
{
    int64_t max = doc->max > 0 ? doc->max : max_limit;
    buf_append_text(out, "integer, 1 to ");
    append_number(out, max);
    buf_append_text(out, ", default ");
    append_number(out, doc->fallback < max ? doc->fallback : max);
}

static void append_parameter_type(struct buf *out, const struct page_parameter_doc *doc,
                                  int64_t max_limit)
{
    if (doc->type == PARAMETER_INTEGER) {
        append_integer_type(out, doc, max_limit);
    } else if (doc->type == PARAMETER_ORDER) {
        buf_append_text(out, "<code>asc</code> or <code>desc</code>, default <code>asc</code>");
    } else {
        buf_append_text(out, "string");
    }
}

static void append_parameter(struct buf *out, enum page_parameter parameter, int64_t max_limit)
{
    const struct page_parameter_doc *doc = page_parameter_doc(parameter);
    const char *name = page_parameter_name(parameter);
    buf_append_format(out, "<div id=\"parameter-%s\"><dt>", name);
    append_code(out, NULL, name);
    buf_append_text(out, " <span class=\"type\">");
    append_parameter_type(out, doc, max_limit);
    buf_append_text(out, "</span></dt>\n<dd>");
    append_sentence(out, doc->description);
    if (doc->example) {
        buf_append_text(out, "<br/>Example: ");
        append_code(out, "value", doc->example);
    }
    buf_append_text(out, "</dd></div>\n");
}

static void append_parameters(struct buf *out, const void *arg)
{
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        append_parameter(out, (enum page_parameter)i, config_of(arg)->http_max_limit);
    }
}

/* --- tables --------------------------------------------------------------------------------- */

static void append_operator(struct buf *out, const struct filter_operator_doc *doc)
{
    buf_append_format(out, "<tr id=\"operator-%s\"><th scope=\"row\">", doc->name + 1);
    append_code(out, NULL, doc->name);
    buf_append_text(out, "</th><td>");
    append_sentence(out, doc->description);
    buf_append_text(out, " <span class=\"takes\">Takes ");
    markup_append_escaped(out, slice_of(doc->takes));
    buf_append_text(out, ".</span></td><td>");
    append_code(out, "filter", doc->example);
    buf_append_text(out, "</td></tr>\n");
}

static void append_operators(struct buf *out, const void *arg)
{
    (void)arg;
    for (size_t i = 0; i < FILTER_OPERATOR_COUNT; i++) {
        struct filter_operator_doc doc = filter_operator_doc(i);
        append_operator(out, &doc);
    }
}

static void append_fields(struct buf *out, const void *arg)
{
    (void)arg;
    for (size_t i = 0; i < field_doc_count(); i++) {
        struct field_doc doc = field_doc(i);
        buf_append_format(out, "<tr id=\"field-%s\"><th scope=\"row\">", doc.name);
        append_code(out, NULL, doc.name);
        buf_append_format(out, "</th><td>%s</td><td>%s</td><td>",
                          doc.is_of_attempt ? "an attempt" : "the call", doc.type);
        append_sentence(out, doc.description);
        buf_append_text(out, "</td></tr>\n");
    }
}

static void append_headers(struct buf *out, const void *arg)
{
    for (int i = 0; i < API_HEADER_COUNT; i++) {
        const struct api_header_doc *doc = api_header_doc((enum api_header)i);
        if (doc->is_of_cors && !cors_is_enabled(&config_of(arg)->http_cors_origins)) {
            continue;
        }
        buf_append_format(out, "<tr id=\"header-%s\"><th scope=\"row\">", doc->name);
        append_code(out, NULL, doc->name);
        buf_append_text(out, "</th><td>");
        append_sentence(out, doc->description);
        buf_append_text(out, "</td><td>");
        append_code(out, NULL, doc->example);
        buf_append_text(out, "</td></tr>\n");
    }
}

/* The classes of problems that have this status: what `message` then says. */
static void append_messages(struct buf *out, int status)
{
    const char *separator = " <span class=\"takes\"><code>message</code>: ";
    bool is_empty = true;
    for (int kind = 0; kind < PROBLEM_KIND_COUNT; kind++) {
        if (problem_status((enum problem_kind)kind) == status) {
            buf_append_format(out, "%s“%s”", separator, problem_message((enum problem_kind)kind));
            separator = ", ";
            is_empty = false;
        }
    }
    buf_append_text(out, is_empty ? "" : ".</span>");
}

static void append_statuses(struct buf *out, const void *arg)
{
    (void)arg;
    for (size_t i = 0; i < api_status_count; i++) {
        const struct api_status *status = &api_statuses[i];
        buf_append_format(out, "<tr id=\"status-%d\"><th scope=\"row\"><code>%d</code> %s</th><td>",
                          status->status, status->status, http_status_text(status->status));
        append_sentence(out, status->description);
        append_messages(out, status->status);
        buf_append_text(out, "</td></tr>\n");
    }
}

/* --- what the options decide ---------------------------------------------------------------- */

static void append_rate(struct buf *out, const void *arg)
{
    const struct query_config *config = config_of(arg);
    if (config->http_rate_limit == 0) {
        buf_append_text(out, "This service does not limit the rate of a token.");
        return;
    }
    buf_append_text(out, "This service lets a token make ");
    append_number(out, config->http_rate_limit);
    buf_append_text(out, " requests in ");
    append_number(out, config->http_rate_window_s);
    buf_append_text(out, " seconds: all at once, or as they come back.");
}

static void append_origins(struct buf *out, const void *arg)
{
    bool is_enabled = cors_is_enabled(&config_of(arg)->http_cors_origins);
    buf_append_text(out, is_enabled ? "This service serves scripts of other origins, as its "
                                      "configuration lists them."
                                    : "This service serves scripts of no other origin.");
}

static void append_seconds(struct buf *out, const void *arg)
{
    buf_append_format(out, "%g", (double)config_of(arg)->query_timeout_ms / 1000);
}

static const struct template_slot slots[] = {
    {"version", append_version},       {"css", append_css},         {"example", append_example},
    {"parameters", append_parameters}, {"fields", append_fields},   {"operators", append_operators},
    {"statuses", append_statuses},     {"headers", append_headers}, {"rate", append_rate},
    {"origins", append_origins},       {"seconds", append_seconds}, {"error", append_error},
};

void docs_append(struct buf *out, const struct query_config *options)
{
    template_append(out, asset_docs_html, slots, ARRAY_LEN(slots), options);
}

void docs_append_policy(struct buf *out)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned char text[BASE64_LEN(SHA256_BYTES) + 1];
    if (EVP_Digest(asset_docs_css.data, asset_docs_css.len, hash, NULL, EVP_sha256(), NULL) != 1) {
        (void)fputs("callboard: SHA-256 failed\n", stderr);
        abort();
    }
    EVP_EncodeBlock(text, hash, SHA256_BYTES);
    buf_append_format(out,
                      "default-src 'none'; style-src 'sha256-%s'; img-src data:; base-uri 'none'; "
                      "form-action 'none'; frame-ancestors 'none'",
                      (const char *)text);
}
