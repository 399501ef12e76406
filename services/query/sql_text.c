#include "sql_text.h"

#include <stdarg.h>

void sql_append(struct sql_text *sql, const char *text)
{
    buf_append_text(sql->text, text);
}

void sql_append_format(struct sql_text *sql, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_append_vformat(sql->text, format, args);
    va_end(args);
}

int sql_last_param(const struct sql_text *sql)
{
    return sql->params->count;
}

int sql_param_text(struct sql_text *sql, struct slice text)
{
    db_params_add_bytes(sql->params, text);
    return sql_last_param(sql);
}

int sql_param_time(struct sql_text *sql, int64_t unix_us)
{
    db_params_add_time(sql->params, unix_us);
    return sql_last_param(sql);
}
