/* SPDX-License-Identifier: MIT */
/* A guest's screen, a VNC server, links and clients for tests (vnc_lab.h). RFC 6143, rfbproto. */
#include "tests/ui/vnc_lab.h"

#include <arpa/inet.h>
#include <check.h>
#include <glib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hw/core/lock.h"
#include "system/mainloop.h"
#include "ui/display.h"
#include "ui/input.h"
#include "ui/vnc.h"
#include "util/bits.h"
#include "util/error.h"

#define PAGE 4096u

/* The machine is not there, but its user is to be heard: replaced (tests/ui/build.mk). */
bool __wrap_runstate_is_running(void);
bool __wrap_runstate_is_running(void)
{
    return true;
}

double lab_now(void)
{
    return (double)g_get_monotonic_time() * 1e-6;
}

/* --- the guest ------------------------------------------------------------------------------------ */

struct lab_screen lab_screen;
static unsigned long *written; /* pages of the picture */
static size_t pages;
static void (*key_pressed)(void);

static void get_mode(void *opaque, struct display_mode *mode)
{
    *mode = (struct display_mode){.kind = DISPLAY_LINEAR,
                                  .width = lab_screen.width,
                                  .height = lab_screen.height,
                                  .depth = 32,
                                  .red = 16,
                                  .green = 8,
                                  .stride = lab_screen.width * 4,
                                  .cell_height = 1};
}

static void get_palette(void *opaque, uint32_t colours[256])
{
    memset(colours, 0, 256 * sizeof(*colours));
}

static const uint8_t *get_memory(void *opaque, uint32_t *size)
{
    *size = (uint32_t)(pages * PAGE);
    return (const uint8_t *)lab_screen.pixels;
}

static bool fetch_dirty(void *opaque, uint32_t off, uint32_t len, unsigned long *bits)
{
    bool any = false;

    for (uint32_t i = 0; i <= len / PAGE && off / PAGE + i < pages; i++) {
        if (bits_test(written, off / PAGE + i)) {
            bits_set(bits, i);
            bits_clear(written, off / PAGE + i);
            any = true;
        }
    }
    return any;
}

static const struct display_source_ops ops = {
    .mode = get_mode,
    .palette = get_palette,
    .memory = get_memory,
    .fetch_dirty = fetch_dirty,
};

static void take_key(void *opaque, unsigned code, bool down)
{
    if (down && key_pressed) {
        key_pressed();
    }
}

static struct input_handler keyboard = {.name = "lab", .key = take_key};

void lab_draw(void)
{
    device_lock();
}

void lab_written(unsigned y, unsigned h)
{
    size_t row = lab_screen.width * 4, last = ((y + h) * row - 1) / PAGE;

    for (size_t i = y * row / PAGE; h && i <= last; i++) {
        bits_set(written, i);
    }
}

void lab_drawn(unsigned y, unsigned h)
{
    lab_written(y, h);
    device_unlock();
}

void lab_start(unsigned width, unsigned height, const char *options, void (*key)(void))
{
    static const struct display_source source = {.ops = &ops};
    struct error *err = NULL;

    ck_assert_int_eq(mainloop_init(NULL), 0);
    device_lock();
    pages = DIV_ROUND_UP((size_t)width * height * 4, PAGE);
    lab_screen = (struct lab_screen){width, height, g_malloc0(pages * PAGE)};
    written = g_new0(unsigned long, bits_words(pages));
    key_pressed = key;
    display_register(&source, (struct device *)&lab_screen, 0);
    input_register(&keyboard);
    char *text = g_strdup_printf("unix:%s/doppel-lab-%d,share=ignore,key-delay-ms=0%s",
                                 g_get_tmp_dir(), (int)getpid(), options);
    int ret = vnc_add(text, &err);
    ck_assert_msg(ret == 0, "%s", err ? error_msg(err) : "");
    g_free(text);
    device_unlock();
}

void lab_stop(void)
{
    device_lock();
    vnc_cleanup();
    device_unlock();
}

/* --- threads' processor time ---------------------------------------------------------------------- */

static double seconds_of(const char *task)
{
    char *path = g_strdup_printf("/proc/self/task/%s/comm", task), *name = NULL, *stat = NULL;
    double seconds = 0;

    if (g_file_get_contents(path, &name, NULL, NULL) && !strcmp(g_strstrip(name), "vnc")) {
        g_free(path);
        path = g_strdup_printf("/proc/self/task/%s/schedstat", task);
        seconds = g_file_get_contents(path, &stat, NULL, NULL) ? g_ascii_strtod(stat, NULL) : 0;
    }
    g_free(path);
    g_free(name);
    g_free(stat);
    return seconds * 1e-9;
}

double lab_server_seconds(void)
{
    GDir *tasks = g_dir_open("/proc/self/task", 0, NULL);
    const char *task;
    double sum = 0;

    while ((task = g_dir_read_name(tasks))) {
        sum += seconds_of(task);
    }
    g_dir_close(tasks);
    return sum;
}

/* --- sockets -------------------------------------------------------------------------------------- */

/* Two ends of a TCP connection; [1] receives no more than `window` bytes ahead, 0: what it likes. */
static void connect_pair(int fd[2], int window)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t len = sizeof(in);
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&in, &len);
    fd[1] = socket(AF_INET, SOCK_STREAM, 0);
    if (window) {
        setsockopt(fd[1], SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
    }
    setsockopt(fd[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ck_assert_int_eq(connect(fd[1], (struct sockaddr *)&in, sizeof(in)), 0);
    fd[0] = accept(listener, NULL, NULL);
    ck_assert_int_ge(fd[0], 0);
    close(listener);
}

static void send_all(int fd, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;

    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* the end */
        }
        p += sent;
        n -= (size_t)sent;
    }
}

/* --- links ---------------------------------------------------------------------------------------- */

#define TICK_MS       4
#define RECEIVE_AHEAD 8192 /* of the router's end: what the server's kernel sends waits there */

/* A router between server and client: what comes from the server waits in `queue`. */
struct lab_link {
    int server, client;
    unsigned rate, size;
    uint8_t *queue;
    size_t first, count;
    double allowance, last; /* bytes that may pass, as of when */
    int64_t late;           /* microseconds; see lab_client_late() */
    pthread_t thread;
};

static bool link_take(struct lab_link *l)
{
    while (l->count < l->size) {
        size_t at = (l->first + l->count) % l->size;
        size_t room = l->size - l->count, whole = l->size - at;
        ssize_t n = recv(l->server, l->queue + at, room < whole ? room : whole, MSG_DONTWAIT);
        if (n <= 0) {
            return n < 0;
        }
        l->count += (size_t)n;
    }
    return true;
}

static void link_pass(struct lab_link *l)
{
    double now = lab_now(), most = l->rate * 0.02;

    l->allowance += (now - l->last) * l->rate;
    l->allowance = l->allowance < most ? l->allowance : most;
    l->last = now;
    while (l->count && l->allowance >= 1) {
        size_t n = (size_t)l->allowance, whole = l->size - l->first;
        n = n < l->count ? n : l->count;
        n = n < whole ? n : whole;
        send_all(l->client, l->queue + l->first, n);
        l->allowance -= (double)n;
        l->first = (l->first + n) % l->size;
        l->count -= n;
    }
}

static bool link_back(struct lab_link *l)
{
    uint8_t bytes[4096];
    ssize_t n = recv(l->client, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n > 0) {
        send_all(l->server, bytes, (size_t)n);
    }
    return n != 0;
}

/* Until something has come, or bytes may pass. */
static void link_wait(struct lab_link *l)
{
    short in = l->count < l->size ? POLLIN : 0;
    struct pollfd fds[2] = {{.fd = in ? l->server : -1, .events = in},
                            {.fd = l->client, .events = POLLIN}};
    int64_t start = g_get_monotonic_time();

    if (poll(fds, 2, l->count ? TICK_MS : 1000) == 0 && l->count) {
        int64_t late = g_get_monotonic_time() - start - TICK_MS * 1000;
        if (late > __atomic_load_n(&l->late, __ATOMIC_RELAXED)) {
            __atomic_store_n(&l->late, late, __ATOMIC_RELAXED);
        }
    }
}

static void *run_link(void *opaque)
{
    struct lab_link *l = opaque;

    for (bool going = true; going;) {
        link_wait(l);
        going = link_take(l) && link_back(l);
        link_pass(l);
    }
    close(l->server);
    close(l->client);
    return NULL;
}

/* The client's end of a link to `server`. */
static int link_new(struct lab_client *c, int server)
{
    struct lab_link *l = g_new0(struct lab_link, 1);
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    l->server = server;
    l->client = ends[0];
    l->rate = c->setup->rate;
    l->size = c->setup->buffer;
    l->queue = g_malloc(l->size);
    l->last = lab_now();
    c->link = l;
    ck_assert_int_eq(pthread_create(&l->thread, NULL, run_link, l), 0);
    return ends[1];
}

static void link_free(struct lab_link *l)
{
    if (l) {
        pthread_join(l->thread, NULL);
        g_free(l->queue);
        g_free(l);
    }
}

/* --- what clients say ----------------------------------------------------------------------------- */

static void ask(struct lab_client *c, bool incremental)
{
    uint8_t m[10] = {3, incremental};

    st_be16(m + 6, (uint16_t)c->d.width);
    st_be16(m + 8, (uint16_t)c->d.height);
    send_all(c->fd, m, sizeof(m));
}

static void enable_continuous(struct lab_client *c)
{
    uint8_t m[10] = {150, 1};

    st_be16(m + 6, (uint16_t)c->d.width);
    st_be16(m + 8, (uint16_t)c->d.height);
    send_all(c->fd, m, sizeof(m));
}

static void set_encodings(struct lab_client *c, const int32_t *list)
{
    uint8_t m[4 + 4 * 32] = {2};
    unsigned n = 0;

    for (; list[n] != LAB_END; n++) {
        st_be32(m + 4 + 4 * n, (uint32_t)list[n]);
    }
    st_be16(m + 2, (uint16_t)n);
    send_all(c->fd, m, 4 + 4 * n);
}

void lab_client_key(struct lab_client *c)
{
    uint8_t m[16] = {4, 1, 0, 0, 0, 0, 0, 'a', 4, 0, 0, 0, 0, 0, 0, 'a'};

    send_all(c->fd, m, sizeof(m));
}

/* --- what the server says ------------------------------------------------------------------------- */

/* Of the decoder, with the lock, which is not held while there is nothing to read. */
static void more(struct rfb_decoder *d, size_t n)
{
    struct lab_client *c = container_of(d, struct lab_client, d);
    size_t have = (size_t)(d->end - d->p);

    if (n > c->buffer_size) {
        uint8_t *larger = g_malloc(2 * n);
        if (have) {
            memcpy(larger, d->p, have);
        }
        g_free(c->buffer);
        c->buffer = larger;
        c->buffer_size = 2 * n;
    } else {
        memmove(c->buffer, d->p, have);
    }
    while (have < n) {
        pthread_mutex_unlock(&c->lock);
        ssize_t got = recv(c->fd, c->buffer + have, c->buffer_size - have, 0);
        pthread_mutex_lock(&c->lock);
        if (got <= 0) {
            ck_assert_msg(!c->going, "the server has hung up");
            pthread_mutex_unlock(&c->lock);
            pthread_exit(NULL);
        }
        have += (size_t)got;
        c->bytes += (uint64_t)got;
    }
    d->p = c->buffer;
    d->end = c->buffer + have;
}

static void take_update(struct lab_client *c)
{
    unsigned n = ld_be16(rfb_take(&c->d, 3) + 1);

    if (c->setup->ahead) {
        ask(c, true);
    }
    while (n && rfb_decode_rect(&c->d)) {
        n--;
        if (c->setup->shows_rectangles) {
            pthread_cond_broadcast(&c->drawn);
        }
    }
    pthread_cond_broadcast(&c->drawn);
    if (!c->updates++ && c->setup->later) {
        set_encodings(c, c->setup->later);
    }
    if (!c->is_continuous && !c->setup->ahead) {
        ask(c, true);
    }
}

static void take_fence(struct lab_client *c)
{
    uint8_t m[9 + 255] = {248};
    const uint8_t *head = rfb_take(&c->d, 8);
    uint32_t flags = ld_be32(head + 3);
    unsigned n = head[7];

    memcpy(m + 9, rfb_take(&c->d, n), n);
    if (flags >> 31) {
        st_be32(m + 4, flags & 7);
        m[8] = (uint8_t)n;
        send_all(c->fd, m, 9 + n);
    }
}

static void take_message(struct lab_client *c)
{
    unsigned kind = *rfb_take(&c->d, 1);

    if (kind == 0) {
        take_update(c);
    } else if (kind == 150) {
        if (c->setup->continuous && !c->is_continuous) {
            c->is_continuous = true;
            enable_continuous(c);
        }
    } else if (kind == 248) {
        take_fence(c);
    } else {
        ck_abort_msg("message %u", kind);
    }
}

static void *run_client(void *opaque)
{
    struct lab_client *c = opaque;

    pthread_mutex_lock(&c->lock);
    for (;;) {
        take_message(c);
    }
    return NULL;
}

static void shake_hands(struct lab_client *c)
{
    static const struct rfb_format native = {32, 24, false, {255, 255, 255}, {16, 8, 0}};
    struct rfb_decoder d;

    rfb_take(&c->d, 12);
    send_all(c->fd, "RFB 003.008\n\1\1", 14);
    rfb_take(&c->d, 2 + 4);
    const uint8_t *init = rfb_take(&c->d, 24);
    unsigned width = ld_be16(init), height = ld_be16(init + 2);
    rfb_take(&c->d, ld_be32(init + 20));
    d = c->d;
    rfb_init(&c->d, &native, width, height);
    c->d.p = d.p;
    c->d.end = d.end;
    c->d.more = more;
}

struct lab_client *lab_client_new(const struct lab_setup *setup)
{
    struct lab_client *c = g_new0(struct lab_client, 1);
    struct error *err = NULL;
    int ends[2];

    c->setup = setup;
    c->going = true;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->drawn, NULL);
    connect_pair(ends, setup->rate ? RECEIVE_AHEAD : 0);
    device_lock();
    ck_assert_int_eq(vnc_add_client(ends[0], true, false, &err), 0);
    device_unlock();
    c->fd = setup->rate ? link_new(c, ends[1]) : ends[1];
    c->d.more = more;
    pthread_mutex_lock(&c->lock);
    shake_hands(c);
    pthread_mutex_unlock(&c->lock);
    ck_assert(c->d.width == lab_screen.width && c->d.height == lab_screen.height);
    set_encodings(c, setup->encodings);
    ask(c, false);
    ck_assert_int_eq(pthread_create(&c->thread, NULL, run_client, c), 0);
    return c;
}

void lab_client_free(struct lab_client *c)
{
    pthread_mutex_lock(&c->lock);
    c->going = false;
    pthread_mutex_unlock(&c->lock);
    shutdown(c->fd, SHUT_RDWR);
    pthread_join(c->thread, NULL);
    close(c->fd);
    link_free(c->link);
    rfb_fini(&c->d);
    g_free(c->buffer);
    g_free(c);
}

double lab_client_late(struct lab_client *c)
{
    return c->link ? (double)__atomic_exchange_n(&c->link->late, 0, __ATOMIC_RELAXED) * 1e-6 : 0;
}

/* --- waiting -------------------------------------------------------------------------------------- */

static bool await(struct lab_client *c, bool (*fine)(struct lab_client *c, const void *what),
                  const void *what, double seconds)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += (time_t)seconds + 1;
    pthread_mutex_lock(&c->lock);
    bool ok = fine(c, what);
    for (int ret = 0; !ok && ret == 0;) {
        ret = pthread_cond_timedwait(&c->drawn, &c->lock, &end);
        ok = fine(c, what);
    }
    pthread_mutex_unlock(&c->lock);
    return ok;
}

struct wanted {
    unsigned x, y;
    uint32_t colour;
};

static bool has_pixel(struct lab_client *c, const void *what)
{
    const struct wanted *w = what;
    uint32_t is = c->d.pixels[(size_t)w->y * c->d.width + w->x];
    bool near = true;

    for (unsigned shift = 0; shift < 24; shift += 8) {
        int a = is >> shift & 255, b = w->colour >> shift & 255;
        near &= abs(a - b) <= LAB_NEAR;
    }
    return near;
}

bool lab_client_await(struct lab_client *c, unsigned x, unsigned y, uint32_t colour, double seconds)
{
    struct wanted w = {x, y, colour};

    return await(c, has_pixel, &w, seconds);
}

static bool has_all(struct lab_client *c, const void *what)
{
    return !memcmp(c->d.pixels, lab_screen.pixels, (size_t)c->d.width * c->d.height * 4);
}

bool lab_client_await_all(struct lab_client *c, double seconds)
{
    return await(c, has_all, NULL, seconds);
}
