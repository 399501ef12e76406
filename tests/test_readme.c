/* README.md lists every option, with its default, as the option tables have it. */
#include "ingest_config.h"
#include "query_config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_readme(void)
{
    FILE *file = fopen(CALLBOARD_README, "r");
    cr_assert_not_null(file, "cannot open %s", CALLBOARD_README);
    char *text = NULL;
    size_t size = 0;
    /* The file has no NUL: this reads all of it. */
    cr_assert_gt(getdelim(&text, &size, '\0', file), 0);
    (void)fclose(file);
    return text;
}

static void expect_rows(const struct option_table *table)
{
    char *readme = read_readme();
    char *rows = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&rows, &size);
    options_print_markdown(table, out);
    (void)fclose(out);
    size_t count = 0;
    char *rest = NULL;
    for (char *row = strtok_r(rows, "\n", &rest); row; row = strtok_r(NULL, "\n", &rest)) {
        cr_expect(strstr(readme, row), "%s: README.md lacks the row\n%s", table->program, row);
        count++;
    }
    cr_assert_eq(count, table->count);
    free(rows);
    free(readme);
}

Test(readme, lists_every_option_of_ingest)
{
    expect_rows(&ingest_options);
}

Test(readme, lists_every_option_of_query)
{
    expect_rows(&query_option_table);
}
