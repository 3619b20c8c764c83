/* SPDX-License-Identifier: MIT */
/* A frontend of chardevs for tests: keeps what it reads, takes no more than `room`, counts events. */
#ifndef TESTS_LIB_FRONT_H
#define TESTS_LIB_FRONT_H

#include "chardev/chardev.h"

struct front {
    GString *in;
    size_t room; /* bytes it takes before it is full */
    unsigned events[CHARDEV_EVENTS], writable;
};

extern const struct chardev_handlers front_lossy, front_lossless;

struct front front_new(void); /* with room for all */
void front_free(struct front *f);

/* As front_lossy; must be possible. */
void front_attach(struct chardev *chr, struct front *f);

#endif
