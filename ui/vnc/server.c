/* SPDX-License-Identifier: MIT */
/*
 * VNC servers: made by the command line, asked and told things by the monitors (ui/vnc.h). The main
 * thread makes a server whole before the VNC thread sees it; afterwards it reaches it only by
 * vnc_loop_call() and what is shared.
 */
#include "ui/vnc.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "crypto/secret.h"
#include "crypto/tls.h"
#include "hw/core/device.h"
#include "ui/display.h"
#include "ui/vnc/internal.h"
#include "util/error.h"

#define CLIENTS_MAX 512u
#define BACKLOG     128

pthread_mutex_t vnc_mutex = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, vnc_server) servers = TAILQ_HEAD_INITIALIZER(servers); /* shared */
static char *guest_name;

void vnc_set_name(const char *name)
{
    g_free(guest_name);
    guest_name = name ? g_strdup_printf("doppel (%s)", name) : NULL;
}

const char *vnc_guest_name(void)
{
    return guest_name ? guest_name : "doppel";
}

bool vnc_active(void)
{
    return !TAILQ_EMPTY(&servers);
}

void vnc_for_each_client(void (*fn)(struct vnc_client *c))
{
    struct vnc_server *s;
    struct vnc_client *c;

    pthread_mutex_lock(&vnc_mutex);
    TAILQ_FOREACH(s, &servers, link)
    {
        TAILQ_FOREACH(c, &s->clients, link_)
        {
            fn(c);
        }
    }
    pthread_mutex_unlock(&vnc_mutex);
}

/* --- addresses ----------------------------------------------------------------------------------- */

static const char *family_of(const struct sockaddr_storage *sa)
{
    switch (sa->ss_family) {
    case AF_INET:
        return "ipv4";
    case AF_INET6:
        return "ipv6";
    case AF_UNIX:
        return "unix";
    default:
        return "unknown";
    }
}

void vnc_endpoint_of(struct vnc_endpoint *e, const struct sockaddr_storage *sa, socklen_t len)
{
    char *text = sock_address_text(sa, len), *colon = strrchr(text, ':');
    bool unix_socket = sa->ss_family == AF_UNIX;

    e->family = family_of(sa);
    e->host = unix_socket ? g_strdup("") : text;
    e->service = unix_socket ? text : g_strdup(colon ? colon + 1 : "");
    if (!unix_socket && colon) {
        *colon = 0;
        if (*text == '[') { /* [::1] */
            colon[-1] = 0;
            memmove(text, text + 1, strlen(text));
        }
    }
}

void vnc_endpoint_clear(struct vnc_endpoint *e)
{
    g_free(e->host);
    g_free(e->service);
    *e = (struct vnc_endpoint){.host = NULL};
}

static bool is_local(const struct sock_address *a)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->sa;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->sa;

    switch (a->sa.ss_family) {
    case AF_INET:
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    default:
        return true;
    }
}

/* --- passwords ----------------------------------------------------------------------------------- */

bool vnc_server_has_password(const struct vnc_server *s)
{
    return s->opts.password || s->opts.password_secret;
}

char *vnc_server_password(struct vnc_server *s)
{
    pthread_mutex_lock(&vnc_mutex);
    char *p = s->password && time(NULL) < s->expires ? g_strdup(s->password) : NULL;
    pthread_mutex_unlock(&vnc_mutex);
    return p;
}

const char *vnc_server_auth(const struct vnc_server *s, const char **vencrypt)
{
    bool password = vnc_server_has_password(s);
    const char *sub = NULL;

    if (s->creds) {
        bool x509 = tls_creds_kind(s->creds) == TLS_X509;
        sub = x509 ? (password ? "x509-vnc" : "x509-none") : password ? "tls-vnc" : "tls-none";
    }
    if (vencrypt) {
        *vencrypt = sub;
    }
    return sub ? "vencrypt" : password ? "vnc" : "none";
}

static void replace_password(struct vnc_server *s, char *password)
{
    pthread_mutex_lock(&vnc_mutex);
    if (s->password) {
        explicit_bzero(s->password, strlen(s->password));
    }
    g_free(s->password);
    s->password = password;
    pthread_mutex_unlock(&vnc_mutex);
}

static struct vnc_server *find_server(const char *id, struct error **err)
{
    struct vnc_server *s;

    TAILQ_FOREACH(s, &servers, link)
    {
        if (!id || !strcmp(s->id, id)) {
            return s;
        }
    }
    error_set(err, id ? "There is no VNC server '%s'" : "There is no VNC server", id);
    return NULL;
}

static struct vnc_server *find_with_password(const char *id, struct error **err)
{
    struct vnc_server *s = find_server(id, err);

    if (s && !vnc_server_has_password(s)) {
        error_set(err, "The VNC server was started without a password: -vnc ...,password=on");
        return NULL;
    }
    return s;
}

int vnc_set_password(const char *id, const char *password, struct error **err)
{
    struct vnc_server *s = find_with_password(id, err);

    if (s) {
        replace_password(s, g_strdup(password));
    }
    return s ? 0 : -EINVAL;
}

int vnc_expire_password(const char *id, int64_t when, struct error **err)
{
    struct vnc_server *s = find_with_password(id, err);

    if (s) {
        pthread_mutex_lock(&vnc_mutex);
        s->expires = when;
        pthread_mutex_unlock(&vnc_mutex);
    }
    return s ? 0 : -EINVAL;
}

static void end_clients(void *opaque)
{
    struct vnc_server *s = opaque;
    struct vnc_client *c;

    while ((c = TAILQ_FIRST(&s->clients))) {
        vnc_client_free(c);
    }
}

int vnc_disconnect_all(const char *id, struct error **err)
{
    struct vnc_server *s = find_server(id, err);

    if (s) {
        vnc_loop_call(end_clients, s);
    }
    return s ? 0 : -EINVAL;
}

/* --- clients ------------------------------------------------------------------------------------- */

/* Those that have not been let in make room for new ones, the oldest first. */
static void make_room(struct vnc_server *s)
{
    struct vnc_client *c;

    if (s->unauthenticated < s->opts.connections) {
        return;
    }
    TAILQ_FOREACH(c, &s->clients, link_)
    {
        if (!c->let_in) {
            vnc_client_free(c);
            return;
        }
    }
}

static struct vnc_client *welcome(struct vnc_server *s, int fd, bool web, bool skip_auth)
{
    struct vnc_endpoint at = {.websocket = web};
    struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(sa);

    make_room(s);
    if (s->client_count >= CLIENTS_MAX || getpeername(fd, (struct sockaddr *)&sa, &len) < 0) {
        close(fd);
        return NULL;
    }
    vnc_endpoint_of(&at, &sa, len);
    return vnc_client_new(s, fd, &at, skip_auth);
}

static void begin(struct vnc_client *c)
{
    struct error *err = NULL;

    if (!c->web) {
        vnc_handshake_start(c);
    } else if (c->server->creds && vnc_stream_start_tls(&c->stream, c->server->creds, &err) < 0) {
        error_free(err);
        vnc_client_free(c);
        return;
    } else {
        c->step = vnc_step_web;
    }
    vnc_client_go_on(c);
}

static void client_waits(void *opaque, GIOCondition unused)
{
    struct vnc_listener *l = opaque;
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct vnc_client *c = fd < 0 ? NULL : welcome(l->server, fd, l->at.websocket, false);

    if (c) {
        begin(c);
    }
}

/* A connection made elsewhere, on its way to the VNC thread. */
struct handover {
    struct vnc_server *server;
    int fd;
    bool skip_auth;
};

static void take_over(void *opaque)
{
    struct handover *h = opaque;
    struct vnc_client *c = welcome(h->server, h->fd, false, h->skip_auth);

    if (c) {
        begin(c);
    }
    g_free(h);
}

static void hand_over(struct vnc_server *s, int fd, bool skip_auth)
{
    struct handover *h = g_new(struct handover, 1);

    *h = (struct handover){s, fd, skip_auth};
    vnc_loop_call(take_over, h);
}

int vnc_add_client(int fd, bool skip_auth, bool tls, struct error **err)
{
    struct vnc_server *s = find_server(NULL, err);

    if (!s) {
        return -EINVAL;
    }
    if (skip_auth && tls) {
        error_set(err, "skipauth and tls exclude each other");
        return -EINVAL;
    }
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    hand_over(s, fd, skip_auth);
    return 0;
}

/* --- listening ----------------------------------------------------------------------------------- */

static void add_listener(struct vnc_server *s, int fd, bool websocket)
{
    struct vnc_listener *l = &s->listeners[s->listener_count++];
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    *l = (struct vnc_listener){.server = s, .fd = fd};
    memset(&sa, 0, sizeof(sa));
    getsockname(fd, (struct sockaddr *)&sa, &len);
    vnc_endpoint_of(&l->at, &sa, len);
    l->at.websocket = websocket;
    listen(fd, BACKLOG);
    if (sa.ss_family == AF_UNIX) {
        l->unlink = g_strdup(s->opts.path);
    }
}

static void warn_if_open(const struct vnc_server *s, const struct sock_addresses *addrs)
{
    for (unsigned i = 0; i < addrs->count; i++) {
        if (!is_local(&addrs->list[i]) && !vnc_server_has_password(s) && !s->creds) {
            char *text = sock_address_text(&addrs->list[i].sa, addrs->list[i].len);
            warn_report("-vnc: everybody who reaches %s can use the guest: there is no password=on "
                        "and no tls-creds=",
                        text);
            g_free(text);
        }
    }
}

/* An empty host is loopback, and so is the name for it: one of its families may be missing. */
static int listen_on(struct vnc_server *s, const char *host, unsigned port, bool websocket,
                     unsigned *got, struct error **err)
{
    const struct vnc_options *o = &s->opts;
    struct sock_addresses addrs;
    int fds[SOCK_ADDRESSES];
    char text[8];

    g_snprintf(text, sizeof(text), "%u", port);
    struct chardev_opts at = {.path = websocket ? NULL : o->path,
                              .host = host && strcmp(host, "localhost") ? host : "",
                              .port = text,
                              .ipv4 = o->ipv4,
                              .ipv6 = o->ipv6};
    int n = sock_resolve(&at, SOCK_STREAM, &addrs, err);
    n = n < 0 ? n : sock_listen(&addrs, (uint16_t)(port + o->to), fds, err);
    for (int i = 0; i < n; i++) {
        add_listener(s, fds[i], websocket);
    }
    if (n > 0) {
        *got = sock_port(&addrs.list[0]);
        warn_if_open(s, &addrs);
    }
    return n < 0 ? n : 0;
}

static int open_listeners(struct vnc_server *s, struct error **err)
{
    const struct vnc_options *o = &s->opts;
    const char *ws_host = o->ws_host ? o->ws_host : o->host;
    unsigned got = o->port, unused;
    int ret = listen_on(s, o->host, o->port, false, &got, err);

    if (ret < 0 || !o->ws_port) {
        return ret;
    }
    /* to= has found another display: websocket=on follows it */
    unsigned shift = o->websocket && !strcmp(o->websocket, "on") ? got - o->port : 0;
    return listen_on(s, ws_host, o->ws_port + shift, true, &unused, err);
}

/* A viewer listens, we connect. */
static int open_reverse(struct vnc_server *s, struct error **err)
{
    const struct vnc_options *o = &s->opts;
    struct sock_addresses addrs;
    char text[8];
    bool pending;
    int ret = -ENOENT;

    g_snprintf(text, sizeof(text), "%u", o->port);
    struct chardev_opts at = {.path = o->path, .host = o->host, .port = text};
    if (sock_resolve(&at, SOCK_STREAM, &addrs, err) < 0) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < addrs.count; i++) {
        int fd = sock_connect(&addrs.list[i], &pending), e = 0;
        socklen_t len = sizeof(e);
        ret = fd < 0 ? fd : pending ? sock_wait(&fd, 1, POLLOUT) : 0;
        if (ret >= 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) == 0 && e == 0) {
            hand_over(s, fd, false);
            return 0;
        }
        ret = ret < 0 ? ret : -e;
        if (fd >= 0) {
            close(fd);
        }
    }
    return error_set_errno(err, -ret, "connecting to a viewer at %s", o->address);
}

/* --- making servers ------------------------------------------------------------------------------ */

static int open_password(struct vnc_server *s, struct error **err)
{
    if (vnc_server_has_password(s) && !vnc_auth_possible()) {
        error_set(err, "passwords need GnuTLS, which this build has not");
        return -EINVAL;
    }
    s->expires = INT64_MAX;
    if (s->opts.password_secret) {
        char *text = secret_text(s->opts.password_secret, err);
        replace_password(s, g_strdup(text));
        secret_text_free(text);
        return text ? 0 : -EINVAL;
    }
    return 0;
}

static int open_creds(struct vnc_server *s, struct error **err)
{
    s->creds = s->opts.tls_creds ? tls_creds_get(s->opts.tls_creds, TLS_SERVER, err) : NULL;
    if (s->creds && tls_creds_kind(s->creds) == TLS_PSK) {
        error_set(err, "VNC has no security type for shared keys: tls-creds=%s is tls-creds-psk",
                  s->opts.tls_creds);
        return -EINVAL;
    }
    return s->opts.tls_creds && !s->creds ? -EINVAL : 0;
}

static int open_display(struct vnc_server *s, struct error **err)
{
    struct device *dev = s->opts.display ? device_find(s->opts.display) : NULL;
    struct display *d;

    if (s->opts.display && !dev) {
        error_set(err, "there is no device '%s' to show", s->opts.display);
        return -ENODEV;
    }
    d = display_find(dev, s->opts.head);
    if (!d && (dev || s->opts.head)) {
        error_set(err, "display=%s has no head %u", s->opts.display ? s->opts.display : "",
                  s->opts.head);
        return -ENODEV;
    }
    vnc_screen_init(s, d ? display_viewer_new(d) : NULL);
    return 0;
}

static char *new_id(const struct vnc_options *o)
{
    struct vnc_server *s;
    unsigned n = 1;

    TAILQ_FOREACH(s, &servers, link)
    {
        n++;
    }
    return o->id ? g_strdup(o->id) : n == 1 ? g_strdup("default") : g_strdup_printf("vnc%u", n);
}

static void free_server(struct vnc_server *s)
{
    for (unsigned i = 0; i < s->listener_count; i++) {
        struct vnc_listener *l = &s->listeners[i];
        close(l->fd);
        if (l->unlink) {
            g_unlink(l->unlink);
        }
        g_free(l->unlink);
        vnc_endpoint_clear(&l->at);
    }
    if (s->screen.viewer) {
        display_viewer_free(s->screen.viewer);
    }
    replace_password(s, NULL);
    tls_creds_put(s->creds);
    vnc_options_free(&s->opts);
    g_free(s->screen.pixels);
    g_free(s->screen.ages);
    g_free(s->id);
    g_free(s);
}

static void start(void *opaque)
{
    struct vnc_server *s = opaque;

    for (unsigned i = 0; i < s->listener_count; i++) {
        s->listeners[i].watch =
            vnc_watch_new(s->listeners[i].fd, G_IO_IN, client_waits, &s->listeners[i]);
    }
}

static int open_server(struct vnc_server *s, struct error **err)
{
    if (!strcmp(s->opts.address, "none")) {
        return 0;
    }
    if (find_server(s->id, NULL)) {
        error_set(err, "there is a VNC server '%s' already", s->id);
        return -EEXIST;
    }
    int ret = open_password(s, err);
    ret = ret < 0 ? ret : open_creds(s, err);
    ret = ret < 0 ? ret : open_display(s, err);
    if (ret == 0 && !s->opts.reverse) {
        ret = open_listeners(s, err);
    }
    return ret;
}

int vnc_add(const char *text, struct error **err)
{
    struct vnc_server *s = g_new0(struct vnc_server, 1);
    int ret = vnc_options_parse(&s->opts, text, err);

    TAILQ_INIT(&s->clients);
    if (ret == 0) {
        s->id = new_id(&s->opts);
        ret = open_server(s, err);
    }
    if (ret < 0 || !strcmp(s->opts.address, "none")) {
        error_prepend(ret < 0 ? err : NULL, "-vnc %s: ", text);
        free_server(s);
        return ret;
    }
    if (!vnc_active()) {
        vnc_input_listen();
        vnc_loop_start();
    }
    pthread_mutex_lock(&vnc_mutex);
    TAILQ_INSERT_TAIL(&servers, s, link);
    pthread_mutex_unlock(&vnc_mutex);
    vnc_loop_call(start, s);
    vnc_web_announce(s);
    return s->opts.reverse ? open_reverse(s, err) : 0;
}

static void stop(void *opaque)
{
    struct vnc_server *s = opaque;

    end_clients(s);
    for (unsigned i = 0; i < s->listener_count; i++) {
        vnc_watch_free(s->listeners[i].watch);
    }
    vnc_timer_stop(&s->screen.timer);
}

void vnc_cleanup(void)
{
    struct vnc_server *s;

    TAILQ_FOREACH(s, &servers, link)
    {
        vnc_loop_call(stop, s);
    }
    vnc_loop_stop();
    while ((s = TAILQ_FIRST(&servers))) {
        TAILQ_REMOVE(&servers, s, link);
        free_server(s);
    }
}

/* --- inspection ---------------------------------------------------------------------------------- */

static struct vnc_address address_of(const struct vnc_endpoint *e)
{
    return (struct vnc_address){e->host, e->service, e->family, e->websocket};
}

static void inspect_server(struct vnc_server *s, const struct vnc_inspector *fns, void *opaque)
{
    const char *vencrypt, *auth = vnc_server_auth(s, &vencrypt);
    struct vnc_client *c;

    fns->server(opaque, s->id, auth, vencrypt, s->opts.display);
    for (unsigned i = 0; i < s->listener_count; i++) {
        struct vnc_address a = address_of(&s->listeners[i].at);
        bool password = vnc_server_has_password(s);
        bool inner = a.websocket && s->creds; /* TLS lies beneath */
        fns->listener(opaque, &a, inner ? (password ? "vnc" : "none") : auth,
                      inner ? NULL : vencrypt);
    }
    TAILQ_FOREACH(c, &s->clients, link_)
    {
        if (c->announced) {
            struct vnc_address a = address_of(&c->at);
            fns->client(opaque, &a, c->dname, NULL);
        }
    }
}

void vnc_inspect(const struct vnc_inspector *fns, void *opaque)
{
    struct vnc_server *s;

    pthread_mutex_lock(&vnc_mutex);
    TAILQ_FOREACH(s, &servers, link)
    {
        inspect_server(s, fns, opaque);
    }
    pthread_mutex_unlock(&vnc_mutex);
}
