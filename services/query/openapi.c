#include "openapi.h"

#include "api_status.h"
#include "assets.h"
#include "cors.h"
#include "jsontext.h"
#include "macros.h"
#include "page_request.h"
#include "program_version.h"
#include "template.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>

static void append_string(struct buf *out, const char *text)
{
    jsontext_append_string(out, slice_of(text));
}

static void append_version(struct buf *out, const void *options)
{
    (void)options;
    buf_append_text(out, CALLBOARD_VERSION);
}

/* --- parameters ----------------------------------------------------------------------------- */

static void append_integer_schema(struct buf *out, const struct page_parameter_doc *doc,
                                  int64_t max_limit)
{
    int64_t max = doc->max > 0 ? doc->max : max_limit;
    int64_t fallback = doc->fallback < max ? doc->fallback : max;
    buf_append_format(out,
                      "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": %" PRId64
                      ", \"default\": %" PRId64 "}",
                      max, fallback);
}

/* A maxLength counts characters, the limit bytes: what has fewer bytes has fewer characters. */
static void append_schema(struct buf *out, const struct page_parameter_doc *doc, int64_t max_limit)
{
    if (doc->type == PARAMETER_INTEGER) {
        append_integer_schema(out, doc, max_limit);
    } else if (doc->type == PARAMETER_ORDER) {
        buf_append_text(
            out, "{\"type\": \"string\", \"enum\": [\"asc\", \"desc\"], \"default\": \"asc\"}");
    } else {
        buf_append_text(out, "{\"type\": \"string\"");
        if (doc->max > 0) {
            buf_append_format(out, ", \"maxLength\": %" PRId64, doc->max);
        }
        buf_append_char(out, '}');
    }
}

static void append_parameter(struct buf *out, enum page_parameter parameter, int64_t max_limit)
{
    const struct page_parameter_doc *doc = page_parameter_doc(parameter);
    const char *name = page_parameter_name(parameter);
    buf_append_format(out, "      \"%s\": {\"name\": \"%s\"", name, name);
    buf_append_text(out, ", \"in\": \"query\", \"allowEmptyValue\": true, \"description\": ");
    append_string(out, doc->description);
    buf_append_text(out, ", \"schema\": ");
    append_schema(out, doc, max_limit);
    if (doc->example) {
        buf_append_text(out, ", \"example\": ");
        append_string(out, doc->example);
    }
    buf_append_char(out, '}');
}

static void append_parameters(struct buf *out, const void *options)
{
    int64_t max_limit = ((const struct query_config *)options)->http_max_limit;
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        buf_append_text(out, i > 0 ? ",\n" : "");
        append_parameter(out, (enum page_parameter)i, max_limit);
    }
}

static void append_parameter_references(struct buf *out, const void *options)
{
    (void)options;
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        buf_append_format(out, "%s          {\"$ref\": \"#/components/parameters/%s\"}",
                          i > 0 ? ",\n" : "", page_parameter_name((enum page_parameter)i));
    }
}

/* --- header fields -------------------------------------------------------------------------- */

static bool has_cors(const void *options)
{
    return cors_is_enabled(&((const struct query_config *)options)->http_cors_origins);
}

static bool is_described(enum api_header header, const void *options)
{
    return !api_header_doc(header)->is_of_cors || has_cors(options);
}

static void append_header(struct buf *out, const struct api_header_doc *doc)
{
    buf_append_text(out, "      ");
    append_string(out, doc->name);
    buf_append_text(out, ": {\"description\": ");
    append_string(out, doc->description);
    buf_append_text(out, ", \"schema\": {\"type\": \"string\"}, \"example\": ");
    append_string(out, doc->example);
    buf_append_char(out, '}');
}

static void append_headers(struct buf *out, const void *options)
{
    const char *separator = "";
    for (int i = 0; i < API_HEADER_COUNT; i++) {
        if (is_described((enum api_header)i, options)) {
            buf_append_text(out, separator);
            append_header(out, api_header_doc((enum api_header)i));
            separator = ",\n";
        }
    }
}

static void append_header_references(struct buf *out, const struct api_status *status,
                                     enum api_request request, const void *options)
{
    const char *separator = ", \"headers\": {";
    bool is_empty = true;
    for (int i = 0; i < API_HEADER_COUNT; i++) {
        enum api_header header = (enum api_header)i;
        if (is_described(header, options) && api_status_has_header(status, request, header)) {
            const char *name = api_header_doc(header)->name;
            buf_append_format(out, "%s\"%s\": {\"$ref\": \"#/components/headers/%s\"}", separator,
                              name, name);
            separator = ", ";
            is_empty = false;
        }
    }
    buf_append_text(out, is_empty ? "" : "}");
}

/* --- responses ------------------------------------------------------------------------------ */

/* What answers hold: of HEAD and OPTIONS, nothing. */
struct response_contents {
    const char *of_success;
    const char *of_error;
};

#define JSON_OF(schema)                                                                            \
    "{\"application/json\": {\"schema\": {\"$ref\": \"#/components/schemas/" schema "\"}}}"

static const struct response_contents no_contents;
static const struct response_contents batch_contents = {JSON_OF("Page"), JSON_OF("Error")};
static const struct response_contents openapi_contents = {
    "{\"application/json\": {\"schema\": {\"type\": \"object\"}}}", JSON_OF("Error")};
static const struct response_contents docs_contents = {
    "{\"text/html\": {\"schema\": {\"type\": \"string\"}}}", JSON_OF("Error")};

static void append_content(struct buf *out, int status, const struct response_contents *contents)
{
    const char *content = status == 200 ? contents->of_success : contents->of_error;
    if (content && status != 304) {
        buf_append_text(out, ", \"content\": ");
        buf_append_text(out, content);
    }
}

static void append_response(struct buf *out, const struct api_status *status,
                            enum api_request request, const struct response_contents *contents,
                            const void *options)
{
    buf_append_format(out, "          \"%d\": {\"description\": ", status->status);
    append_string(out, status->description);
    append_header_references(out, status, request, options);
    append_content(out, status->status, contents);
    buf_append_char(out, '}');
}

static void append_responses(struct buf *out, enum api_request request,
                             const struct response_contents *contents, const void *options)
{
    const char *separator = "{\n";
    for (size_t i = 0; i < api_status_count; i++) {
        if (api_statuses[i].answers[request]) {
            buf_append_text(out, separator);
            append_response(out, &api_statuses[i], request, contents, options);
            separator = ",\n";
        }
    }
    buf_append_text(out, "\n        }");
}

static void append_batch_get(struct buf *out, const void *options)
{
    append_responses(out, API_BATCH, &batch_contents, options);
}

static void append_batch_head(struct buf *out, const void *options)
{
    append_responses(out, API_BATCH, &no_contents, options);
}

static void append_openapi_get(struct buf *out, const void *options)
{
    append_responses(out, API_DOCUMENT, &openapi_contents, options);
}

static void append_docs_get(struct buf *out, const void *options)
{
    append_responses(out, API_DOCUMENT, &docs_contents, options);
}

static void append_document_head(struct buf *out, const void *options)
{
    append_responses(out, API_DOCUMENT, &no_contents, options);
}

/* --- OPTIONS -------------------------------------------------------------------------------- */

static void append_options(struct buf *out, const char *operation, const char *tag,
                           const void *options)
{
    if (!has_cors(options)) {
        return;
    }
    buf_append_format(out,
                      ",\n      \"options\": {\n        \"operationId\": \"%s\", \"tags\": "
                      "[\"%s\"], \"summary\": \"What may be done here\", \"security\": [],\n"
                      "        \"responses\": ",
                      operation, tag);
    append_responses(out, API_OPTIONS, &no_contents, options);
    buf_append_text(out, "\n      }");
}

static void append_batch_options(struct buf *out, const void *options)
{
    append_options(out, "optionsBatchDetails", "batches", options);
}

static void append_openapi_options(struct buf *out, const void *options)
{
    append_options(out, "optionsDescription", "description", options);
}

static void append_docs_options(struct buf *out, const void *options)
{
    append_options(out, "optionsDocs", "description", options);
}

/* -------------------------------------------------------------------------------------------- */

static void append_example(struct buf *out, const void *options)
{
    (void)options;
    buf_append_slice(out, asset_example_json);
}

static void append_error(struct buf *out, const void *options)
{
    (void)options;
    buf_append_slice(out, asset_error_json);
}

static const struct template_slot slots[] = {
    {"version", append_version},
    {"parameters", append_parameters},
    {"parameter_references", append_parameter_references},
    {"headers", append_headers},
    {"batch_get", append_batch_get},
    {"batch_head", append_batch_head},
    {"batch_options", append_batch_options},
    {"openapi_get", append_openapi_get},
    {"openapi_options", append_openapi_options},
    {"docs_get", append_docs_get},
    {"docs_options", append_docs_options},
    {"document_head", append_document_head},
    {"example", append_example},
    {"error", append_error},
};

void openapi_append(struct buf *out, const struct query_config *options)
{
    template_append(out, asset_openapi_json, slots, ARRAY_LEN(slots), options);
}
