#include "option_name.h"

#include "macros.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    struct option option;
    const char *suffix;
    const char *stem;
    const char *flag;
} names[] = {
    {{.flag = "limit"}, "", "limit", "--limit"},
    {{.flag = "limit", .env = "HTTP_MAX_LIMIT"}, "", "limit", "--limit"},
    {{.env = "HTTP_LISTEN"}, "", "http-listen", "--http-listen"},
    {{.env = "DATABASE_URL"}, "-file", "database-url", "--database-url-file"},
    {{.flag = "X"}, "", "X", "-X"},
    {{.flag = "X"}, "'s default", "X", "-X's default"},
    {{.flag = "under_score"}, "", "under_score", "--under_score"},
};

Test(option_name, is_the_flag_of_the_table_or_made_from_the_variable)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct option *option = &names[i].option;
        cr_expect_str_eq(option_name_stem(option).text, names[i].stem, "%s", names[i].flag);
        cr_expect_str_eq(option_name_flag(option, names[i].suffix).text, names[i].flag, "%s",
                         names[i].flag);
    }
}

Test(option_name, joins_three_texts)
{
    cr_expect_str_eq(option_name_join("", "", "").text, "");
    cr_expect_str_eq(option_name_join("A", "_B", "_FILE").text, "A_B_FILE");
}

Test(option_name, has_room_for_63_bytes)
{
    char stem[OPTION_NAME_BYTES - 2];
    memset(stem, 'a', sizeof(stem));
    stem[sizeof(stem) - 1] = '\0';
    cr_expect(strlen(option_name_join("--", stem, "").text) == OPTION_NAME_BYTES - 1);
}
