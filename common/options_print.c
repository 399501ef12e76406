/* What options.h prints: --help, the Markdown rows and the start-up log line. */
#include "options.h"

#include "alloc.h"
#include "buf.h"
#include "log.h"
#include "option_name.h"
#include "option_value.h"
#include "program_version.h"
#include "slice.h"

#include <stdlib.h>
#include <string.h>

/* --- help and markdown ------------------------------------------------------------------- */

static const char *shown_default(const struct option *option)
{
    return option->default_text && !option->secret ? option->default_text : "";
}

/* Whether the table's own words, such as "on|off", already do. */
static bool names_its_choices(const struct option *option)
{
    for (size_t i = 0; option->choices[i]; i++) {
        bool in_value_name = option->value_name && strstr(option->value_name, option->choices[i]);
        if (!in_value_name && !strstr(option->help, option->choices[i])) {
            return false;
        }
    }
    return true;
}

static void begin_fact(struct buf *out, bool *is_first)
{
    buf_append_text(out, *is_first ? " (" : "; ");
    *is_first = false;
}

/* " (1 to 1000; default 10)", or nothing. */
static void append_facts(struct buf *out, const struct option *option, bool with_default)
{
    bool is_first = true;
    if (option_value_has_range(option)) {
        begin_fact(out, &is_first);
        option_value_append_range(out, option);
    }
    if (option->type == OPTION_CHOICE && !names_its_choices(option)) {
        begin_fact(out, &is_first);
        option_value_append_choices(out, option);
    }
    if (option->type == OPTION_LIST) {
        begin_fact(out, &is_first);
        buf_append_text(out, option->env ? "comma separated" : "may be repeated");
    }
    if (with_default && shown_default(option)[0] != '\0') {
        begin_fact(out, &is_first);
        buf_append_format(out, "default %s", shown_default(option));
    }
    buf_append_text(out, is_first ? "" : ")");
}

/* A row of --help: the flag with its value, the variable, the text behind them. */
struct help_row {
    struct option_name flag;
    struct option_name env;
    char *text; /* owned */
};

struct help {
    struct help_row *rows;
    size_t count;
    int flag_width;
    int env_width;
};

static void help_add(struct help *help, struct option_name flag, struct option_name env,
                     struct buf *text)
{
    int flag_width = (int)strlen(flag.text);
    int env_width = (int)strlen(env.text);
    help->rows = alloc_resize(help->rows, help->count + 1, sizeof(*help->rows));
    help->rows[help->count++] = (struct help_row){flag, env, alloc_string(buf_text(text))};
    help->flag_width = flag_width > help->flag_width ? flag_width : help->flag_width;
    help->env_width = env_width > help->env_width ? env_width : help->env_width;
    buf_reset(text);
}

static struct option_name flag_with_value(const struct option *option)
{
    struct option_name flag = option_name_flag(option, "");
    if (option->type == OPTION_BOOL) {
        return flag;
    }
    struct option_name stem = option_name_join(flag.text, " ", "");
    return option_name_join(stem.text, option->value_name ? option->value_name : "VALUE", "");
}

static void help_add_option(struct help *help, const struct option *option, struct buf *text)
{
    const char *env = option->env ? option->env : "";
    buf_append_text(text, option->help);
    append_facts(text, option, true);
    help_add(help, flag_with_value(option), option_name_join(env, "", ""), text);
    if (option->secret) {
        buf_append_text(text, "the same, read from a file");
        help_add(help, option_name_flag(option, "-file FILE"),
                 option_name_join(env, *env ? "_FILE" : "", ""), text);
    }
}

static void help_add_common(struct help *help, struct buf *text)
{
    buf_append_text(text, "print this and exit");
    help_add(help, option_name_join("--help", "", ""), option_name_join("", "", ""), text);
    buf_append_text(text, "print the version and exit");
    help_add(help, option_name_join("--version", "", ""), option_name_join("", "", ""), text);
}

static void help_print(const struct help *help, FILE *out)
{
    for (size_t i = 0; i < help->count; i++) {
        const struct help_row *row = &help->rows[i];
        (void)fprintf(out, "  %-*s  %-*s  %s\n", help->flag_width, row->flag.text, help->env_width,
                      row->env.text, row->text);
    }
}

static void help_done(struct help *help)
{
    for (size_t i = 0; i < help->count; i++) {
        free(help->rows[i].text);
    }
    free(help->rows);
}

void options_print_help(const struct option_table *table, FILE *out)
{
    struct help help = {0};
    struct buf text;
    buf_init(&text, OPTION_TEXT_BYTES_MAX);
    for (size_t i = 0; i < table->count; i++) {
        help_add_option(&help, &table->options[i], &text);
    }
    help_add_common(&help, &text);
    buf_done(&text);
    (void)fprintf(out, "Usage: %s %s\n%s\n\n", table->program, table->synopsis, table->summary);
    (void)fprintf(out, "Options, the variables that stand for them, and what they mean:\n");
    help_print(&help, out);
    if (table->footer) {
        (void)fprintf(out, "\n%s\n", table->footer);
    }
    help_done(&help);
}

/* In a cell of a Markdown table '|' needs a backslash. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        (void)fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
    }
}

static void print_markdown_row(const struct option *option, struct buf *text, FILE *out)
{
    struct option_name flag = flag_with_value(option);
    const char *shown = shown_default(option);
    buf_reset(text);
    buf_append_text(text, option->help);
    append_facts(text, option, false);
    (void)fprintf(out, "| `%s` | %s", option->env ? option->env : flag.text, *shown ? "`" : "");
    print_cell(out, shown);
    (void)fprintf(out, "%s | ", *shown ? "`" : "");
    print_cell(out, buf_text(text));
    (void)fprintf(out, " |\n");
}

void options_print_markdown(const struct option_table *table, FILE *out)
{
    struct buf text;
    buf_init(&text, OPTION_TEXT_BYTES_MAX);
    for (size_t i = 0; i < table->count; i++) {
        print_markdown_row(&table->options[i], &text, out);
    }
    buf_done(&text);
}

/* --- the start-up log line --------------------------------------------------------------- */
static bool needs_quotes(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.data[i];
        if (byte <= ' ' || byte == '"' || byte == '\\' || byte == '=' || byte >= 0x7F) {
            return true;
        }
    }
    return value.len == 0;
}

/* ` http_listen=127.0.0.1:8080` */
static void append_log_pair(struct buf *out, const struct option *option, const void *config)
{
    struct buf value;
    buf_init(&value, OPTION_TEXT_BYTES_MAX);
    option_value_append(&value, option, config);
    struct option_name key = option_name_stem(option);
    for (char *at = key.text; *at; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    const char *text = buf_text(&value);
    bool quote = needs_quotes(buf_slice(&value));
    buf_append_format(out, " %s=%s", key.text, quote ? log_quote(text).text : text);
    buf_done(&value);
}

void options_log(const struct option_table *table, const void *config)
{
    struct buf pairs;
    buf_init(&pairs, OPTION_TEXT_BYTES_MAX);
    buf_append_format(&pairs, "version=%s", CALLBOARD_VERSION);
    for (size_t i = 0; i < table->count; i++) {
        append_log_pair(&pairs, &table->options[i], config);
    }
    log_info("configuration", "%s", buf_text(&pairs));
    buf_done(&pairs);
}
