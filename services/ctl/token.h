/*
 * token - `callboard-ctl token create`, `list` and `revoke`.
 *
 * A token is printed once, when it is made; the database knows only its hash.
 */
#ifndef CALLBOARD_CTL_TOKEN_H
#define CALLBOARD_CTL_TOKEN_H

int token_create_command(int argc, char **argv);
int token_list_command(int argc, char **argv);
int token_revoke_command(int argc, char **argv);

#endif
