#include "fake_libpq.h"

#include "alloc.h"
#include "buf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEXT_MAX 4096

struct pg_conn {
    int socket;
    int peer;
    bool is_bad;
    const char *error;
    PQnoticeReceiver on_notice;
    void *notice_arg;
};

/* Each test is a process: one script is enough. */
static struct {
    const struct fake_call *script;
    const struct fake_call *next;
    struct pg_conn *session;
    const struct fake_result *last; /* what the error fields are asked of */
} fake;

static const char *const reading_functions[] = {"PQconsumeInput", "PQconnectPoll"};

void fake_libpq_start(const struct fake_call *script)
{
    fake.script = script;
    fake.next = script;
}

bool fake_libpq_is_done(void)
{
    return !fake.next->function;
}

static bool is_reading(const struct fake_call *call)
{
    for (size_t i = 0; call->function && i < sizeof(reading_functions) / sizeof(*reading_functions);
         i++) {
        if (strcmp(call->function, reading_functions[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void open_socket(struct pg_conn *session)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    session->socket = ends[0];
    session->peer = ends[1];
}

static void close_socket(struct pg_conn *session)
{
    close(session->socket);
    close(session->peer);
}

static void drain_socket(struct pg_conn *session)
{
    char byte;
    while (read(session->socket, &byte, 1) == 1) {
    }
}

static void announce_input(void)
{
    if (fake.session && is_reading(fake.next)) {
        cr_assert_eq(write(fake.session->peer, "", 1), 1);
    }
}

PGresult *fake_libpq_result(const struct fake_result *described)
{
    fake.last = described;
    PGresult *result = PQmakeEmptyPGresult(NULL, described->status);
    static char name[] = "value";
    PGresAttDesc column = {.name = name, .format = 1, .typlen = -1, .atttypmod = -1};
    if (described->status == PGRES_TUPLES_OK) {
        cr_assert(PQsetResultAttrs(result, 1, &column));
    }
    for (int row = 0; row < described->rows; row++) {
        char *value = alloc_string(described->value);
        int len = value ? (int)strlen(value) : -1;
        cr_assert(PQsetvalue(result, row, 0, value, len));
        free(value);
    }
    return result;
}

static void give_notice(const struct fake_call *call)
{
    if (!call->result || strcmp(call->function, "PQgetResult") == 0) {
        return;
    }
    PGresult *notice = fake_libpq_result(call->result);
    fake.session->on_notice(fake.session->notice_arg, notice);
    PQclear(notice);
}

/* The script's next row, which has to be this call. */
static const struct fake_call *take(const char *function, const char *arguments)
{
    const struct fake_call *call = fake.next;
    int number = (int)(call - fake.script);
    cr_assert(call->function, "call %d: %s(%s) behind the script's end", number, function,
              arguments);
    cr_assert_str_eq(call->function, function, "call %d: %s expected, %s(%s) came", number,
                     call->function, function, arguments);
    cr_assert(!call->expect || strstr(arguments, call->expect),
              "call %d: %s: '%s' expected in '%s'", number, function, call->expect, arguments);
    fake.next++;
    if (call->error && fake.session) {
        fake.session->error = call->error;
    }
    give_notice(call);
    return call;
}

static int take_int(const char *function, const char *arguments)
{
    int answer = take(function, arguments)->answer;
    announce_input();
    return answer;
}

/* --- the functions that db_conn calls ---------------------------------------------------- */

PGconn *PQconnectStartParams(const char *const *keywords, const char *const *values,
                             int expand_dbname)
{
    struct buf arguments;
    buf_init(&arguments, TEXT_MAX);
    for (int i = 0; keywords[i]; i++) {
        buf_append_format(&arguments, "%s=%s;", keywords[i], values[i]);
    }
    cr_assert(expand_dbname);
    const struct fake_call *call = take("PQconnectStartParams", buf_text(&arguments));
    buf_done(&arguments);
    cr_assert_null(fake.session, "the session before was not finished");
    fake.session = alloc_zeroed(1, sizeof(*fake.session));
    fake.session->is_bad = call->answer;
    fake.session->error = call->error ? call->error : "";
    open_socket(fake.session);
    announce_input();
    return fake.session;
}

PostgresPollingStatusType PQconnectPoll(PGconn *conn)
{
    drain_socket(conn);
    const struct fake_call *call = take("PQconnectPoll", "");
    if (call->new_socket) {
        close_socket(conn);
        open_socket(conn);
    }
    announce_input();
    return (PostgresPollingStatusType)call->answer;
}

void PQfinish(PGconn *conn)
{
    if (!conn) {
        return;
    }
    (void)take("PQfinish", "");
    cr_assert_eq(conn, fake.session);
    close_socket(conn);
    free(conn);
    fake.session = NULL;
}

int PQsocket(const PGconn *conn)
{
    return conn->socket;
}

ConnStatusType PQstatus(const PGconn *conn)
{
    return conn->is_bad ? CONNECTION_BAD : CONNECTION_OK;
}

char *PQerrorMessage(const PGconn *conn)
{
    static char text[TEXT_MAX];
    (void)snprintf(text, sizeof(text), "%s", conn && conn->error ? conn->error : "");
    return text;
}

PQnoticeReceiver PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver proc, void *arg)
{
    conn->on_notice = proc;
    conn->notice_arg = arg;
    return NULL;
}

int PQsetnonblocking(PGconn *conn, int arg)
{
    (void)conn, (void)arg;
    return take_int("PQsetnonblocking", "");
}

int PQenterPipelineMode(PGconn *conn)
{
    (void)conn;
    return take_int("PQenterPipelineMode", "");
}

int PQsendQueryParams(PGconn *conn, const char *command, int nParams, const Oid *paramTypes,
                      const char *const *paramValues, const int *paramLengths,
                      const int *paramFormats, int resultFormat)
{
    (void)conn, (void)nParams, (void)paramTypes, (void)paramValues, (void)paramLengths;
    (void)paramFormats, (void)resultFormat;
    return take_int("PQsendQueryParams", command);
}

int PQsendPrepare(PGconn *conn, const char *stmtName, const char *query, int nParams,
                  const Oid *paramTypes)
{
    (void)conn, (void)query, (void)nParams, (void)paramTypes;
    return take_int("PQsendPrepare", stmtName);
}

int PQsendQueryPrepared(PGconn *conn, const char *stmtName, int nParams,
                        const char *const *paramValues, const int *paramLengths,
                        const int *paramFormats, int resultFormat)
{
    (void)conn;
    struct buf arguments;
    buf_init(&arguments, TEXT_MAX);
    buf_append_text(&arguments, stmtName);
    for (int i = 0; i < nParams; i++) {
        cr_assert_eq(paramFormats[i], 1);
        buf_append_format(&arguments, " %d", paramValues[i] ? paramLengths[i] : -1);
    }
    cr_assert_eq(resultFormat, 1);
    int answer = take_int("PQsendQueryPrepared", buf_text(&arguments));
    buf_done(&arguments);
    return answer;
}

int PQpipelineSync(PGconn *conn)
{
    (void)conn;
    return take_int("PQpipelineSync", "");
}

int PQflush(PGconn *conn)
{
    (void)conn;
    return take_int("PQflush", "");
}

int PQconsumeInput(PGconn *conn)
{
    drain_socket(conn);
    return take_int("PQconsumeInput", "");
}

int PQisBusy(PGconn *conn)
{
    (void)conn;
    return take_int("PQisBusy", "");
}

PGresult *PQgetResult(PGconn *conn)
{
    (void)conn;
    const struct fake_call *call = take("PQgetResult", "");
    announce_input();
    return call->result ? fake_libpq_result(call->result) : NULL;
}

char *PQresultErrorMessage(const PGresult *result)
{
    (void)result;
    static char text[TEXT_MAX];
    const char *message = fake.last && fake.last->message ? fake.last->message : "";
    (void)snprintf(text, sizeof(text), "%s", message);
    return text;
}

static const char *error_field(int field)
{
    switch (field) {
    case PG_DIAG_SEVERITY_NONLOCALIZED:
        return fake.last->severity;
    case PG_DIAG_SQLSTATE:
        return fake.last->sqlstate;
    case PG_DIAG_MESSAGE_PRIMARY:
        return fake.last->message;
    case PG_DIAG_MESSAGE_DETAIL:
        return fake.last->detail;
    case PG_DIAG_MESSAGE_HINT:
        return fake.last->hint;
    default:
        return NULL;
    }
}

char *PQresultErrorField(const PGresult *result, int field)
{
    (void)result;
    static char texts[128][TEXT_MAX];
    const char *value = fake.last ? error_field(field) : NULL;
    if (!value) {
        return NULL;
    }
    (void)snprintf(texts[field], TEXT_MAX, "%s", value);
    return texts[field];
}
