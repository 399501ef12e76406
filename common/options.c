#include "options.h"

#include "buf.h"
#include "option_flags.h"
#include "option_name.h"
#include "option_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_FILE_BYTES_MAX ((size_t)64 * 1024)

const char *const options_log_levels[] = {"error", "warn", "info", "debug", NULL};
const char *const options_log_formats[] = {"logfmt", "json", NULL};

/* --- NAME_FILE --------------------------------------------------------------------------- */

static bool read_all(FILE *file, struct buf *out)
{
    char chunk[4096];
    size_t got;
    while (!out->overflow && (got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_append(out, chunk, got);
    }
    return !ferror(file);
}

static bool read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    bool ok = read_all(file, out);
    int saved_errno = errno;
    (void)fclose(file);
    errno = saved_errno;
    return ok;
}

static void cut_line_ends(struct buf *text)
{
    while (text->len > 0 && strchr("\r\n", text->data[text->len - 1])) {
        text->len--;
    }
}

static bool set_content(const struct option *option, const char *name, struct buf *content,
                        void *config, struct error *err)
{
    if (content->overflow || memchr(buf_text(content), '\0', content->len)) {
        return error_set(err, ERR_FATAL, "%s: the file must be a text of at most %zu bytes", name,
                         SECRET_FILE_BYTES_MAX);
    }
    cut_line_ends(content);
    return option_value_set(option, name, buf_text(content), config, err);
}

static bool set_from_file(const struct option *option, const char *name, const char *path,
                          void *config, struct error *err)
{
    struct buf content;
    buf_init(&content, SECRET_FILE_BYTES_MAX);
    bool ok = read_file(path, &content);
    if (ok) {
        ok = set_content(option, name, &content, config, err);
    } else {
        (void)error_set(err, ERR_FATAL, "%s: cannot read \"%.120s\": %s", name, path,
                        strerror(errno));
    }
    buf_done(&content);
    return ok;
}

/* --- precedence: flag, environment, default ---------------------------------------------- */

/* An empty variable counts as not given. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool apply_both(const char *name, const char *file_name, struct error *err)
{
    return error_set(err, ERR_FATAL, "%s and %s are both given: leave one of them out", name,
                     file_name);
}

static bool apply_flags(const struct option *option, const struct option_setting *setting,
                        void *config, struct error *err)
{
    struct option_name name = option_name_flag(option, "");
    struct option_name file_name = option_name_flag(option, "-file");
    if (setting->file && setting->count > 0) {
        return apply_both(name.text, file_name.text, err);
    }
    if (setting->file) {
        return set_from_file(option, file_name.text, setting->file, config, err);
    }
    bool ok = true;
    size_t first = option->type == OPTION_LIST ? 0 : setting->count - 1;
    for (size_t i = first; ok && i < setting->count; i++) {
        ok = option_value_set(option, name.text, setting->values[i], config, err);
    }
    return ok;
}

static bool apply_default(const struct option *option, void *config, struct error *err)
{
    if (!option->default_text || (option->type == OPTION_LIST && option->default_text[0] == '\0')) {
        return true;
    }
    struct option_name name = option_name_flag(option, "'s default");
    return option_value_set(option, name.text, option->default_text, config, err);
}

static bool apply_environment(const struct option *option, void *config, struct error *err)
{
    if (!option->env) {
        return apply_default(option, config, err);
    }
    struct option_name file_name = option_name_join(option->env, "_FILE", "");
    const char *value = environment(option->env);
    const char *file = option->secret ? environment(file_name.text) : NULL;
    if (value && file) {
        return apply_both(option->env, file_name.text, err);
    }
    if (file) {
        return set_from_file(option, file_name.text, file, config, err);
    }
    return value ? option_value_set(option, option->env, value, config, err)
                 : apply_default(option, config, err);
}

static bool apply(const struct option_table *table, const struct option_flags *flags, void *config,
                  struct error *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < table->count; i++) {
        const struct option *option = &table->options[i];
        const struct option_setting *setting = &flags->settings[i];
        bool is_flagged = setting->count > 0 || setting->file;
        ok = is_flagged ? apply_flags(option, setting, config, err)
                        : apply_environment(option, config, err);
    }
    return ok;
}

enum options_result options_parse(const struct option_table *table, int *argc, char **argv,
                                  void *config, struct error *err)
{
    struct option_flags flags;
    enum options_result result = option_flags_read(table, *argc, argv, &flags, err);
    if (result == OPTIONS_OK && !apply(table, &flags, config, err)) {
        result = OPTIONS_BAD;
        options_done(table, config);
    }
    if (result == OPTIONS_OK && flags.kept < *argc) {
        *argc = flags.kept;
        argv[*argc] = NULL;
    }
    option_flags_done(&flags);
    return result;
}

void options_done(const struct option_table *table, void *config)
{
    for (size_t i = 0; i < table->count; i++) {
        option_value_free(&table->options[i], config);
    }
}

void options_parse_or_exit(const struct option_table *table, int *argc, char **argv, void *config)
{
    struct error err;
    enum options_result result = options_parse(table, argc, argv, config, &err);
    if (result == OPTIONS_BAD) {
        (void)fprintf(stderr, "%s: %s\n", table->program, err.text);
        exit(2);
    }
    if (result == OPTIONS_EXIT) {
        exit(fflush(stdout) == 0 ? 0 : 1);
    }
}
