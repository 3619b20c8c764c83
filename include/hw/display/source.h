/* SPDX-License-Identifier: MIT */
/*
 * What a display adapter shows, for whoever draws it: the current mode, the palette, where the
 * picture lies in video memory, and which parts of that were written since the last look.
 * Device lock held throughout.
 */
#ifndef HW_DISPLAY_SOURCE_H
#define HW_DISPLAY_SOURCE_H

#include "hw/core/memory.h"
#include "util/base.h"

enum display_kind {
    DISPLAY_BLANK,  /* screen off, sequencer in reset, or nonsense programmed */
    DISPLAY_TEXT,   /* cells: character in plane 0, attribute in plane 1, font in plane 2 */
    DISPLAY_PLANAR, /* one bit per pixel in each of four planes */
    DISPLAY_CGA,    /* two bits per pixel, planes 0 and 1 alternating */
    DISPLAY_PACKED, /* a byte per pixel from planes 0 to 3 in turn */
    DISPLAY_LINEAR, /* `depth` bits per pixel in memory order */
};

/*
 * Planes are interleaved: byte `a` of plane p lies at 4 * a + p of video memory. Display
 * addresses count up by one per character or eight pixels (PACKED: four) and become plane
 * addresses by vga_plane_address(). LINEAR knows nothing of that: start and stride are bytes.
 */
struct display_mode {
    enum display_kind kind;
    unsigned width, height;             /* pixels; lines as they are scanned out */
    unsigned columns, rows;             /* TEXT */
    unsigned cell_width, cell_height;   /* TEXT; else cell_height is the lines a row is repeated */
    unsigned depth;                     /* bits per pixel, TEXT 4 */
    uint32_t start;                     /* where the picture begins ... */
    uint32_t stride;                    /* ... and how far rows are apart */
    unsigned line_compare;              /* scan line at which the address starts over from 0 */
    unsigned pixel_shift;               /* horizontal panning, dots */
    unsigned row_shift;                 /* rows skipped in the first character row */
    bool word_mode;                     /* display addresses count words */
    bool word_wrap_15;                  /* word mode: bit 15, not 13, becomes bit 0 */
    bool row_scan_13, row_scan_14;      /* bits 13, 14 come from the row scan counter */
    bool double_scan;                   /* every line twice */
    uint32_t cursor;                    /* TEXT: display address of the cursor ... */
    unsigned cursor_first, cursor_last; /* ... and its lines; first > last: none */
    uint32_t font[2];                   /* TEXT: in plane 2, by attribute bit 3; 32 bytes each */
    unsigned underline;                 /* TEXT: line of it, for attributes x000x001 */
    bool blink;                         /* TEXT: attribute bit 7 blinks, else bright background */
    bool line_graphics;                 /* TEXT: C0h to DFh repeat dot 8 as dot 9 */
};

struct display_source {
    const struct display_source_ops *ops;
    void *opaque;
};

struct display_source_ops {
    void (*mode)(void *opaque, struct display_mode *mode);
    /* 256 colours 00RRGGBB that pixel values 0 to 255 look like now. */
    void (*palette)(void *opaque, uint32_t colours[256]);
    /* Video memory. */
    const uint8_t *(*memory)(void *opaque, uint32_t *size);
    /* As dirty_test_clear(), of video memory. */
    bool (*fetch_dirty)(void *opaque, uint32_t off, uint32_t len, unsigned long *bits);
};

#endif
