/*
 * lines_file - a file, or standard output, that takes whole lines.
 *
 * Lines are gathered and written in one go: by lines_file_flush(), or by themselves from 64 KiB on.
 */
#ifndef CALLBOARD_DIALSIM_LINES_FILE_H
#define CALLBOARD_DIALSIM_LINES_FILE_H

#include "buf.h"
#include "error.h"
#include "macros.h"

#include <stdbool.h>

struct lines_file {
    const char *path;
    int fd;
    struct buf pending;
};

/* An empty file at `path`, or standard output where it is NULL. */
NODISCARD bool lines_file_open(struct lines_file *file, const char *path, struct error *err);
/* Where the next line is appended; lines_file_end_line() ends it. */
struct buf *lines_file_line(struct lines_file *file);
NODISCARD bool lines_file_end_line(struct lines_file *file, struct error *err);
NODISCARD bool lines_file_flush(struct lines_file *file, struct error *err);
/* Flushes and closes. Does nothing where none was opened (a zeroed struct). */
NODISCARD bool lines_file_close(struct lines_file *file, struct error *err);

#endif
