#include "option_value.h"

#include "buf.h"
#include "macros.h"

#include <criterion/criterion.h>

struct config {
    int64_t limit;
    int64_t bytes;
    bool verbose;
    int level;
    const char *text;
    const char *url;
    struct option_list properties;
    struct option_list topics;
};

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};

static const struct option limit = {
    .type = OPTION_INT, .offset = offsetof(struct config, limit), .min = -5, .max = 1000};
static const struct option bytes = {
    .type = OPTION_BYTES, .offset = offsetof(struct config, bytes), .min = 1024, .max = INT64_MAX};
static const struct option verbose = {.type = OPTION_BOOL,
                                      .offset = offsetof(struct config, verbose)};
static const struct option level = {
    .type = OPTION_CHOICE, .offset = offsetof(struct config, level), .choices = levels};
static const struct option text = {.type = OPTION_TEXT, .offset = offsetof(struct config, text)};
static const struct option url = {
    .type = OPTION_TEXT, .secret = true, .offset = offsetof(struct config, url)};
static const struct option pin = {
    .type = OPTION_INT, .secret = true, .offset = offsetof(struct config, limit), .max = 9999};
static const struct option properties = {.type = OPTION_LIST,
                                         .offset = offsetof(struct config, properties)};
static const struct option topics = {
    .env = "TOPICS", .type = OPTION_LIST, .offset = offsetof(struct config, topics)};

static const struct option *const all[] = {&limit, &bytes, &verbose,    &level,
                                           &text,  &url,   &properties, &topics};

static void free_all(struct config *config)
{
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        option_value_free(all[i], config);
    }
}

/* --- what is accepted -------------------------------------------------------------------- */

static const struct {
    const char *name;
    const struct option *option;
    const char *text;
    int64_t value;
} numbers[] = {
    {"a number", &limit, "20", 20},
    {"zero", &limit, "0", 0},
    {"zeros before", &limit, "007", 7},
    {"the smallest", &limit, "-5", -5},
    {"the largest", &limit, "1000", 1000},
    {"bytes", &bytes, "1500", 1500},
    {"the smallest size", &bytes, "1024", 1024},
    {"the largest size", &bytes, "9223372036854775807", INT64_MAX},
    {"KiB", &bytes, "2KiB", 2048},
    {"kib", &bytes, "2kib", 2048},
    {"MiB", &bytes, "2MiB", 2097152},
    {"GiB", &bytes, "2GiB", 2147483648},
    {"k", &bytes, "3k", 3072},
    {"m", &bytes, "3m", 3145728},
    {"G", &bytes, "4G", 4294967296},
};

Test(option_value, is_a_number_within_its_range)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct config config = {.limit = 99, .bytes = 99};
        struct error err = {0};
        cr_expect(option_value_set(numbers[i].option, "N", numbers[i].text, &config, &err),
                  "%s: %s", numbers[i].name, err.text);
        int64_t value = numbers[i].option == &limit ? config.limit : config.bytes;
        cr_expect(value == numbers[i].value, "%s: %lld", numbers[i].name, (long long)value);
    }
}

static const struct {
    const char *text;
    bool value;
} truths[] = {
    {"true", true},   {"yes", true}, {"Yes", true}, {"1", true},
    {"false", false}, {"no", false}, {"0", false},  {"FALSE", false},
};

Test(option_value, is_true_or_false_in_several_spellings)
{
    for (size_t i = 0; i < ARRAY_LEN(truths); i++) {
        struct config config = {.verbose = !truths[i].value};
        cr_expect(option_value_set(&verbose, "V", truths[i].text, &config, NULL), "%s",
                  truths[i].text);
        cr_expect(config.verbose == truths[i].value, "%s", truths[i].text);
    }
}

Test(option_value, is_a_choice_in_any_case)
{
    struct config config = {0};
    cr_expect(option_value_set(&level, "L", "debug", &config, NULL));
    cr_expect(config.level == 3);
    cr_expect(option_value_set(&level, "L", "WARN", &config, NULL));
    cr_expect(config.level == 1);
}

static const struct {
    const char *name;
    const struct option *option;
    const char *texts[3]; /* set one after the other */
    const char *items;
} lists[] = {
    {"one", &topics, {"a"}, "[a]"},
    {"several", &topics, {"a,b,c"}, "[a][b][c]"},
    {"blanks around", &topics, {" a, b\t,c "}, "[a][b][c]"},
    {"blanks within", &topics, {"a b,c"}, "[a b][c]"},
    {"added to", &topics, {"a,b", "c"}, "[a][b][c]"},
    {"one item without a variable", &properties, {"a=b,c"}, "[a=b,c]"},
    {"items without a variable", &properties, {"a=b", " c=d,e "}, "[a=b][c=d,e]"},
};

Test(option_value, is_a_list_that_grows)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct config config = {0};
        struct buf items;
        buf_init(&items, 1000);
        for (size_t j = 0; lists[i].texts[j]; j++) {
            cr_expect(option_value_set(lists[i].option, "X", lists[i].texts[j], &config, NULL),
                      "%s", lists[i].name);
        }
        struct option_list list = lists[i].option == &topics ? config.topics : config.properties;
        for (size_t j = 0; j < list.count; j++) {
            buf_append_format(&items, "[%s]", list.items[j]);
        }
        cr_expect_str_eq(buf_text(&items), lists[i].items, "%s", lists[i].name);
        buf_done(&items);
        free_all(&config);
    }
}

Test(option_value, is_a_copy_of_the_text)
{
    char given[] = "abc";
    struct config config = {0};
    cr_assert(option_value_set(&text, "T", given, &config, NULL));
    given[0] = 'x';
    cr_expect_str_eq(config.text, "abc");
    free_all(&config);
    cr_expect_null(config.text);
    free_all(&config);
}

/* --- what is refused --------------------------------------------------------------------- */

#define NOT_A_LIMIT "is not an integer from -5 to 1000"
#define NOT_A_SIZE "is not a size in bytes or with KiB, MiB or GiB behind, 1 KiB or more"
#define NOT_A_LIST "is not a list without empty items"

static const struct {
    const char *name;
    const struct option *option;
    const char *text;
    const char *message;
} refused[] = {
    {"empty", &limit, "", "N: \"\" " NOT_A_LIMIT},
    {"not a number", &limit, "many", "N: \"many\" " NOT_A_LIMIT},
    {"a number and more", &limit, "5x", "N: \"5x\" " NOT_A_LIMIT},
    {"a fraction", &limit, "5.5", "N: \"5.5\" " NOT_A_LIMIT},
    {"a plus sign", &limit, "+5", "N: \"+5\" " NOT_A_LIMIT},
    {"a blank before", &limit, " 5", "N: \" 5\" " NOT_A_LIMIT},
    {"a blank behind", &limit, "5 ", "N: \"5 \" " NOT_A_LIMIT},
    {"a minus sign alone", &limit, "-", "N: \"-\" " NOT_A_LIMIT},
    {"hexadecimal", &limit, "0x10", "N: \"0x10\" " NOT_A_LIMIT},
    {"a unit for what is no size", &limit, "1k", "N: \"1k\" " NOT_A_LIMIT},
    {"too small", &limit, "-6", "N: \"-6\" " NOT_A_LIMIT},
    {"too large", &limit, "1001", "N: \"1001\" " NOT_A_LIMIT},
    {"beyond 64 bits", &limit, "18446744073709551626", "N: \"18446744073709551626\" " NOT_A_LIMIT},
    {"an unknown unit", &bytes, "5TiB", "N: \"5TiB\" " NOT_A_SIZE},
    {"a unit alone", &bytes, "KiB", "N: \"KiB\" " NOT_A_SIZE},
    {"too few bytes", &bytes, "1023", "N: \"1023\" " NOT_A_SIZE},
    {"too many bytes", &bytes, "8589934592GiB", "N: \"8589934592GiB\" " NOT_A_SIZE},
    {"not a truth", &verbose, "maybe", "N: \"maybe\" is not true or false (or yes, no, 1, 0)"},
    {"not a choice", &level, "loud", "N: \"loud\" is not one of error, warn, info, debug"},
    {"the beginning of a choice", &level, "err",
     "N: \"err\" is not one of error, warn, info, debug"},
    {"an empty item", &topics, "a,,b", "N: \"a,,b\" " NOT_A_LIST},
    {"an item of blanks", &topics, "a, ", "N: \"a, \" " NOT_A_LIST},
    {"an empty property", &properties, " ", "N: \" \" " NOT_A_LIST},
    {"control characters are not printed", &limit, "a\nb\x1b", "N: \"a?b?\" " NOT_A_LIMIT},
    {"a password in a value is not shown", &limit, "password=x",
     "N: \"password=***\" " NOT_A_LIMIT},
    {"a secret is not shown", &pin, "12345", "N: \"***\" is not an integer from 0 to 9999"},
    {"a long value is cut", &limit,
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "N: "
     "\"01234567890123456789012345678901234567890123456789012345678901234567890123456789\""
     " " NOT_A_LIMIT},
};

Test(option_value, says_in_one_line_what_would_be_accepted)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct config config = {.limit = 99, .bytes = 99, .level = 2};
        struct error err = {0};
        cr_expect_not(option_value_set(refused[i].option, "N", refused[i].text, &config, &err),
                      "%s", refused[i].name);
        cr_expect(err.kind == ERR_FATAL, "%s", refused[i].name);
        cr_expect_str_eq(err.text, refused[i].message, "%s", refused[i].name);
        cr_expect(config.limit == 99 && config.bytes == 99 && config.level == 2, "%s",
                  refused[i].name);
        free_all(&config);
    }
}

/* --- what is shown ----------------------------------------------------------------------- */

static const struct {
    const struct option *option;
    const char *text; /* NULL: not set */
    const char *shown;
} shown[] = {
    {&limit, "-5", "-5"},
    {&bytes, "2KiB", "2048"},
    {&verbose, "yes", "true"},
    {&verbose, NULL, "false"},
    {&level, "INFO", "info"},
    {&text, "a b", "a b"},
    {&text, "", ""},
    {&text, NULL, ""},
    {&text, "password=x y", "password=*** y"},
    {&url, "anything at all", "***"},
    {&url, "", ""},
    {&url, NULL, ""},
    {&topics, "a, b", "a,b"},
    {&topics, NULL, ""},
    {&properties, "sasl.password=x y", "sasl.password=***"},
};

Test(option_value, is_shown_without_secrets)
{
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        struct config config = {0};
        struct buf out;
        buf_init(&out, 1000);
        if (shown[i].text) {
            cr_assert(option_value_set(shown[i].option, "N", shown[i].text, &config, NULL));
        }
        option_value_append(&out, shown[i].option, &config);
        cr_expect_str_eq(buf_text(&out), shown[i].shown, "row %zu", i);
        buf_done(&out);
        free_all(&config);
    }
}

static const struct {
    struct option option;
    const char *range; /* NULL: none */
} ranges[] = {
    {{.type = OPTION_INT, .min = 1, .max = 1024}, "1 to 1024"},
    {{.type = OPTION_INT, .min = -5, .max = INT64_MAX}, "-5 or more"},
    {{.type = OPTION_INT, .min = INT64_MIN, .max = 7}, "up to 7"},
    {{.type = OPTION_INT, .min = INT64_MIN, .max = INT64_MAX}, NULL},
    {{.type = OPTION_BYTES, .min = 0, .max = 1000}, "0 to 1000"},
    {{.type = OPTION_BYTES, .min = 1024, .max = 3 << 20}, "1 KiB to 3 MiB"},
    {{.type = OPTION_BYTES, .min = INT64_MIN, .max = INT64_C(2) << 40}, "up to 2048 GiB"},
    {{.type = OPTION_TEXT}, NULL},
    {{.type = OPTION_CHOICE, .choices = levels}, NULL},
};

Test(option_value, says_its_range)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        struct buf out;
        buf_init(&out, 1000);
        bool has_range = option_value_has_range(&ranges[i].option);
        cr_expect(has_range == (ranges[i].range != NULL), "row %zu", i);
        if (ranges[i].range) {
            option_value_append_range(&out, &ranges[i].option);
            cr_expect_str_eq(buf_text(&out), ranges[i].range, "row %zu", i);
        }
        buf_done(&out);
    }
}
