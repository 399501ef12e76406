/*
 * bootstrap - what must be there before the first migration: the three roles, the schema and its
 * owner. A pure function from facts about the database to the SQL that is still to be run.
 *
 * Roles: callboard_owner owns the schema and migrates it, callboard_writer is ingest's,
 *        callboard_reader the query service's. They may log in; a password is the administrator's
 *        business.
 */
#ifndef CALLBOARD_CTL_BOOTSTRAP_H
#define CALLBOARD_CTL_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>

enum bootstrap_role { ROLE_OWNER, ROLE_WRITER, ROLE_READER, ROLE_COUNT };
extern const char *const bootstrap_role_names[ROLE_COUNT];

/* Identifiers are quoted where SQL needs it. */
#define BOOTSTRAP_IDENTIFIER_MAX 136
#define BOOTSTRAP_SQL_MAX 320

struct bootstrap_facts {
    char user[BOOTSTRAP_IDENTIFIER_MAX];
    char database[BOOTSTRAP_IDENTIFIER_MAX];
    bool is_superuser;
    bool may_create_roles;
    bool may_create_schemas; /* CREATE on the database */
    bool may_become_owner;   /* SET ROLE callboard_owner works */
    bool may_grant_owner;    /* may make itself a member of callboard_owner */
    bool role_exists[ROLE_COUNT];
    bool role_has_search_path[ROLE_COUNT]; /* set in this database, to whatever */
    bool schema_exists;
    bool schema_belongs_to_owner;
    bool may_alter_schema; /* is the present owner, or a member of it */
    bool table_exists;     /* callboard.migration */
};

struct bootstrap_step {
    char sql[BOOTSTRAP_SQL_MAX];
    bool is_allowed;  /* the user has the right to */
    bool is_optional; /* a comfort: where it is refused, go on */
};

enum { BOOTSTRAP_STEPS_MAX = 2 * ROLE_COUNT + 2 };

struct bootstrap_plan {
    struct bootstrap_step steps[BOOTSTRAP_STEPS_MAX];
    size_t count;
    bool is_possible; /* every step that is not optional is allowed */
};

/* The steps still to be taken, in order; none when all is there. */
void bootstrap_plan(const struct bootstrap_facts *facts, struct bootstrap_plan *plan);

#endif
