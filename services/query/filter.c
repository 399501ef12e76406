#include "filter.h"

#include "call_status.h"
#include "jsonrewrite.h"
#include "jsonscan.h"
#include "rfc3339.h"
#include "utf8.h"

#include <string.h>

/* Beyond these PostgreSQL's numeric would fail; events are held to the same. */
#define NUMBER_MAX_BYTES 1000
#define NUMBER_MAX_EXPONENT 9999

struct filter_parser {
    struct jsonscan scan;
    struct arena *arena;
    struct problem *problem;
    size_t conditions;
    unsigned depth;
    bool has_failed; /* the problem is set; else the scanner says what is wrong */
};

/* What an operator takes. */
enum operand {
    OPERAND_SCALAR, /* or null */
    OPERAND_ORDERED,
    OPERAND_CHOICES,
    OPERAND_BOOL,
    OPERAND_PATTERN,
    OPERAND_OPTIONS,
    OPERAND_OPERATORS,
};

struct op_def {
    struct slice name;
    enum operand operand;
    bool is_for_times;
    const char *wants;
    const char *description;
    const char *example;
};

static const char ORDERED[] = "a number or a string";
static const char CHOICES[] = "an array of 1 to 100 scalars or nulls";

static const struct op_def ops[FILTER_OP_COUNT] = {
    [FILTER_EQ] =
        {{"$eq", 3},
         OPERAND_SCALAR,
         true,
         "a scalar or null",
         "Equal, as the bare value is: numbers by value, strings exactly; `null`: missing "
         "or null",
         "{\"priority\":{\"$eq\":\"high\"}}"},
    [FILTER_NE] = {{"$ne", 3},
                   OPERAND_SCALAR,
                   true,
                   "a scalar or null",
                   "Not `$eq`: holds where the field is missing, too",
                   "{\"priority\":{\"$ne\":\"high\"}}"},
    [FILTER_GT] = {{"$gt", 3},
                   OPERAND_ORDERED,
                   true,
                   ORDERED,
                   "Greater; a number only than numbers, a string only than strings",
                   "{\"score\":{\"$gt\":0.75}}"},
    [FILTER_GTE] = {{"$gte", 4},
                    OPERAND_ORDERED,
                    true,
                    ORDERED,
                    "Greater or equal",
                    "{\"createdAt\":{\"$gte\":\"2025-05-15T00:00:00+02:00\"}}"},
    [FILTER_LT] =
        {{"$lt", 3}, OPERAND_ORDERED, true, ORDERED, "Less", "{\"callDuration\":{\"$lt\":10}}"},
    [FILTER_LTE] = {{"$lte", 4},
                    OPERAND_ORDERED,
                    true,
                    ORDERED,
                    "Less or equal",
                    "{\"name\":{\"$lte\":\"M\"}}"},
    [FILTER_IN] = {{"$in", 3},
                   OPERAND_CHOICES,
                   true,
                   CHOICES,
                   "Equal to one of them",
                   "{\"callStatus\":{\"$in\":[\"busy\",\"no-answer\"]}}"},
    [FILTER_NIN] = {{"$nin", 4},
                    OPERAND_CHOICES,
                    true,
                    CHOICES,
                    "Not `$in`: holds where the field is missing, too",
                    "{\"priority\":{\"$nin\":[\"low\",null]}}"},
    [FILTER_EXISTS] = {{"$exists", 7},
                       OPERAND_BOOL,
                       true,
                       "true or false",
                       "`true`: a dynamic field is there, be it null; any other field is not null",
                       "{\"recordingUrl\":{\"$exists\":true}}"},
    [FILTER_REGEX] = {{"$regex", 6},
                      OPERAND_PATTERN,
                      false,
                      "a string",
                      "The field is a string that the regular expression matches; case counts",
                      "{\"account_id\":{\"$regex\":\"^ACC-[0-9]+$\"}}"},
    [FILTER_OPTIONS] = {{"$options", 8},
                        OPERAND_OPTIONS,
                        false,
                        "\"i\", beside a $regex",
                        "Case does not count",
                        "{\"name\":{\"$regex\":\"^emily\",\"$options\":\"i\"}}"},
    [FILTER_NOT] = {{"$not", 4},
                    OPERAND_OPERATORS,
                    true,
                    "an object of operators",
                    "Not all of them hold: so also where the field is missing",
                    "{\"score\":{\"$not\":{\"$gt\":0.75}}}"},
};

struct combiner_def {
    struct slice name;
    const char *description;
    const char *example;
};

static const struct combiner_def combiners[] = {
    [FILTER_FIELD] = {{NULL, 0}, NULL, NULL},
    [FILTER_AND] = {{"$and", 4},
                    "All of the filters hold, be it on different attempts",
                    "{\"$and\":[{\"callStatus\":\"busy\"},{\"callStatus\":\"completed\"}]}"},
    [FILTER_OR] = {{"$or", 3},
                   "At least one of the filters holds",
                   "{\"$or\":[{\"priority\":\"high\"},{\"score\":{\"$gt\":0.75}}]}"},
    [FILTER_NOR] = {{"$nor", 4},
                    "None of the filters holds",
                    "{\"$nor\":[{\"callStatus\":\"completed\"}]}"},
};

struct filter_operator_doc filter_operator_doc(size_t index)
{
    if (index < FILTER_OP_COUNT) {
        const struct op_def *op = &ops[index];
        return (struct filter_operator_doc){op->name.data, op->wants, op->description, op->example};
    }
    const struct combiner_def *combiner = &combiners[index - FILTER_OP_COUNT + FILTER_AND];
    return (struct filter_operator_doc){combiner->name.data, "an array of filters",
                                        combiner->description, combiner->example};
}

/* --- what is wrong ------------------------------------------------------------------------- */

/* A name in a message: not more of it than leaves room for the rest. */
#define NAME(slice) (int)utf8_cut(slice, 80), (slice).data

#define REFUSE(parser, ...)                                                                        \
    ((parser)->has_failed = true,                                                                  \
     problem_set((parser)->problem, PROBLEM_BAD_PARAMETER, "filter: " __VA_ARGS__))

static bool refuse_operand(struct filter_parser *parser, const struct field *field,
                           enum filter_op op)
{
    return REFUSE(parser, "%s of \"%.*s\" takes %s", ops[op].name.data, NAME(field->name),
                  ops[op].wants);
}

static bool go_deeper(struct filter_parser *parser)
{
    return ++parser->depth <= FILTER_MAX_DEPTH ||
           REFUSE(parser, "it is nested deeper than %d", FILTER_MAX_DEPTH);
}

/* --- values -------------------------------------------------------------------------------- */

static struct slice read_text(struct filter_parser *parser, const struct jsonscan_value *value)
{
    uint64_t replaced_nuls = 0;
    return jsonscan_text(value, parser->arena, &replaced_nuls);
}

static bool check_number(struct filter_parser *parser, const struct field *field,
                         struct slice number)
{
    struct slice same;
    struct jsonrewrite_report report = {0};
    if (!jsonrewrite(number, 1, parser->arena, NULL, NULL, &same, &report) ||
        report.longest_number > NUMBER_MAX_BYTES || report.widest_exponent > NUMBER_MAX_EXPONENT) {
        return REFUSE(parser,
                      "the number of \"%.*s\" is out of range: %d characters and exponents within "
                      "%d are taken",
                      NAME(field->name), NUMBER_MAX_BYTES, NUMBER_MAX_EXPONENT);
    }
    return true;
}

static bool read_time(struct filter_parser *parser, const struct field *field,
                      struct filter_value *value)
{
    int64_t us = 0;
    if (value->type != FILTER_STRING || !rfc3339_parse(value->text, &us)) {
        return REFUSE(parser,
                      "\"%.*s\" is compared with an RFC 3339 time such as "
                      "\"2025-05-15T14:30:00Z\", or null",
                      NAME(field->name));
    }
    value->type = FILTER_TIME;
    value->time_us = rfc3339_floor_to_millis(us);
    return true;
}

/* Brings the value to the form in which the field keeps its own. */
static bool fit_value(struct filter_parser *parser, const struct field *field,
                      struct filter_value *value)
{
    if (value->type == FILTER_NUMBER && !check_number(parser, field, value->text)) {
        return false;
    }
    if (field_type(field->kind) == FIELD_TIME && value->type != FILTER_NULL) {
        return read_time(parser, field, value);
    }
    if (field->kind == FIELD_CALL_STATUS && value->type == FILTER_STRING) {
        value->text = call_status_normalize(value->text, parser->arena);
    }
    return true;
}

/* False without a problem when the value is an object or an array. */
static bool take_scalar(struct filter_parser *parser, const struct jsonscan_value *json,
                        struct filter_value *out)
{
    *out = (struct filter_value){.type = FILTER_NULL};
    switch (json->type) {
    case JSONSCAN_NULL:
        return true;
    case JSONSCAN_TRUE:
    case JSONSCAN_FALSE:
        out->type = FILTER_BOOL;
        out->boolean = json->type == JSONSCAN_TRUE;
        return true;
    case JSONSCAN_NUMBER:
        out->type = FILTER_NUMBER;
        out->text = json->raw;
        return true;
    case JSONSCAN_STRING:
        out->type = FILTER_STRING;
        out->text = read_text(parser, json);
        return true;
    case JSONSCAN_NONE:
    case JSONSCAN_ARRAY:
    case JSONSCAN_OBJECT:
    default:
        return false;
    }
}

/* --- operands ------------------------------------------------------------------------------ */

typedef bool operand_fn(struct filter_parser *parser, const struct field *field,
                        struct filter_condition *condition);

static bool read_scalar(struct filter_parser *parser, const struct field *field,
                        struct filter_condition *condition)
{
    struct jsonscan_value json;
    if (!jsonscan_value(&parser->scan, &json)) {
        return false;
    }
    condition->values = arena_alloc_zeroed(parser->arena, sizeof(*condition->values));
    condition->value_count = 1;
    return (take_scalar(parser, &json, condition->values) ||
            refuse_operand(parser, field, condition->op)) &&
           fit_value(parser, field, condition->values);
}

static bool read_ordered(struct filter_parser *parser, const struct field *field,
                         struct filter_condition *condition)
{
    enum jsonscan_type type = jsonscan_peek(&parser->scan);
    if (type != JSONSCAN_NUMBER && type != JSONSCAN_STRING && type != JSONSCAN_NONE) {
        return refuse_operand(parser, field, condition->op);
    }
    return read_scalar(parser, field, condition);
}

static bool read_choices(struct filter_parser *parser, const struct field *field,
                         struct filter_condition *condition)
{
    struct filter_value *values = arena_alloc(parser->arena, FILTER_MAX_CHOICES * sizeof(*values));
    if (jsonscan_peek(&parser->scan) != JSONSCAN_ARRAY) {
        return refuse_operand(parser, field, condition->op);
    }
    size_t count = 0;
    if (!jsonscan_enter_array(&parser->scan)) {
        return false;
    }
    while (jsonscan_next_element(&parser->scan)) {
        struct jsonscan_value json;
        if (!jsonscan_value(&parser->scan, &json)) {
            return false;
        }
        if (count == FILTER_MAX_CHOICES || !take_scalar(parser, &json, &values[count])) {
            return refuse_operand(parser, field, condition->op);
        }
        if (!fit_value(parser, field, &values[count++])) {
            return false;
        }
    }
    condition->values = values;
    condition->value_count = count;
    return !jsonscan_error(&parser->scan) &&
           (count > 0 || refuse_operand(parser, field, condition->op));
}

static bool read_bool(struct filter_parser *parser, const struct field *field,
                      struct filter_condition *condition)
{
    enum jsonscan_type type = jsonscan_peek(&parser->scan);
    if (type != JSONSCAN_TRUE && type != JSONSCAN_FALSE) {
        return refuse_operand(parser, field, condition->op);
    }
    struct jsonscan_value json;
    condition->values = arena_alloc_zeroed(parser->arena, sizeof(*condition->values));
    condition->value_count = 1;
    return jsonscan_value(&parser->scan, &json) && take_scalar(parser, &json, condition->values);
}

static bool read_string(struct filter_parser *parser, const struct field *field, enum filter_op op,
                        struct slice *out)
{
    if (jsonscan_peek(&parser->scan) != JSONSCAN_STRING) {
        return refuse_operand(parser, field, op);
    }
    struct jsonscan_value json;
    if (!jsonscan_value(&parser->scan, &json)) {
        return false;
    }
    *out = read_text(parser, &json);
    return true;
}

/* Checked once all operators are known: $options may come first. */
static bool read_pattern(struct filter_parser *parser, const struct field *field,
                         struct filter_condition *condition)
{
    return read_string(parser, field, condition->op, &condition->pattern.text);
}

static bool read_options(struct filter_parser *parser, const struct field *field,
                         struct filter_condition *condition)
{
    struct slice options = SLICE_NONE;
    return read_string(parser, field, condition->op, &options) &&
           (slice_equal(options, SLICE("i")) || refuse_operand(parser, field, condition->op));
}

static bool read_operators(struct filter_parser *parser, const struct field *field,
                           struct filter_condition **out);

static bool read_inner(struct filter_parser *parser, const struct field *field,
                       struct filter_condition *condition)
{
    if (jsonscan_peek(&parser->scan) != JSONSCAN_OBJECT) {
        return refuse_operand(parser, field, condition->op);
    }
    if (!go_deeper(parser) || !read_operators(parser, field, &condition->inner)) {
        return false;
    }
    parser->depth--;
    return true;
}

static operand_fn *const operand_readers[] = {
    [OPERAND_SCALAR] = read_scalar,   [OPERAND_ORDERED] = read_ordered,
    [OPERAND_CHOICES] = read_choices, [OPERAND_BOOL] = read_bool,
    [OPERAND_PATTERN] = read_pattern, [OPERAND_OPTIONS] = read_options,
    [OPERAND_OPERATORS] = read_inner,
};

/* --- conditions ---------------------------------------------------------------------------- */

/* $not and $options are no conditions of their own: what they go with is counted. */
static bool count_condition(struct filter_parser *parser, enum filter_op op)
{
    if (op == FILTER_NOT || op == FILTER_OPTIONS) {
        return true;
    }
    return ++parser->conditions <= FILTER_MAX_CONDITIONS ||
           REFUSE(parser, "there are more than %d conditions", FILTER_MAX_CONDITIONS);
}

static bool find_op(struct filter_parser *parser, const struct field *field, struct slice name,
                    enum filter_op *out)
{
    for (int op = 0; op < FILTER_OP_COUNT; op++) {
        if (!slice_equal(name, ops[op].name)) {
            continue;
        }
        *out = (enum filter_op)op;
        if (field_type(field->kind) == FIELD_TIME && !ops[op].is_for_times) {
            return REFUSE(parser, "\"%.*s\" holds times: %s is not for it", NAME(field->name),
                          ops[op].name.data);
        }
        return true;
    }
    return REFUSE(parser, "\"%.*s\" of \"%.*s\" is not an operator", NAME(name), NAME(field->name));
}

static struct filter_condition *new_condition(struct filter_parser *parser, enum filter_op op)
{
    struct filter_condition *condition = arena_alloc_zeroed(parser->arena, sizeof(*condition));
    condition->op = op;
    return condition;
}

static bool read_condition(struct filter_parser *parser, const struct field *field,
                           struct slice name, struct filter_condition **out)
{
    enum filter_op op = FILTER_EQ;
    if (!find_op(parser, field, name, &op) || !count_condition(parser, op)) {
        return false;
    }
    *out = new_condition(parser, op);
    return operand_readers[ops[op].operand](parser, field, *out);
}

/* $options goes to its $regex, whichever comes first; it does not stay a condition. */
static bool settle_patterns(struct filter_parser *parser, const struct field *field,
                            struct filter_condition **conditions, bool ignores_case)
{
    bool has_pattern = false;
    for (struct filter_condition *at = *conditions; at; at = at->next) {
        struct error err;
        if (at->op != FILTER_REGEX) {
            continue;
        }
        has_pattern = true;
        if (!pattern_parse(at->pattern.text, ignores_case, &at->pattern, &err)) {
            return REFUSE(parser, "the $regex of \"%.*s\" %s", NAME(field->name), err.text);
        }
    }
    return has_pattern || !ignores_case || refuse_operand(parser, field, FILTER_OPTIONS);
}

static bool read_operators(struct filter_parser *parser, const struct field *field,
                           struct filter_condition **out)
{
    struct filter_condition **end = out;
    struct jsonscan_value key;
    bool ignores_case = false;
    *out = NULL;
    if (!jsonscan_enter_object(&parser->scan)) {
        return false;
    }
    while (jsonscan_next_member(&parser->scan, &key)) {
        struct filter_condition *condition = NULL;
        if (!read_condition(parser, field, read_text(parser, &key), &condition)) {
            return false;
        }
        if (condition->op == FILTER_OPTIONS) {
            ignores_case = true;
            continue;
        }
        *end = condition;
        end = &condition->next;
    }
    if (jsonscan_error(&parser->scan) || !settle_patterns(parser, field, out, ignores_case)) {
        return false;
    }
    return *out || REFUSE(parser, "\"%.*s\" has an empty object: give it an operator such as $eq",
                          NAME(field->name));
}

static bool read_conditions(struct filter_parser *parser, const struct field *field,
                            struct filter_condition **out)
{
    enum jsonscan_type type = jsonscan_peek(&parser->scan);
    if (type == JSONSCAN_OBJECT) {
        return read_operators(parser, field, out);
    }
    if (type == JSONSCAN_ARRAY) {
        return REFUSE(parser, "\"%.*s\" has an array for its value: use $in", NAME(field->name));
    }
    *out = new_condition(parser, FILTER_EQ);
    return count_condition(parser, FILTER_EQ) && read_scalar(parser, field, *out);
}

/* --- members ------------------------------------------------------------------------------- */

static bool read_filter(struct filter_parser *parser, struct filter **out);

static bool read_filters(struct filter_parser *parser, struct slice name, struct filter **out)
{
    if (jsonscan_peek(&parser->scan) != JSONSCAN_ARRAY) {
        return REFUSE(parser, "%.*s takes an array of filters", NAME(name));
    }
    if (!jsonscan_enter_array(&parser->scan)) {
        return false;
    }
    struct filter **end = out;
    while (jsonscan_next_element(&parser->scan)) {
        enum jsonscan_type type = jsonscan_peek(&parser->scan);
        if (type != JSONSCAN_OBJECT && type != JSONSCAN_NONE) {
            return REFUSE(parser, "%.*s takes an array of filters, which are objects", NAME(name));
        }
        if (!read_filter(parser, end)) {
            return false;
        }
        end = &(*end)->next;
    }
    if (jsonscan_error(&parser->scan)) {
        return false;
    }
    return *out || REFUSE(parser, "%.*s is empty: give it at least one filter", NAME(name));
}

static enum filter_member_kind find_combiner(struct slice name)
{
    for (int kind = FILTER_AND; kind <= FILTER_NOR; kind++) {
        if (slice_equal(name, combiners[kind].name)) {
            return (enum filter_member_kind)kind;
        }
    }
    return FILTER_FIELD;
}

static bool read_field(struct filter_parser *parser, struct slice name,
                       struct filter_member *member)
{
    if (name.len > 0 && name.data[0] == '$') {
        return REFUSE(parser, "\"%.*s\" is not an operator that can stand here", NAME(name));
    }
    member->field = field_resolve(name);
    return read_conditions(parser, &member->field, &member->conditions);
}

static bool read_member(struct filter_parser *parser, struct slice name,
                        struct filter_member *member)
{
    member->kind = find_combiner(name);
    return member->kind == FILTER_FIELD ? read_field(parser, name, member)
                                        : read_filters(parser, name, &member->filters);
}

/* NOLINTNEXTLINE(misc-no-recursion): the scanner bounds the depth */
static bool read_filter(struct filter_parser *parser, struct filter **out)
{
    struct filter *filter = arena_alloc_zeroed(parser->arena, sizeof(*filter));
    struct filter_member **end = &filter->members;
    *out = filter;
    if (!go_deeper(parser) || !jsonscan_enter_object(&parser->scan)) {
        return false;
    }
    struct jsonscan_value key;
    while (jsonscan_next_member(&parser->scan, &key)) {
        *end = arena_alloc_zeroed(parser->arena, sizeof(**end));
        if (!read_member(parser, read_text(parser, &key), *end)) {
            return false;
        }
        end = &(*end)->next;
    }
    parser->depth--;
    return !jsonscan_error(&parser->scan);
}

static bool read_text_whole(struct filter_parser *parser, struct filter **out)
{
    if (jsonscan_peek(&parser->scan) != JSONSCAN_OBJECT) {
        return REFUSE(parser, "it must be a JSON object");
    }
    return read_filter(parser, out) && jsonscan_finish(&parser->scan);
}

bool filter_parse(struct slice text, struct arena *arena, const struct filter **out,
                  struct problem *problem)
{
    struct filter_parser parser = {.arena = arena, .problem = problem};
    if (text.len > FILTER_MAX_BYTES) {
        return REFUSE(&parser, "it is longer than %d bytes", FILTER_MAX_BYTES);
    }
    jsonscan_init(&parser.scan, text, JSONSCAN_DEPTH_MAX);
    struct filter *filter = NULL;
    if (read_text_whole(&parser, &filter)) {
        *out = filter;
        return true;
    }
    return !parser.has_failed && REFUSE(&parser, "%s, at byte %zu", jsonscan_error(&parser.scan),
                                        jsonscan_offset(&parser.scan));
}

/* --- what is missing ----------------------------------------------------------------------- */

static bool has_null(const struct filter_condition *condition)
{
    for (size_t i = 0; i < condition->value_count; i++) {
        if (condition->values[i].type == FILTER_NULL) {
            return true;
        }
    }
    return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth */
static bool holds_on_missing(const struct filter_condition *condition)
{
    switch (condition->op) {
    case FILTER_EQ:
    case FILTER_IN:
        return has_null(condition);
    case FILTER_NE:
    case FILTER_NIN:
        return !has_null(condition);
    case FILTER_EXISTS:
        return !condition->values[0].boolean;
    case FILTER_NOT:
        return !filter_conditions_hold_on_missing(condition->inner);
    case FILTER_GT:
    case FILTER_GTE:
    case FILTER_LT:
    case FILTER_LTE:
    case FILTER_REGEX:
    case FILTER_OPTIONS:
    case FILTER_OP_COUNT:
    default:
        return false;
    }
}

bool filter_conditions_hold_on_missing(const struct filter_condition *conditions)
{
    for (const struct filter_condition *at = conditions; at; at = at->next) {
        if (!holds_on_missing(at)) {
            return false;
        }
    }
    return true;
}
