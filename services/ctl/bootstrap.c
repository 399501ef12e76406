#include "bootstrap.h"

#include "macros.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

const char *const bootstrap_role_names[ROLE_COUNT] = {
    [ROLE_OWNER] = "callboard_owner",
    [ROLE_WRITER] = "callboard_writer",
    [ROLE_READER] = "callboard_reader",
};

static struct bootstrap_step *add_step(struct bootstrap_plan *plan, bool is_allowed,
                                       const char *format, ...) PRINTF_LIKE(3, 4);

static struct bootstrap_step *add_step(struct bootstrap_plan *plan, bool is_allowed,
                                       const char *format, ...)
{
    assert(plan->count < BOOTSTRAP_STEPS_MAX);
    struct bootstrap_step *step = &plan->steps[plan->count++];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(step->sql, sizeof(step->sql), format, args);
    va_end(args);
    step->is_allowed = is_allowed;
    step->is_optional = false;
    return step;
}

static void plan_roles(const struct bootstrap_facts *facts, struct bootstrap_plan *plan)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (!facts->role_exists[role])
            add_step(plan, facts->may_create_roles, "CREATE ROLE %s LOGIN",
                     bootstrap_role_names[role]);
    }
}

/* What the owner is to own is made under SET ROLE, which takes a membership unless one is a
 * superuser. Whoever creates a role may grant it: by CREATEROLE up to PostgreSQL 15, by the ADMIN
 * OPTION that comes with creating it from 16 on. */
static void plan_membership(const struct bootstrap_facts *facts, struct bootstrap_plan *plan)
{
    if (facts->is_superuser || facts->may_become_owner)
        return;
    bool is_allowed =
        facts->role_exists[ROLE_OWNER] ? facts->may_grant_owner : facts->may_create_roles;
    add_step(plan, is_allowed, "GRANT callboard_owner TO %s", facts->user);
}

static void plan_schema(const struct bootstrap_facts *facts, struct bootstrap_plan *plan)
{
    if (!facts->schema_exists)
        add_step(plan, facts->may_create_schemas,
                 "CREATE SCHEMA callboard AUTHORIZATION callboard_owner");
    else if (!facts->schema_belongs_to_owner)
        add_step(plan, facts->may_alter_schema && facts->may_create_schemas,
                 "ALTER SCHEMA callboard OWNER TO callboard_owner");
}

static void plan_search_path(const struct bootstrap_facts *facts, struct bootstrap_plan *plan)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (facts->role_has_search_path[role])
            continue;
        add_step(plan, true, "ALTER ROLE %s IN DATABASE %s SET search_path = callboard, public",
                 bootstrap_role_names[role], facts->database)
            ->is_optional = true;
    }
}

void bootstrap_plan(const struct bootstrap_facts *facts, struct bootstrap_plan *plan)
{
    plan->count = 0;
    plan_roles(facts, plan);
    plan_membership(facts, plan);
    plan_schema(facts, plan);
    plan_search_path(facts, plan);
    plan->is_possible = true;
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->steps[i].is_allowed)
            plan->is_possible = false;
    }
}
