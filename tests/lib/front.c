/* SPDX-License-Identifier: MIT */
/* A frontend of chardevs for tests (front.h). */
#include "tests/lib/front.h"

#include <check.h>

static size_t front_can_read(void *opaque)
{
    return ((struct front *)opaque)->room;
}

static void front_read(void *opaque, const uint8_t *buf, size_t len)
{
    struct front *f = opaque;

    ck_assert_uint_le(len, f->room);
    g_string_append_len(f->in, (const char *)buf, (gssize)len);
    f->room -= len;
}

static void front_event(void *opaque, enum chardev_event event)
{
    ((struct front *)opaque)->events[event]++;
}

static void front_writable(void *opaque)
{
    ((struct front *)opaque)->writable++;
}

const struct chardev_handlers front_lossy = {
    .can_read = front_can_read,
    .read = front_read,
    .event = front_event,
    .writable = front_writable,
};

const struct chardev_handlers front_lossless = {
    .can_read = front_can_read,
    .read = front_read,
    .event = front_event,
    .writable = front_writable,
    .lossless = true,
};

struct front front_new(void)
{
    return (struct front){.in = g_string_new(NULL), .room = SIZE_MAX};
}

void front_free(struct front *f)
{
    g_string_free(f->in, TRUE);
}

void front_attach(struct chardev *chr, struct front *f)
{
    ck_assert_int_eq(chardev_attach(chr, &front_lossy, f, NULL), 0);
}
