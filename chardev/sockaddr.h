/* SPDX-License-Identifier: MIT */
/*
 * Addresses of stream sockets: from options to what bind() and connect() take. Names are resolved
 * once, when a chardev is made, never while the guest runs. Main thread.
 */
#ifndef CHARDEV_SOCKADDR_H
#define CHARDEV_SOCKADDR_H

#include "util/base.h"

#include <sys/socket.h>

struct chardev_opts;
struct error;

#define SOCK_ADDRESSES 8

struct sock_address {
    struct sockaddr_storage sa;
    socklen_t len;
    bool optional; /* listening: not having it is no error (::1 beside 127.0.0.1) */
    bool both;     /* listening on ::, IPv4 too */
};

struct sock_addresses {
    struct sock_address list[SOCK_ADDRESSES];
    unsigned count;
};

/*
 * Of path, or of host and port. Without a host: the loopback addresses. 0 or -errno; socktype is
 * SOCK_STREAM or SOCK_DGRAM.
 */
int sock_resolve(const struct chardev_opts *opts, int socktype, struct sock_addresses *out,
                 struct error **err);

/*
 * Listen on all of them; ports up to last_port are tried until one is free. How many sockets, or
 * -errno. A stale socket file is replaced, one somebody listens on is not.
 */
int sock_listen(struct sock_addresses *addrs, uint16_t last_port, int *fds, struct error **err);

/* A non-blocking socket, connected or (*pending) about to be; -errno. */
int sock_connect(const struct sock_address *addr, bool *pending);

uint16_t sock_port(const struct sock_address *addr); /* 0 if it has none */

/* "127.0.0.1:80", "[::1]:80" or "path"; to be freed. */
char *sock_address_text(const struct sockaddr_storage *sa, socklen_t len);

/* Waits until one of the descriptors is ready; its index, or -EINTR: SIGINT, SIGTERM or SIGHUP. */
int sock_wait(const int *fds, unsigned count, short events);

#endif
