/*
 * statement_check - what holds of the statement for any selection, whatever the caller wrote.
 */
#ifndef CALLBOARD_STATEMENT_CHECK_H
#define CALLBOARD_STATEMENT_CHECK_H

#include "page.h"

/* Writes the statement. It is within its bounds; parentheses and quotes close; every parameter it
 * names is there; and what stands in it is the service's own text: nothing of the caller's. */
void check_statement(const struct page_question *question);

#endif
