/*
 * dead_letters - `callboard-ctl dead-letters`: messages that could never be applied.
 */
#ifndef CALLBOARD_CTL_DEAD_LETTERS_H
#define CALLBOARD_CTL_DEAD_LETTERS_H

int dead_letters_list_command(int argc, char **argv);
int dead_letters_count_command(int argc, char **argv);
int dead_letters_show_command(int argc, char **argv);
int dead_letters_replay_command(int argc, char **argv);
int dead_letters_discard_command(int argc, char **argv);
int dead_letters_prune_command(int argc, char **argv);

#endif
