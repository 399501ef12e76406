#include "statement_check.h"

#include "fuzz_input.h"
#include "selection_sql.h"

#include <ctype.h>
#include <stdlib.h>

/* Every quoted text of a selection. A new one belongs here. */
static const char *const quoted[] = {
    "''",
    "'false'",
    "'hex'",
    "'number'",
    "'null'",
    "'object'",
    "'string'",
    "'true'",
    "'array'",
    "'boolean'",
    "'{}'",
    "'[]'",
    "'UTC'",
    "'UTF8'",
    "\"C\"",
    "\"und-x-icu\"",
    "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'",
};

/* How long the quoted text is that begins here. */
static size_t quoted_len(const char *at)
{
    for (size_t i = 0; i < ARRAY_LEN(quoted); i++) {
        size_t len = strlen(quoted[i]);
        if (strncmp(at, quoted[i], len) == 0) {
            return len;
        }
    }
    abort();
}

/* `at` is behind the `$`; returns what follows the number. */
static const char *check_param(const char *at, const struct db_params *params)
{
    char *end = NULL;
    long number = strtol(at, &end, 10);
    require(end > at && number >= 1 && number <= params->count);
    return end;
}

static void check_text(const char *at, const struct db_params *params)
{
    int depth = 0;
    while (*at != '\0') {
        if (*at == '\'' || *at == '"') {
            at += quoted_len(at);
            continue;
        }
        if (*at == '$') {
            at = check_param(at + 1, params);
            continue;
        }
        depth += (*at == '(') - (*at == ')');
        require(depth >= 0 && (isalnum((unsigned char)*at) || strchr(" _.,:;()[]=<>~*+-|#", *at)));
        at++;
    }
    require(depth == 0);
}

static void check_written(struct selection_sql *sql)
{
    require(!sql->params.bytes.overflow && sql->params.count <= DB_PARAMS_MAX);
    check_text(buf_text(&sql->text), &sql->params);
}

void check_statement(const struct page_question *question)
{
    struct selection_sql sql;
    struct error err;
    selection_sql_init(&sql);
    require(selection_sql_write_page(&sql, question, &err));
    check_written(&sql);
    require(selection_sql_write_members(&sql, &question->batch_id, &question->selection, &err));
    check_written(&sql);
    selection_sql_done(&sql);
}
