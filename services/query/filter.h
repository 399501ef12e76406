/*
 * filter - what a caller wants calls to be like: JSON text made a tree.
 *
 * A filter is a list of members that must all hold: a field with its conditions, or `$and`, `$or`,
 * `$nor` with filters below. Values are checked and brought to the form in which they are compared;
 * the tree knows nothing of SQL.
 *
 * Ownership: the tree lives in the arena given, parts of it in the text.
 */
#ifndef CALLBOARD_QUERY_FILTER_H
#define CALLBOARD_QUERY_FILTER_H

#include "arena.h"
#include "field.h"
#include "macros.h"
#include "pattern.h"
#include "problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_MAX_BYTES 8192
#define FILTER_MAX_CONDITIONS 32
#define FILTER_MAX_DEPTH                                                                           \
    8 /* filters in each other, the outermost counted; $not is one deeper, too */
#define FILTER_MAX_CHOICES 100

enum filter_op {
    FILTER_EQ, /* also the bare value; null: missing or null */
    FILTER_NE,
    FILTER_GT,
    FILTER_GTE,
    FILTER_LT,
    FILTER_LTE,
    FILTER_IN,
    FILTER_NIN,
    FILTER_EXISTS,
    FILTER_REGEX,
    FILTER_OPTIONS, /* in the text alone: belongs to $regex */
    FILTER_NOT,
    FILTER_OP_COUNT
};

enum filter_value_type {
    FILTER_NULL,
    FILTER_BOOL,
    FILTER_NUMBER, /* `text` is its JSON text */
    FILTER_STRING,
    FILTER_TIME, /* a string, for a field of times */
};

struct filter_value {
    enum filter_value_type type;
    bool boolean;
    struct slice text; /* of a string, unescaped; a status normalised */
    int64_t time_us;
};

struct filter_condition {
    enum filter_op op;
    struct filter_value *values; /* one; $in, $nin: 1 to FILTER_MAX_CHOICES; $exists: a boolean */
    size_t value_count;
    struct pattern pattern;         /* $regex */
    struct filter_condition *inner; /* $not: the first of those of which not all hold */
    struct filter_condition *next;  /* must hold, too; of the same field */
};

enum filter_member_kind { FILTER_FIELD, FILTER_AND, FILTER_OR, FILTER_NOR };
#define FILTER_COMBINER_COUNT 3

struct filter;

struct filter_member {
    enum filter_member_kind kind;
    struct field field; /* FILTER_FIELD */
    struct filter_condition *conditions;
    struct filter *filters; /* FILTER_AND, FILTER_OR, FILTER_NOR: the first */
    struct filter_member *next;
};

struct filter {
    struct filter_member *members; /* NULL: matches every call */
    struct filter *next;           /* the next element of the array it stands in */
};

/* `text` is valid UTF-8. False: PROBLEM_BAD_PARAMETER that names the operator or field. */
NODISCARD bool filter_parse(struct slice text, struct arena *arena, const struct filter **out,
                            struct problem *problem);

/* What the API's description says of an operator. */
struct filter_operator_doc {
    const char *name;        /* "$gte" */
    const char *takes;       /* "a number or a string" */
    const char *description; /* CommonMark, of which only `code` is used */
    const char *example;     /* a filter */
};

/* Those of fields, then those that combine filters: `index` from 0 to FILTER_OPERATOR_COUNT - 1. */
#define FILTER_OPERATOR_COUNT ((size_t)FILTER_OP_COUNT + FILTER_COMBINER_COUNT)
struct filter_operator_doc filter_operator_doc(size_t index);

/* Whether a condition, and those behind it, hold where the field is missing. */
bool filter_conditions_hold_on_missing(const struct filter_condition *conditions);

#endif
