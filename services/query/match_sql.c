#include "match_sql.h"

#include "field_sql.h"
#include "jsontext.h"

/* A collation of its own, so that `É` matches `é` whatever locale the database was made with. */
#define REGEX_COLLATION "COLLATE \"und-x-icu\""

#define VALUE_MAX_BYTES ((size_t)64 << 10)
/* Of a pattern as JSON has it: six bytes for a control character. */
#define ESCAPED_MAX_BYTES (6 * PATTERN_MAX_BYTES)

/* --- patterns ------------------------------------------------------------------------------ */

/* ASCII letters to lower case, as lower() does under COLLATE "C". */
static int add_lower_param(struct sql_text *sql, struct slice text)
{
    char lower[ESCAPED_MAX_BYTES];
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];
        lower[i] = byte;
        if (byte >= 'A' && byte <= 'Z') {
            lower[i] = (char)(byte - 'A' + 'a');
        }
    }
    return sql_param_text(sql, (struct slice){lower, text.len});
}

/* The test that goes around a text: what stands before it, and behind. */
struct pattern_test {
    const char *before;
    const char *behind;
    int param;
};

static struct pattern_test prepare_test(struct sql_text *sql, const struct pattern *pattern)
{
    if (!pattern->is_plain) {
        return (struct pattern_test){
            "", pattern->ignores_case ? " " REGEX_COLLATION " ~* " : " " REGEX_COLLATION " ~ ",
            sql_param_text(sql, pattern->text)};
    }
    if (pattern->ignores_case) {
        return (struct pattern_test){"0 < strpos(lower(", " COLLATE \"C\"), ",
                                     add_lower_param(sql, pattern->text)};
    }
    return (struct pattern_test){"0 < strpos(", ", ", sql_param_text(sql, pattern->text)};
}

static void close_test(struct sql_text *sql, const struct pattern *pattern,
                       const struct pattern_test *test)
{
    sql_append_format(sql, "%s$%d::text%s", test->behind, test->param,
                      pattern->is_plain ? ")" : "");
}

/* What stands in a string stands, escaped, in the text of all fields: where it does not, nothing
 * has to be taken apart. Strings are stored as jsontext writes them. */
static void append_text_of_fields(struct sql_text *sql, const struct pattern *pattern)
{
    struct buf json;
    buf_init(&json, VALUE_MAX_BYTES);
    jsontext_append_string(&json, pattern->text);
    struct slice quoted = buf_slice(&json);
    struct pattern escaped = *pattern;
    escaped.text = (struct slice){quoted.data + 1, quoted.len - 2};
    struct pattern_test test = prepare_test(sql, &escaped);
    buf_done(&json);
    sql_append_format(sql, "(%sc.fields", test.before);
    close_test(sql, &escaped, &test);
    sql_append(sql, ") IS TRUE AND ");
}

void match_sql_append_search(struct sql_text *sql, const struct pattern *pattern)
{
    struct pattern_test test = prepare_test(sql, pattern);
    sql_append_format(sql, "((%sc.phone_number", test.before);
    close_test(sql, pattern, &test);
    sql_append(sql, ") IS TRUE OR (");
    if (pattern->is_plain) {
        append_text_of_fields(sql, pattern);
    }
    sql_append_format(sql,
                      "EXISTS (SELECT FROM json_each(c.fields::json) e"
                      " WHERE json_typeof(e.value) = 'string' AND %s(e.value #>> '{}')",
                      test.before);
    close_test(sql, pattern, &test);
    sql_append(sql, ")))");
}

static void append_pattern_check(struct sql_text *sql, const struct pattern *pattern)
{
    if (!pattern->is_plain) {
        sql_append_format(sql, " AND ('' " REGEX_COLLATION " ~ $%d::text) IS NOT NULL",
                          sql_param_text(sql, pattern->text));
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth */
static void check_conditions(struct sql_text *sql, const struct filter_condition *conditions)
{
    for (const struct filter_condition *at = conditions; at; at = at->next) {
        if (at->op == FILTER_REGEX) {
            append_pattern_check(sql, &at->pattern);
        }
        check_conditions(sql, at->inner);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth */
static void check_filters(struct sql_text *sql, const struct filter *filters)
{
    for (const struct filter *filter = filters; filter; filter = filter->next) {
        for (const struct filter_member *member = filter->members; member; member = member->next) {
            check_conditions(sql, member->conditions);
            check_filters(sql, member->filters);
        }
    }
}

void match_sql_append_pattern_checks(struct sql_text *sql, const struct filter *filter,
                                     const struct pattern *search)
{
    check_filters(sql, filter);
    if (search) {
        append_pattern_check(sql, search);
    }
}

/* --- values -------------------------------------------------------------------------------- */

/* The type of a value that a field of this type can be equal to, null aside. JSON: all of them. */
static bool is_comparable(enum field_type type, enum filter_value_type value)
{
    static const enum filter_value_type own[] = {
        [FIELD_TEXT] = FILTER_STRING, [FIELD_NUMBER] = FILTER_NUMBER, [FIELD_TIME] = FILTER_TIME,
        [FIELD_JSON] = FILTER_NULL,   [FIELD_NOTHING] = FILTER_NULL,
    };
    return value != FILTER_NULL && (type == FIELD_JSON || value == own[type]);
}

static void append_json(struct buf *out, const struct filter_value *value)
{
    if (value->type == FILTER_BOOL) {
        buf_append_text(out, value->boolean ? "true" : "false");
    } else if (value->type == FILTER_STRING) {
        jsontext_append_string(out, value->text);
    } else {
        buf_append_slice(out, value->text);
    }
}

static void add_element(struct sql_text *sql, enum field_type type,
                        const struct filter_value *value)
{
    if (type == FIELD_TIME) {
        db_params_array_time(sql->params, value->time_us);
        return;
    }
    if (type != FIELD_JSON) {
        db_params_array_bytes(sql->params, value->text);
        return;
    }
    struct buf json;
    buf_init(&json, VALUE_MAX_BYTES);
    append_json(&json, value);
    db_params_array_bytes(sql->params, buf_slice(&json));
    buf_done(&json);
}

struct type_sql {
    enum db_type element;   /* of the array of values to be equal to */
    const char *array;      /* its cast */
    const char *ordered_by; /* the cast of a value to be compared with */
    const char *collation;
};

static const struct type_sql types[] = {
    [FIELD_TEXT] = {DB_TEXT, "text[]", "text", " COLLATE \"C\""},
    [FIELD_NUMBER] = {DB_TEXT, "text[]::numeric[]", "text::numeric", ""},
    [FIELD_TIME] = {DB_TIMESTAMPTZ, "timestamptz[]", "timestamptz", ""},
    [FIELD_JSON] = {DB_TEXT, "text[]::jsonb[]", "text::jsonb", ""},
    [FIELD_NOTHING] = {DB_TEXT, "text[]", "text", ""},
};

/* --- conditions ---------------------------------------------------------------------------- */

static void append_value(struct sql_text *sql, const struct field_sql *value)
{
    field_sql_append(sql, value);
}

static void append_is_null(struct sql_text *sql, const struct field_sql *value)
{
    append_value(sql, value);
    sql_append(sql, " IS NULL");
    if (value->field.kind == FIELD_DYNAMIC) {
        sql_append(sql, " OR ");
        append_value(sql, value);
        sql_append(sql, " = 'null'::jsonb");
    }
}

/* A dynamic string, which stands in the text of all fields as jsontext writes it: where it does
 * not, nothing has to be taken apart. */
static bool is_one_string(enum field_type type, const struct filter_condition *condition)
{
    return type == FIELD_JSON && condition->value_count == 1 &&
           condition->values[0].type == FILTER_STRING;
}

/* Those of the condition's values that the field can be equal to, as an array. Returns how many. */
static size_t add_comparable(struct sql_text *sql, enum field_type type,
                             const struct filter_condition *condition)
{
    size_t count = 0;
    db_params_array_begin(sql->params, types[type].element);
    for (size_t i = 0; i < condition->value_count; i++) {
        if (is_comparable(type, condition->values[i].type)) {
            add_element(sql, type, &condition->values[i]);
            count++;
        }
    }
    db_params_array_end(sql->params);
    return count;
}

static bool has_null(const struct filter_condition *condition)
{
    for (size_t i = 0; i < condition->value_count; i++) {
        if (condition->values[i].type == FILTER_NULL) {
            return true;
        }
    }
    return false;
}

/* Equal to one of the condition's values; null is missing or null. With a single one an array's
 * element, which the planner makes a constant, spares each call a walk through the array: 1,000,000
 * phone numbers 102 -> 84 ms. */
static void append_equal(struct sql_text *sql, const struct field_sql *value,
                         const struct filter_condition *condition)
{
    enum field_type type = field_type(value->field.kind);
    bool is_single = add_comparable(sql, type, condition) == 1;
    int param = sql_last_param(sql);
    if (has_null(condition)) {
        append_is_null(sql, value);
        sql_append(sql, " OR ");
    }
    if (is_one_string(type, condition)) {
        sql_append_format(sql, "0 < strpos(c.fields, ($%d::text[])[1]) AND ", param);
    }
    append_value(sql, value);
    sql_append_format(sql, is_single ? " = ($%d::%s)[1]" : " = ANY ($%d::%s)", param,
                      types[type].array);
}

/* The text of a dynamic string, once its type is known. */
static void append_json_text(struct sql_text *sql, const struct field_sql *value)
{
    sql_append(sql, "(");
    append_value(sql, value);
    sql_append(sql, " #>> '{}')");
}

/* Behind what it is asked beside: a comparison of jsonb holds for few calls and fails for none, and
 * each look at a value costs as much as the first. */
static void append_type_test(struct sql_text *sql, const struct field_sql *value, const char *type)
{
    sql_append(sql, " AND jsonb_typeof(");
    append_value(sql, value);
    sql_append_format(sql, ") = '%s'", type);
}

static const char *const comparisons[FILTER_OP_COUNT] = {
    [FILTER_GT] = ">",
    [FILTER_GTE] = ">=",
    [FILTER_LT] = "<",
    [FILTER_LTE] = "<=",
};

static int add_ordered_param(struct sql_text *sql, const struct filter_value *with)
{
    return with->type == FILTER_TIME ? sql_param_time(sql, with->time_us)
                                     : sql_param_text(sql, with->text);
}

/*
 * Durations are whole milliseconds: what bounds them is made one, once, instead of each of them a
 * numeric (1,333,333 attempts 336 -> 291 ms). Greater than x is greater than what x is rounded down
 * to, less than x is less than what it is rounded up to. No duration comes near the limits.
 */
static void append_ordered_duration(struct sql_text *sql, const struct field_sql *value,
                                    const struct filter_condition *condition)
{
    bool rounds_up = condition->op == FILTER_GTE || condition->op == FILTER_LT;
    sql_append_format(sql,
                      "l.%s %s %s(least(greatest($%d::text::numeric * 1000, -9e18), 9e18))::int8",
                      field_sql_attempt_column(value->field.kind), comparisons[condition->op],
                      rounds_up ? "ceil" : "floor", add_ordered_param(sql, &condition->values[0]));
}

static void append_ordered(struct sql_text *sql, const struct field_sql *value,
                           const struct filter_condition *condition)
{
    const struct filter_value *with = &condition->values[0];
    enum field_type type = field_type(value->field.kind);
    if (!is_comparable(type, with->type)) {
        sql_append(sql, "FALSE");
        return;
    }
    if (type == FIELD_NUMBER) {
        append_ordered_duration(sql, value, condition);
        return;
    }
    bool is_json_text = type == FIELD_JSON && with->type != FILTER_NUMBER;
    if (is_json_text) {
        append_json_text(sql, value);
    } else {
        append_value(sql, value);
    }
    const struct type_sql *as = &types[is_json_text ? FIELD_TEXT : type];
    sql_append_format(sql, "%s %s $%d::%s", as->collation, comparisons[condition->op],
                      add_ordered_param(sql, with), as->ordered_by);
    if (type == FIELD_JSON) {
        append_type_test(sql, value, is_json_text ? "string" : "number");
    }
}

static void append_regex(struct sql_text *sql, const struct field_sql *value,
                         const struct filter_condition *condition)
{
    enum field_type type = field_type(value->field.kind);
    if (type != FIELD_TEXT && type != FIELD_JSON) {
        sql_append(sql, "FALSE");
        return;
    }
    struct pattern_test test = prepare_test(sql, &condition->pattern);
    sql_append(sql, test.before);
    if (type == FIELD_JSON) {
        append_json_text(sql, value);
    } else {
        append_value(sql, value);
    }
    close_test(sql, &condition->pattern, &test);
    if (type == FIELD_JSON) {
        append_type_test(sql, value, "string");
    }
}

static void append_exists(struct sql_text *sql, const struct field_sql *value,
                          const struct filter_condition *condition)
{
    append_value(sql, value);
    sql_append(sql, condition->values[0].boolean ? " IS NOT NULL" : " IS NULL");
}

static void append_conditions(struct sql_text *sql, const struct field_sql *value,
                              const struct filter_condition *conditions);

static void append_inner(struct sql_text *sql, const struct field_sql *value,
                         const struct filter_condition *condition)
{
    append_conditions(sql, value, condition->inner);
}

typedef void condition_fn(struct sql_text *sql, const struct field_sql *value,
                          const struct filter_condition *condition);

struct condition_def {
    condition_fn *append;
    bool is_negated;
};

static const struct condition_def condition_defs[FILTER_OP_COUNT] = {
    [FILTER_EQ] = {append_equal, false},      [FILTER_NE] = {append_equal, true},
    [FILTER_GT] = {append_ordered, false},    [FILTER_GTE] = {append_ordered, false},
    [FILTER_LT] = {append_ordered, false},    [FILTER_LTE] = {append_ordered, false},
    [FILTER_IN] = {append_equal, false},      [FILTER_NIN] = {append_equal, true},
    [FILTER_EXISTS] = {append_exists, false}, [FILTER_REGEX] = {append_regex, false},
    [FILTER_OPTIONS] = {NULL, false},         [FILTER_NOT] = {append_inner, true},
};

/* NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth */
static void append_conditions(struct sql_text *sql, const struct field_sql *value,
                              const struct filter_condition *conditions)
{
    for (const struct filter_condition *at = conditions; at; at = at->next) {
        const struct condition_def *def = &condition_defs[at->op];
        sql_append(sql, at == conditions ? "" : " AND ");
        sql_append(sql, "((");
        def->append(sql, value, at);
        sql_append(sql, def->is_negated ? ") IS NOT TRUE)" : ") IS TRUE)");
    }
}

/* --- members ------------------------------------------------------------------------------- */

static bool is_attempt_member(const struct filter_member *member)
{
    return member->kind == FILTER_FIELD && field_is_of_attempt(member->field.kind);
}

static void append_field(struct sql_text *sql, const struct filter_member *member)
{
    if (member->field.kind == FIELD_LACKING) {
        sql_append(sql, filter_conditions_hold_on_missing(member->conditions) ? "TRUE" : "FALSE");
        return;
    }
    struct field_sql value = field_sql_prepare(sql, &member->field);
    append_conditions(sql, &value, member->conditions);
}

/* OFFSET 0 keeps the planner from hashing all attempts of the batch for some calls. */
static const char *end_of_exists(enum sql_scope scope)
{
    return scope == SQL_FEW_CALLS ? " OFFSET 0)" : ")";
}

/* Those on attempts that stand in one object. Returns whether they hold on one whose fields are all
 * missing. */
static bool append_attempt_conditions(struct sql_text *sql, const struct filter *filter)
{
    bool holds_on_missing = true;
    for (const struct filter_member *at = filter->members; at; at = at->next) {
        if (is_attempt_member(at)) {
            sql_append(sql, " AND ");
            append_field(sql, at);
            holds_on_missing =
                holds_on_missing && filter_conditions_hold_on_missing(at->conditions);
        }
    }
    return holds_on_missing;
}

/* All conditions of one object hold on one and the same attempt, or, of a call without attempts, on
 * one whose fields are all missing. */
static void append_attempt_members(struct sql_text *sql, const struct filter *filter,
                                   enum sql_scope scope)
{
    static const char exists[] = "EXISTS (SELECT FROM callboard.attempt l"
                                 " WHERE l.batch_id = $1::bytea AND l.position = c.position";
    sql_append_format(sql, "(%s", exists);
    bool holds_on_missing = append_attempt_conditions(sql, filter);
    sql_append(sql, end_of_exists(scope));
    if (holds_on_missing) {
        sql_append_format(sql, " OR NOT %s%s", exists, end_of_exists(scope));
    }
    sql_append(sql, ")");
}

static void append_filters(struct sql_text *sql, const struct filter_member *member,
                           enum sql_scope scope)
{
    sql_append(sql, member->kind == FILTER_NOR ? "NOT (" : "(");
    for (const struct filter *at = member->filters; at; at = at->next) {
        if (at != member->filters) {
            sql_append(sql, member->kind == FILTER_AND ? " AND " : " OR ");
        }
        match_sql_append_filter(sql, at, scope);
    }
    sql_append(sql, ")");
}

/* NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth */
void match_sql_append_filter(struct sql_text *sql, const struct filter *filter,
                             enum sql_scope scope)
{
    bool has_attempts = false;
    sql_append(sql, "(TRUE");
    for (const struct filter_member *at = filter->members; at; at = at->next) {
        if (is_attempt_member(at)) {
            has_attempts = true;
            continue;
        }
        sql_append(sql, " AND ");
        if (at->kind == FILTER_FIELD) {
            append_field(sql, at);
        } else {
            append_filters(sql, at, scope);
        }
    }
    if (has_attempts) {
        sql_append(sql, " AND ");
        append_attempt_members(sql, filter, scope);
    }
    sql_append(sql, ")");
}

bool match_sql_is_of_attempts(const struct filter *filter)
{
    bool holds_on_missing = true;
    for (const struct filter_member *at = filter->members; at; at = at->next) {
        if (!is_attempt_member(at)) {
            return false;
        }
        holds_on_missing = holds_on_missing && filter_conditions_hold_on_missing(at->conditions);
    }
    return !holds_on_missing;
}

void match_sql_append_attempt(struct sql_text *sql, const struct filter *filter)
{
    sql_append(sql, "TRUE");
    (void)append_attempt_conditions(sql, filter);
}
