/* SPDX-License-Identifier: MIT */
/* A chardev whose other end is the test: it keeps output, and takes no more than it is told to. */
#ifndef TESTS_DEV_FAKECHR_H
#define TESTS_DEV_FAKECHR_H

#include "chardev/chardev.h"
#include "tests/dev/dev.h"

struct fake_chr {
    struct chardev chr;
    GString *out;
    size_t room; /* bytes it takes before it is full */
    unsigned accepts;
};

static inline struct fake_chr *fake_of(struct chardev *chr)
{
    return container_of(chr, struct fake_chr, chr);
}

static inline int fake_chr_open(struct chardev *chr, const struct chardev_opts *opts,
                                struct error **err)
{
    fake_of(chr)->out = g_string_new(NULL);
    fake_of(chr)->room = SIZE_MAX;
    chr->is_open = true;
    return 0;
}

static inline void fake_chr_close(struct chardev *chr)
{
    g_string_free(fake_of(chr)->out, TRUE);
}

static inline ssize_t fake_chr_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct fake_chr *f = fake_of(chr);
    size_t n = MIN(len, f->room);

    g_string_append_len(f->out, (const char *)buf, (gssize)n);
    f->room -= n;
    return (ssize_t)n;
}

static inline void fake_chr_accept(struct chardev *chr)
{
    fake_of(chr)->accepts++;
}

CHARDEV_DEFINE(fake_chr, .name = "test-fake", .help = "the test",
               .state_size = sizeof(struct fake_chr), .open = fake_chr_open,
               .close = fake_chr_close, .write = fake_chr_write, .accept_input = fake_chr_accept);

static inline struct fake_chr *fake_chr_new(const char *id)
{
    struct chardev_opts opts = {.id = id};
    struct error *err = NULL;
    struct chardev *chr = chardev_create("test-fake", &opts, &err);

    ck_assert_msg(chr != NULL, "%s", err ? error_msg(err) : "no error");
    return fake_of(chr);
}

/* Fill the core's queue, so that the next byte is refused. */
static inline void fake_chr_stop(struct fake_chr *f)
{
    static uint8_t junk[CHARDEV_QUEUE_MAX + 1];

    f->room = 0;
    ck_assert_uint_eq(chardev_write(&f->chr, junk, sizeof(junk)), CHARDEV_QUEUE_MAX);
}

static inline void fake_chr_go(struct fake_chr *f)
{
    f->room = SIZE_MAX;
    chardev_flush(&f->chr);
}

static inline void fake_chr_send(struct fake_chr *f, const char *text)
{
    chardev_input(&f->chr, (const uint8_t *)text, strlen(text));
}

#endif
