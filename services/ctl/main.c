/* callboard-ctl: what an operator does to Callboard by hand. */
#include "check.h"
#include "command.h"
#include "dead_letters.h"
#include "macros.h"
#include "migrate.h"
#include "token.h"

static const struct command commands[] = {
    {"migrate", "bring the database to this program's schema", migrate_command},
    {"migrate status", "tell the schema's version and what is pending", migrate_status_command},
    {"token create", "make a bearer token for an owner", token_create_command},
    {"token list", "list tokens", token_list_command},
    {"token revoke", "make a token invalid", token_revoke_command},
    {"dead-letters list", "list messages that could not be applied", dead_letters_list_command},
    {"dead-letters count", "count them by reason", dead_letters_count_command},
    {"dead-letters show", "show one, or its exact bytes", dead_letters_show_command},
    {"dead-letters replay", "produce them to their topics again", dead_letters_replay_command},
    {"dead-letters discard", "mark them as of no use", dead_letters_discard_command},
    {"dead-letters prune", "delete old ones that were replayed or discarded",
     dead_letters_prune_command},
    {"check", "are all the parts there and well?", check_command},
};

static const struct command_table table = {
    .summary = "What an operator does to Callboard by hand.",
    .commands = commands,
    .count = ARRAY_LEN(commands),
};

int main(int argc, char **argv)
{
    return command_dispatch(&table, argc, argv);
}
