#include "filter.h"

#include "match_sql.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct arena arena;

static void set_up(void)
{
    arena_init(&arena);
}

static void tear_down(void)
{
    arena_done(&arena);
}

TestSuite(filter, .init = set_up, .fini = tear_down);

/* --- what is refused ------------------------------------------------------------------------ */

struct refusal {
    const char *text;
    const char *hint;
};

static const struct refusal refusals[] = {
    {"", "it must be a JSON object"},
    {"[]", "it must be a JSON object"},
    {"{\"a\":1", "at byte"},
    {"{\"a\":1}}", "at byte"},
    {"{\"a\":01}", "at byte"},
    {"{\"a\":[1]}", "\"a\" has an array"},
    {"{\"a\":{}}", "\"a\" has an empty object"},
    {"{\"a\":{\"b\":1}}", "\"b\" of \"a\" is not an operator"},
    {"{\"$where\":1}", "\"$where\" is not an operator"},
    {"{\"a\":{\"$and\":[]}}", "\"$and\" of \"a\" is not an operator"},
    {"{\"$and\":[]}", "$and is empty"},
    {"{\"$or\":{}}", "$or takes an array"},
    {"{\"$nor\":[null]}", "$nor takes an array of filters"},
    {"{\"a\":{\"$eq\":{}}}", "$eq of \"a\" takes a scalar"},
    {"{\"a\":{\"$ne\":[1]}}", "$ne of \"a\" takes a scalar"},
    {"{\"a\":{\"$gt\":null}}", "$gt of \"a\" takes a number or a string"},
    {"{\"a\":{\"$lte\":true}}", "$lte of \"a\" takes a number or a string"},
    {"{\"a\":{\"$in\":\"x\"}}", "$in of \"a\" takes an array"},
    {"{\"a\":{\"$nin\":[]}}", "$nin of \"a\" takes an array of 1 to 100"},
    {"{\"a\":{\"$in\":[{}]}}", "$in of \"a\" takes an array"},
    {"{\"a\":{\"$exists\":\"true\"}}", "$exists of \"a\" takes true or false"},
    {"{\"a\":{\"$regex\":null}}", "$regex of \"a\" takes a string"},
    {"{\"a\":{\"$regex\":\"(a)\\\\1\"}}", "the $regex of \"a\" uses a back-reference"},
    {"{\"a\":{\"$options\":\"i\"}}", "$options of \"a\" takes \"i\", beside a $regex"},
    {"{\"a\":{\"$regex\":\"a\",\"$options\":\"\"}}", "$options of \"a\" takes \"i\""},
    {"{\"a\":{\"$not\":1}}", "$not of \"a\" takes an object of operators"},
    {"{\"a\":{\"$not\":{}}}", "\"a\" has an empty object"},
    {"{\"createdAt\":1}", "\"createdAt\" is compared with an RFC 3339 time"},
    {"{\"createdAt\":{\"$gt\":\"x\"}}", "RFC 3339"},
    {"{\"phoneLogs.createdAt\":{\"$regex\":\"x\"}}", "$regex is not for it"},
    {"{\"a\":1e10000}", "out of range"},
    {"{\"a\":{\"$in\":[1e-10000]}}", "out of range"},
};

Test(filter, refuses_what_the_contract_refuses_and_names_it)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct filter *filter;
        struct problem problem = {0};
        cr_assert_not(filter_parse(slice_of(refusals[i].text), &arena, &filter, &problem), "%s",
                      refusals[i].text);
        cr_expect_eq(problem.kind, PROBLEM_BAD_PARAMETER);
        cr_expect_not_null(strstr(problem.detail, refusals[i].hint), "%s: %s", refusals[i].text,
                           problem.detail);
    }
}

/* --- what is written ------------------------------------------------------------------------ */

struct shape {
    const char *text;
    const char *sql;
    int params; /* beside the two that stand for token and batch */
};

#define ATTEMPT                                                                                    \
    "EXISTS (SELECT FROM callboard.attempt l"                                                      \
    " WHERE l.batch_id = $1::bytea AND l.position = c.position"
#define DYNAMIC "(coalesce(c.fields::json -> ($3::text[])[1])::jsonb)"

static const struct shape shapes[] = {
    {"{}", "(TRUE)", 0},
    {"{\"phoneNumber\":\"1\"}", "(TRUE AND ((c.phone_number = ($3::text[])[1]) IS TRUE))", 1},
    {"{\"phoneNumber\":{\"$ne\":null}}",
     "(TRUE AND ((c.phone_number IS NULL OR c.phone_number = ANY ($3::text[])) IS NOT TRUE))", 1},
    {"{\"phoneNumber\":{\"$gt\":\"1\"}}",
     "(TRUE AND ((c.phone_number COLLATE \"C\" > $3::text) IS TRUE))", 1},
    {"{\"phoneNumber\":{\"$gt\":1}}", "(TRUE AND ((FALSE) IS TRUE))", 0},
    {"{\"createdAt\":{\"$lte\":\"2025-05-15T14:30:00Z\"}}",
     "(TRUE AND ((c.created_at <= $3::timestamptz) IS TRUE))", 1},
    {"{\"x\":{\"$exists\":false}}", "(TRUE AND ((" DYNAMIC " IS NULL) IS TRUE))", 1},
    {"{\"x\":{\"$gt\":1}}",
     "(TRUE AND ((" DYNAMIC " > $4::text::jsonb AND jsonb_typeof(" DYNAMIC
     ") = 'number') IS TRUE))",
     2},
    {"{\"x.y\":1}",
     "(TRUE AND (((coalesce(c.fields::json -> ($3::text[])[1],"
     " c.fields::json -> ($3::text[])[2] -> ($3::text[])[3])::jsonb)"
     " = ($4::text[]::jsonb[])[1]) IS TRUE))",
     2},
    {"{\"x\":\"a\"}",
     "(TRUE AND ((0 < strpos(c.fields, ($4::text[])[1]) AND " DYNAMIC
     " = ($4::text[]::jsonb[])[1]) IS TRUE))",
     2},
    {"{\"phoneLogs.x\":null,\"phoneLogs\":1}", "(TRUE AND TRUE AND FALSE)", 0},
    {"{\"callStatus\":\"busy\",\"callDuration\":{\"$gte\":60}}",
     "(TRUE AND (" ATTEMPT " AND ((l.call_status = ($3::text[])[1]) IS TRUE)"
     " AND ((l.call_duration_ms >= ceil(least(greatest($4::text::numeric * 1000, -9e18), 9e18))"
     "::int8) IS TRUE))))",
     2},
    {"{\"callStatus\":null}",
     "(TRUE AND (" ATTEMPT " AND ((l.call_status IS NULL OR l.call_status = ANY ($3::text[]))"
     " IS TRUE)) OR NOT " ATTEMPT ")))",
     1},
    {"{\"$or\":[{},{\"$nor\":[{}]}]}", "(TRUE AND ((TRUE) OR (TRUE AND NOT ((TRUE)))))", 0},
    {"{\"transcript\":{\"$regex\":\"A\",\"$options\":\"i\"}}",
     "(TRUE AND (" ATTEMPT
     " AND ((0 < strpos(lower(l.transcript COLLATE \"C\"), $3::text)) IS TRUE))))",
     1},
    {"{\"phoneNumber\":{\"$not\":{\"$regex\":\"a+\"}}}",
     "(TRUE AND ((((c.phone_number COLLATE \"und-x-icu\" ~ $3::text) IS TRUE)) IS NOT TRUE))", 1},
};

Test(filter, becomes_conditions_whose_values_are_parameters)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const struct filter *filter;
        struct problem problem = {0};
        cr_assert(filter_parse(slice_of(shapes[i].text), &arena, &filter, &problem), "%s: %s",
                  shapes[i].text, problem.detail);
        struct buf text;
        struct db_params params;
        buf_init(&text, 1 << 16);
        db_params_init(&params);
        db_params_add_null(&params);
        db_params_add_null(&params);
        match_sql_append_filter(&(struct sql_text){&text, &params}, filter, SQL_WHOLE_BATCH);
        cr_expect_str_eq(buf_text(&text), shapes[i].sql, "%s", shapes[i].text);
        cr_expect_eq(params.count - 2, shapes[i].params, "%s", shapes[i].text);
        buf_done(&text);
        db_params_done(&params);
    }
}

/* --- what is missing ------------------------------------------------------------------------ */

struct missing_case {
    const char *conditions;
    bool holds;
};

static const struct missing_case missing[] = {
    {"null", true},
    {"1", false},
    {"{\"$ne\":1}", true},
    {"{\"$ne\":null}", false},
    {"{\"$gt\":1}", false},
    {"{\"$in\":[1,null]}", true},
    {"{\"$in\":[1]}", false},
    {"{\"$nin\":[1]}", true},
    {"{\"$nin\":[null]}", false},
    {"{\"$exists\":true}", false},
    {"{\"$exists\":false}", true},
    {"{\"$regex\":\"\"}", false},
    {"{\"$not\":{\"$gt\":1}}", true},
    {"{\"$not\":{\"$ne\":1,\"$exists\":false}}", false},
    {"{\"$ne\":1,\"$gt\":0}", false},
};

Test(filter, knows_what_holds_of_a_missing_field)
{
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "{\"phoneLogs.x\":%s}", missing[i].conditions);
        const struct filter *filter;
        struct problem problem;
        cr_assert(filter_parse(slice_of(text), &arena, &filter, &problem), "%s", text);
        cr_expect_eq(filter_conditions_hold_on_missing(filter->members->conditions),
                     missing[i].holds, "%s", text);
    }
}
