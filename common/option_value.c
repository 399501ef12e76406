#include "option_value.h"

#include "alloc.h"
#include "secret_text.h"
#include "slice.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- what an option accepts -------------------------------------------------------------- */

static void append_number(struct buf *out, const struct option *option, int64_t value)
{
    static const char *const units[] = {"", " KiB", " MiB", " GiB"};
    size_t unit = 0;
    bool is_size = option->type == OPTION_BYTES && value > 0;
    while (is_size && value % 1024 == 0 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1024;
        unit++;
    }
    buf_append_int(out, value);
    buf_append_text(out, units[unit]);
}

bool option_value_has_range(const struct option *option)
{
    bool is_number = option->type == OPTION_INT || option->type == OPTION_BYTES;
    return is_number && (option->min > INT64_MIN || option->max < INT64_MAX);
}

void option_value_append_range(struct buf *out, const struct option *option)
{
    if (option->min > INT64_MIN) {
        append_number(out, option, option->min);
        buf_append_text(out, option->max < INT64_MAX ? " to " : " or more");
    } else if (option->max < INT64_MAX) {
        buf_append_text(out, "up to ");
    }
    if (option->max < INT64_MAX) {
        append_number(out, option, option->max);
    }
}

static void describe_text(struct buf *out, const struct option *option)
{
    (void)option;
    buf_append_text(out, "a text");
}

static void describe_range(struct buf *out, const struct option *option)
{
    if (option_value_has_range(option)) {
        bool is_closed = option->min > INT64_MIN && option->max < INT64_MAX;
        buf_append_text(out, is_closed ? " from " : ", ");
        option_value_append_range(out, option);
    }
}

static void describe_int(struct buf *out, const struct option *option)
{
    buf_append_text(out, "an integer");
    describe_range(out, option);
}

static void describe_bytes(struct buf *out, const struct option *option)
{
    buf_append_text(out, "a size in bytes or with KiB, MiB or GiB behind");
    describe_range(out, option);
}

static void describe_bool(struct buf *out, const struct option *option)
{
    (void)option;
    buf_append_text(out, "true or false (or yes, no, 1, 0)");
}

void option_value_append_choices(struct buf *out, const struct option *option)
{
    buf_append_text(out, "one of ");
    for (size_t i = 0; option->choices[i]; i++) {
        buf_append_text(out, i > 0 ? ", " : "");
        buf_append_text(out, option->choices[i]);
    }
}

static void describe_list(struct buf *out, const struct option *option)
{
    (void)option;
    buf_append_text(out, "a list without empty items");
}

/* --- values: text to field, field to text ------------------------------------------------ */

static void *field_of(const struct option *option, void *config)
{
    return (char *)config + option->offset;
}

static const void *const_field_of(const struct option *option, const void *config)
{
    return (const char *)config + option->offset;
}

/* The configuration shows its texts as const; the ones made here are ours to free. */
static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

static bool parse_text(const struct option *option, const char *text, void *field)
{
    (void)option;
    *(const char **)field = alloc_string(text);
    return true;
}

/* Decimal digits, a minus sign before them allowed; `*out_rest` is what follows. */
static bool parse_decimal(const char *text, int64_t *out, char **out_rest)
{
    if (!isdigit((unsigned char)text[text[0] == '-'])) {
        return false;
    }
    errno = 0;
    *out = strtoll(text, out_rest, 10);
    return errno == 0;
}

static bool is_in_range(const struct option *option, int64_t value)
{
    return value >= option->min && value <= option->max;
}

static bool parse_int(const struct option *option, const char *text, void *field)
{
    char *rest;
    int64_t value;
    if (!parse_decimal(text, &value, &rest) || *rest || !is_in_range(option, value)) {
        return false;
    }
    *(int64_t *)field = value;
    return true;
}

static bool find_unit(const char *text, int64_t *out_bytes)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } units[] = {
        {"", 1},          {"k", 1 << 10},   {"m", 1 << 20},   {"g", 1 << 30},
        {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
    };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcasecmp(text, units[i].text) == 0) {
            *out_bytes = units[i].bytes;
            return true;
        }
    }
    return false;
}

static bool parse_bytes(const struct option *option, const char *text, void *field)
{
    char *rest;
    int64_t value;
    int64_t unit;
    if (!parse_decimal(text, &value, &rest) || !find_unit(rest, &unit) ||
        __builtin_mul_overflow(value, unit, &value) || !is_in_range(option, value)) {
        return false;
    }
    *(int64_t *)field = value;
    return true;
}

static bool parse_bool(const struct option *option, const char *text, void *field)
{
    static const struct {
        const char *text;
        bool value;
    } spellings[] = {
        {"true", true}, {"yes", true}, {"1", true}, {"false", false}, {"no", false}, {"0", false},
    };
    (void)option;
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        if (strcasecmp(text, spellings[i].text) == 0) {
            *(bool *)field = spellings[i].value;
            return true;
        }
    }
    return false;
}

static bool parse_choice(const struct option *option, const char *text, void *field)
{
    for (int i = 0; option->choices[i]; i++) {
        if (strcasecmp(text, option->choices[i]) == 0) {
            *(int *)field = i;
            return true;
        }
    }
    return false;
}

static void list_add(struct option_list *list, struct slice item)
{
    list->items = alloc_resize(list->items, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = alloc_bytes(item.data, item.len);
}

static struct slice trim_blanks(const char *start, const char *end)
{
    while (start < end && isblank((unsigned char)*start)) {
        start++;
    }
    while (end > start && isblank((unsigned char)end[-1])) {
        end--;
    }
    return (struct slice){start, (size_t)(end - start)};
}

/* Adds to the list what one flag, or the environment, says. An option that has no variable takes a
 * flag's value as one item: in `-X prop=a,b` the comma belongs to the value. */
static bool parse_list(const struct option *option, const char *text, void *field)
{
    const char *separators = option->env ? "," : "";
    for (;;) {
        const char *end = text + strcspn(text, separators);
        struct slice item = trim_blanks(text, end);
        if (item.len == 0) {
            return false;
        }
        list_add(field, item);
        if (*end == '\0') {
            return true;
        }
        text = end + 1;
    }
}

static enum secret_extent secret_extent_of(const struct option *option)
{
    return option->type == OPTION_LIST ? SECRET_TO_END : SECRET_TO_BLANK;
}

static void show_text(struct buf *out, const struct option *option, const void *field)
{
    const char *text = *(const char *const *)field;
    if (text) {
        secret_text_append(out, text, secret_extent_of(option));
    }
}

static void show_int(struct buf *out, const struct option *option, const void *field)
{
    (void)option;
    buf_append_int(out, *(const int64_t *)field);
}

static void show_bool(struct buf *out, const struct option *option, const void *field)
{
    (void)option;
    buf_append_text(out, *(const bool *)field ? "true" : "false");
}

static void show_choice(struct buf *out, const struct option *option, const void *field)
{
    buf_append_text(out, option->choices[*(const int *)field]);
}

static void show_list(struct buf *out, const struct option *option, const void *field)
{
    const struct option_list *list = field;
    for (size_t i = 0; i < list->count; i++) {
        buf_append_text(out, i > 0 ? "," : "");
        show_text(out, option, &list->items[i]);
    }
}

static void free_nothing(void *field)
{
    (void)field;
}

static void free_text_field(void *field)
{
    const char **text = field;
    free_text(*text);
    *text = NULL;
}

static void free_list_field(void *field)
{
    struct option_list *list = field;
    for (size_t i = 0; i < list->count; i++) {
        free_text(list->items[i]);
    }
    free(list->items);
    *list = (struct option_list){0};
}

static const struct {
    bool (*parse)(const struct option *option, const char *text, void *field);
    void (*describe)(struct buf *out, const struct option *option); /* "... is not <this>" */
    void (*show)(struct buf *out, const struct option *option, const void *field);
    void (*free_field)(void *field);
} types[] = {
    [OPTION_TEXT] = {parse_text, describe_text, show_text, free_text_field},
    [OPTION_INT] = {parse_int, describe_int, show_int, free_nothing},
    [OPTION_BYTES] = {parse_bytes, describe_bytes, show_int, free_nothing},
    [OPTION_BOOL] = {parse_bool, describe_bool, show_bool, free_nothing},
    [OPTION_CHOICE] = {parse_choice, option_value_append_choices, show_choice, free_nothing},
    [OPTION_LIST] = {parse_list, describe_list, show_list, free_list_field},
};

/* A given value as a message may show it: on one line, cut, without secrets. */
static const char *shown_value(const struct option *option, const char *value, struct buf *scratch)
{
    if (option->secret) {
        return SECRET_HIDDEN;
    }
    secret_text_append(scratch, value, secret_extent_of(option));
    for (size_t i = 0; i < scratch->len; i++) {
        if (iscntrl((unsigned char)scratch->data[i])) {
            scratch->data[i] = '?';
        }
    }
    return buf_text(scratch);
}

bool option_value_set(const struct option *option, const char *name, const char *value,
                      void *config, struct error *err)
{
    if (types[option->type].parse(option, value, field_of(option, config))) {
        return true;
    }
    struct buf shown;
    struct buf accepted;
    buf_init(&shown, OPTION_TEXT_BYTES_MAX);
    buf_init(&accepted, OPTION_TEXT_BYTES_MAX);
    types[option->type].describe(&accepted, option);
    (void)error_set(err, ERR_FATAL, "%s: \"%.80s\" is not %s", name,
                    shown_value(option, value, &shown), buf_text(&accepted));
    buf_done(&shown);
    buf_done(&accepted);
    return false;
}

static bool is_given(const struct option *option, const void *field)
{
    if (option->type == OPTION_LIST) {
        return ((const struct option_list *)field)->count > 0;
    }
    const char *text = option->type == OPTION_TEXT ? *(const char *const *)field : "given";
    return text && *text;
}

void option_value_append(struct buf *out, const struct option *option, const void *config)
{
    const void *field = const_field_of(option, config);
    if (!option->secret) {
        types[option->type].show(out, option, field);
    } else if (is_given(option, field)) {
        buf_append_text(out, SECRET_HIDDEN);
    }
}

void option_value_free(const struct option *option, void *config)
{
    types[option->type].free_field(field_of(option, config));
}
