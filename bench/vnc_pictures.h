/* SPDX-License-Identifier: MIT */
/*
 * A recorded session: the PNG files of a directory, in the order of their names. Or one made up:
 * "photo", a film of something like a photograph in a window.
 */
#ifndef BENCH_VNC_PICTURES_H
#define BENCH_VNC_PICTURES_H

#include "ui/vnc/enc.h"

struct vnc_pictures {
    unsigned count;
    struct vnc_image *all;
};

/* False, and a line on stderr: there is none, or one is no picture. Lives until the end. */
bool vnc_pictures_load(const char *name, struct vnc_pictures *p);

#endif
