/* SPDX-License-Identifier: MIT */
/* Reading what a ringbuf chardev has kept. Any thread. */
#ifndef CHARDEV_RINGBUF_H
#define CHARDEV_RINGBUF_H

#include "chardev/chardev.h"

bool chardev_is_ringbuf(const struct chardev *chr);

/* Takes up to len of the oldest bytes kept; returns how many. chr must be a ringbuf. */
size_t chardev_ringbuf_read(struct chardev *chr, uint8_t *buf, size_t len);

#endif
