/*
 * schema_version - which schema this program was built for, and how to ask a database for its own.
 */
#ifndef CALLBOARD_SCHEMA_VERSION_H
#define CALLBOARD_SCHEMA_VERSION_H

/* The highest number of the migrations in deploy/schema. */
extern const int schema_version;

/*
 * A query that gives one row of one text column: empty when the database is at schema_version, else
 * a line for people that says what is wrong and what to do. It raises no error on a database that
 * was never migrated, and needs nothing but SELECT on callboard.migration; whoever lacks even that
 * is told so by the line.
 */
extern const char schema_check_sql[];

#endif
