/* SPDX-License-Identifier: MIT */
/* Connections, plain or through TLS (stream.h). */
#include "chardev/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/tls.h"
#include "util/error.h"

/* --- descriptors -------------------------------------------------------------------------------- */

static void drop_passed(struct stream *st)
{
    while (st->passed_count) {
        close(st->passed[--st->passed_count]);
    }
}

int stream_take_fd(struct stream *st)
{
    if (!st->passed_count) {
        return -1;
    }
    int fd = st->passed[0];
    memmove(st->passed, st->passed + 1, --st->passed_count * sizeof(st->passed[0]));
    return fd;
}

/* Descriptors that came with a message; more than there is room for are closed. */
static void keep_passed(struct stream *st, struct msghdr *msg, bool fresh)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (fresh) {
            drop_passed(st);
        }
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            if (st->passed_count < STREAM_FDS) {
                st->passed[st->passed_count++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

static ssize_t recv_plain(struct stream *st, void *buf, size_t len, bool fresh)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(STREAM_FDS * sizeof(int))];
    } control;
    struct iovec iov = {buf, len};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(st->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    if (n < 0) {
        return errno == EINTR ? -EAGAIN : -errno;
    }
    keep_passed(st, &msg, fresh);
    return n;
}

/* --- bytes -------------------------------------------------------------------------------------- */

ssize_t stream_recv(struct stream *st, void *buf, size_t len, bool fresh)
{
    return st->tls ? tls_session_read(st->tls, buf, len, NULL) : recv_plain(st, buf, len, fresh);
}

ssize_t stream_send(struct stream *st, const void *buf, size_t len)
{
    ssize_t n;

    if (st->tls) {
        return tls_session_write(st->tls, buf, len, NULL);
    }
    do {
        n = send(st->fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

bool stream_wants_write(const struct stream *st)
{
    return st->tls && tls_session_wants_write(st->tls);
}

bool stream_pending(const struct stream *st)
{
    return st->tls && tls_session_pending(st->tls);
}

/* --- life --------------------------------------------------------------------------------------- */

void stream_open(struct stream *st, int fd)
{
    *st = (struct stream){.fd = fd};
}

int stream_start_tls(struct stream *st, struct tls_creds *creds, const char *hostname,
                     struct error **err)
{
    st->tls = tls_session_new_fd(creds, hostname, st->fd, err);
    return st->tls ? 0 : -EINVAL;
}

int stream_handshake(struct stream *st, struct error **err)
{
    return tls_session_handshake(st->tls, err);
}

void stream_close(struct stream *st)
{
    if (st->tls) {
        tls_session_bye(st->tls);
        tls_session_free(st->tls);
    }
    drop_passed(st);
    if (st->fd >= 0) {
        close(st->fd);
    }
    *st = (struct stream){.fd = -1};
}
