/* SPDX-License-Identifier: MIT */
/* Byte streams of clients (stream.h). */
#include "ui/vnc/stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev/codec.h"
#include "crypto/tls.h"
#include "util/error.h"

#define CHUNK 16384u /* bytes of a WebSocket frame, of a read */

void vnc_stream_init(struct vnc_stream *s, int fd)
{
    *s = (struct vnc_stream){.fd = fd, .in = g_byte_array_new(), .out = g_byte_array_new()};
}

void vnc_stream_fini(struct vnc_stream *s)
{
    if (s->tls) {
        if (!s->tls_shaking) {
            tls_session_bye(s->tls);
        }
        tls_session_free(s->tls);
    }
    if (s->websocket) {
        codec_websocket.free(s->websocket);
    }
    close(s->fd);
    g_byte_array_free(s->in, TRUE);
    g_byte_array_free(s->out, TRUE);
}

/* --- the layer below: socket or TLS ------------------------------------------------------------ */

/* A failure of TLS is the client's affair: it is worth a trace, not a message. */
static ssize_t tls_result(ssize_t n, struct error *err)
{
    error_free(err);
    return n;
}

static ssize_t lower_recv(struct vnc_stream *s, uint8_t *buf, size_t len)
{
    struct error *err = NULL;

    if (s->tls) {
        return tls_result(tls_session_read(s->tls, buf, len, &err), err);
    }
    ssize_t n = recv(s->fd, buf, len, MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static ssize_t lower_send(struct vnc_stream *s, const uint8_t *buf, size_t len)
{
    struct error *err = NULL;

    if (s->tls) {
        return tls_result(tls_session_write(s->tls, buf, len, &err), err);
    }
    ssize_t n = send(s->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

/* 0: bytes may flow; -EAGAIN: not yet. */
static int shake_hands(struct vnc_stream *s)
{
    struct error *err = NULL;

    if (!s->tls_shaking) {
        return 0;
    }
    int ret = (int)tls_result(tls_session_handshake(s->tls, &err), err);
    s->tls_shaking = ret != 0;
    return ret;
}

/* --- reading ------------------------------------------------------------------------------------- */

/* Bytes from below go up. False: the client has ended the stream. */
static bool deliver(struct vnc_stream *s, const uint8_t *buf, size_t len)
{
    struct codec_io io = {.in = s->in};

    if (!s->websocket) {
        g_byte_array_append(s->in, buf, (guint)len);
        return true;
    }
    io.reply = g_byte_array_new();
    bool ok = codec_websocket.decode(s->websocket, buf, len, &io);
    g_byte_array_append(s->out, io.reply->data, io.reply->len);
    g_byte_array_free(io.reply, TRUE);
    return ok;
}

int vnc_stream_read(struct vnc_stream *s)
{
    uint8_t buf[CHUNK];
    int ret = shake_hands(s);

    for (unsigned got = 0; ret == 0 && got < VNC_STREAM_READ_MAX; got += CHUNK) {
        ssize_t n = lower_recv(s, buf, sizeof(buf));
        if (n == 0 || (n > 0 && !deliver(s, buf, (size_t)n))) {
            ret = -ECONNRESET;
        } else if (n < 0) {
            ret = (int)n;
        }
    }
    return ret == -EAGAIN || ret == -EINTR ? 0 : ret;
}

bool vnc_stream_has_more(const struct vnc_stream *s)
{
    return s->tls && !s->tls_shaking && tls_session_pending(s->tls) > 0;
}

/* --- writing ------------------------------------------------------------------------------------- */

void vnc_stream_put(struct vnc_stream *s, const void *buf, size_t len)
{
    const uint8_t *bytes = buf;

    s->total += len;
    if (!s->websocket) {
        g_byte_array_append(s->out, bytes, (guint)len);
        return;
    }
    for (size_t n; len; bytes += n, len -= n) {
        n = MIN(len, (size_t)CHUNK);
        codec_websocket.encode(s->websocket, bytes, n, s->out);
    }
}

int vnc_stream_flush(struct vnc_stream *s)
{
    int ret = shake_hands(s);

    while (ret == 0 && s->out_sent < s->out->len) {
        ssize_t n = lower_send(s, s->out->data + s->out_sent, s->out->len - s->out_sent);
        if (n < 0) {
            ret = (int)n;
        } else {
            s->out_sent += (size_t)n;
        }
    }
    if (s->out_sent == s->out->len && s->out->len) {
        s->out_sent = 0;
        g_byte_array_free(s->out, TRUE); /* a large frame's memory is not kept */
        s->out = g_byte_array_new();
    }
    return ret == -EAGAIN || ret == -EINTR ? 0 : ret;
}

size_t vnc_stream_queued(const struct vnc_stream *s)
{
    return s->out->len - s->out_sent;
}

size_t vnc_stream_unsent(const struct vnc_stream *s)
{
    int kernel = 0;

    if (ioctl(s->fd, SIOCOUTQ, &kernel) < 0 || kernel < 0) {
        kernel = 0;
    }
    return vnc_stream_queued(s) + (size_t)kernel;
}

GIOCondition vnc_stream_events(const struct vnc_stream *s, bool reading)
{
    if (s->tls_shaking) {
        return tls_session_wants_write(s->tls) ? G_IO_OUT : G_IO_IN;
    }
    return (reading ? G_IO_IN : 0) | (vnc_stream_queued(s) ? G_IO_OUT : 0);
}

/* --- layers -------------------------------------------------------------------------------------- */

int vnc_stream_start_tls(struct vnc_stream *s, struct tls_creds *creds, struct error **err)
{
    s->tls = tls_session_new_fd(creds, NULL, s->fd, err);
    s->tls_shaking = s->tls != NULL;
    return s->tls ? 0 : -EINVAL;
}

int vnc_stream_start_websocket(struct vnc_stream *s)
{
    GByteArray *before = s->in;

    s->websocket = codec_websocket.new();
    s->in = g_byte_array_new();
    bool ok = deliver(s, before->data, before->len);
    g_byte_array_free(before, TRUE);
    return ok ? 0 : -ECONNRESET;
}

char *vnc_stream_peer_name(const struct vnc_stream *s)
{
    return s->tls && !s->tls_shaking ? tls_session_peer(s->tls) : NULL;
}
