#include "option_flags.h"

#include "alloc.h"
#include "option_name.h"
#include "program_version.h"
#include "slice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const struct option_table *table;
    char **argv;
    int argc;
    int next; /* index of the argument to be read */
    int kept; /* arguments kept so far, the program's name included */
    struct option_setting *settings;
    struct error *err;
};

/* An argument that may be a flag, taken apart. */
struct flag {
    const char *name;  /* as given: "--http-listen", "-X" */
    size_t len;        /* of the name */
    const char *value; /* what stands behind '=' (or behind a short flag), or NULL */
};

static enum options_result bad(struct parser *parser, const struct flag *flag, const char *what)
{
    (void)error_set(parser->err, ERR_FATAL, "%.*s %s", (int)flag->len, flag->name, what);
    return OPTIONS_BAD;
}

static struct flag split_flag(const char *arg)
{
    if (arg[1] != '-') {
        return (struct flag){arg, 2, arg[2] ? arg + 2 : NULL};
    }
    size_t len = strcspn(arg, "=");
    return (struct flag){arg, len, arg[len] ? arg + len + 1 : NULL};
}

static bool flag_is(const struct flag *flag, const char *name)
{
    return slice_equal((struct slice){flag->name, flag->len}, slice_of(name));
}

static bool flag_is_option(const struct flag *flag, const struct option *option, const char *suffix)
{
    return flag_is(flag, option_name_flag(option, suffix).text);
}

/* False when there is none. What begins with "--" is the next flag, not a value. */
static bool take_value(struct parser *parser, struct flag *flag)
{
    if (!flag->value && parser->next < parser->argc &&
        strncmp(parser->argv[parser->next], "--", 2) != 0) {
        flag->value = parser->argv[parser->next++];
    }
    return flag->value != NULL;
}

static void setting_add(struct option_setting *setting, const char *value)
{
    setting->values = alloc_resize(setting->values, setting->count + 1, sizeof(*setting->values));
    setting->values[setting->count++] = value;
}

static enum options_result read_option(struct parser *parser, const struct option *option,
                                       struct option_setting *setting, struct flag *flag)
{
    if (option->type == OPTION_BOOL) {
        if (flag->value) {
            return bad(parser, flag, "takes no value");
        }
        setting_add(setting, "true");
        return OPTIONS_OK;
    }
    if (!take_value(parser, flag)) {
        return bad(parser, flag, "needs a value");
    }
    setting_add(setting, flag->value);
    return OPTIONS_OK;
}

static enum options_result read_file_option(struct parser *parser, struct option_setting *setting,
                                            struct flag *flag)
{
    if (!take_value(parser, flag)) {
        return bad(parser, flag, "needs the name of a file");
    }
    setting->file = flag->value;
    return OPTIONS_OK;
}

static enum options_result print_help(struct parser *parser)
{
    options_print_help(parser->table, stdout);
    return OPTIONS_EXIT;
}

static enum options_result print_version(struct parser *parser)
{
    (void)printf("%s %s\n", parser->table->program, CALLBOARD_VERSION);
    return OPTIONS_EXIT;
}

static enum options_result read_common_flag(struct parser *parser, const struct flag *flag)
{
    bool is_help = flag_is(flag, "--help");
    if (!is_help && !flag_is(flag, "--version")) {
        return bad(parser, flag, "is not an option of this program (--help lists them)");
    }
    if (flag->value) {
        return bad(parser, flag, "takes no value");
    }
    return is_help ? print_help(parser) : print_version(parser);
}

static enum options_result read_flag(struct parser *parser, const char *arg)
{
    struct flag flag = split_flag(arg);
    for (size_t i = 0; i < parser->table->count; i++) {
        const struct option *option = &parser->table->options[i];
        if (flag_is_option(&flag, option, "")) {
            return read_option(parser, option, &parser->settings[i], &flag);
        }
        if (option->secret && flag_is_option(&flag, option, "-file")) {
            return read_file_option(parser, &parser->settings[i], &flag);
        }
    }
    return read_common_flag(parser, &flag);
}

static void keep_argument(struct parser *parser, char *arg)
{
    parser->argv[parser->kept++] = arg;
}

static void keep_rest(struct parser *parser)
{
    while (parser->next < parser->argc) {
        keep_argument(parser, parser->argv[parser->next++]);
    }
}

static enum options_result read_arguments(struct parser *parser)
{
    enum options_result result = OPTIONS_OK;
    while (result == OPTIONS_OK && parser->next < parser->argc) {
        char *arg = parser->argv[parser->next++];
        if (strcmp(arg, "--") == 0) {
            keep_rest(parser);
        } else if (arg[0] != '-' || arg[1] == '\0') {
            keep_argument(parser, arg);
        } else {
            result = read_flag(parser, arg);
        }
    }
    return result;
}

enum options_result option_flags_read(const struct option_table *table, int argc, char **argv,
                                      struct option_flags *flags, struct error *err)
{
    struct parser parser = {
        .table = table,
        .argv = argv,
        .argc = argc,
        .next = 1,
        .kept = 1,
        .settings = alloc_zeroed(table->count, sizeof(struct option_setting)),
        .err = err,
    };
    enum options_result result = read_arguments(&parser);
    *flags = (struct option_flags){parser.settings, table->count, parser.kept};
    return result;
}

void option_flags_done(struct option_flags *flags)
{
    for (size_t i = 0; i < flags->count; i++) {
        free(flags->settings[i].values);
    }
    free(flags->settings);
    *flags = (struct option_flags){0};
}
