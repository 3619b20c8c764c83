/* SPDX-License-Identifier: MIT */
/*
 * One connection of a socket: bytes in and out, as they are or through TLS, and the descriptors that
 * came with them over a Unix socket. One thread at a time. Errors are -errno, -EAGAIN: not now.
 */
#ifndef CHARDEV_STREAM_H
#define CHARDEV_STREAM_H

#include "util/base.h"

#include <sys/types.h>

struct error;
struct tls_creds;
struct tls_session;

#define STREAM_FDS 16

struct stream {
    int fd;                  /* -1: no connection */
    struct tls_session *tls; /* NULL: plain */
    int passed[STREAM_FDS];  /* descriptors the other end sent, the oldest first */
    unsigned passed_count;
};

void stream_open(struct stream *st, int fd); /* takes the descriptor, non-blocking */
void stream_close(struct stream *st);        /* says good-bye; a closed one may be closed */

/* From now on through TLS, see tls_session_new(). Nothing is sent before the handshake is done. */
int stream_start_tls(struct stream *st, struct tls_creds *creds, const char *hostname,
                     struct error **err);
int stream_handshake(struct stream *st, struct error **err);

ssize_t stream_send(struct stream *st, const void *buf, size_t len);
/* 0: the other end has gone. Descriptors replace those nobody has taken if `fresh`. */
ssize_t stream_recv(struct stream *st, void *buf, size_t len, bool fresh);

/* After -EAGAIN: waits for room, not for bytes. */
bool stream_wants_write(const struct stream *st);
/* Bytes that are here but that polling the descriptor does not show. */
bool stream_pending(const struct stream *st);

/* The oldest descriptor the other end has sent, now the caller's; -1: there is none. */
int stream_take_fd(struct stream *st);

#endif
