/*
 * field - which value of a call a name means, for sorting and filtering alike.
 *
 * A field of an attempt is, in sorting, that of the latest attempt; in filtering, of any. A dynamic
 * field is looked up as its name stands first, then, where it holds dots, as a path through nested
 * objects.
 */
#ifndef CALLBOARD_QUERY_FIELD_H
#define CALLBOARD_QUERY_FIELD_H

#include "slice.h"

#include <stdbool.h>
#include <stddef.h>

/* Of sortBy; a filter's names may be as long as the filter. */
#define FIELD_NAME_MAX_BYTES 128

enum field_kind {
    FIELD_ARRIVAL, /* no name: the order of arrival */
    FIELD_CREATED_AT,
    FIELD_PHONE_NUMBER,
    FIELD_ID, /* as 24 hexadecimal digits, lower case */
    FIELD_CALL_STATUS,
    FIELD_CALL_DURATION,
    FIELD_RECORDING_URL,
    FIELD_TRANSCRIPT,
    FIELD_ATTEMPT_CREATED_AT,
    FIELD_DYNAMIC,
    FIELD_LACKING, /* `phoneLogs` and what is not known behind it: every call lacks it */
    FIELD_KIND_COUNT
};

/* What a field's values are compared as. */
enum field_type {
    FIELD_TEXT,
    FIELD_NUMBER, /* callDuration, in seconds */
    FIELD_TIME,
    FIELD_JSON, /* any */
    FIELD_NOTHING,
};

struct field {
    enum field_kind kind;
    struct slice name; /* as it was given; lent */
};

/* What the API's description says of a name that is not dynamic. */
struct field_doc {
    const char *name;
    const char *type; /* "string", "time" */
    bool is_of_attempt;
    const char *description; /* CommonMark, of which only `code` is used */
};

/* `index` from 0 to field_doc_count() - 1. */
struct field_doc field_doc(size_t index);
size_t field_doc_count(void);

struct field field_resolve(struct slice name);

bool field_is_of_attempt(enum field_kind kind);
enum field_type field_type(enum field_kind kind);

#endif
