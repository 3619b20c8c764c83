/* SPDX-License-Identifier: MIT */
/* Running cases on the host's CPU. See host.h, native.h. */
#include "tests/insn/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 5000 /* the machine may be busy */

static void child(int shared, int in, int out, const char *path)
{
    int fds[3] = {fcntl(in, F_DUPFD, 16), fcntl(out, F_DUPFD, 16), fcntl(shared, F_DUPFD, 16)};

    dup2(fds[0], 0);
    dup2(fds[1], 1);
    dup2(fds[2], NATIVE_FD);
    for (int fd = 4; fd < 64; fd++)
        close(fd);
    execl(path, path, (char *)NULL);
    _exit(127);
}

static int spawn(struct host *h)
{
    const char *build = getenv("B");
    char path[512];
    int to[2], from[2];

    snprintf(path, sizeof(path), "%s/tests/insn/native%u", build ? build : "build", h->bits);
    if (access(path, X_OK) || pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
        return -1;
    h->pid = fork();
    if (h->pid < 0)
        return -1;
    if (!h->pid)
        child(h->fd, to[0], from[1], path);
    close(to[0]);
    close(from[1]);
    h->to = to[1];
    h->from = from[0];
    return 0;
}

static void reap(struct host *h)
{
    if (h->pid <= 0)
        return;
    kill(h->pid, SIGKILL);
    waitpid(h->pid, NULL, 0);
    close(h->to);
    close(h->from);
    h->pid = 0;
}

int host_start(struct host *h, unsigned bits)
{
    *h = (struct host){.bits = bits};
    signal(SIGPIPE, SIG_IGN);
    h->fd = memfd_create("native", MFD_CLOEXEC);
    if (h->fd < 0 || ftruncate(h->fd, ALIGN_UP(sizeof(struct native_batch), (size_t)NATIVE_PAGE)))
        return -1;
    h->batch =
        mmap(NULL, sizeof(struct native_batch), PROT_READ | PROT_WRITE, MAP_SHARED, h->fd, 0);
    if (h->batch == MAP_FAILED || spawn(h))
        return -1;
    /* try it out: a NOP */
    memset(&h->batch->cases[0], 0, sizeof(h->batch->cases[0]));
    h->batch->cases[0].in.rip = NATIVE_CODE;
    h->batch->cases[0].in.flags = 0x202;
    h->batch->cases[0].code[0] = 0x90;
    h->batch->cases[0].code_len = 1;
    if (host_run(h, 1) || h->batch->cases[0].vector != 3) {
        host_stop(h);
        return -1;
    }
    return 0;
}

void host_stop(struct host *h)
{
    reap(h);
    if (h->batch && h->batch != MAP_FAILED)
        munmap(h->batch, sizeof(struct native_batch));
    close(h->fd);
    h->batch = NULL;
}

int host_run(struct host *h, unsigned n)
{
    struct pollfd p = {.fd = h->from, .events = POLLIN};
    char byte = 0;

    h->batch->count = n;
    if (write(h->to, &byte, 1) == 1 && poll(&p, 1, TIMEOUT_MS) == 1 && read(h->from, &byte, 1) == 1)
        return 0;
    reap(h);
    spawn(h);
    return -1;
}

/* The outcome with the first n bytes before the end. 1: the fetch wants more. */
static int try_length(struct host *h, const uint8_t *code, unsigned n)
{
    struct native_case *c = &h->batch->cases[0];
    uint64_t end = NATIVE_CODE + NATIVE_PAGE;

    memset(&c->in, 0, sizeof(c->in));
    c->in.flags = 0x202;
    c->in.fx[0] = 0x7f;
    c->in.fx[1] = 0x03;
    c->in.fx[24] = 0x80;
    c->in.fx[25] = 0x1f;
    c->code_at = NATIVE_PAGE - n;
    c->in.rip = NATIVE_CODE + c->code_at;
    memcpy(c->code, code, n);
    c->code_len = n;
    c->flags = NATIVE_CODE_END | NATIVE_NO_DATA;
    if (host_run(h, 1))
        return -1;
    return c->vector == 14 && c->cr2 == end && c->error & 0x10 && c->out.rip == c->in.rip;
}

int host_find_length(struct host *h, const uint8_t *code, unsigned guess, struct host_length *out)
{
    const struct native_case *c = &h->batch->cases[0];
    unsigned n = guess && guess <= 15 ? guess : 1;
    int more = try_length(h, code, n);

    while (more == 1 && n < 15)
        more = try_length(h, code, ++n);
    while (more == 0 && n > 1) {
        more = try_length(h, code, n - 1);
        if (more == 0)
            n--;
    }
    if (more < 0)
        return -1;
    if (try_length(h, code, n) < 0)
        return -1;
    out->len = n;
    out->undefined = c->vector == 6 && c->out.rip == c->in.rip && c->signo == SIGILL;
    out->too_long = n == 15 && c->vector == 14 && c->cr2 == NATIVE_CODE + NATIVE_PAGE &&
                    c->out.rip == c->in.rip;
    return 0;
}
