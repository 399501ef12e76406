#include "capture.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

void capture_start(struct capture *capture, int fd)
{
    int ends[2];
    cr_assert(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
    capture->fd = fd;
    capture->saved = dup(fd);
    capture->reader = ends[0];
    cr_assert(capture->saved >= 0 && dup2(ends[1], fd) == fd);
    cr_assert(close(ends[1]) == 0);
}

const char *capture_next(struct capture *capture)
{
    ssize_t len = recv(capture->reader, capture->text, CAPTURE_BYTES_MAX, MSG_DONTWAIT);
    capture->text[len > 0 ? len : 0] = '\0';
    return capture->text;
}

void capture_stop(struct capture *capture)
{
    cr_assert(dup2(capture->saved, capture->fd) == capture->fd);
    cr_assert(close(capture->saved) == 0 && close(capture->reader) == 0);
}
