#include "command.h"

#include "program_version.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static size_t first_word_len(const char *name)
{
    return strcspn(name, " ");
}

static bool is_in_group(const struct command *command, const char *group)
{
    size_t len = first_word_len(command->name);
    return strlen(group) == len && strncmp(command->name, group, len) == 0;
}

/* How many of the words of `argv` are the command's name; 0 when they do not name it. */
static int match(const struct command *command, int argc, char **argv)
{
    const char *second = strchr(command->name, ' ');
    if (argc < 1 || !is_in_group(command, argv[0]))
        return 0;
    if (!second)
        return 1;
    return argc > 1 && strcmp(argv[1], second + 1) == 0 ? 2 : 0;
}

static void print_usage(const struct command_table *table, const char *group, FILE *out)
{
    (void)fprintf(out, "usage: " CTL_PROGRAM " COMMAND [OPTIONS]\n%s\n\ncommands:\n",
                  table->summary);
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->commands[i];
        if (!group || is_in_group(command, group))
            (void)fprintf(out, "  %-22s %s\n", command->name, command->summary);
    }
    (void)fputs("\n" CTL_PROGRAM " COMMAND --help tells more of one; " CTL_PROGRAM " --version\n",
                out);
}

static bool is_group(const struct command_table *table, const char *word)
{
    for (size_t i = 0; i < table->count; i++) {
        if (is_in_group(&table->commands[i], word))
            return true;
    }
    return false;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* What is left when no command matched. */
static int dispatch_nothing(const struct command_table *table, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "--help";
    if (strcmp(word, "--version") == 0) {
        puts(CTL_PROGRAM " " CALLBOARD_VERSION);
        return command_finish();
    }
    if (argc < 2 || asks_for_help(word)) {
        print_usage(table, NULL, argc < 2 ? stderr : stdout);
        return argc < 2 ? COMMAND_MISUSED : command_finish();
    }
    if (!is_group(table, word))
        return command_misuse("unknown command \"%s\": see " CTL_PROGRAM " --help", word);
    if (argc > 2 && asks_for_help(argv[2])) {
        print_usage(table, word, stdout);
        return command_finish();
    }
    return command_misuse("%s \"%s\": see " CTL_PROGRAM " %s --help",
                          argc > 2 ? "unknown command" : "incomplete command",
                          argc > 2 ? argv[2] : word, word);
}

int command_dispatch(const struct command_table *table, int argc, char **argv)
{
    const struct command *found = NULL;
    int words = 0;
    for (size_t i = 0; i < table->count; i++) {
        int matched = match(&table->commands[i], argc - 1, argv + 1);
        if (matched > words) {
            words = matched;
            found = &table->commands[i];
        }
    }
    return found ? found->run(argc - words, argv + words) : dispatch_nothing(table, argc, argv);
}

int command_run(const struct option_table *table, int max_arguments, int argc, char **argv,
                void *options, int (*run)(int argc, char **argv, const void *options))
{
    options_parse_or_exit(table, &argc, argv, options);
    int status = argc - 1 > max_arguments
                     ? command_misuse("unexpected argument \"%s\"", argv[max_arguments + 1])
                     : run(argc, argv, options);
    options_done(table, options);
    return status;
}

int command_fail(const struct error *err)
{
    (void)fprintf(stderr, CTL_PROGRAM ": %s\n", err->text);
    return COMMAND_FAILED;
}

int command_misuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs(CTL_PROGRAM ": ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return COMMAND_MISUSED;
}

int command_finish(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return COMMAND_DONE;
    (void)fprintf(stderr, CTL_PROGRAM ": standard output: %s\n", strerror(errno));
    return COMMAND_FAILED;
}

void command_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
}
