#include "stop_signal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

bool stop_signal_init(struct stop_signal *stop, struct error *err)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    *stop = (struct stop_signal){.fd = -1};
    if (sigprocmask(SIG_BLOCK, &signals, NULL) == 0)
        stop->fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    return stop->fd >= 0 ||
           error_set(err, ERR_FATAL, "cannot receive signals: %s", strerror(errno));
}

void stop_signal_done(struct stop_signal *stop)
{
    if (stop->fd >= 0)
        close(stop->fd);
    stop->fd = -1;
}

void stop_signal_wait(struct stop_signal *stop, int other_fd, int timeout_ms)
{
    struct signalfd_siginfo info;
    struct pollfd fds[] = {{.fd = stop->fd, .events = POLLIN}, {.fd = other_fd, .events = POLLIN}};
    /* Interrupted or timed out: the caller looks again. */
    if (poll(fds, 2, timeout_ms) <= 0)
        return;
    if ((fds[0].revents & POLLIN) && read(stop->fd, &info, sizeof(info)) == sizeof(info))
        stop->count++;
}
