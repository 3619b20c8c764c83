/* SPDX-License-Identifier: MIT */
/*
 * A client's stream of bytes: a socket, with TLS, WebSocket frames, both or neither. It never
 * waits. VNC thread.
 */
#ifndef UI_VNC_STREAM_H
#define UI_VNC_STREAM_H

#include "util/base.h"

#include <glib.h>

struct error;
struct tls_creds;
struct tls_session;

#define VNC_STREAM_READ_MAX 65536u /* bytes one vnc_stream_read() adds at most */

struct vnc_stream {
    int fd;
    struct tls_session *tls;
    void *websocket; /* codec_websocket's; NULL: the bytes are as they are */
    GByteArray *in;  /* from the client, for the caller to take off the front */
    GByteArray *out; /* for the socket (or TLS), from out_sent on */
    size_t out_sent;
    uint64_t total;   /* bytes put in so far */
    bool tls_shaking; /* the handshake goes on */
};

void vnc_stream_init(struct vnc_stream *s, int fd);
void vnc_stream_fini(struct vnc_stream *s); /* says good-bye and closes */

/* 0, with or without new bytes in `in`; -errno: the end. */
int must_check vnc_stream_read(struct vnc_stream *s);
/* Bytes that could be read without the socket becoming readable. */
bool vnc_stream_has_more(const struct vnc_stream *s);

/* Queue bytes, and send what goes without waiting. vnc_stream_flush(): 0, or -errno: the end. */
void vnc_stream_put(struct vnc_stream *s, const void *buf, size_t len);
int must_check vnc_stream_flush(struct vnc_stream *s);

/* Bytes queued here, not yet with the kernel. */
size_t vnc_stream_queued(const struct vnc_stream *s);
/* The same with those the kernel has not sent, or the other end not acknowledged, yet. */
size_t vnc_stream_unsent(const struct vnc_stream *s);

/* What to wait for, if the caller wants to read or not. */
GIOCondition vnc_stream_events(const struct vnc_stream *s, bool reading);

/* What follows is encrypted; the handshake goes on in vnc_stream_read() and _flush(). */
int vnc_stream_start_tls(struct vnc_stream *s, struct tls_creds *creds, struct error **err);
/* What follows, the bytes of `in` included, are WebSocket frames, after the request for them. */
int must_check vnc_stream_start_websocket(struct vnc_stream *s);

/* The distinguished name of the client's certificate, or NULL; to be freed. */
char *vnc_stream_peer_name(const struct vnc_stream *s);

#endif
