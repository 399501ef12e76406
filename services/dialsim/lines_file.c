#include "lines_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_BYTES ((size_t)64 << 10)
#define PENDING_BYTES_MAX ((size_t)256 << 20)

bool lines_file_open(struct lines_file *file, const char *path, struct error *err)
{
    file->path = path ? path : "standard output";
    file->fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : STDOUT_FILENO;
    buf_init(&file->pending, PENDING_BYTES_MAX);
    return file->fd >= 0 ||
           error_set(err, ERR_FATAL, "cannot write %s: %s", file->path, strerror(errno));
}

struct buf *lines_file_line(struct lines_file *file)
{
    return &file->pending;
}

bool lines_file_end_line(struct lines_file *file, struct error *err)
{
    buf_append_char(&file->pending, '\n');
    if (file->pending.overflow)
        return error_set(err, ERR_FATAL, "a line for %s is too long", file->path);
    return file->pending.len < FLUSH_BYTES || lines_file_flush(file, err);
}

bool lines_file_flush(struct lines_file *file, struct error *err)
{
    struct slice left = buf_slice(&file->pending);
    while (left.len > 0) {
        ssize_t written = write(file->fd, left.data, left.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set(err, ERR_FATAL, "cannot write %s: %s", file->path, strerror(errno));
        left.data += written;
        left.len -= (size_t)written;
    }
    buf_reset(&file->pending);
    return true;
}

bool lines_file_close(struct lines_file *file, struct error *err)
{
    if (!file->path)
        return true;
    bool flushed = file->fd < 0 || lines_file_flush(file, err);
    bool closed = file->fd <= STDOUT_FILENO || close(file->fd) == 0;
    if (flushed && !closed)
        error_set(err, ERR_FATAL, "cannot write %s: %s", file->path, strerror(errno));
    buf_done(&file->pending);
    file->path = NULL;
    return flushed && closed;
}
