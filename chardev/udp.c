/* SPDX-License-Identifier: MIT */
/*
 * UDP: what the frontend writes goes out in datagrams, what arrives is a stream of bytes. Only the
 * address given may send. What the network does not take is lost.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "chardev/sockaddr.h"
#include "system/mainloop.h"
#include "util/error.h"

#define DATAGRAM_MAX 65536

struct chardev_udp {
    struct chardev chr;
    int fd;
    struct fd_watch *watch;
    struct deferred deliver;
    size_t len, at; /* of the datagram being delivered */
    uint8_t buf[DATAGRAM_MAX];
};

static struct chardev_udp *udp_of(struct chardev *chr)
{
    return container_of(chr, struct chardev_udp, chr);
}

static void deliver(void *opaque)
{
    struct chardev_udp *u = opaque;
    size_t room;

    while (u->at < u->len && (room = chardev_can_read(&u->chr)) > 0) {
        size_t at = u->at, n = MIN(room, u->len - at);
        u->at += n;
        chardev_input(&u->chr, u->buf + at, n);
    }
    fd_watch_set(u->watch, u->at < u->len ? 0 : FD_READ);
}

static void udp_accept_input(struct chardev *chr)
{
    struct chardev_udp *u = udp_of(chr);

    if (u->at < u->len) {
        deferred_schedule(&u->deliver);
    }
}

static void readable(void *opaque, unsigned events)
{
    struct chardev_udp *u = opaque;
    ssize_t n = recv(u->fd, u->buf, sizeof(u->buf), MSG_DONTWAIT);

    u->at = 0;
    u->len = n > 0 ? (size_t)n : 0; /* errors are of packets sent before: nobody listens */
    deliver(u);
}

static ssize_t udp_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    size_t n = MIN(len, (size_t)1400);

    return send(udp_of(chr)->fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : (ssize_t)n;
}

/* Where datagrams come from and go to must be of one family. */
static int open_pair(const struct sock_addresses *to, const struct sock_addresses *from,
                     struct error **err)
{
    int ret = -EAFNOSUPPORT;

    for (unsigned i = 0; i < to->count; i++) {
        const struct sock_address *a = &to->list[i], *b = NULL;
        for (unsigned k = 0; k < from->count && !b; k++) {
            b = from->list[k].sa.ss_family == a->sa.ss_family ? &from->list[k] : NULL;
        }
        int fd = b ? socket(a->sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
        if (fd >= 0 && bind(fd, (const struct sockaddr *)&b->sa, b->len) == 0 &&
            connect(fd, (const struct sockaddr *)&a->sa, a->len) == 0) {
            return fd;
        }
        ret = fd >= 0 ? -errno : ret;
        if (fd >= 0) {
            close(fd);
        }
    }
    return error_set_errno(err, -ret, "chardev udp");
}

static int udp_open(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    struct chardev_opts local = {.host = opts->localaddr ? opts->localaddr : opts->host,
                                 .port = opts->localport ? opts->localport : "0",
                                 .ipv4 = opts->ipv4,
                                 .ipv6 = opts->ipv6};
    struct chardev_udp *u = udp_of(chr);
    struct sock_addresses to, from;
    bool loopback = !opts->host || !*opts->host;

    if (!opts->localaddr && !loopback) {
        local.host = opts->ipv6 ? "::" : "0.0.0.0";
    }
    if (opts->path) {
        error_set(err, "chardev udp takes host= and port=, no path");
        return -EINVAL;
    }
    if (!opts->port || sock_resolve(opts, SOCK_DGRAM, &to, err) < 0 ||
        sock_resolve(&local, SOCK_DGRAM, &from, err) < 0) {
        if (!opts->port) {
            error_set(err, "chardev udp needs a port");
        }
        return -EINVAL;
    }
    u->fd = open_pair(&to, &from, err);
    if (u->fd < 0) {
        return u->fd;
    }
    u->watch = fd_watch_new(u->fd, FD_READ, readable, u);
    deferred_init(&u->deliver, deliver, u);
    g_free(chr->label);
    char *text = sock_address_text(&to.list[0].sa, to.list[0].len);
    chr->label = g_strdup_printf("udp:%s", text);
    g_free(text);
    chr->is_open = chr->lossy = true;
    return 0;
}

static void udp_close(struct chardev *chr)
{
    struct chardev_udp *u = udp_of(chr);

    deferred_cancel(&u->deliver);
    fd_watch_free(u->watch);
    close(u->fd);
}

CHARDEV_DEFINE(chardev_udp, .name = "udp",
               .help = "datagrams: host=, port=, localaddr=, localport=",
               .state_size = sizeof(struct chardev_udp), .open = udp_open, .close = udp_close,
               .write = udp_write, .accept_input = udp_accept_input);
