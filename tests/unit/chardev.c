/* SPDX-License-Identifier: MIT */
/* Character devices: text forms, files, pipes, ptys, ring buffers, queues, the mux and its keys. */
#include "tests/dev/fakechr.h"
#include "tests/lib/front.h"

#include "chardev/ringbuf.h"
#include "system/runstate.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static enum shutdown_cause ended;

/* Replaced for this test: see tests/unit/build.mk. */
void __wrap_runstate_request_shutdown(enum shutdown_cause cause);
void __wrap_runstate_request_shutdown(enum shutdown_cause cause)
{
    ended = cause;
}

static struct chardev *create(const char *text)
{
    struct error *err = NULL;
    struct chardev *chr = chardev_new(text, &err);

    ck_assert_msg(chr != NULL, "%s", err ? error_msg(err) : "no error");
    return chr;
}

/* Let the main loop's sources run. */
static void spin(void)
{
    for (unsigned i = 0; i < 100 && g_main_context_iteration(NULL, FALSE); i++) {
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

START_TEST(test_queue)
{
    struct front f = front_new();
    struct error *err = NULL;

    device_lock();
    struct fake_chr *c = fake_chr_new("c");
    front_attach(&c->chr, &f);
    ck_assert_uint_eq(f.events[CHARDEV_OPENED], 1);
    ck_assert_int_eq(chardev_attach(&c->chr, &front_lossy, &f, &err), -EBUSY);
    error_free(err);
    ck_assert_uint_eq(chardev_write(&c->chr, "hello", 5), 5);
    ck_assert_str_eq(c->out->str, "hello");
    c->room = 2;
    ck_assert_uint_eq(chardev_write(&c->chr, "world", 5), 5);
    ck_assert_str_eq(c->out->str, "hellowo");
    c->room = SIZE_MAX;
    ck_assert_uint_eq(chardev_write(&c->chr, "!", 1), 1); /* behind what is queued */
    ck_assert_str_eq(c->out->str, "hellowo");
    ck_assert(chardev_flush(&c->chr));
    ck_assert_str_eq(c->out->str, "helloworld!");
    ck_assert_uint_eq(f.writable, 0);
    fake_chr_stop(c);
    ck_assert_uint_eq(chardev_write(&c->chr, "x", 1), 0);
    fake_chr_go(c);
    ck_assert_uint_eq(f.writable, 1);
    f.room = 3;
    ck_assert_uint_eq(chardev_can_read(&c->chr), 3);
    fake_chr_send(c, "abc");
    ck_assert_str_eq(f.in->str, "abc");
    chardev_detach(&c->chr, &f);
    fake_chr_send(c, "lost");
    ck_assert_uint_eq(chardev_can_read(&c->chr), 0);
    ck_assert_uint_eq(chardev_write(NULL, "x", 1), 1);
    chardev_cleanup();
    front_free(&f);
}
END_TEST

START_TEST(test_file)
{
    char *dir = g_dir_make_tmp("doppel-chardev-XXXXXX", NULL), *text = NULL;
    char *path = g_strdup_printf("%s/log", dir), *spec;

    device_lock();
    spec = g_strdup_printf("file,id=f,path=%s", path);
    struct chardev *chr = create(spec);
    chardev_write(chr, "one\n", 4);
    chardev_cleanup();
    g_free(spec);
    spec = g_strdup_printf("file,id=f,path=%s,append=on", path);
    chr = create(spec);
    chardev_write(chr, "two\n", 4);
    chardev_cleanup();
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    ck_assert_str_eq(text, "one\ntwo\n");
    g_free(text);
    g_free(spec);
    spec = g_strdup_printf("file:%s", path);
    chr = chardev_new_short(spec, "s", NULL);
    ck_assert_ptr_nonnull(chr);
    chardev_write(chr, "three", 5);
    chardev_cleanup();
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    ck_assert_str_eq(text, "three");
    g_free(text);
    g_free(spec);
    g_unlink(path);
    g_rmdir(dir);
    g_free(path);
    g_free(dir);
}
END_TEST

START_TEST(test_pipe)
{
    char *dir = g_dir_make_tmp("doppel-chardev-XXXXXX", NULL), buf[64];
    char *in = g_strdup_printf("%s/p.in", dir), *out = g_strdup_printf("%s/p.out", dir);
    char *spec = g_strdup_printf("pipe,id=p,path=%s/p", dir);
    struct front f = front_new();

    device_lock();
    ck_assert_int_eq(mkfifo(in, 0600), 0);
    ck_assert_int_eq(mkfifo(out, 0600), 0);
    struct chardev *chr = create(spec);
    int to = open(in, O_WRONLY), from = open(out, O_RDONLY | O_NONBLOCK);
    f.room = 2;
    front_attach(chr, &f);
    ck_assert_int_eq(write(to, "12345", 5), 5);
    spin();
    ck_assert_str_eq(f.in->str, "12"); /* no more than there is room for */
    f.room = 10;
    chardev_accept_input(chr);
    spin();
    ck_assert_str_eq(f.in->str, "12345");
    chardev_write(chr, "reply", 5);
    ck_assert_int_eq(read(from, buf, sizeof(buf)), 5);
    /* a slow reader: the rest is queued and sent when there is room */
    static uint8_t big[200000];
    ck_assert_uint_eq(chardev_write(chr, big, sizeof(big)), sizeof(big));
    size_t got = 0;
    for (unsigned i = 0; i < 1000 && got < sizeof(big); i++) {
        static uint8_t sink[10000];
        ssize_t n = read(from, sink, sizeof(sink));
        got += n > 0 ? (size_t)n : 0;
        spin();
    }
    ck_assert_uint_eq(got, sizeof(big));
    close(to);
    close(from);
    chardev_cleanup();
    g_unlink(in);
    g_unlink(out);
    g_rmdir(dir);
    g_free(in);
    g_free(out);
    g_free(spec);
    g_free(dir);
    front_free(&f);
}
END_TEST

START_TEST(test_pty)
{
    struct front f = front_new();
    char buf[16];

    device_lock();
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO); /* its name is printed */
    struct chardev *chr = create("pty,id=p");
    dup2(saved, STDERR_FILENO);
    front_attach(chr, &f);
    ck_assert(g_str_has_prefix(chr->label, "pty:/dev/"));
    int fd = open(chr->label + 4, O_RDWR | O_NOCTTY);
    ck_assert_int_ge(fd, 0);
    chardev_write(chr, "raw\n", 4);
    ck_assert_int_eq(read(fd, buf, sizeof(buf)), 4);
    ck_assert_int_eq(write(fd, "\3x\r", 3), 3); /* nothing is special */
    spin();
    ck_assert_str_eq(f.in->str, "\3x\r");
    close(fd); /* does not hang up */
    spin();
    fd = open(chr->label + 4, O_RDWR | O_NOCTTY);
    ck_assert_int_eq(write(fd, "y", 1), 1);
    spin();
    ck_assert_str_eq(f.in->str, "\3x\ry");
    close(fd);
    chardev_cleanup();
    front_free(&f);
}
END_TEST

START_TEST(test_ringbuf)
{
    uint8_t buf[32];

    device_lock();
    struct chardev *chr = create("ringbuf,id=r,size=16");
    ck_assert(chardev_is_ringbuf(chr));
    ck_assert_uint_eq(chardev_ringbuf_read(chr, buf, sizeof(buf)), 0);
    chardev_write(chr, "0123456789", 10);
    ck_assert_uint_eq(chardev_ringbuf_read(chr, buf, 4), 4);
    ck_assert_mem_eq(buf, "0123", 4);
    chardev_write(chr, "abcdefghijklmnopqrst", 20); /* the last sixteen stay */
    ck_assert_uint_eq(chardev_ringbuf_read(chr, buf, sizeof(buf)), 16);
    ck_assert_mem_eq(buf, "efghijklmnopqrst", 16);
    chardev_cleanup();
}
END_TEST

/* A mux over a fake chardev. */
static struct chardev *make_mux(struct fake_chr **base)
{
    struct error *err = NULL;

    device_lock();
    *base = fake_chr_new("base");
    struct chardev_opts opts = {.id = "m", .mux = true, .base = &(*base)->chr};
    struct chardev *mux = chardev_create("mux", &opts, &err);
    ck_assert_ptr_nonnull(mux);
    return mux;
}

START_TEST(test_mux_focus)
{
    struct front a = front_new(), b = front_new();
    struct fake_chr *base;
    struct chardev *mux = make_mux(&base);
    struct error *err = NULL;

    fake_chr_send(base, "nobody"); /* hears it */
    front_attach(mux, &a);
    front_attach(mux, &b);
    ck_assert_uint_eq(a.events[CHARDEV_FOCUS_IN], 1);
    fake_chr_send(base, "x\1\1y\1cz\1c!");
    ck_assert_str_eq(a.in->str, "x\1y!");
    ck_assert_str_eq(b.in->str, "z");
    fake_chr_send(base, "\1b");
    ck_assert_uint_eq(a.events[CHARDEV_BREAK], 1);
    ck_assert_uint_eq(b.events[CHARDEV_BREAK], 0);
    fake_chr_send(base, "\1q"); /* no such key */
    ck_assert_str_eq(a.in->str, "x\1y!");
    chardev_write(mux, "out", 3);
    ck_assert_str_eq(base->out->str, "out");
    fake_chr_send(base, "\1h");
    ck_assert(strstr(base->out->str, "C-a x") != NULL);
    ck_assert_uint_eq(ended, SHUTDOWN_NONE);
    fake_chr_send(base, "\1x");
    ck_assert_uint_eq(ended, SHUTDOWN_HOST_QUIT);
    a.room = 1; /* the mux keeps what the frontend has no room for */
    fake_chr_send(base, "123");
    ck_assert_str_eq(a.in->str, "x\1y!1");
    a.room = 5;
    chardev_accept_input(mux);
    ck_assert_str_eq(a.in->str, "x\1y!123");
    fake_chr_send(base, "\1c"); /* to b, which then goes */
    chardev_detach(mux, &b);
    fake_chr_send(base, "4");
    ck_assert_str_eq(a.in->str, "x\1y!1234");
    chardev_detach(mux, &a);
    fake_chr_send(base, "5\1c\1b6");
    struct front more[5] = {front_new(), front_new(), front_new(), front_new(), front_new()};
    for (unsigned i = 0; i < 4; i++)
        front_attach(mux, &more[i]);
    ck_assert_int_eq(chardev_attach(mux, &front_lossy, &more[4], &err), -EBUSY);
    error_free(err);
    chardev_cleanup();
    for (unsigned i = 0; i < 5; i++)
        front_free(&more[i]);
    front_free(&a);
    front_free(&b);
}
END_TEST

START_TEST(test_mux_slow)
{
    static uint8_t junk[CHARDEV_QUEUE_MAX];
    struct front a = front_new();
    struct fake_chr *base;
    struct chardev *mux = make_mux(&base);

    front_attach(mux, &a);
    fake_chr_stop(base);
    ck_assert_uint_eq(chardev_write(mux, "first", 5), 5); /* into the mux's own queue */
    ck_assert_uint_eq(chardev_write(mux, junk, sizeof(junk)), sizeof(junk) - 5);
    g_string_truncate(base->out, 0);
    fake_chr_go(base);
    ck_assert_uint_eq(a.writable, 1);
    ck_assert_uint_eq(base->out->len, 2 * CHARDEV_QUEUE_MAX);
    ck_assert_mem_eq(base->out->str + CHARDEV_QUEUE_MAX, "first", 5);
    ck_assert_uint_eq(chardev_write(mux, "last", 4), 4);
    ck_assert_mem_eq(base->out->str + 2 * CHARDEV_QUEUE_MAX, "last", 4);
    /* time stamps */
    fake_chr_send(base, "\1t");
    g_string_truncate(base->out, 0);
    chardev_write(mux, "a\nb\n", 4);
    ck_assert_mem_eq(base->out->str, "a\n[00:00:0", 10);
    chardev_cleanup();
    front_free(&a);
}
END_TEST

START_TEST(test_text)
{
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"fiel,id=a", "did you mean 'file'"},
        {"file,id=a", "needs a path"},
        {"file,path=/tmp/x", "needs a backend and an id"},
        {"file,id=a,path=/nonexistent/x", "/nonexistent/x"},
        {"pipe,id=a,path=/nonexistent", "/nonexistent"},
        {"serial,id=a,path=/nonexistent", "/nonexistent"},
        {"ringbuf,id=a,size=17", "power of two"},
        {"ringbuf,id=a,size=1G", "power of two"},
        {"ringbuf,id=a,szie=16", "did you mean 'size'"},
        {"null,id=taken", "already"},
        {"null,id=a,mux=maybe", "maybe"},
        {"", "needs a backend"},
    };

    device_lock();
    create("null,id=taken");
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct error *err = NULL;
        ck_assert_msg(chardev_new(bad[i].text, &err) == NULL, "%s", bad[i].text);
        ck_assert_msg(err && strstr(error_msg(err), bad[i].part) != NULL, "%s: '%s'", bad[i].text,
                      err ? error_msg(err) : "");
        error_free(err);
    }
    struct error *err = NULL;
    ck_assert_ptr_null(chardev_new_short("none", "x", &err));
    ck_assert_ptr_null(err);
    ck_assert_ptr_null(chardev_new_short("chardev:gone", "x", &err));
    ck_assert_ptr_nonnull(err);
    error_free(err);
    err = NULL;
    ck_assert_ptr_eq(chardev_new_short("chardev:taken", "x", &err), chardev_find("taken"));
    struct chardev *mon = chardev_new_short("mon:null", "m", &err);
    ck_assert_ptr_nonnull(mon);
    ck_assert(mon->wants_monitor);
    ck_assert_ptr_eq(chardev_find("m"), mon);
    ck_assert(!create("null,id=a,mux=on")->wants_monitor);
    chardev_cleanup();
    ck_assert_ptr_null(chardev_find("taken"));
}
END_TEST

TEST_MAIN("chardev", test_queue, test_file, test_pipe, test_pty, test_ringbuf, test_mux_focus,
          test_mux_slow, test_text)
