/*
 * response - the envelope around every answer: message, status, code, errorMessage, data.
 */
#ifndef CALLBOARD_QUERY_RESPONSE_H
#define CALLBOARD_QUERY_RESPONSE_H

#include "buf.h"
#include "http_server.h"
#include "problem.h"

/* The envelope of a success, up to where `data` begins; and what closes it. */
void response_open_success(struct buf *body);
void response_close(struct buf *body);

/* A whole error: `message` names its class, `detail` tells what to change. */
void response_append_error(struct buf *body, int status, const char *message, const char *detail);

/* The error that a problem amounts to: its body, and its header lines. */
void response_append_problem(struct buf *headers, struct buf *body, const struct problem *problem);
/* Answers with it. */
void response_reply_problem(struct http_request *req, const struct problem *problem);

#endif
