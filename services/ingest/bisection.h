/*
 * bisection - which messages of a batch the next transaction takes, so that those which the
 * database refuses are found one by one and everything else is stored around them.
 *
 * The window is the whole batch, until the database refuses it; then it is halved. What is refused
 * holds a message at fault: once its first half is stored, the search goes on in the second half,
 * not beyond it. A message refused alone is at fault. Behind it as many are tried as it took on
 * average to come to one so far: one message at fault in n costs log2(n) transactions to find and
 * about two more, one in ten six, and where every message is refused, two each (test_bisection.c
 * counts them).
 */
#ifndef CALLBOARD_INGEST_BISECTION_H
#define CALLBOARD_INGEST_BISECTION_H

#include "macros.h"

#include <stdbool.h>
#include <stddef.h>

struct bisection {
    size_t from; /* the window; what stands before it is stored */
    size_t to;
    size_t count;      /* of the batch */
    size_t suspect_to; /* from here to there at least one is at fault, where it is beyond `from` */
    size_t next; /* how many to take then where nothing is suspected; 0: twice as many as now */
    size_t opened_at;
    size_t found; /* at fault, since then */
};

/* Opens the window over everything from `from` on. */
void bisection_open(struct bisection *window, size_t from, size_t count);
/* The window has been stored: moves it behind. True when nothing is left. */
bool bisection_accept(struct bisection *window);
/* The window has been refused. False: it is smaller now. True: it held one message, which is at
 * fault; the window holds that one again, as something that is not refused, and maybe others behind
 * it. */
NODISCARD bool bisection_refuse(struct bisection *window);

#endif
