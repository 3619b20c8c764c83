/* SPDX-License-Identifier: MIT */
/*
 * Terminal modes. The old state is restored by exit() and by the signals that end a process, a
 * crash of our own included; those then take their default course.
 */
#include "chardev/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "util/base.h"

static struct termios saved;
static int saved_flags;
static int saved_fd = -1;

void terminal_restore(void)
{
    int fd = saved_fd;

    if (fd >= 0) {
        saved_fd = -1;
        tcsetattr(fd, TCSANOW, &saved);
        fcntl(fd, F_SETFL, saved_flags);
    }
}

static void restore_and_die(int sig)
{
    terminal_restore();
    signal(sig, SIG_DFL);
    raise(sig);
}

/* Signals with a handler already (the main loop ends doppel in order on them) are left alone. */
static void catch_signals(void)
{
    static const int fatal[] = {SIGABRT, SIGQUIT, SIGHUP, SIGINT, SIGTERM, SIGILL};

    for (unsigned i = 0; i < ARRAY_SIZE(fatal); i++) {
        struct sigaction old;
        if (sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
            struct sigaction sa = {.sa_handler = restore_and_die, .sa_flags = SA_RESETHAND};
            sigaction(fatal[i], &sa, NULL);
        }
    }
}

void terminal_raw(int fd, bool signals)
{
    struct termios raw;

    if (saved_fd >= 0 || tcgetattr(fd, &saved) < 0) {
        return;
    }
    saved_flags = fcntl(fd, F_GETFL);
    saved_fd = fd;
    raw = saved;
    raw.c_iflag &= ~(unsigned)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_oflag |= OPOST;
    raw.c_lflag &= ~(unsigned)(ECHO | ECHONL | ICANON | IEXTEN);
    if (!signals) {
        raw.c_lflag &= ~(unsigned)ISIG;
    }
    raw.c_cflag = (raw.c_cflag & ~(unsigned)(CSIZE | PARENB)) | CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    atexit(terminal_restore);
    catch_signals();
    tcsetattr(fd, TCSANOW, &raw);
}
