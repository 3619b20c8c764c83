/* SPDX-License-Identifier: MIT */
/* Going to the background: a pipe tells the process that was started how it went. */
#include "system/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"

static int ready_fd = -1; /* the child's end; -1: not a daemon */

static noreturn_fn void wait_for_child(int fd)
{
    char byte;
    ssize_t n;

    do {
        n = read(fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    _exit(n == 1 ? 0 : 1);
}

int daemon_begin(struct error **err)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0) {
        return error_set_errno(err, errno, "-daemonize: cannot make a pipe");
    }
    pid_t pid = fork();
    if (pid < 0) {
        close(fds[0]);
        close(fds[1]);
        return error_set_errno(err, errno, "-daemonize: cannot fork");
    }
    if (pid > 0) {
        close(fds[1]);
        wait_for_child(fds[0]);
    }
    close(fds[0]);
    ready_fd = fds[1];
    setsid();
    umask(027);
    return 0;
}

int daemon_ready(struct error **err)
{
    if (ready_fd < 0) {
        return 0;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || chdir("/") < 0) {
        return error_set_errno(err, errno, "-daemonize");
    }
    for (int fd = 0; fd < 3; fd++) {
        dup2(null, fd);
    }
    close(null);
    ssize_t n = write(ready_fd, "", 1); /* nobody there any more: nobody waits */
    (void)n;
    close(ready_fd);
    ready_fd = -1;
    return 0;
}
