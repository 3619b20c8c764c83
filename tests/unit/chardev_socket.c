/* SPDX-License-Identifier: MIT */
/* Socket chardevs: addresses, clients that come, go, do not read; reconnecting; telnet. */
#include "tests/dev/dev.h"
#include "tests/lib/front.h"

#include "chardev/chardev.h"
#include "system/mainloop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct front front;
static char *dir;

static void setup(void)
{
    memory_init();
    ck_assert_int_eq(mainloop_init(NULL), 0);
    device_lock();
    front = front_new();
    dir = g_dir_make_tmp("doppel-socket-XXXXXX", NULL);
}

static void teardown(void)
{
    chardev_cleanup();
    front_free(&front);
    ck_assert_int_eq(g_rmdir(dir), 0); /* socket files are gone */
    g_free(dir);
    device_unlock();
    mainloop_fini();
}

static struct chardev *checked(struct chardev *chr, struct error *err)
{
    ck_assert_msg(chr != NULL, "%s", err ? error_msg(err) : "no error");
    return chr;
}

static struct chardev *make(const char *fmt, ...) printf_fmt(1, 2);
static struct chardev *make(const char *fmt, ...)
{
    struct error *err = NULL;
    va_list ap;

    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    struct chardev *chr = checked(chardev_new_short(text, "c", &err), err);
    g_free(text);
    front_attach(chr, &front);
    return chr;
}

static void spin(void)
{
    for (unsigned i = 0; i < 20; i++)
        mainloop_iterate(false);
}

/* Run the loop until `count` is n. */
static void until(const unsigned *count, unsigned n)
{
    for (unsigned i = 0; i < 2000 && *count != n; i++) {
        mainloop_iterate(false);
        g_usleep(1000);
    }
    ck_assert_uint_eq(*count, n);
}

static int unix_client(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    return fd;
}

/* The port in "...:port,server=on..." */
static uint16_t port_of(const struct chardev *chr)
{
    const char *end = strstr(chr->label, ",server=on");

    ck_assert_ptr_nonnull(end);
    while (end[-1] != ':')
        end--;
    return (uint16_t)atoi(end);
}

static int tcp_client(int family, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    int ret = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
                                : connect(fd, (struct sockaddr *)&v6, sizeof(v6));
    ck_assert_int_eq(ret, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

/* What arrives within a moment. */
static void expect(int fd, const void *data, size_t len)
{
    char buf[256];
    size_t got = 0;

    ck_assert_uint_le(len, sizeof(buf));
    for (unsigned i = 0; i < 2000 && got < len; i++) {
        ssize_t n = recv(fd, buf + got, len - got, MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
        mainloop_iterate(false);
        g_usleep(n > 0 ? 0 : 1000);
    }
    ck_assert_uint_eq(got, len);
    ck_assert_mem_eq(buf, data, len);
}

static void say(int fd, const void *data, size_t len)
{
    ck_assert_int_eq(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

START_TEST(test_unix_server)
{
    setup();
    char *path = g_strdup_printf("%s/s", dir);
    struct chardev *chr = make("unix:%s,server=on,wait=off", path);

    ck_assert(g_str_has_prefix(chr->label, "disconnected:unix:"));
    ck_assert_uint_eq(front.events[CHARDEV_OPENED], 0);
    ck_assert_uint_eq(chardev_write(chr, "lost", 4), 4);
    for (unsigned round = 1; round <= 3; round++) {
        int fd = unix_client(path);
        until(&front.events[CHARDEV_OPENED], round);
        ck_assert(g_str_has_prefix(chr->label, "unix:"));
        chardev_write(chr, "hello", 5);
        expect(fd, "hello", 5);
        say(fd, "there", 5);
        int second = unix_client(path); /* waits for its turn */
        spin();
        ck_assert_str_eq(front.in->str, "there");
        ck_assert_uint_eq(front.events[CHARDEV_OPENED], round);
        close(second);
        say(fd, "!", 1);
        close(fd);
        until(&front.events[CHARDEV_CLOSED], round * 2 - 1);
        until(&front.events[CHARDEV_CLOSED], round * 2); /* the second came and went */
        ck_assert_str_eq(front.in->str, "there!");
        g_string_truncate(front.in, 0);
        front.events[CHARDEV_OPENED]--;
    }
    struct error *err = NULL;
    char *text = g_strdup_printf("unix:%s,server,nowait", path);
    ck_assert_ptr_null(chardev_new_short(text, "d", &err)); /* somebody listens there */
    ck_assert(strstr(error_msg(err), "listening on") != NULL);
    error_free(err);
    g_free(text);
    g_free(path);
    teardown();
}
END_TEST

/* What a dead process left behind is no obstacle; a file is. */
START_TEST(test_stale)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct error *err = NULL;

    setup();
    char *path = g_strdup_printf("%s/s", dir), *file = g_strdup_printf("%s/f", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    close(fd);
    make("unix:%s,server,nowait", path);
    close(unix_client(path));
    g_file_set_contents(file, "x", 1, NULL);
    char *text = g_strdup_printf("unix:%s,server,nowait", file);
    ck_assert_ptr_null(chardev_new_short(text, "d", &err));
    error_free(err);
    g_free(text);
    ck_assert_int_eq(g_unlink(file), 0);
    g_free(file);
    g_free(path);
    teardown();
}
END_TEST

START_TEST(test_tcp_server)
{
    setup();
    struct chardev *chr = make("tcp::0,server=on,wait=off");
    int fd = tcp_client(AF_INET, port_of(chr));

    until(&front.events[CHARDEV_OPENED], 1);
    say(fd, "abcdef", 6);
    spin();
    ck_assert_str_eq(front.in->str, "abcdef");
    close(fd);
    until(&front.events[CHARDEV_CLOSED], 1);
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    if (probe >= 0) { /* ::1 too, at the same port */
        close(probe);
        fd = tcp_client(AF_INET6, port_of(chr));
        until(&front.events[CHARDEV_OPENED], 2);
        close(fd);
        until(&front.events[CHARDEV_CLOSED], 2);
    }
    /* The port is taken: another one of the range. */
    char *text = g_strdup_printf("tcp:127.0.0.1:%u,server,nowait,to=65535", port_of(chr));
    struct error *err = NULL;
    struct chardev *next = checked(chardev_new_short(text, "d", &err), err);
    ck_assert_uint_gt(port_of(next), port_of(chr));
    g_free(text);
    teardown();
}
END_TEST

/* Input is taken as the frontend has room; a client that leaves frees the place all the same. */
START_TEST(test_slow_frontend)
{
    static char junk[3000];

    setup();
    struct chardev *chr = make("tcp:127.0.0.1:0,server,nowait");
    int fd = tcp_client(AF_INET, port_of(chr));
    until(&front.events[CHARDEV_OPENED], 1);
    front.room = 2;
    say(fd, "1234567", 7);
    spin();
    ck_assert_str_eq(front.in->str, "12");
    front.room = 3;
    chardev_accept_input(chr);
    spin();
    ck_assert_str_eq(front.in->str, "12345");
    memset(junk, 'j', sizeof(junk));
    say(fd, junk, sizeof(junk));
    close(fd);
    until(&front.events[CHARDEV_CLOSED], 1);
    front.room = 2;
    chardev_accept_input(chr);
    spin();
    ck_assert_str_eq(front.in->str, "1234567");
    fd = tcp_client(AF_INET, port_of(chr));
    until(&front.events[CHARDEV_OPENED], 2);
    front.room = 10;
    say(fd, "new", 3);
    spin();
    ck_assert_str_eq(front.in->str, "1234567new");
    close(fd);
    teardown();
}
END_TEST

static size_t read_all(int fd)
{
    static char sink[100000];
    size_t got = 0;
    ssize_t n;

    for (unsigned idle = 0; idle < 50;) {
        n = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
        mainloop_iterate(false);
        g_usleep(n > 0 ? 0 : 1000);
    }
    return got;
}

/* A client that does not read: nobody waits for it, unless they ask to. */
START_TEST(test_slow_client)
{
    static uint8_t big[100000];
    size_t taken = 0;

    setup();
    struct chardev *chr = make("tcp:127.0.0.1:0,server,nowait");
    int fd = tcp_client(AF_INET, port_of(chr));
    until(&front.events[CHARDEV_OPENED], 1);
    for (unsigned i = 0; i < 200; i++)
        ck_assert_uint_eq(chardev_write(chr, big, sizeof(big)), sizeof(big));
    ck_assert_uint_le(chr->queue->len, CHARDEV_QUEUE_MAX);
    ck_assert_uint_lt(read_all(fd), 200 * sizeof(big));
    chardev_detach(chr, &front);
    ck_assert_int_eq(chardev_attach(chr, &front_lossless, &front, NULL), 0);
    for (unsigned i = 0; i < 200; i++)
        taken += chardev_write(chr, big, sizeof(big));
    ck_assert_uint_lt(taken, 200 * sizeof(big));
    ck_assert_uint_eq(front.writable, 0);
    ck_assert_uint_eq(read_all(fd), taken);
    ck_assert_uint_ge(front.writable, 1);
    for (unsigned i = 0; i < 200; i++)
        chardev_write(chr, big, sizeof(big));
    front.writable = 0;
    close(fd); /* with all that unread: the frontend is not left waiting */
    until(&front.events[CHARDEV_CLOSED], 1);
    ck_assert_uint_eq(front.writable, 1);
    ck_assert_uint_eq(chr->queue->len, 0);
    teardown();
}
END_TEST

START_TEST(test_client)
{
    setup();
    struct error *err = NULL;
    char *path = g_strdup_printf("%s/s", dir);
    char *text = g_strdup_printf("unix:%s", path);
    ck_assert_ptr_null(chardev_new_short(text, "x", &err)); /* nobody there */
    ck_assert(strstr(error_msg(err), "connecting to") != NULL);
    error_free(err);
    err = NULL;
    g_free(text);
    text = g_strdup_printf("socket,id=x,path=%s,reconnect-ms=20", path);
    struct chardev *chr = checked(chardev_new(text, &err), err);
    front_attach(chr, &front);
    spin();
    ck_assert_uint_eq(front.events[CHARDEV_OPENED], 0);
    for (unsigned round = 1; round <= 2; round++) {
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        int listener = socket(AF_UNIX, SOCK_STREAM, 0);
        g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
        ck_assert_int_eq(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
        ck_assert_int_eq(listen(listener, 1), 0);
        until(&front.events[CHARDEV_OPENED], round);
        int fd = accept(listener, NULL, NULL);
        chardev_write(chr, "hi", 2);
        expect(fd, "hi", 2);
        close(fd);
        close(listener);
        g_unlink(path);
        until(&front.events[CHARDEV_CLOSED], round);
    }
    g_free(text);
    g_free(path);
    teardown();
}
END_TEST

START_TEST(test_tcp_client)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    socklen_t len = sizeof(v4);

    setup();
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&v4, sizeof(v4)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&v4, &len);
    struct chardev *chr = make("tcp:localhost:%u,ipv4=on", ntohs(v4.sin_port));
    ck_assert_uint_eq(front.events[CHARDEV_OPENED], 1);
    int fd = accept(listener, NULL, NULL);
    chardev_write(chr, "hi", 2);
    expect(fd, "hi", 2);
    close(fd);
    until(&front.events[CHARDEV_CLOSED], 1);
    close(listener);
    teardown();
}
END_TEST

static void *late_client(void *arg)
{
    g_usleep(50000);
    int fd = unix_client(arg);
    say(fd, "late", 4);
    return (void *)(intptr_t)fd;
}

START_TEST(test_wait)
{
    pthread_t thread;
    void *fd;

    setup();
    char *path = g_strdup_printf("%s/s", dir);
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO); /* what is waited for is printed */
    struct chardev *first = make("unix:%s,server,nowait", path);
    pthread_create(&thread, NULL, late_client, path);
    chardev_free(first);
    front.events[CHARDEV_OPENED] = 0;
    make("unix:%s,server", path);
    dup2(saved, STDERR_FILENO);
    ck_assert_uint_eq(front.events[CHARDEV_OPENED], 1);
    pthread_join(thread, &fd);
    spin();
    ck_assert_str_eq(front.in->str, "late");
    close((int)(intptr_t)fd);
    g_free(path);
    teardown();
}
END_TEST

START_TEST(test_inherited)
{
    struct error *err = NULL;
    int pair[2];

    setup();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    char *text = g_strdup_printf("socket,id=i,fd=%d", pair[0]);
    struct chardev *chr = checked(chardev_new(text, &err), err);
    front_attach(chr, &front);
    ck_assert_uint_eq(front.events[CHARDEV_OPENED], 1);
    say(pair[1], "x", 1);
    spin();
    ck_assert_str_eq(front.in->str, "x");
    close(pair[1]);
    until(&front.events[CHARDEV_CLOSED], 1);
    g_free(text);
    teardown();
}
END_TEST

/* As client of a server that echoes. */
START_TEST(test_telnet_client)
{
    static const uint8_t hello[] = {255, 251, 3, 255, 251, 0, 255, 253, 3, 255, 253, 0};
    static const uint8_t server[] = {255, 251, 1, 255, 253, 1, 255, 251, 0, 'x', 255, 255};
    static const uint8_t answer[] = {255, 253, 1, 255, 252, 1, 'y', 255, 255};

    setup();
    char *path = g_strdup_printf("%s/s", dir);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    struct chardev *chr = make("unix:%s,telnet=on", path);
    int fd = accept(listener, NULL, NULL);
    expect(fd, hello, sizeof(hello));
    say(fd, server, sizeof(server));
    spin();
    ck_assert_str_eq(front.in->str, "x\xff");
    chardev_write(chr, "y\xff", 2);
    expect(fd, answer, sizeof(answer));
    close(fd);
    close(listener);
    g_unlink(path);
    until(&front.events[CHARDEV_CLOSED], 1);
    g_free(path);
    teardown();
}
END_TEST

START_TEST(test_telnet)
{
    static const uint8_t hello[] = {255, 251, 1,   255, 251, 3,   255, 251,
                                    0,   255, 253, 3,   255, 253, 0};
    static const uint8_t agree[] = {255, 253, 1, 255, 253, 3, 255, 251, 3};
    static const uint8_t terminal_type[] = {255, 251, 24, 255, 253, 24, 255, 253, 24};
    static const uint8_t refused[] = {255, 254, 24, 255, 252, 24, 255, 252, 24};
    static const uint8_t sub[] = {255, 250, 24, 0, 'x', 255, 255, 'y', 255, 240, 'z'};
    static const uint8_t brk[] = {'a', 255, 243, 'b', 255, 255};
    static const uint8_t binary[] = {255, 251, 0, '\r', 0};

    setup();
    struct chardev *chr = make("telnet:127.0.0.1:0,server=on,wait=off");
    int fd = tcp_client(AF_INET, port_of(chr));
    until(&front.events[CHARDEV_OPENED], 1);
    expect(fd, hello, sizeof(hello));
    say(fd, agree, sizeof(agree)); /* answers to what was asked: none given */
    say(fd, terminal_type, sizeof(terminal_type));
    expect(fd, refused, sizeof(refused));
    for (unsigned i = 0; i < sizeof(sub); i++) { /* in pieces */
        say(fd, sub + i, 1);
        spin();
    }
    ck_assert_str_eq(front.in->str, "z");
    say(fd, brk, sizeof(brk));
    until(&front.events[CHARDEV_BREAK], 1);
    ck_assert_str_eq(front.in->str, "zab\xff");
    g_string_truncate(front.in, 0);
    say(fd, "1\r\0002\r\n3", 7); /* a network virtual terminal's lines */
    spin();
    ck_assert_str_eq(front.in->str, "1\r2\r3");
    g_string_truncate(front.in, 0);
    say(fd, binary, sizeof(binary));
    spin();
    ck_assert_uint_eq(front.in->len, 2); /* CR and NUL as they are */
    chardev_write(chr, "\xff!", 2);
    expect(fd, "\xff\xff!", 3);
    close(fd);
    until(&front.events[CHARDEV_CLOSED], 1);
    teardown();
}
END_TEST

/* The example of RFC 6455, 1.3; frames in pieces, fragments, ping, close; a request that is none. */
START_TEST(test_websocket)
{
    static const char request[] = "GET /chat HTTP/1.1\r\nHost: x\r\nupgrade: WebSocket\r\n"
                                  "Connection: keep-alive, Upgrade\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                  "Sec-WebSocket-Protocol: chat, binary\r\n"
                                  "Sec-WebSocket-Version: 13\r\n\r\n";
    static const char accepted[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                   "Connection: Upgrade\r\n"
                                   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                                   "Sec-WebSocket-Protocol: binary\r\n\r\n";
    static const uint8_t hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d,
                                    0x7f, 0x9f, 0x4d, 0x51, 0x58};
    static const uint8_t parts[] = {0x02, 0x82, 0, 0,       0,    0,    'a', 'b', 0x89, 0x81, 1,
                                    0,    0,    0, 'p' ^ 1, 0x80, 0x81, 0,   0,   0,    0,    'c'};
    static const uint8_t pong[] = {0x8a, 1, 'p'}, out[] = {0x82, 2, 'h', 'i'};
    static const uint8_t bye[] = {0x88, 0x82, 0, 0, 0, 0, 3, 0xe8}, bye_too[] = {0x88, 2, 3, 0xe8};
    static const uint8_t unmasked[] = {0x82, 1, 'x'};

    setup();
    struct chardev *chr = make("websocket:127.0.0.1:0,wait=off");
    int fd = tcp_client(AF_INET, port_of(chr));
    say(fd, request, 100);
    spin();
    ck_assert_uint_eq(front.events[CHARDEV_OPENED], 0);
    say(fd, request + 100, sizeof(request) - 1 - 100);
    until(&front.events[CHARDEV_OPENED], 1);
    expect(fd, accepted, sizeof(accepted) - 1);
    for (unsigned i = 0; i < sizeof(hello); i++) {
        say(fd, hello + i, 1);
        spin();
    }
    ck_assert_str_eq(front.in->str, "Hello");
    say(fd, parts, sizeof(parts));
    expect(fd, pong, sizeof(pong));
    ck_assert_str_eq(front.in->str, "Helloabc");
    chardev_write(chr, "hi", 2);
    expect(fd, out, sizeof(out));
    say(fd, bye, sizeof(bye));
    expect(fd, bye_too, sizeof(bye_too));
    until(&front.events[CHARDEV_CLOSED], 1);
    close(fd);
    fd = tcp_client(AF_INET, port_of(chr));
    say(fd, "GET / HTTP/1.0\r\n\r\n", 18);
    expect(fd, "HTTP/1.1 400", 12);
    close(fd);
    spin();
    fd = tcp_client(AF_INET, port_of(chr));
    say(fd, request, sizeof(request) - 1);
    until(&front.events[CHARDEV_OPENED], 2);
    say(fd, unmasked, sizeof(unmasked));
    until(&front.events[CHARDEV_CLOSED], 2);
    close(fd);
    teardown();
}
END_TEST

START_TEST(test_udp)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET}, from;
    socklen_t len = sizeof(v4);
    char buf[16];

    setup();
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&v4, sizeof(v4)), 0);
    getsockname(fd, (struct sockaddr *)&v4, &len);
    struct chardev *chr = make("udp::%u", ntohs(v4.sin_port));
    chardev_write(chr, "out", 3);
    len = sizeof(from);
    ck_assert_int_eq(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), 3);
    ck_assert_mem_eq(buf, "out", 3);
    front.room = 2;
    ck_assert_int_eq(sendto(fd, "back", 4, 0, (struct sockaddr *)&from, len), 4);
    spin();
    ck_assert_str_eq(front.in->str, "ba");
    front.room = 9;
    chardev_accept_input(chr);
    spin();
    ck_assert_str_eq(front.in->str, "back");
    close(fd);
    teardown();
}
END_TEST

START_TEST(test_texts)
{
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"tcp:", "no address"},
        {"tcp:localhost", "HOST:PORT"},
        {"tcp:[::1]1234", "HOST:PORT"},
        {"tcp:localhost:99999", "not a port"},
        {"tcp:localhost:nosuchport", "not a port"},
        {"tcp:no.such.host.invalid:1", "no.such.host.invalid"},
        {"tcp::1,server,reconnect=1", "does not reconnect"},
        {"tcp::1,serve", "did you mean 'server'"},
        {"tcp::1,path=/x", "takes one of"},
        {"unix:", "no address"},
        {"unix:/nonexistent/x/y,server", "/nonexistent/x/y"},
    };
    struct error *err = NULL;

    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        ck_assert_msg(!chardev_new_short(bad[i].text, "a", &err), "%s", bad[i].text);
        ck_assert_msg(err && strstr(error_msg(err), bad[i].part), "%s: '%s'", bad[i].text,
                      err ? error_msg(err) : "");
        error_free(err);
        err = NULL;
    }
    ck_assert_ptr_null(chardev_new("socket,id=a", &err));
    error_free(err);
    err = NULL;
    ck_assert_ptr_null(chardev_new("socket,id=a,fd=12345", &err));
    error_free(err);
    err = NULL;
    checked(chardev_new_service("tcp::0", "a", &err), err);
    checked(chardev_new_service("tcp:[::1]:0,server=on", "b", &err), err);
    char *name = g_strdup_printf("socket,id=abs,path=doppel-test-%d,abstract=on,server=on,wait=off",
                                 (int)getpid());
    checked(chardev_new(name, &err), err);
    ck_assert(strstr(chardev_find("abs")->label, "@doppel-test-") != NULL);
    g_free(name);
    teardown();
}
END_TEST

TEST_MAIN("chardev_socket", test_unix_server, test_stale, test_tcp_server, test_slow_frontend,
          test_slow_client, test_client, test_tcp_client, test_wait, test_inherited, test_telnet,
          test_telnet_client, test_websocket, test_udp, test_texts)
