/* SPDX-License-Identifier: MIT */
/*
 * Ring buffer: keeps the last `size` bytes of output in memory for the monitor to read. A vc (virtual
 * console) is one too: nothing shows it, but what it was told last is not lost.
 */
#include "chardev/ringbuf.h"

#include <errno.h>

#include "util/error.h"

struct chardev_ringbuf {
    struct chardev chr;
    uint8_t *data;
    uint32_t size; /* a power of two */
    uint64_t produced, consumed;
};

static struct chardev_ringbuf *ringbuf_of(struct chardev *chr)
{
    return container_of(chr, struct chardev_ringbuf, chr);
}

static int ringbuf_open(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    struct chardev_ringbuf *r = ringbuf_of(chr);

    if (!is_pow2(opts->size) || opts->size > MIB(64)) {
        error_set(err, "chardev ringbuf: size is a power of two up to 64M");
        return -EINVAL;
    }
    r->size = (uint32_t)opts->size;
    r->data = g_malloc(r->size);
    chr->is_open = true;
    return 0;
}

static void ringbuf_close(struct chardev *chr)
{
    g_free(ringbuf_of(chr)->data);
}

static ssize_t ringbuf_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct chardev_ringbuf *r = ringbuf_of(chr);

    for (size_t i = 0; i < len; i++) {
        r->data[r->produced++ & (r->size - 1)] = buf[i];
    }
    if (r->produced - r->consumed > r->size) {
        r->consumed = r->produced - r->size;
    }
    return (ssize_t)len;
}

bool chardev_is_ringbuf(const struct chardev *chr)
{
    return chr->cls->write == ringbuf_write;
}

size_t chardev_ringbuf_read(struct chardev *chr, uint8_t *buf, size_t len)
{
    struct chardev_ringbuf *r = ringbuf_of(chr);
    size_t n = 0;

    pthread_mutex_lock(&chr->lock);
    while (n < len && r->consumed < r->produced) {
        buf[n++] = r->data[r->consumed++ & (r->size - 1)];
    }
    pthread_mutex_unlock(&chr->lock);
    return n;
}

CHARDEV_DEFINE(chardev_ringbuf, .name = "ringbuf", .help = "the last bytes of output: size=",
               .state_size = sizeof(struct chardev_ringbuf), .open = ringbuf_open,
               .close = ringbuf_close, .write = ringbuf_write);
CHARDEV_DEFINE(chardev_vc, .name = "vc",
               .help = "virtual console; without a display to show it, a ringbuf: size=",
               .state_size = sizeof(struct chardev_ringbuf), .open = ringbuf_open,
               .close = ringbuf_close, .write = ringbuf_write);
