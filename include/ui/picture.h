/* SPDX-License-Identifier: MIT */
/* A still picture of a display, as a file. Any thread; device lock held or not. */
#ifndef UI_PICTURE_H
#define UI_PICTURE_H

#include "util/base.h"

struct display;
struct error;

struct picture {
    unsigned width, height;
    uint8_t *rgb; /* 3 bytes per pixel */
};

/* Take it now, without the pointer. -ENOMEM with err. Free with picture_free(). */
int picture_take(struct display *d, struct picture *p, struct error **err);
void picture_free(struct picture *p);

/* As PNG, or as PPM. 0 or -errno with err. */
int picture_save(const struct picture *p, const char *file, bool png, struct error **err);

#endif
