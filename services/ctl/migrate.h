/*
 * migrate - `callboard-ctl migrate` and `migrate status`: brings a database to this program's
 * schema.
 *
 * Forward only; one transaction a migration; a session advisory lock keeps two from running at
 * once.
 */
#ifndef CALLBOARD_CTL_MIGRATE_H
#define CALLBOARD_CTL_MIGRATE_H

int migrate_command(int argc, char **argv);
int migrate_status_command(int argc, char **argv);

#endif
