/* SPDX-License-Identifier: MIT */
/* From video memory to pixels, a scan line at a time. Pure; video memory may change meanwhile. */
#ifndef UI_RENDER_H
#define UI_RENDER_H

#include "hw/display/source.h"

/* What a picture is made of. */
struct render {
    struct display_mode mode;
    uint32_t colours[256]; /* 00RRGGBB */
    const uint8_t *memory; /* `size` bytes */
    uint32_t size;
    bool cursor_off; /* TEXT: the cursor blinks and is away, ... */
    bool blink_off;  /* ... and so are characters that blink */
};

/* Pixels a line's buffer needs beyond its width: lines are drawn in whole characters. */
#define RENDER_SLACK 64u

/*
 * Draw line y of the mode's picture into buf, which has room for mode.width + RENDER_SLACK pixels.
 * The result points to the first of its mode.width pixels, inside buf.
 */
const uint32_t *render_line(const struct render *r, unsigned y, uint32_t *buf);

/*
 * Where line y is in video memory, if it is there as 32-bit words of which the lower three bytes are
 * 00RRGGBB as the host has it; else NULL: it must be drawn. Not aligned; the guest may write it.
 */
const void *render_line_in_place(const struct render *r, unsigned y);

/* The bytes of video memory that line y shows, LINEAR only. */
static inline void render_line_bytes(const struct render *r, unsigned y, uint64_t *off,
                                     uint64_t *len)
{
    *off = r->mode.start + (uint64_t)y * r->mode.stride;
    *len = (uint64_t)r->mode.width * ((r->mode.depth + 7) / 8);
}

#endif
