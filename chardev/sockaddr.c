/* SPDX-License-Identifier: MIT */
/* Addresses of stream sockets (sockaddr.h). */
#include "chardev/sockaddr.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "util/error.h"

/* --- resolving -------------------------------------------------------------------------------- */

static int resolve_path(const struct chardev_opts *opts, struct sock_addresses *out,
                        struct error **err)
{
    struct sock_address *a = &out->list[0];
    struct sockaddr_un *un = (struct sockaddr_un *)&a->sa;
    size_t len = strlen(opts->path), at = opts->abstract ? 1 : 0;

    *a = (struct sock_address){.len = sizeof(*un)};
    if (!len || len + 1 > sizeof(un->sun_path)) {
        error_set(err, "a socket's path has 1 to %zu characters: '%s'", sizeof(un->sun_path) - 1,
                  opts->path);
        return -EINVAL;
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + at, opts->path, len);
    if (opts->abstract && opts->tight) {
        a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    }
    out->count = 1;
    return 0;
}

static int parse_port(const char *text, uint16_t *port, struct error **err)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    if (*end || end == text || *text == '-' || v > 65535) {
        struct servent *service = getservbyname(text, NULL);
        if (!service) {
            error_set(err, "'%s' is not a port", text);
            return -EINVAL;
        }
        v = ntohs((uint16_t)service->s_port);
    }
    *port = (uint16_t)v;
    return 0;
}

static void add_loopback(const struct chardev_opts *opts, uint16_t port, struct sock_addresses *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    if (opts->ipv4 || !opts->ipv6) {
        struct sock_address *a = &out->list[out->count++];
        *a = (struct sock_address){.len = sizeof(v4)};
        memcpy(&a->sa, &v4, sizeof(v4));
    }
    if (opts->ipv6 || !opts->ipv4) {
        struct sock_address *a = &out->list[out->count++];
        *a = (struct sock_address){.len = sizeof(v6), .optional = !opts->ipv6};
        memcpy(&a->sa, &v6, sizeof(v6));
    }
}

static void add_found(const struct addrinfo *ai, const struct chardev_opts *opts,
                      struct sock_addresses *out)
{
    for (; ai && out->count < SOCK_ADDRESSES; ai = ai->ai_next) {
        if ((ai->ai_family == AF_INET || ai->ai_family == AF_INET6) &&
            ai->ai_addrlen <= sizeof(struct sockaddr_storage)) {
            struct sock_address *a = &out->list[out->count++];
            *a = (struct sock_address){.len = ai->ai_addrlen};
            memcpy(&a->sa, ai->ai_addr, ai->ai_addrlen);
            a->both = ai->ai_family == AF_INET6 && !(opts->ipv6 && !opts->ipv4) &&
                      IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)&a->sa)->sin6_addr);
        }
    }
}

static int resolve_host(const struct chardev_opts *opts, int socktype, uint16_t port,
                        struct sock_addresses *out, struct error **err)
{
    struct addrinfo hints = {.ai_socktype = socktype}, *found;
    char service[8];

    hints.ai_family = opts->ipv4 == opts->ipv6 ? AF_UNSPEC : opts->ipv4 ? AF_INET : AF_INET6;
    snprintf(service, sizeof(service), "%u", port);
    int ret = getaddrinfo(opts->host, service, &hints, &found);
    if (ret) {
        error_set(err, "host '%s': %s", opts->host, gai_strerror(ret));
        return -EINVAL;
    }
    add_found(found, opts, out);
    freeaddrinfo(found);
    return 0;
}

int sock_resolve(const struct chardev_opts *opts, int socktype, struct sock_addresses *out,
                 struct error **err)
{
    uint16_t port;

    out->count = 0;
    if (opts->path) {
        return resolve_path(opts, out, err);
    }
    if (!opts->port) {
        error_set(err, "needs a path, or a port (and a host), or an fd");
        return -EINVAL;
    }
    if (parse_port(opts->port, &port, err) < 0) {
        return -EINVAL;
    }
    if (opts->host && *opts->host) {
        return resolve_host(opts, socktype, port, out, err);
    }
    add_loopback(opts, port, out);
    return 0;
}

/* --- ports and texts -------------------------------------------------------------------------- */

uint16_t sock_port(const struct sock_address *addr)
{
    switch (addr->sa.ss_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)&addr->sa)->sin_port);
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)&addr->sa)->sin6_port);
    default:
        return 0;
    }
}

static void set_port(struct sock_address *addr, uint16_t port)
{
    if (addr->sa.ss_family == AF_INET) {
        ((struct sockaddr_in *)&addr->sa)->sin_port = htons(port);
    } else if (addr->sa.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&addr->sa)->sin6_port = htons(port);
    }
}

static char *path_text(const struct sockaddr_un *un, socklen_t len)
{
    size_t max = len - MIN((size_t)len, offsetof(struct sockaddr_un, sun_path));

    if (max && !un->sun_path[0]) {
        char *name = g_strndup(un->sun_path + 1, max - 1), *text = g_strconcat("@", name, NULL);
        g_free(name);
        return text;
    }
    return g_strndup(un->sun_path, max);
}

char *sock_address_text(const struct sockaddr_storage *sa, socklen_t len)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (sa->ss_family == AF_UNIX) {
        return path_text((const struct sockaddr_un *)sa, len);
    }
    if (getnameinfo((const struct sockaddr *)sa, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        return g_strdup("?");
    }
    return g_strdup_printf(sa->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* --- connecting ------------------------------------------------------------------------------- */

static int new_socket(const struct sock_address *addr)
{
    int fd = socket(addr->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

int sock_connect(const struct sock_address *addr, bool *pending)
{
    int fd = new_socket(addr);

    *pending = false;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr->sa, addr->len) < 0) {
        int e = errno;
        *pending = e == EINPROGRESS;
        if (!*pending) {
            close(fd);
            return -e;
        }
    }
    return fd;
}

/* --- listening -------------------------------------------------------------------------------- */

/* A socket file nobody answers at is in the way of bind(). */
static void remove_stale(const struct sock_address *addr)
{
    const char *path = ((const struct sockaddr_un *)&addr->sa)->sun_path;
    struct stat st;
    bool pending;

    if (addr->sa.ss_family != AF_UNIX || !*path || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        return;
    }
    int fd = sock_connect(addr, &pending);
    if (fd >= 0) {
        close(fd);
    } else if (fd == -ECONNREFUSED) {
        g_unlink(path);
    }
}

static int listen_one(const struct sock_address *addr)
{
    int fd = new_socket(addr), one = 1, v6only = !addr->both;

    if (fd < 0) {
        return fd;
    }
    if (addr->sa.ss_family == AF_INET || addr->sa.ss_family == AF_INET6) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (addr->sa.ss_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
    }
    remove_stale(addr);
    if (bind(fd, (const struct sockaddr *)&addr->sa, addr->len) < 0 || listen(fd, 1) < 0) {
        int e = errno;
        close(fd);
        return -e;
    }
    return fd;
}

/* The port the kernel chose, for the addresses that follow. */
static void learn_port(struct sock_addresses *addrs, unsigned i, int fd)
{
    struct sock_address *a = &addrs->list[i];

    if (sock_port(a) == 0 && a->sa.ss_family != AF_UNIX) {
        a->len = sizeof(a->sa);
        if (getsockname(fd, (struct sockaddr *)&a->sa, &a->len) == 0) {
            for (unsigned k = i + 1; k < addrs->count; k++) {
                set_port(&addrs->list[k], sock_port(a));
            }
        }
    }
}

/* All of them or none, but for the optional. */
static int listen_all(struct sock_addresses *addrs, int *fds)
{
    int n = 0;

    for (unsigned i = 0; i < addrs->count; i++) {
        int fd = listen_one(&addrs->list[i]);
        if (fd >= 0) {
            fds[n++] = fd;
            learn_port(addrs, i, fd);
        } else if (!addrs->list[i].optional) {
            while (n) {
                close(fds[--n]);
            }
            return fd;
        }
    }
    return n;
}

int sock_listen(struct sock_addresses *addrs, uint16_t last_port, int *fds, struct error **err)
{
    uint16_t port = sock_port(&addrs->list[0]);
    int n = listen_all(addrs, fds);

    while (n == -EADDRINUSE && port && port < last_port) {
        port++;
        for (unsigned i = 0; i < addrs->count; i++) {
            set_port(&addrs->list[i], port);
        }
        n = listen_all(addrs, fds);
    }
    if (n < 0) {
        char *text = sock_address_text(&addrs->list[0].sa, addrs->list[0].len);
        error_set_errno(err, -n, "listening on %s", text);
        g_free(text);
    }
    return n;
}

/* --- waiting ---------------------------------------------------------------------------------- */

int sock_wait(const int *fds, unsigned count, short events)
{
    struct pollfd poll_fds[SOCK_ADDRESSES + 1];
    sigset_t ends, old;
    int ready = -1;

    assert(count <= SOCK_ADDRESSES);
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, &old);
    int signals = signalfd(-1, &ends, SFD_CLOEXEC);
    for (unsigned i = 0; i < count; i++) {
        poll_fds[i] = (struct pollfd){.fd = fds[i], .events = events};
    }
    poll_fds[count] = (struct pollfd){.fd = signals, .events = POLLIN};
    while (ready < 0) {
        int n = poll(poll_fds, count + 1, -1);
        for (unsigned i = 0; n > 0 && i <= count; i++) {
            ready = poll_fds[i].revents ? (int)i : ready;
        }
    }
    if (ready == (int)count) {
        struct signalfd_siginfo info;
        ssize_t got = read(signals, &info, sizeof(info)); /* it is dealt with */
        ready = got < 0 ? -errno : -EINTR;
    }
    close(signals);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ready;
}
