/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets, one or several (IPv4 and IPv6), as one thing that clients come from. Main
 * thread, device lock held. Zeroed: listens nowhere.
 */
#ifndef CHARDEV_LISTENER_H
#define CHARDEV_LISTENER_H

#include "chardev/sockaddr.h"

struct error;
struct fd_watch;

struct listener {
    int fds[SOCK_ADDRESSES];
    struct fd_watch *watches[SOCK_ADDRESSES];
    unsigned count;
    void (*client_waits)(void *opaque);
    void *opaque;
};

/* As sock_listen(). 0 or -errno. */
int listener_open(struct listener *l, struct sock_addresses *addrs, uint16_t last_port,
                  struct error **err);
void listener_adopt(struct listener *l, int fd); /* a socket that listens already; taken */

/* From now on client_waits() is called while somebody waits, unless it is not wanted. */
void listener_start(struct listener *l, void (*client_waits)(void *opaque), void *opaque);
void listener_want(struct listener *l, bool want);

int listener_accept(struct listener *l); /* a non-blocking socket, or -errno: nobody waits */
int listener_wait(struct listener *l); /* until somebody does; -EINTR: a signal that ends doppel */
void listener_close(struct listener *l);

#endif
