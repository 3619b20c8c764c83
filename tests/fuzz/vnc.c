/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the VNC server from outside: sessions made of valid messages with changed bytes, cut, joined
 * and sent in pieces, over its Unix socket, and over TCP as WebSocket frames and HTTP requests that
 * are broken in the same way. A display whose picture, size and pointer change is behind it. After
 * each batch an honest client must be served. -t SECONDS (2), -s SEED (1); the sanitizers say what is
 * wrong.
 */
#include "tests/lib/fuzz.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hw/core/clock.h"
#include "hw/core/lock.h"
#include "system/mainloop.h"
#include "ui/display.h"
#include "ui/vnc.h"
#include "util/error.h"

#define BATCH 50 /* sessions between looks at an honest client */

/* The machine is not there, but its user is to be heard: replaced (tests/fuzz/build.mk). */
bool __wrap_runstate_is_running(void);
bool __wrap_runstate_is_running(void)
{
    return true;
}

/* --- the display --------------------------------------------------------------------------------- */

#define MEMORY (1u << 20)

static struct {
    uint8_t memory[MEMORY];
    unsigned width, height;
    struct display_cursor cursor;
} screen;

static void get_mode(void *opaque, struct display_mode *mode)
{
    *mode = (struct display_mode){.kind = DISPLAY_LINEAR,
                                  .width = screen.width,
                                  .height = screen.height,
                                  .depth = 32,
                                  .red = 16,
                                  .green = 8,
                                  .stride = screen.width * 4,
                                  .cell_height = 1};
}

static void get_palette(void *opaque, uint32_t colours[256])
{
    memset(colours, 0, 256 * sizeof(*colours));
}

static const uint8_t *get_memory(void *opaque, uint32_t *size)
{
    *size = MEMORY;
    return screen.memory;
}

static bool fetch_dirty(void *opaque, uint32_t off, uint32_t len, unsigned long *bits)
{
    for (uint32_t i = 0; i <= len / 4096; i++) {
        bits[i / (8 * sizeof(long))] |= 1ul << i % (8 * sizeof(long));
    }
    return true;
}

static void get_cursor(void *opaque, struct display_cursor *c)
{
    *c = screen.cursor;
}

static const struct display_source_ops ops = {
    .mode = get_mode,
    .palette = get_palette,
    .memory = get_memory,
    .fetch_dirty = fetch_dirty,
    .cursor = get_cursor,
};

/* Device lock held. */
static void change_screen(void)
{
    struct display_cursor *c = &screen.cursor;

    screen.memory[fuzz_below(MEMORY)] = (uint8_t)fuzz_below(256);
    memset(screen.memory + fuzz_below(MEMORY - 4096), (int)fuzz_below(256), 4096);
    if (fuzz_below(3) == 0) { /* it scrolls */
        size_t n = screen.width * 4 * (1 + fuzz_below(40));
        memmove(screen.memory, screen.memory + n, MEMORY - n);
    }
    if (fuzz_below(20) == 0) {
        screen.width = 1 + (unsigned)fuzz_below(500);
        screen.height = 1 + (unsigned)fuzz_below(500);
    }
    c->visible = fuzz_below(4);
    c->x = (int)fuzz_below(600) - 50;
    c->y = (int)fuzz_below(600) - 50;
    if (fuzz_below(4) == 0) {
        c->width = 1 + (unsigned)fuzz_below(DISPLAY_CURSOR_SIDE);
        c->height = 1 + (unsigned)fuzz_below(DISPLAY_CURSOR_SIDE);
        c->hot_x = (unsigned)fuzz_below(c->width);
        c->hot_y = (unsigned)fuzz_below(c->height);
        c->pixels[fuzz_below(ARRAY_SIZE(c->pixels))] = (uint32_t)fuzz_below(1ull << 32);
        c->serial++;
    }
}

/* --- what a client says -------------------------------------------------------------------------- */

static void put(GByteArray *out, const void *bytes, size_t len)
{
    g_byte_array_append(out, bytes, (guint)len);
}

static void put_number(GByteArray *out, unsigned bytes, uint64_t v)
{
    for (unsigned i = bytes; i-- > 0;) {
        uint8_t b = (uint8_t)(v >> 8 * i);
        put(out, &b, 1);
    }
}

static void put_random(GByteArray *out, size_t len)
{
    while (len--) {
        put_number(out, 1, fuzz_below(256));
    }
}

static void put_encodings(GByteArray *out)
{
    static const int32_t known[] = {0,
                                    1,
                                    2,
                                    5,
                                    6,
                                    7,
                                    15,
                                    16,
                                    -223,
                                    -224,
                                    -232,
                                    -239,
                                    -247,
                                    -257,
                                    -258,
                                    -259,
                                    -260,
                                    -261,
                                    -23,
                                    -32,
                                    -305,
                                    -307,
                                    -308,
                                    -309,
                                    -312,
                                    -313,
                                    -314,
                                    0x574d5668,
                                    (int)0xc0a1e5ce};
    unsigned n = (unsigned)fuzz_below(24);

    put_number(out, 2, 0x0200);
    put_number(out, 2, n);
    while (n--) {
        put_number(out, 4, (uint32_t)known[fuzz_below(ARRAY_SIZE(known))]);
    }
}

static void put_format(GByteArray *out)
{
    static const uint8_t bits[] = {8, 16, 32};
    uint8_t n = bits[fuzz_below(3)];

    put_number(out, 4, 0);
    put_number(out, 1, n);
    put_number(out, 1, n == 32 ? 24 : n);
    put_number(out, 1, fuzz_below(2));
    put_number(out, 1, fuzz_below(6) != 0);
    for (unsigned i = 0; i < 3; i++) {
        put_number(out, 2, n == 32 ? 255 : 3);
    }
    for (unsigned i = 0; i < 3; i++) {
        put_number(out, 1, n == 32 ? 8 * i : 2 * i);
    }
    put_number(out, 3, 0);
}

static void put_area(GByteArray *out)
{
    for (unsigned i = 0; i < 4; i++) {
        put_number(out, 2, fuzz_below(8) ? fuzz_below(600) : fuzz_below(65536));
    }
}

static void put_cut_text(GByteArray *out)
{
    size_t len = fuzz_below(10) ? fuzz_below(50) : fuzz_below(100000);
    bool extended = fuzz_below(2);

    put_number(out, 4, 0x06000000);
    put_number(out, 4, extended ? -(uint64_t)(len + 4) : len);
    if (extended) {
        put_number(out, 4, 1u << (24 + fuzz_below(8)) | fuzz_below(4));
    }
    put_random(out, len);
}

static void put_message(GByteArray *out)
{
    unsigned n;

    switch (fuzz_below(12)) {
    case 0:
        put_format(out);
        break;
    case 1:
        put_encodings(out);
        break;
    case 2:
    case 3:
        put_number(out, 2, 0x0300 | fuzz_below(2));
        put_area(out);
        break;
    case 4:
        put_number(out, 4, 0x04000000 | fuzz_below(2) << 16);
        put_number(out, 4, fuzz_below(2) ? fuzz_below(0x10000) : fuzz_below(1ull << 32));
        break;
    case 5:
        put_number(out, 2, 0x0500 | fuzz_below(256));
        put_number(out, 4, fuzz_below(1ull << 32));
        break;
    case 6:
        put_cut_text(out);
        break;
    case 7:
        put_number(out, 2, 150 << 8 | fuzz_below(2));
        put_area(out);
        break;
    case 8:
        n = (unsigned)fuzz_below(66);
        put_number(out, 4, 248u << 24);
        put_number(out, 4, fuzz_below(2) << 31 | fuzz_below(8));
        put_number(out, 1, n);
        put_random(out, n);
        break;
    case 9:
        put_number(out, 4, 250u << 24 | 0x100 | fuzz_below(6));
        break;
    case 10:
        n = (unsigned)fuzz_below(4);
        put_number(out, 2, 251 << 8);
        put_number(out, 4, fuzz_below(1ull << 32));
        put_number(out, 2, n << 8);
        put_random(out, 16 * n);
        break;
    default:
        put_number(out, 4, 255u << 24 | fuzz_below(3) << 16 | fuzz_below(3));
        put_number(out, 8, fuzz_below(1ull << 40));
    }
}

static void mutate(GByteArray *b)
{
    for (uint64_t n = fuzz_below(4); n && b->len; n--) {
        size_t at = fuzz_below(b->len);
        switch (fuzz_below(6)) {
        case 0:
            g_byte_array_set_size(b, (guint)at);
            break;
        case 1:
            put_random(b, fuzz_below(40));
            break;
        default:
            b->data[at] = (uint8_t)fuzz_below(256);
        }
    }
}

static GByteArray *make_session(void)
{
    static const char *const versions[] = {"RFB 003.003\n", "RFB 003.007\n", "RFB 003.008\n"};
    unsigned version = (unsigned)fuzz_below(3);
    GByteArray *out = g_byte_array_new();

    put(out, versions[version], 12);
    put(out, "\1\1", version ? 2 : 1);
    for (uint64_t n = fuzz_below(30); n; n--) {
        put_message(out);
    }
    if (fuzz_below(3)) {
        mutate(out);
    }
    return out;
}

/* --- WebSocket ----------------------------------------------------------------------------------- */

static GByteArray *in_frames(const GByteArray *b)
{
    static const char *const requests[] = {
        "GET /websockify HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: binary\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET /vnc.html?x HTTP/1.1\r\nOrigin: http://y\r\n\r\n",
        "HEAD /core/../../../../etc/passwd HTTP/1.0\r\n\r\n",
        "GET /app/images/icons/novnc-16x16.png HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
    };
    const char *request = requests[fuzz_below(4) ? 0 : fuzz_below(ARRAY_SIZE(requests))];
    GByteArray *out = g_byte_array_new();

    put(out, request, strlen(request));
    for (size_t at = 0, n; at < b->len; at += n) {
        size_t most =
            1 + fuzz_below(fuzz_below(3) ? 60 : 2000); /* MIN is glib's: evaluates twice */
        n = MIN(b->len - at, most);
        put_number(out, 1, fuzz_below(30) ? 0x82 : fuzz_below(256));
        put_number(out, 1, 0x80 | (n < 126 ? n : 126));
        if (n >= 126) {
            put_number(out, 2, n);
        }
        put_number(out, 4, 0);
        put(out, b->data + at, n);
    }
    if (fuzz_below(3) == 0) {
        mutate(out);
    }
    return out;
}

/* --- connections --------------------------------------------------------------------------------- */

static char *path;
static unsigned port;

static int dial_unix(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    return fd;
}

static int dial_tcp(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct linger at_once = {1, 0}; /* no port waits for late packets */
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    return fd;
}

/* What comes is thrown away; false: the other end has gone. */
static bool drain(int fd, int wait_ms)
{
    static uint8_t buf[65536];
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (poll(&p, 1, wait_ms) > 0) {
        if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) <= 0) {
            return false;
        }
        wait_ms = 0;
    }
    return true;
}

static void send_in_pieces(int fd, const GByteArray *b, bool reads)
{
    for (size_t at = 0, n; at < b->len; at += n) {
        size_t most = fuzz_below(4) ? 65536 : 1 + fuzz_below(200);
        n = MIN(b->len - at, most);
        if (send(fd, b->data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n) {
            return;
        }
        if (reads && !drain(fd, fuzz_below(3) == 0)) {
            return;
        }
    }
}

static void one_session(void)
{
    bool web = fuzz_below(3) == 0;
    int fd = web ? dial_tcp() : dial_unix();
    GByteArray *b = make_session();

    if (web) {
        GByteArray *frames = in_frames(b);
        g_byte_array_free(b, TRUE);
        b = frames;
    }
    send_in_pieces(fd, b, fuzz_below(5));
    drain(fd, (int)fuzz_below(4));
    close(fd);
    g_byte_array_free(b, TRUE);
}

static void receive(int fd, void *buf, size_t len)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (uint8_t *to = buf; len;) {
        ck_assert_msg(poll(&p, 1, 20000) == 1, "the server does not answer");
        ssize_t n = recv(fd, to, len, 0);
        ck_assert_msg(n > 0, "the server hangs up");
        to += n;
        len -= (size_t)n;
    }
}

/* One that does everything right gets a picture. */
static void honest_client(void)
{
    static const uint8_t ask[10] = {3, 0, 0, 0, 0, 0, 0, 1, 0, 1};
    uint8_t hello[12], security[2], result[4], init[24 + 6], update[4 + 12 + 4];
    int fd = dial_unix();

    receive(fd, hello, sizeof(hello));
    ck_assert_int_eq(send(fd, "RFB 003.008\n\1\1", 14, 0), 14);
    receive(fd, security, sizeof(security));
    receive(fd, result, sizeof(result));
    receive(fd, init, sizeof(init));
    ck_assert_int_eq(send(fd, ask, sizeof(ask), 0), sizeof(ask));
    receive(fd, update, sizeof(update));
    ck_assert_int_eq(ld_be32(update) >> 16, 0);
    close(fd);
}

/* --- running ------------------------------------------------------------------------------------- */

static unsigned free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    getsockname(fd, (struct sockaddr *)&in, &len);
    close(fd);
    return ntohs(in.sin_port);
}

static void setup(void)
{
    static const struct display_source source = {.ops = &ops};
    struct error *err = NULL;

    ck_assert_int_eq(mainloop_init(NULL), 0);
    device_lock();
    screen.width = 320;
    screen.height = 200;
    display_register(&source, (struct device *)&screen, 0);
    path = g_strdup_printf("%s/doppel-fuzz-vnc-%d", g_get_tmp_dir(), (int)getpid());
    port = free_port();
    char *text = g_strdup_printf("unix:%s,websocket=127.0.0.1:%u,share=ignore,lossy=on,"
                                 "key-delay-ms=0",
                                 path, port);
    int ret = vnc_add(text, &err);
    ck_assert_msg(ret == 0, "%s", err ? error_msg(err) : "");
    g_free(text);
    device_unlock();
}

START_TEST(test_sessions)
{
    unsigned long sessions = 0;

    setup();
    while (fuzz_goes_on()) {
        for (unsigned i = 0; i < BATCH; i++, sessions++) {
            one_session();
            device_lock();
            change_screen();
            device_unlock();
        }
        honest_client();
    }
    device_lock();
    vnc_cleanup();
    device_unlock();
    printf("vnc: %lu sessions\n", sessions);
}
END_TEST

int main(int argc, char **argv)
{
    fuzz_begin(argc, argv);
    const TTest *const tests[] = {test_sessions};
    return test_run_all("fuzz/vnc", tests, ARRAY_SIZE(tests));
}
