/* SPDX-License-Identifier: MIT */
/* What a display adapter shows, as a picture in memory and as a file. Device lock held. */
#ifndef MONITOR_PICTURE_H
#define MONITOR_PICTURE_H

#include "util/base.h"

struct display_source;
struct error;

struct picture {
    unsigned width, height;
    uint8_t *rgb; /* 3 bytes per pixel */
};

/* A blank screen is black. -ENOMEM, -EINVAL with err. Free with picture_free(). */
int picture_take(const struct display_source *source, struct picture *p, struct error **err);
void picture_free(struct picture *p);

/* As PNG, or as PPM. 0 or -errno with err. */
int picture_save(const struct picture *p, const char *file, bool png, struct error **err);

#endif
