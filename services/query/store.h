/*
 * store - all SQL of the query service.
 *
 * One statement answers from one snapshot: token, owner, batch, total, the page's calls and their
 * attempts. The prepared one answers many questions by arithmetic on arrival numbers; each question
 * is an element of the arrays that are its parameters. What filters, sorts, searches or continues a
 * walk in another order is written for its question: see selection_sql.h.
 */
#ifndef CALLBOARD_QUERY_STORE_H
#define CALLBOARD_QUERY_STORE_H

#include "buf.h"
#include "db_conn.h"
#include "db_params.h"
#include "error.h"
#include "macros.h"
#include "page.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_statement {
    STORE_PAGES,    /* by arrival number: any depth at one cost. PAGE_NEEDS_SORT where that is no
                       answer */
    STORE_ASKS,     /* the same without its calls and attempts: who may see what, and its version */
    STORE_VERSIONS, /* less still: of batches that tokens may see, the version; see
                       store_bind_versions() */
    STORE_CHANGES,  /* what changed in a batch since a version; see store_bind_changes() */
    STORE_CURSOR_KEY, /* the key that cursors are signed with: one row, one bytea */
    STORE_STATEMENT_COUNT
};

extern const struct db_statement store_statements[STORE_STATEMENT_COUNT];

/* What a session is for: it decides how its statements are planned. */
enum store_session { STORE_SESSION_PAGES, STORE_SESSION_SELECTIONS, STORE_SESSION_COUNT };

/* The session settings (libpq's `options`) under which the statements are to run. Released with
 * free(). */
char *store_session_options(enum store_session session, int64_t timeout_ms);

/* Columns of the statements for pages. What a column holds depends on the row's kind. */
enum store_column {
    COLUMN_KIND,  /* int4, enum store_row_kind */
    COLUMN_ASK,   /* int4, the question's index */
    COLUMN_PLACE, /* int8, batch: number of calls; call, attempt: the call's place in the order */
    COLUMN_ID,    /* bytea, call: its id */
    COLUMN_CREATED_AT, /* timestamptz, call, attempt */
    COLUMN_NUMBER,     /* int8, batch: version; call: its arrival number; attempt: milliseconds */
    COLUMN_TEXT_A,     /* text, batch: name; call: phone number; attempt: status */
    COLUMN_TEXT_B,     /* text, batch: status; call: fields; attempt: recording URL */
    COLUMN_TEXT_C,     /* text, attempt: transcript; first and last call of a selection: sort key */
    STORE_COLUMN_COUNT
};

/* The first ones are those of enum page_outcome. */
enum store_row_kind {
    ROW_TOKEN_REFUSED = PAGE_TOKEN_REFUSED,
    ROW_NO_BATCH = PAGE_NO_BATCH,
    ROW_NEEDS_SORT = PAGE_NEEDS_SORT,
    ROW_BATCH = PAGE_FOUND,
    ROW_CALL,
    ROW_ATTEMPT,
    ROW_MARK_LOST = PAGE_MARK_LOST,
    ROW_UNCHANGED = PAGE_UNCHANGED,
};

/* Whether two questions, which may be put by different askers, ask for the same rows of
 * STORE_PAGES.
 */
bool store_asks_same_page(const struct page_question *a, const struct page_question *b);

/* Sets the parameters of STORE_PAGES or STORE_ASKS for `count` questions; a question's index is its
 * number in the answer. The rows of a page come once, however many questions ask for it. */
void store_bind_questions(struct db_params *params, const struct page_question *const *questions,
                          size_t count);

/* Sets the parameters of STORE_VERSIONS for the tokens and batches of `count` questions. */
void store_bind_versions(struct db_params *params, const struct page_question *const *questions,
                         size_t count);
/* The version of each question's batch, from the answer; 0 where the token is refused or the batch
 * is not its owner's. */
void store_read_versions(const PGresult *result, int64_t *versions, size_t count);

/* Columns of STORE_CHANGES: one row for each version, in their order. */
enum store_change_column {
    CHANGE_VERSION,      /* int8 */
    CHANGE_CALLS_BEFORE, /* int4: the calls with numbers beyond it, up to ... */
    CHANGE_CALLS_AFTER,  /* int4: ... this one, were added */
    CHANGE_CHANGED,      /* int4[]: earlier ones that were touched */
};

/* Sets the parameters of STORE_CHANGES: the versions beyond `version`, `max_rows` of them at most.
 */
void store_bind_changes(struct db_params *params, const struct object_id *batch_id, int64_t version,
                        int64_t max_rows);

/* The key in the answer to STORE_CURSOR_KEY; SLICE_NONE when there is none of the right length. */
struct slice store_read_cursor_key(const PGresult *result);

/* Splits the answer to these questions into pages. False (ERR_FATAL) when the rows are not what the
 * statement promises. */
NODISCARD bool store_read_pages(const PGresult *result,
                                const struct page_question *const *questions, struct page *pages,
                                size_t count, struct error *err);

#endif
