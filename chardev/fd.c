/* SPDX-License-Identifier: MIT */
/*
 * Backends on file descriptors: stdio, file, pipe, pty, serial line or other character device.
 * Descriptors are non-blocking; what the host does not take is queued by the core and flushed when
 * poll says so. Input is watched only while the frontend has room.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "chardev/terminal.h"
#include "hw/core/lock.h"
#include "system/fds.h"
#include "util/error.h"

struct chardev_fd {
    struct chardev chr;
    int in, out;
    int hold; /* pty: our end of the slave, so that it does not hang up without a reader */
    guint in_watch;
    guint out_watch;
};

static struct chardev_fd *fd_of(struct chardev *chr)
{
    return container_of(chr, struct chardev_fd, chr);
}

/* --- input ---------------------------------------------------------------------------------- */

/* A descriptor that is only for input. */
static void close_input(struct chardev_fd *c)
{
    if (c->in > STDERR_FILENO && c->in != c->out) {
        close(c->in);
    }
    c->in = -1;
}

static gboolean input_ready(gint fd, GIOCondition cond, gpointer data)
{
    struct chardev_fd *c = data;
    uint8_t buf[4096];
    gboolean keep = G_SOURCE_CONTINUE;

    bool taken = device_lock_acquire();
    size_t room = MIN(chardev_can_read(&c->chr), sizeof(buf));
    ssize_t n = room ? read(fd, buf, room) : -1;
    if (!room || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        /* No room: watched again by accept_input. End of file or an error: never again. */
        c->in_watch = 0;
        keep = G_SOURCE_REMOVE;
        if (room) {
            close_input(c);
            chardev_send_event(&c->chr, CHARDEV_CLOSED);
        }
    } else if (n > 0) {
        chardev_input(&c->chr, buf, (size_t)n);
    }
    device_lock_restore(taken);
    return keep;
}

static void fd_accept_input(struct chardev *chr)
{
    struct chardev_fd *c = fd_of(chr);

    if (c->in >= 0 && !c->in_watch && chardev_can_read(chr)) {
        c->in_watch = g_unix_fd_add(c->in, G_IO_IN | G_IO_HUP | G_IO_ERR, input_ready, c);
    }
}

/* --- output --------------------------------------------------------------------------------- */

static gboolean output_ready(gint fd, GIOCondition cond, gpointer data)
{
    struct chardev_fd *c = data;

    bool taken = device_lock_acquire();
    bool empty = chardev_flush(&c->chr);
    if (empty) {
        pthread_mutex_lock(&c->chr.lock);
        empty = c->chr.queue->len == 0;
        if (empty) {
            c->out_watch = 0;
        }
        pthread_mutex_unlock(&c->chr.lock);
    }
    device_lock_restore(taken);
    return empty ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

/* The core's mutex is held. */
static ssize_t fd_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct chardev_fd *c = fd_of(chr);
    ssize_t n;

    do {
        n = write(c->out, buf, len);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        if (!c->out_watch) {
            c->out_watch = g_unix_fd_add(c->out, G_IO_OUT | G_IO_ERR, output_ready, c);
        }
        return 0;
    }
    return n < 0 ? -errno : n;
}

/* --- life ----------------------------------------------------------------------------------- */

static void fd_start(struct chardev_fd *c, int in, int out)
{
    c->in = in;
    c->out = out;
    c->hold = -1;
    if (in >= 0) {
        g_unix_set_fd_nonblocking(in, TRUE, NULL);
    }
    if (out >= 0 && out != in) {
        g_unix_set_fd_nonblocking(out, TRUE, NULL);
    }
    c->chr.is_open = true;
}

/* What is still queued gets a last chance of a second. */
static void drain(struct chardev_fd *c)
{
    for (int i = 0; i < 100 && !chardev_flush(&c->chr); i++) {
        g_usleep(10000);
    }
}

static void fd_close(struct chardev *chr)
{
    struct chardev_fd *c = fd_of(chr);

    drain(c);
    if (c->in_watch) {
        g_source_remove(c->in_watch);
    }
    if (c->out_watch) {
        g_source_remove(c->out_watch);
    }
    close_input(c);
    if (c->out > STDERR_FILENO) {
        close(c->out);
    }
    if (c->hold >= 0) {
        close(c->hold);
    }
}

/* --- stdio ---------------------------------------------------------------------------------- */

static bool stdio_taken;

int chardev_take_stdio(struct error **err)
{
    if (stdio_taken) {
        error_set(err, "stdio is in use already; share it with mon:stdio or a mux chardev");
        return -EBUSY;
    }
    stdio_taken = true;
    return 0;
}

static int stdio_open(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    int ret = chardev_take_stdio(err);

    if (ret < 0) {
        return ret;
    }
    terminal_raw(STDIN_FILENO, opts->signal);
    fd_start(fd_of(chr), STDIN_FILENO, STDOUT_FILENO);
    return 0;
}

static void stdio_close(struct chardev *chr)
{
    fd_close(chr);
    terminal_restore();
    g_unix_set_fd_nonblocking(STDIN_FILENO, FALSE, NULL);
    g_unix_set_fd_nonblocking(STDOUT_FILENO, FALSE, NULL);
    stdio_taken = false;
}

CHARDEV_DEFINE(chardev_stdio, .name = "stdio", .help = "the terminal or pipe doppel was started on",
               .state_size = sizeof(struct chardev_fd), .open = stdio_open, .close = stdio_close,
               .write = fd_write, .accept_input = fd_accept_input);

/* --- file, pipe, device ----------------------------------------------------------------------- */

static int need_path(const char *backend, const struct chardev_opts *opts, struct error **err)
{
    if (!opts->path || !*opts->path) {
        error_set(err, "chardev %s needs a path", backend);
        return -EINVAL;
    }
    return 0;
}

static int file_open(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    if (need_path("file", opts, err) < 0) {
        return -EINVAL;
    }
    int flags = O_WRONLY | O_CREAT | (opts->append ? O_APPEND : O_TRUNC);
    int fd = fds_open(opts->path, flags, 0666);
    if (fd < 0) {
        return error_set_errno(err, -fd, "chardev file '%s'", opts->path);
    }
    int in = opts->input_path ? fds_open(opts->input_path, O_RDONLY | O_NONBLOCK, 0) : -1;
    if (opts->input_path && in < 0) {
        close(fd);
        return error_set_errno(err, -in, "chardev file: input-path '%s'", opts->input_path);
    }
    fd_start(fd_of(chr), in, fd);
    return 0;
}

CHARDEV_DEFINE(chardev_file, .name = "file",
               .help = "output to a file: path=, append=on|off; input-path= of input",
               .state_size = sizeof(struct chardev_fd), .open = file_open, .close = fd_close,
               .write = fd_write, .accept_input = fd_accept_input);

/* PATH.in and PATH.out if they exist, else PATH both ways. */
static int pipe_open(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    if (need_path("pipe", opts, err) < 0) {
        return -EINVAL;
    }
    char *name_in = g_strdup_printf("%s.in", opts->path);
    char *name_out = g_strdup_printf("%s.out", opts->path);
    int in = open(name_in, O_RDWR | O_CLOEXEC);
    int out = open(name_out, O_RDWR | O_CLOEXEC);
    g_free(name_in);
    g_free(name_out);
    if (in < 0 || out < 0) {
        if (in >= 0) {
            close(in);
        }
        if (out >= 0) {
            close(out);
        }
        in = out = open(opts->path, O_RDWR | O_CLOEXEC);
    }
    if (in < 0) {
        return error_set_errno(err, errno, "chardev pipe '%s'", opts->path);
    }
    fd_start(fd_of(chr), in, out);
    chr->lossy = true;
    return 0;
}

CHARDEV_DEFINE(chardev_pipe, .name = "pipe", .help = "named pipes PATH.in and PATH.out, or PATH",
               .state_size = sizeof(struct chardev_fd), .open = pipe_open, .close = fd_close,
               .write = fd_write, .accept_input = fd_accept_input);

static int device_open(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    struct termios raw;

    if (need_path("serial", opts, err) < 0) {
        return -EINVAL;
    }
    int fd = fds_open(opts->path, O_RDWR | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0) {
        return error_set_errno(err, -fd, "chardev serial '%s'", opts->path);
    }
    if (tcgetattr(fd, &raw) == 0) {
        cfmakeraw(&raw);
        tcsetattr(fd, TCSANOW, &raw);
    }
    fd_start(fd_of(chr), fd, fd);
    return 0;
}

CHARDEV_DEFINE(chardev_device, .name = "serial", .help = "a serial line or tty of the host: path=",
               .state_size = sizeof(struct chardev_fd), .open = device_open, .close = fd_close,
               .write = fd_write, .accept_input = fd_accept_input);

/* --- pty -------------------------------------------------------------------------------------- */

static int pty_open(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    struct termios raw;
    char name[128];
    int master, slave;

    if (openpty(&master, &slave, NULL, NULL, NULL) < 0) {
        return error_set_errno(err, errno, "chardev pty");
    }
    if (ttyname_r(slave, name, sizeof(name)) || tcgetattr(slave, &raw) < 0) {
        close(master);
        close(slave);
        return error_set_errno(err, errno, "chardev pty");
    }
    cfmakeraw(&raw);
    tcsetattr(slave, TCSAFLUSH, &raw);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    fd_start(fd_of(chr), master, master);
    fd_of(chr)->hold = slave;
    chr->lossy = true;
    g_free(chr->label);
    chr->label = g_strdup_printf("pty:%s", name);
    fprintf(stderr, "char device redirected to %s%s%s%s\n", name, opts->id ? " (label " : "",
            opts->id ? opts->id : "", opts->id ? ")" : "");
    return 0;
}

CHARDEV_DEFINE(chardev_pty, .name = "pty", .help = "a new pseudo-terminal, its name is printed",
               .state_size = sizeof(struct chardev_fd), .open = pty_open, .close = fd_close,
               .write = fd_write, .accept_input = fd_accept_input);
