#include "bootstrap.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ALL_ROLES                                                                                  \
    {                                                                                              \
        true, true, true                                                                           \
    }
#define NO_ROLES                                                                                   \
    {                                                                                              \
        false, false, false                                                                        \
    }
#define PATHS                                                                                      \
    "?ALTER ROLE callboard_owner IN DATABASE \"my db\" SET search_path = callboard, public;"       \
    "?ALTER ROLE callboard_writer IN DATABASE \"my db\" SET search_path = callboard, public;"      \
    "?ALTER ROLE callboard_reader IN DATABASE \"my db\" SET search_path = callboard, public;"

static const struct {
    const char *name;
    struct bootstrap_facts facts;
    const char *steps; /* '!' before what is not allowed, '?' before what is optional */
} cases[] = {
    {"superuser, nothing there",
     {.is_superuser = true, .may_create_roles = true, .may_create_schemas = true},
     "CREATE ROLE callboard_owner LOGIN;CREATE ROLE callboard_writer LOGIN;"
     "CREATE ROLE callboard_reader LOGIN;"
     "CREATE SCHEMA callboard AUTHORIZATION callboard_owner;" PATHS},
    {"CREATEROLE, nothing there",
     {.may_create_roles = true, .may_create_schemas = true},
     "CREATE ROLE callboard_owner LOGIN;CREATE ROLE callboard_writer LOGIN;"
     "CREATE ROLE callboard_reader LOGIN;GRANT callboard_owner TO me;"
     "CREATE SCHEMA callboard AUTHORIZATION callboard_owner;" PATHS},
    {"no rights, nothing there",
     {.user = ""},
     "!CREATE ROLE callboard_owner LOGIN;!CREATE ROLE callboard_writer LOGIN;"
     "!CREATE ROLE callboard_reader LOGIN;!GRANT callboard_owner TO me;"
     "!CREATE SCHEMA callboard AUTHORIZATION callboard_owner;" PATHS},
    {"the owner, all there",
     {.role_exists = ALL_ROLES,
      .role_has_search_path = ALL_ROLES,
      .may_become_owner = true,
      .schema_exists = true,
      .schema_belongs_to_owner = true},
     ""},
    {"the owner, schema missing",
     {.role_exists = ALL_ROLES, .role_has_search_path = ALL_ROLES, .may_become_owner = true},
     "!CREATE SCHEMA callboard AUTHORIZATION callboard_owner;"},
    {"the owner, reader missing",
     {.role_exists = {true, true, false},
      .role_has_search_path = {true, true, false},
      .may_become_owner = true,
      .schema_exists = true,
      .schema_belongs_to_owner = true},
     "!CREATE ROLE callboard_reader LOGIN;?ALTER ROLE callboard_reader IN DATABASE \"my db\" SET "
     "search_path = callboard, public;"},
    {"roles of others, not a member",
     {.role_exists = ALL_ROLES,
      .role_has_search_path = ALL_ROLES,
      .may_create_roles = true,
      .may_create_schemas = true},
     "!GRANT callboard_owner TO me;CREATE SCHEMA callboard AUTHORIZATION callboard_owner;"},
    {"roles of others, may grant",
     {.role_exists = ALL_ROLES,
      .role_has_search_path = ALL_ROLES,
      .may_grant_owner = true,
      .may_create_schemas = true},
     "GRANT callboard_owner TO me;CREATE SCHEMA callboard AUTHORIZATION callboard_owner;"},
    {"schema of another owner, superuser",
     {.is_superuser = true,
      .may_create_roles = true,
      .may_create_schemas = true,
      .may_alter_schema = true,
      .role_exists = ALL_ROLES,
      .role_has_search_path = ALL_ROLES,
      .schema_exists = true},
     "ALTER SCHEMA callboard OWNER TO callboard_owner;"},
    {"schema of another owner, no rights",
     {.role_exists = ALL_ROLES,
      .role_has_search_path = ALL_ROLES,
      .may_become_owner = true,
      .schema_exists = true},
     "!ALTER SCHEMA callboard OWNER TO callboard_owner;"},
};

static void write_steps(const struct bootstrap_plan *plan, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < plan->count && len < size; i++)
        len +=
            (size_t)snprintf(out + len, size - len, "%s%s%s;", plan->steps[i].is_allowed ? "" : "!",
                             plan->steps[i].is_optional ? "?" : "", plan->steps[i].sql);
}

Test(bootstrap, plans_what_is_missing)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bootstrap_facts facts = cases[i].facts;
        struct bootstrap_plan plan;
        char steps[2048];
        strcpy(facts.user, "me");
        strcpy(facts.database, "\"my db\"");
        bootstrap_plan(&facts, &plan);
        write_steps(&plan, steps, sizeof(steps));
        cr_expect_str_eq(steps, cases[i].steps, "%s: %s", cases[i].name, steps);
        cr_expect(plan.is_possible == !strchr(cases[i].steps, '!'), "%s", cases[i].name);
    }
}

/* 63 bytes of quotes, each doubled, within quotes: the longest identifier there can be. */
Test(bootstrap, has_room_for_the_longest_identifiers)
{
    struct bootstrap_facts facts = {.may_create_schemas = true};
    struct bootstrap_plan plan;
    memset(facts.user, '"', 128);
    memset(facts.database, '"', 128);
    bootstrap_plan(&facts, &plan);
    for (size_t i = 0; i < plan.count; i++)
        cr_expect(strlen(plan.steps[i].sql) < BOOTSTRAP_SQL_MAX - 1, "%s", plan.steps[i].sql);
    cr_expect(strstr(plan.steps[plan.count - 1].sql, "SET search_path = callboard, public"));
}
