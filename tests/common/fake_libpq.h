/*
 * fake_libpq - libpq, scripted call by call.
 *
 * A program that links fake_libpq.c calls it in place of libpq's connection functions. The script
 * says which calls are expected, in which order, and how each is answered; any other call fails the
 * test. The socket is one end of a socketpair: always writable, and readable when the script's next
 * call is one that reads. What only tells the state (PQsocket, PQstatus, PQerrorMessage) is not
 * scripted. Results are libpq's own objects.
 */
#ifndef CALLBOARD_TESTS_FAKE_LIBPQ_H
#define CALLBOARD_TESTS_FAKE_LIBPQ_H

#include <libpq-fe.h>
#include <stdbool.h>

struct fake_result {
    ExecStatusType status;
    int rows;          /* of one text column */
    const char *value; /* of each; NULL is NULL */
    const char *severity;
    const char *sqlstate;
    const char *message;
    const char *detail;
    const char *hint;
};

struct fake_call {
    const char *function; /* NULL ends the script */
    const char *expect;   /* what the arguments, as text, must contain */
    int answer;           /* for PQconnectStartParams: 1 is a connection that is bad at once */
    const struct fake_result *result; /* of PQgetResult; of others: a notice that comes meanwhile */
    const char *error;                /* what PQerrorMessage tells from here on */
    bool new_socket;                  /* PQconnectPoll closes the socket and opens another one */
};

/* A row of the script: CALL("PQconnectPoll", .answer = PGRES_POLLING_OK); CALL(NULL) ends it. */
#define CALL(...)                                                                                  \
    {                                                                                              \
        .function = __VA_ARGS__                                                                    \
    }

void fake_libpq_start(const struct fake_call *script);
/* A result by itself; its error fields can be asked until the next one is made. */
PGresult *fake_libpq_result(const struct fake_result *described);
/* All calls of the script were made. */
bool fake_libpq_is_done(void);

#endif
