/*
 * db_connect - what libpq is told when a connection begins.
 *
 * The connection string has the last word on everything but the session's options (ours come
 * behind the user's and win) and the encoding, which is UTF-8. What it says nothing of:
 *
 *   application_name       as configured
 *   keepalives_*           a peer that vanished without a word is noticed after 25 s of silence,
 *   tcp_user_timeout       or 15 s after something was sent to it
 */
#ifndef CALLBOARD_DB_CONNECT_H
#define CALLBOARD_DB_CONNECT_H

#include "db_resolver.h"

#include <libpq-fe.h>
#include <stddef.h>

struct db_connect_options {
    const char *conninfo;
    const char *application_name;
    const char *session_options; /* "" for none */
};

/* PQconnectStartParams() to the targets, in their order but beginning with the one numbered
 * `first_target` (modulo their count). */
PGconn *db_connect_start(const struct db_connect_options *options, const struct db_targets *targets,
                         size_t first_target);

#endif
