/*
 * capture - puts a socket in the place of a file descriptor and hands back, write by write, what a
 * test's code wrote there: one message is one write(2).
 */
#ifndef CALLBOARD_TESTS_CAPTURE_H
#define CALLBOARD_TESTS_CAPTURE_H

#include <stddef.h>

#define CAPTURE_BYTES_MAX 65536

struct capture {
    int fd;     /* the one that is captured */
    int saved;  /* what it was */
    int reader; /* our end */
    char text[CAPTURE_BYTES_MAX + 1];
};

/* From here on, `fd` (1 or 2) is captured. */
void capture_start(struct capture *capture, int fd);
/* The next write as a C string, valid until the next call; "" when there is none. */
const char *capture_next(struct capture *capture);
/* Puts `fd` back. */
void capture_stop(struct capture *capture);

#endif
