#include "page_request.h"

#include "http_query.h"

struct parse_context {
    int64_t max_limit;
    struct arena *arena;
    bool seen[PARAMETER_COUNT];
};

/* Reads the decoded, non-empty value of a parameter. */
typedef bool parameter_fn(struct slice value, const struct parse_context *context,
                          struct page_request *out, struct problem *problem);

static parameter_fn parse_page, parse_limit, parse_sort_by, parse_sort_order, parse_filter,
    parse_search, parse_cursor;

struct parameter_def {
    const char *name;
    parameter_fn *parse;
    struct page_parameter_doc doc;
};

static const struct parameter_def parameters[PARAMETER_COUNT] = {
    [PARAMETER_PAGE] = {"page",
                        parse_page,
                        {PARAMETER_INTEGER,
                         "Which page, from 1; one past the last is empty. Not together with "
                         "`cursor`",
                         NULL, PAGE_REQUEST_MAX_PAGE, 1}},
    [PARAMETER_LIMIT] = {"limit",
                         parse_limit,
                         {PARAMETER_INTEGER, "How many calls a page holds", NULL, 0,
                          PAGE_REQUEST_DEFAULT_LIMIT}},
    [PARAMETER_SORT_BY] = {"sortBy",
                           parse_sort_by,
                           {PARAMETER_TEXT,
                            "Any field: of the call, dynamic (dots reach into objects), or of the "
                            "latest attempt. Without it calls come in the order in which they "
                            "arrived. At most 128 bytes",
                            "createdAt", FIELD_NAME_MAX_BYTES, 0}},
    [PARAMETER_SORT_ORDER] = {"sortOrder",
                              parse_sort_order,
                              {PARAMETER_ORDER,
                               "Missing and `null` come first in `asc`, last in `desc`; then "
                               "numbers, strings, booleans, objects, arrays",
                               NULL, 0, 0}},
    [PARAMETER_FILTER] = {"filter",
                          parse_filter,
                          {PARAMETER_TEXT,
                           "A JSON object whose members must all hold: a field with its value, or "
                           "with operators (`$eq` `$ne` `$gt` `$gte` `$lt` `$lte` `$in` `$nin` "
                           "`$exists` `$regex` `$options` `$not`); `$and`, `$or` and `$nor` take "
                           "arrays of filters. Conditions on attempts hold on one and the same "
                           "attempt. At most 8 KiB, 32 conditions, depth 8",
                           "{\"callStatus\":\"completed\",\"callDuration\":{\"$gte\":60}}",
                           FILTER_MAX_BYTES, 0}},
    [PARAMETER_SEARCH] = {"search",
                          parse_search,
                          {PARAMETER_TEXT,
                           "A POSIX regular expression, without regard to case, tried on "
                           "`phoneNumber` and on each dynamic field that is a string. No "
                           "back-references; at most 256 bytes",
                           "^emily", PATTERN_MAX_BYTES, 0}},
    [PARAMETER_CURSOR] = {"cursor",
                          parse_cursor,
                          {PARAMETER_TEXT,
                           "`nextCursor` or `prevCursor` of an earlier answer to the same request: "
                           "a walk that neither skips nor repeats. Not together with `page`",
                           NULL, 0, 0}},
};

const struct page_parameter_doc *page_parameter_doc(enum page_parameter parameter)
{
    return &parameters[parameter].doc;
}

const char *page_parameter_name(enum page_parameter parameter)
{
    return parameters[parameter].name;
}

/* Decimal digits alone, 1 .. max. Any number of digits is read without overflow. */
static bool parse_count(struct slice text, int64_t max, int64_t *out)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
        if (value > max) {
            return false;
        }
    }
    *out = value;
    return value >= 1;
}

static bool parse_page(struct slice value, const struct parse_context *context,
                       struct page_request *out, struct problem *problem)
{
    (void)context;
    return parse_count(value, PAGE_REQUEST_MAX_PAGE, &out->page) ||
           problem_set(problem, PROBLEM_BAD_PARAMETER, "page must be an integer from 1 to %lld",
                       (long long)PAGE_REQUEST_MAX_PAGE);
}

static bool parse_limit(struct slice value, const struct parse_context *context,
                        struct page_request *out, struct problem *problem)
{
    return parse_count(value, context->max_limit, &out->limit) ||
           problem_set(problem, PROBLEM_BAD_PARAMETER, "limit must be an integer from 1 to %lld",
                       (long long)context->max_limit);
}

static bool parse_sort_by(struct slice value, const struct parse_context *context,
                          struct page_request *out, struct problem *problem)
{
    (void)context;
    if (value.len > FIELD_NAME_MAX_BYTES) {
        return problem_set(problem, PROBLEM_BAD_PARAMETER,
                           "sortBy must be the name of a field, 1 to %d bytes",
                           FIELD_NAME_MAX_BYTES);
    }
    out->sort = field_resolve(value);
    return true;
}

static bool parse_sort_order(struct slice value, const struct parse_context *context,
                             struct page_request *out, struct problem *problem)
{
    (void)context;
    out->descending = slice_equal(value, SLICE("desc"));
    return out->descending || slice_equal(value, SLICE("asc")) ||
           problem_set(problem, PROBLEM_BAD_PARAMETER, "sortOrder must be \"asc\" or \"desc\"");
}

static bool parse_filter(struct slice value, const struct parse_context *context,
                         struct page_request *out, struct problem *problem)
{
    return filter_parse(value, context->arena, &out->filter, problem);
}

static bool parse_search(struct slice value, const struct parse_context *context,
                         struct page_request *out, struct problem *problem)
{
    struct pattern *pattern = arena_alloc_zeroed(context->arena, sizeof(*pattern));
    struct error err;
    out->search = pattern;
    return pattern_parse(value, true, pattern, &err) ||
           problem_set(problem, PROBLEM_BAD_PARAMETER, "search %s", err.text);
}

/* What it says can be told only once all parameters are known, which it is bound to. */
static bool parse_cursor(struct slice value, const struct parse_context *context,
                         struct page_request *out, struct problem *problem)
{
    (void)value, (void)context, (void)out, (void)problem;
    return true;
}

/* "search: <what is wrong with its encoding>" */
static bool decode_value(struct slice raw, enum page_parameter parameter,
                         const struct parse_context *context, struct slice *out,
                         struct problem *problem)
{
    struct error err;
    return http_percent_decode(context->arena, raw, true, out, &err) ||
           problem_set(problem, PROBLEM_BAD_PARAMETER, "%s: %s", parameters[parameter].name,
                       err.text);
}

static bool take_parameter(enum page_parameter parameter, struct slice raw,
                           struct parse_context *context, struct page_request *out,
                           struct problem *problem)
{
    const struct parameter_def *def = &parameters[parameter];
    if (context->seen[parameter]) {
        return problem_set(problem, PROBLEM_BAD_PARAMETER, "%s is given more than once", def->name);
    }
    context->seen[parameter] = true;
    struct slice value;
    if (!decode_value(raw, parameter, context, &value, problem)) {
        return false;
    }
    if (value.len == 0) {
        return true;
    }
    out->given[parameter] = value;
    return def->parse(value, context, out, problem);
}

/* PARAMETER_COUNT: none of ours. */
static enum page_parameter find_parameter(struct slice name)
{
    int i = 0;
    while (i < PARAMETER_COUNT && !slice_equal(name, slice_of(parameters[i].name))) {
        i++;
    }
    return (enum page_parameter)i;
}

static bool parse_query(struct slice query, struct parse_context *context, struct page_request *out,
                        struct problem *problem)
{
    struct slice raw_name;
    struct slice raw_value;
    while (http_query_next(&query, &raw_name, &raw_value)) {
        struct slice name;
        struct error err;
        if (!http_percent_decode(context->arena, raw_name, true, &name, &err)) {
            return problem_set(problem, PROBLEM_BAD_PARAMETER, "name of a parameter: %s", err.text);
        }
        enum page_parameter parameter = find_parameter(name);
        if (parameter != PARAMETER_COUNT &&
            !take_parameter(parameter, raw_value, context, out, problem)) {
            return false;
        }
    }
    return true;
}

bool page_request_parse(struct slice id, struct slice query, int64_t max_limit, struct arena *arena,
                        struct page_request *out, struct problem *problem)
{
    *out = (struct page_request){.page = 1, .limit = PAGE_REQUEST_DEFAULT_LIMIT};
    if (out->limit > max_limit) {
        out->limit = max_limit;
    }
    struct slice decoded;
    if (!http_percent_decode(arena, id, false, &decoded, NULL) ||
        !object_id_parse(decoded, &out->batch_id)) {
        return problem_set(problem, PROBLEM_BAD_BATCH_ID,
                           "the batch id in the path must be 24 hexadecimal digits");
    }
    struct parse_context context = {.max_limit = max_limit, .arena = arena};
    if (!parse_query(query, &context, out, problem)) {
        return false;
    }
    if (slice_is_set(out->given[PARAMETER_CURSOR]) && slice_is_set(out->given[PARAMETER_PAGE])) {
        return problem_set(problem, PROBLEM_BAD_PARAMETER,
                           "cursor and page exclude each other: give one of them");
    }
    return true;
}

int64_t page_request_skip(const struct page_request *request)
{
    return (request->page - 1) * request->limit;
}

int64_t page_request_total_pages(const struct page_request *request, int64_t total)
{
    return (total + request->limit - 1) / request->limit;
}
