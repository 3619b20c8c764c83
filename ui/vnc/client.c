/* SPDX-License-Identifier: MIT */
/* A connection: its life, and the moving of its bytes. */
#include "ui/vnc/internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "util/mgmt_event.h"
#include "util/trace.h"

#define OPENING_US   20000000 /* from connecting to being let in */
#define ENDING_US    2000000
#define UNSENT_BYTES 16384 /* in the kernel, of what is not on its way yet */
#define INPUT_MAX    (4 + 4 * 65535 + VNC_STREAM_READ_MAX) /* the longest message, and a read */

/* --- events -------------------------------------------------------------------------------------- */

/* The end of the server it came to; the first, if it came otherwise. */
static const struct vnc_endpoint *server_end(const struct vnc_client *c)
{
    static const struct vnc_endpoint none = {"", "", "unknown", false};
    const struct vnc_server *s = c->server;

    for (unsigned i = 0; i < s->listener_count; i++) {
        if (s->listeners[i].at.websocket == c->web) {
            return &s->listeners[i].at;
        }
    }
    return s->listener_count ? &s->listeners[0].at : &none;
}

void vnc_client_tell(struct vnc_client *c, const char *event)
{
    const struct vnc_endpoint *s = server_end(c);

    mgmt_event(event, MGMT_STR("server.host", s->host), MGMT_STR("server.service", s->service),
               MGMT_STR("server.family", s->family), MGMT_BOOL("server.websocket", s->websocket),
               MGMT_STR("server.auth", vnc_server_auth(c->server, NULL)),
               MGMT_STR("client.host", c->at.host), MGMT_STR("client.service", c->at.service),
               MGMT_STR("client.family", c->at.family),
               MGMT_BOOL("client.websocket", c->at.websocket),
               MGMT_STR("client.x509_dname", c->dname));
}

/* --- life ---------------------------------------------------------------------------------------- */

static void ready(void *opaque, GIOCondition events);

static void too_late(void *opaque)
{
    struct vnc_client *c = opaque;

    TRACE(vnc_client_timeout, "%s:%s", c->at.host, c->at.service);
    vnc_client_free(c);
}

static void set_socket_options(int fd)
{
    int on = 1, unsent = UNSENT_BYTES;

    /* Unix sockets have neither. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

struct vnc_client *vnc_client_new(struct vnc_server *s, int fd, struct vnc_endpoint *at,
                                  bool skip_auth)
{
    struct vnc_client *c = g_new0(struct vnc_client, 1);

    c->server = s;
    c->at = *at;
    c->web = at->websocket;
    c->skip_auth = skip_auth;
    set_socket_options(fd);
    vnc_stream_init(&c->stream, fd);
    c->watch = vnc_watch_new(fd, G_IO_IN, ready, c);
    vnc_timer_arm(&c->deadline, vnc_now() + OPENING_US, too_late, c);
    pthread_mutex_lock(&vnc_mutex);
    TAILQ_INSERT_TAIL(&s->clients, c, link_);
    pthread_mutex_unlock(&vnc_mutex);
    s->client_count++;
    s->unauthenticated++;
    TRACE(vnc_client_new, "%s:%s", c->at.host, c->at.service);
    return c;
}

void vnc_client_free(struct vnc_client *c)
{
    struct vnc_server *s = c->server;

    TRACE(vnc_client_free, "%s:%s", c->at.host, c->at.service);
    if (c->announced) {
        vnc_client_tell(c, "VNC_DISCONNECTED");
    }
    pthread_mutex_lock(&vnc_mutex);
    TAILQ_REMOVE(&s->clients, c, link_);
    pthread_mutex_unlock(&vnc_mutex);
    s->client_count--;
    s->unauthenticated -= !c->let_in;
    if (c->dirty) {
        vnc_input_fini(c);
    }
    vnc_update_fini(c);
    vnc_timer_stop(&c->deadline);
    vnc_timer_stop(&c->later);
    vnc_timer_stop(&c->turn);
    vnc_watch_free(c->watch);
    vnc_stream_fini(&c->stream);
    vnc_endpoint_clear(&c->at);
    g_free(c->dname);
    g_free(c);
}

void vnc_client_end(struct vnc_client *c)
{
    c->state = VNC_ENDING;
    c->waiting = false;
    vnc_timer_arm(&c->deadline, vnc_now() + ENDING_US, too_late, c);
}

/* --- bytes --------------------------------------------------------------------------------------- */

void vnc_client_send(struct vnc_client *c, const void *buf, size_t len)
{
    vnc_stream_put(&c->stream, buf, len);
}

void vnc_client_control(struct vnc_client *c, const void *buf, size_t len)
{
    g_byte_array_append(c->control, buf, (guint)len);
}

/* Of what the client sent: all that can be dealt with now. False: the end. */
static bool process(struct vnc_client *c)
{
    size_t used = 0;

    while (used < c->stream.in->len && c->state != VNC_ENDING && !c->waiting) {
        size_t left = c->stream.in->len - used;
        if (c->skip) {
            size_t n = MIN((uint64_t)left, c->skip);
            c->skip -= n;
            used += n;
            continue;
        }
        const GByteArray *in = c->stream.in;
        ssize_t n = c->step(c, in->data + used, left);
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            break;
        }
        if (c->stream.in != in) {
            used = 0; /* another layer: what was used is gone */
            continue;
        }
        used += (size_t)n;
    }
    g_byte_array_remove_range(c->stream.in, 0, (guint)used);
    return true;
}

/* Unread answers, unsent events: what a client causes waits in its own network buffers. */
static bool wants_input(const struct vnc_client *c)
{
    return c->state != VNC_ENDING && !c->waiting && c->stream.in->len < INPUT_MAX &&
           !(c->state == VNC_RUNNING && (vnc_input_full(c) || vnc_message_choked(c)));
}

/* What is queued, as far as it goes at once. */
static void last_word(struct vnc_client *c)
{
    int ret = vnc_stream_flush(&c->stream);

    TRACE(vnc_client_bye, "%s:%s %d", c->at.host, c->at.service, ret);
}

/* Is there anything to read? The socket tells, but not of what TLS holds. */
static bool may_read(struct vnc_client *c)
{
    bool readable = c->readable || c->stream.tls;

    c->readable = false;
    return readable && wants_input(c);
}

static bool move_bytes(struct vnc_client *c)
{
    int ret = 0;

    do {
        ret = may_read(c) ? vnc_stream_read(&c->stream) : 0;
        if (!process(c) || ret < 0) {
            last_word(c);
            return false;
        }
    } while (wants_input(c) && vnc_stream_has_more(&c->stream));
    if (vnc_stream_flush(&c->stream) < 0) {
        return false;
    }
    vnc_update_try(c);
    return vnc_stream_flush(&c->stream) == 0;
}

void vnc_client_go_on(struct vnc_client *c)
{
    bool alive = move_bytes(c);

    if (!alive || (c->state == VNC_ENDING && !vnc_stream_queued(&c->stream))) {
        vnc_client_free(c);
        return;
    }
    vnc_watch_set(c->watch, vnc_stream_events(&c->stream, wants_input(c)));
    vnc_screen_wake(c->server);
}

static void turn(void *opaque)
{
    vnc_client_go_on(opaque);
}

void vnc_client_go_on_soon(struct vnc_client *c)
{
    vnc_timer_arm(&c->turn, 0, turn, c);
}

static void ready(void *opaque, GIOCondition events)
{
    struct vnc_client *c = opaque;

    if ((events & (G_IO_HUP | G_IO_ERR)) && !(events & G_IO_IN)) {
        vnc_client_free(c);
        return;
    }
    c->readable = events & G_IO_IN;
    vnc_client_go_on(c);
}
