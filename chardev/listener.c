/* SPDX-License-Identifier: MIT */
/* Listening sockets (listener.h). */
#include "chardev/listener.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "system/mainloop.h"

int listener_open(struct listener *l, struct sock_addresses *addrs, uint16_t last_port,
                  struct error **err)
{
    int n = sock_listen(addrs, last_port, l->fds, err);

    l->count = n > 0 ? (unsigned)n : 0;
    return n < 0 ? n : 0;
}

void listener_adopt(struct listener *l, int fd)
{
    l->fds[0] = fd;
    l->count = 1;
}

static void readable(void *opaque, unsigned events)
{
    struct listener *l = opaque;

    l->client_waits(l->opaque);
}

void listener_start(struct listener *l, void (*client_waits)(void *opaque), void *opaque)
{
    l->client_waits = client_waits;
    l->opaque = opaque;
    for (unsigned i = 0; i < l->count; i++) {
        l->watches[i] = fd_watch_new(l->fds[i], FD_READ, readable, l);
    }
}

void listener_want(struct listener *l, bool want)
{
    for (unsigned i = 0; i < l->count; i++) {
        fd_watch_set(l->watches[i], want ? FD_READ : 0);
    }
}

int listener_accept(struct listener *l)
{
    int fd = -1;

    for (unsigned i = 0; i < l->count && fd < 0; i++) {
        fd = accept4(l->fds[i], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    return fd < 0 ? -errno : fd;
}

int listener_wait(struct listener *l)
{
    int ready = sock_wait(l->fds, l->count, POLLIN);

    return ready < 0 ? ready : 0;
}

void listener_close(struct listener *l)
{
    for (unsigned i = 0; i < l->count; i++) {
        fd_watch_free(l->watches[i]);
        close(l->fds[i]);
    }
    l->count = 0;
}
