/* SPDX-License-Identifier: MIT */
/*
 * Stream sockets (TCP, Unix), as server or client. A server has one client at a time; the next one
 * waits in the kernel's queue until it has gone. Output without a client is lost, output to a
 * client that does not read is lost when the queue is full (chardev.h: lossless).
 *
 * Bytes pass through a codec (telnet), so that there is a buffer on each side of the core: `in`,
 * decoded and not yet taken by the frontend, and `out`, encoded and not yet taken by the host. Both
 * are small and bounded. `out`, `stream` and what is watched change under the chardev's mutex.
 * With tls-creds= there is a TLS session between the codec and the host, from the first byte on.
 */
#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "chardev/codec.h"
#include "chardev/listener.h"
#include "chardev/sockaddr.h"
#include "chardev/stream.h"
#include "crypto/tls.h"
#include "system/fds.h"
#include "system/mainloop.h"
#include "util/error.h"
#include "util/trace.h"

#define IN_MAX      4096
#define CHUNK       4096        /* bytes of the user encoded at a time */
#define HANDSHAKE_S 10          /* a client that does not begin in this time goes */
#define OUT_LIMIT   (64u << 10) /* more in `out` (answers to a client that does not read): it goes */

struct chardev_socket {
    struct chardev chr;
    struct sock_addresses addrs;
    bool server, nodelay, from_fd;
    unsigned reconnect_ms;
    struct listener listener;
    struct stream stream;
    struct fd_watch *watch;
    struct tls_creds *tls_creds; /* NULL: plain */
    char *hostname;              /* whom the server's certificate must name; NULL: anybody */
    bool connecting;             /* the connection is on its way; addrs.list[attempt] */
    bool securing;               /* the TLS handshake goes on */
    bool opened;                 /* the frontend has been told */
    bool closing;                /* ends when `out` is empty */
    bool want_write;             /* the host is full */
    bool in_full;                /* not reading */
    unsigned attempt;
    const struct codec_class *codec_class; /* NULL: none */
    void *codec;
    GByteArray *in, *out;
    struct deferred deliver;
    guint reconnect_timer, handshake_timer;
};

static struct chardev_socket *socket_of(struct chardev *chr)
{
    return container_of(chr, struct chardev_socket, chr);
}

static void disconnect(struct chardev_socket *s);
static void start_connecting(struct chardev_socket *s);
static void deliver(void *opaque);
static void stop_timer(guint *timer);

/* --- what is watched -------------------------------------------------------------------------- */

/* The mutex is held. */
static void update_watch_locked(struct chardev_socket *s)
{
    if (s->watch) {
        fd_watch_set(s->watch, (s->in_full ? 0 : FD_READ) | (s->want_write ? FD_WRITE : 0));
    }
}

static void set_in_full(struct chardev_socket *s, bool full)
{
    if (s->in_full != full) {
        pthread_mutex_lock(&s->chr.lock);
        s->in_full = full;
        update_watch_locked(s);
        pthread_mutex_unlock(&s->chr.lock);
    }
}

/* --- output ----------------------------------------------------------------------------------- */

/* Sends what is encoded. 0, or -errno when the connection is broken. The mutex is held. */
static int send_locked(struct chardev_socket *s)
{
    size_t done = 0;
    int ret = 0;

    while (done < s->out->len && ret == 0) {
        ssize_t n = stream_send(&s->stream, s->out->data + done, s->out->len - done);
        done += n > 0 ? (size_t)n : 0;
        ret = n < 0 ? (int)n : 0;
    }
    g_byte_array_remove_range(s->out, 0, (guint)done);
    bool full = ret == -EAGAIN;
    if (full != s->want_write) {
        s->want_write = full;
        update_watch_locked(s);
    }
    return full ? 0 : ret;
}

static void encode_locked(struct chardev_socket *s, const uint8_t *buf, size_t len)
{
    if (s->codec) {
        s->codec_class->encode(s->codec, buf, len, s->out);
    } else {
        g_byte_array_append(s->out, buf, (guint)len);
    }
}

/* The core's mutex is held. A broken connection is found by the main thread, which reads. */
static ssize_t socket_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct chardev_socket *s = socket_of(chr);

    if (!s->opened || s->closing) {
        return -ENOTCONN;
    }
    int ret = s->out->len ? send_locked(s) : 0;
    if (ret < 0 || s->out->len) {
        return ret;
    }
    size_t n = MIN(len, (size_t)CHUNK);
    encode_locked(s, buf, n);
    ret = send_locked(s);
    return ret < 0 ? ret : (ssize_t)n;
}

/* False: broken, or all has been said. */
static bool flush_out(struct chardev_socket *s)
{
    pthread_mutex_lock(&s->chr.lock);
    int ret = send_locked(s);
    bool end = ret < 0 || s->out->len > OUT_LIMIT || (s->closing && !s->out->len);
    pthread_mutex_unlock(&s->chr.lock);
    if (!end) {
        chardev_flush(&s->chr);
    }
    return !end;
}

/* --- input ------------------------------------------------------------------------------------ */

static void set_opened(struct chardev_socket *s)
{
    stop_timer(&s->handshake_timer);
    pthread_mutex_lock(&s->chr.lock);
    s->opened = true;
    pthread_mutex_unlock(&s->chr.lock);
    chardev_send_event(&s->chr, CHARDEV_OPENED);
}

static bool codec_ready(const struct chardev_socket *s)
{
    return !s->codec || !s->codec_class->ready || s->codec_class->ready(s->codec);
}

/* False: the connection is to end. */
static bool decode(struct chardev_socket *s, const uint8_t *buf, size_t len)
{
    struct codec_io io = {.in = s->in, .reply = g_byte_array_new()};
    bool ok = s->codec_class->decode(s->codec, buf, len, &io);

    pthread_mutex_lock(&s->chr.lock);
    g_byte_array_append(s->out, io.reply->data, io.reply->len);
    s->closing |= !ok;
    pthread_mutex_unlock(&s->chr.lock);
    bool go_on = (io.reply->len == 0 && ok) || flush_out(s);
    g_byte_array_free(io.reply, TRUE);
    if (go_on && !s->opened && codec_ready(s)) {
        set_opened(s);
    }
    for (; io.breaks && s->opened; io.breaks--) {
        chardev_send_event(&s->chr, CHARDEV_BREAK);
    }
    return go_on;
}

/* Bytes from the host; TLS may have to send something before there are some. */
static ssize_t read_host(struct chardev_socket *s, uint8_t *buf, size_t len)
{
    pthread_mutex_lock(&s->chr.lock);
    ssize_t n = stream_recv(&s->stream, buf, len, s->in->len == 0);
    if (n == -EAGAIN && stream_wants_write(&s->stream)) {
        s->want_write = true;
        update_watch_locked(s);
    }
    pthread_mutex_unlock(&s->chr.lock);
    return n;
}

/* One read. False: the connection is to end. */
static bool receive(struct chardev_socket *s)
{
    uint8_t buf[IN_MAX];
    size_t room = IN_MAX - MIN(s->in->len, (guint)IN_MAX);
    ssize_t n = room ? read_host(s, buf, room) : -EAGAIN;

    if (n <= 0 || s->closing) {
        return n > 0 || n == -EAGAIN;
    }
    if (s->codec) {
        return decode(s, buf, (size_t)n);
    }
    g_byte_array_append(s->in, buf, (guint)n);
    return true;
}

/* Hands over what the frontend has room for. It may disconnect us meanwhile. */
static void hand_over(struct chardev_socket *s)
{
    uint8_t buf[IN_MAX];
    size_t room;

    while (s->in->len && (room = chardev_can_read(&s->chr)) > 0) {
        size_t n = MIN(room, (size_t)s->in->len);
        memcpy(buf, s->in->data, n);
        g_byte_array_remove_range(s->in, 0, (guint)n);
        chardev_input(&s->chr, buf, n);
    }
    set_in_full(s, s->in->len >= IN_MAX);
}

/* What TLS has decrypted already, no poll shows: it is read here. */
static void deliver(void *opaque)
{
    struct chardev_socket *s = opaque;

    hand_over(s);
    while (!s->in_full && stream_pending(&s->stream)) {
        if (!receive(s)) {
            disconnect(s);
            return;
        }
        hand_over(s);
    }
}

/* Called from the frontend's read, often on a vCPU's thread: not back into it at once. */
static void socket_accept_input(struct chardev *chr)
{
    struct chardev_socket *s = socket_of(chr);

    if (s->in->len) {
        deferred_schedule(&s->deliver);
    }
}

/* --- connections ------------------------------------------------------------------------------ */

static void set_label(struct chardev_socket *s, const char *peer)
{
    const struct sock_address *a = &s->addrs.list[s->server ? 0 : s->attempt];
    const char *kind = s->codec_class ? s->codec_class->name : "tcp";
    char *text = s->addrs.count ? sock_address_text(&a->sa, a->len) : g_strdup("inherited");

    kind = s->addrs.count && a->sa.ss_family == AF_UNIX ? "unix" : kind;
    g_free(s->chr.label);
    s->chr.label = g_strdup_printf("%s%s:%s%s%s%s", peer ? "" : "disconnected:", kind, text,
                                   s->server ? ",server=on" : "", peer && *peer ? " <-> " : "",
                                   peer ? peer : "");
    g_free(text);
}

static void label_peer(struct chardev_socket *s)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    bool named = s->server && getpeername(s->stream.fd, (struct sockaddr *)&peer, &len) == 0 &&
                 peer.ss_family != AF_UNIX;
    char *text = named ? sock_address_text(&peer, len) : g_strdup("");

    set_label(s, text);
    g_free(text);
}

static void connection_event(void *opaque, unsigned events);

static gboolean too_slow(gpointer data)
{
    struct chardev_socket *s = data;

    s->handshake_timer = 0;
    disconnect(s);
    return G_SOURCE_REMOVE;
}

static void stop_timer(guint *timer)
{
    if (*timer) {
        g_source_remove(*timer);
        *timer = 0;
    }
}

/* The bytes of the user, or of the codec, may flow. */
static void begin(struct chardev_socket *s)
{
    pthread_mutex_lock(&s->chr.lock);
    s->codec = s->codec_class ? s->codec_class->new () : NULL;
    if (s->codec && s->codec_class->hello) {
        s->codec_class->hello(s->codec, s->out);
    }
    pthread_mutex_unlock(&s->chr.lock);
    if (!flush_out(s)) {
        disconnect(s);
    } else if (codec_ready(s)) {
        set_opened(s);
    }
}

/* A user hears why a connection of ours failed; why a stranger's did is for those who trace. */
static void tls_failed(struct chardev_socket *s, struct error *err)
{
    TRACE(chardev_socket_tls_failed, "%s: %s", s->chr.label, error_msg(err));
    if (!s->server) {
        warn_report("chardev %s: %s", s->chr.id ? s->chr.id : s->chr.label, error_msg(err));
    }
    error_free(err);
    disconnect(s);
}

/* One step of the TLS handshake. */
static void secure(struct chardev_socket *s)
{
    struct error *err = NULL;

    pthread_mutex_lock(&s->chr.lock);
    int ret = stream_handshake(&s->stream, &err);
    s->want_write = ret == -EAGAIN && stream_wants_write(&s->stream);
    update_watch_locked(s);
    s->securing = ret == -EAGAIN;
    pthread_mutex_unlock(&s->chr.lock);
    if (ret == 0) {
        begin(s);
        if (s->stream.fd >= 0) {
            deliver(s);
        }
    } else if (ret != -EAGAIN) {
        tls_failed(s, err);
    }
}

static void start_securing(struct chardev_socket *s)
{
    struct error *err = NULL;

    if (stream_start_tls(&s->stream, s->tls_creds, s->hostname, &err) < 0) {
        tls_failed(s, err);
        return;
    }
    s->securing = true;
    secure(s);
}

static void reset_connection(struct chardev_socket *s)
{
    g_byte_array_set_size(s->in, 0);
    pthread_mutex_lock(&s->chr.lock);
    g_byte_array_set_size(s->out, 0);
    s->in_full = s->want_write = s->closing = s->connecting = s->securing = false;
    pthread_mutex_unlock(&s->chr.lock);
    if (!s->watch) {
        s->watch = fd_watch_new(s->stream.fd, FD_READ, connection_event, s);
    } else {
        fd_watch_set(s->watch, FD_READ);
    }
}

/* There is a connection. */
static void connected(struct chardev_socket *s)
{
    int one = 1;

    if (s->nodelay) {
        setsockopt(s->stream.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    setsockopt(s->stream.fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    reset_connection(s);
    label_peer(s);
    TRACE(chardev_socket_connected, "%s", s->chr.label);
    if (s->tls_creds || s->codec_class) {
        s->handshake_timer = g_timeout_add_seconds(HANDSHAKE_S, too_slow, s);
    }
    if (s->tls_creds) {
        start_securing(s);
    } else {
        begin(s);
    }
}

static void close_connection(struct chardev_socket *s)
{
    stop_timer(&s->handshake_timer);
    fd_watch_free(s->watch);
    pthread_mutex_lock(&s->chr.lock);
    s->watch = NULL;
    stream_close(&s->stream);
    s->opened = s->connecting = s->securing = false;
    g_byte_array_set_size(s->out, 0);
    if (s->codec) {
        s->codec_class->free(s->codec);
        s->codec = NULL;
    }
    pthread_mutex_unlock(&s->chr.lock);
}

static gboolean reconnect_now(gpointer data)
{
    struct chardev_socket *s = data;

    s->reconnect_timer = 0;
    s->attempt = 0;
    start_connecting(s);
    return G_SOURCE_REMOVE;
}

/* No connection: wait for the next client, or try again later. */
static void wait_for_next(struct chardev_socket *s)
{
    listener_want(&s->listener, true);
    if (s->reconnect_ms && !s->reconnect_timer) {
        s->reconnect_timer = g_timeout_add(s->reconnect_ms, reconnect_now, s);
    }
}

static void disconnect(struct chardev_socket *s)
{
    bool tell = s->opened;

    TRACE(chardev_socket_disconnected, "%s", s->chr.label);
    close_connection(s);
    deliver(s); /* what it sent last */
    set_label(s, NULL);
    wait_for_next(s);
    chardev_drop_output(&s->chr);
    if (tell) {
        chardev_send_event(&s->chr, CHARDEV_CLOSED);
    }
}

static int connect_result(int fd)
{
    int e = 0;
    socklen_t len = sizeof(e);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0 ? -errno : -e;
}

static void connection_event(void *opaque, unsigned events)
{
    struct chardev_socket *s = opaque;

    if (s->securing) {
        secure(s);
        return;
    }
    if (s->connecting) {
        if (connect_result(s->stream.fd) == 0) {
            connected(s);
        } else {
            close_connection(s);
            s->attempt++;
            start_connecting(s);
        }
        return;
    }
    if ((events & FD_WRITE) && !flush_out(s)) {
        disconnect(s);
        return;
    }
    if (((events & (FD_READ | FD_HUP)) || s->stream.tls) && !receive(s)) {
        disconnect(s);
        return;
    }
    deliver(s);
}

static void connecting(struct chardev_socket *s, int fd)
{
    stream_open(&s->stream, fd);
    s->connecting = true;
    s->watch = fd_watch_new(fd, FD_WRITE, connection_event, s);
}

static void connected_by(struct chardev_socket *s, int fd)
{
    stream_open(&s->stream, fd);
    connected(s);
}

/* Tries one address after the other. */
static void start_connecting(struct chardev_socket *s)
{
    for (; s->attempt < s->addrs.count; s->attempt++) {
        bool pending;
        int fd = sock_connect(&s->addrs.list[s->attempt], &pending);
        if (fd >= 0 && pending) {
            connecting(s, fd);
            return;
        }
        if (fd >= 0) {
            connected_by(s, fd);
            return;
        }
    }
    s->attempt = 0;
    wait_for_next(s);
}

static void client_waits(void *opaque)
{
    struct chardev_socket *s = opaque;
    int fd = listener_accept(&s->listener);

    if (fd >= 0) {
        listener_want(&s->listener, false);
        connected_by(s, fd);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static void start_listening(struct chardev_socket *s)
{
    listener_start(&s->listener, client_waits, s);
    set_label(s, NULL);
}

/* wait=on: nothing goes on before there is a client. */
static int wait_for_client(struct chardev_socket *s, struct error **err)
{
    fprintf(stderr, "waiting for a connection on %s\n", s->chr.label);
    while (s->stream.fd < 0) {
        int ret = listener_wait(&s->listener);
        if (ret < 0) {
            error_set(err, "interrupted while waiting for a connection");
            return ret;
        }
        client_waits(s);
    }
    return 0;
}

static int open_server(struct chardev_socket *s, const struct chardev_opts *opts,
                       struct error **err)
{
    int ret = listener_open(&s->listener, &s->addrs, (uint16_t)opts->to, err);

    if (ret < 0) {
        return ret;
    }
    start_listening(s);
    return opts->wait && !opts->hot ? wait_for_client(s, err) : 0;
}

/* Without reconnect= the connection must come about now, unless the machine runs already. */
static int open_client(struct chardev_socket *s, const struct chardev_opts *opts,
                       struct error **err)
{
    int ret = -ENOENT;

    s->attempt = 0;
    if (s->reconnect_ms) {
        set_label(s, NULL);
        start_connecting(s);
        return 0;
    }
    for (; s->attempt < s->addrs.count; s->attempt++) {
        bool pending;
        int fd = sock_connect(&s->addrs.list[s->attempt], &pending);
        ret = fd < 0 ? fd : 0;
        if (fd >= 0 && pending && opts->hot) {
            connecting(s, fd);
            return 0;
        }
        if (fd >= 0 && pending) {
            ret = sock_wait(&fd, 1, POLLOUT);
            ret = ret < 0 ? ret : connect_result(fd);
        }
        if (fd >= 0 && ret == 0) {
            connected_by(s, fd);
            return 0;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    s->attempt = 0;
    set_label(s, NULL);
    return error_set_errno(err, -ret, "connecting to %s", strchr(s->chr.label, ':') + 1);
}

/* Is the descriptor a socket of the kind that server= says? */
static int check_fd(const struct chardev_opts *opts, int fd, struct error **err)
{
    int listening = 0;
    socklen_t len = sizeof(listening);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0) {
        error_set(err, "fd=%s is not a socket", opts->fd);
        return -EINVAL;
    }
    if (!!listening != opts->server) {
        error_set(err, "fd=%s is %s socket, server=%s", opts->fd,
                  listening ? "a listening" : "not a listening", opts->server ? "on" : "off");
        return -EINVAL;
    }
    return 0;
}

/* A descriptor somebody left open for us, or sent. */
static int open_fd(struct chardev_socket *s, const struct chardev_opts *opts, struct error **err)
{
    int fd = fds_by_text(opts->fd, err);

    if (fd < 0) {
        return fd;
    }
    if (check_fd(opts, fd, err) < 0) {
        fds_give_back(opts->fd, fd);
        return -EINVAL;
    }
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    s->from_fd = true;
    if (opts->server) {
        listener_adopt(&s->listener, fd);
        start_listening(s);
        return opts->wait && !opts->hot ? wait_for_client(s, err) : 0;
    }
    connected_by(s, fd);
    return 0;
}

static int socket_take_fd(struct chardev *chr)
{
    struct chardev_socket *s = socket_of(chr);

    pthread_mutex_lock(&chr->lock);
    int fd = stream_take_fd(&s->stream);
    pthread_mutex_unlock(&chr->lock);
    return fd;
}

static int socket_add_client(struct chardev *chr, int fd, struct error **err)
{
    struct chardev_socket *s = socket_of(chr);
    int type;
    socklen_t len = sizeof(type);

    if (s->stream.fd >= 0) {
        error_set(err, "chardev '%s' has a client already", chr->id);
        return -EBUSY;
    }
    if (!s->server) {
        error_set(err, "chardev '%s' is no server", chr->id);
        return -EINVAL;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM) {
        error_set(err, "this is not a stream socket");
        return -EINVAL;
    }
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    listener_want(&s->listener, false);
    connected_by(s, fd);
    return 0;
}

static void release(struct chardev_socket *s)
{
    stop_timer(&s->reconnect_timer);
    deferred_cancel(&s->deliver);
    close_connection(s);
    listener_close(&s->listener);
    g_byte_array_free(s->in, TRUE);
    g_byte_array_free(s->out, TRUE);
    tls_creds_put(s->tls_creds);
    g_free(s->hostname);
}

static int check_options(const struct chardev_opts *opts, struct error **err)
{
    const char *wrong = NULL;

    if (!!opts->path + !!(opts->port || opts->host) + !!opts->fd != 1) {
        wrong = "takes one of path=, host= with port=, and fd=";
    } else if (opts->server && (opts->reconnect || opts->reconnect_ms)) {
        wrong = "a server does not reconnect";
    } else if (opts->reconnect && opts->reconnect_ms) {
        wrong = "takes reconnect= or reconnect-ms=, not both";
    } else if (opts->fd && (opts->reconnect || opts->reconnect_ms)) {
        wrong = "an inherited connection cannot be made again";
    } else if (opts->websocket && !opts->server) {
        wrong = "websocket is for servers";
    } else if (opts->telnet && opts->websocket) {
        wrong = "takes telnet= or websocket=, not both";
    }
    if (wrong) {
        error_set(err, "chardev socket: %s", wrong);
    }
    return wrong ? -EINVAL : 0;
}

static const struct codec_class *codec_of(const struct chardev_opts *opts)
{
    if (opts->telnet) {
        return opts->server ? &codec_telnet : &codec_telnet_client;
    }
    return opts->websocket ? &codec_websocket : NULL;
}

static int socket_open(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    struct chardev_socket *s = socket_of(chr);
    int ret = check_options(opts, err);

    if (ret < 0 || (!opts->fd && sock_resolve(opts, SOCK_STREAM, &s->addrs, err) < 0)) {
        return -EINVAL;
    }
    if (opts->tls_creds) {
        enum tls_endpoint end = opts->server ? TLS_SERVER : TLS_CLIENT;
        s->tls_creds = tls_creds_get(opts->tls_creds, end, err);
        if (!s->tls_creds) {
            return -EINVAL;
        }
        s->hostname = opts->host && *opts->host ? g_strdup(opts->host) : NULL;
    }
    stream_open(&s->stream, -1);
    s->in = g_byte_array_new();
    s->out = g_byte_array_new();
    deferred_init(&s->deliver, deliver, s);
    s->server = opts->server;
    s->nodelay = opts->nodelay && !opts->path;
    s->reconnect_ms = opts->reconnect_ms ? opts->reconnect_ms : opts->reconnect * 1000;
    s->codec_class = codec_of(opts);
    chr->lossy = true;
    if (opts->fd) {
        ret = open_fd(s, opts, err);
    } else {
        ret = opts->server ? open_server(s, opts, err) : open_client(s, opts, err);
    }
    if (ret < 0) {
        error_prepend(err, "chardev socket: ");
        release(s);
    }
    return ret;
}

/* What is still queued gets a last chance of a second, if it moves at all. */
static void drain(struct chardev_socket *s)
{
    for (int i = 0; i < 100 && s->opened; i++) {
        bool empty = chardev_flush(&s->chr);
        pthread_mutex_lock(&s->chr.lock);
        int ret = send_locked(s);
        empty = ret < 0 || (empty && !s->out->len);
        pthread_mutex_unlock(&s->chr.lock);
        if (empty) {
            return;
        }
        g_usleep(10000);
    }
}

static void socket_close(struct chardev *chr)
{
    struct chardev_socket *s = socket_of(chr);
    const struct sockaddr_un *un = (const struct sockaddr_un *)&s->addrs.list[0].sa;

    drain(s);
    release(s);
    if (s->server && !s->from_fd && un->sun_family == AF_UNIX && un->sun_path[0]) {
        g_unlink(un->sun_path);
    }
}

CHARDEV_DEFINE(chardev_socket, .name = "socket",
               .help = "TCP or Unix socket: host=, port= or path= or fd=; server=, wait=, telnet=, "
                       "nodelay=, reconnect=, tls-creds=",
               .state_size = sizeof(struct chardev_socket), .open = socket_open,
               .close = socket_close, .write = socket_write, .accept_input = socket_accept_input,
               .take_fd = socket_take_fd, .add_client = socket_add_client);
