/* SPDX-License-Identifier: MIT */
/*
 * What a display adapter shows, for whoever draws it: the current mode, the palette, where the
 * picture lies in video memory, and which parts of that were written since the last look.
 * Device lock held throughout; what memory() returned is also read without it until
 * display_memory_going() or display_unregister() (ui/display.h).
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
 * addresses by display_plane_address(). LINEAR knows nothing of that: start and stride are bytes.
 */
struct display_mode {
    enum display_kind kind;
    unsigned width, height;             /* pixels; lines as they are scanned out */
    unsigned columns, rows;             /* TEXT */
    unsigned cell_width, cell_height;   /* TEXT; else cell_height is the lines a row is repeated */
    unsigned depth;                     /* bits per pixel, TEXT 4 */
    uint8_t red, green, blue;           /* LINEAR of 24 and 32 bits: lowest bit of each colour */
    uint32_t start;                     /* where the picture begins ... */
    uint32_t stride;                    /* ... and how far rows are apart */
    unsigned line_compare;              /* last scan line before the split */
    uint32_t split_start;               /* below it: where the picture starts over */
    unsigned pixel_shift;               /* horizontal panning, pixels */
    unsigned split_shift;               /* the same below the split */
    unsigned row_shift;                 /* rows skipped in the first character row */
    bool word_mode;                     /* display addresses count words */
    bool word_wrap_15;                  /* word mode: bit 15, not 13, becomes bit 0 */
    bool row_scan_13, row_scan_14;      /* bits 13, 14 come from the row scan counter */
    uint32_t plane_mask;                /* planes are so long, less 1 */
    bool double_scan;                   /* every line twice */
    bool double_dots;                   /* every pixel twice */
    uint32_t cursor;                    /* TEXT: display address of the cursor ... */
    unsigned cursor_first, cursor_last; /* ... and its lines; first > last: none */
    uint32_t font[2];                   /* TEXT: in plane 2, by attribute bit 3; 32 bytes each */
    unsigned underline;                 /* TEXT: line of it, for attributes x000x001 */
    bool blink;                         /* TEXT: attribute bit 7 blinks, else bright background */
    bool line_graphics;                 /* TEXT: C0h to DFh repeat dot 8 as dot 9 */
};

#define DISPLAY_CURSOR_SIDE 64u

/* The pointer an adapter lays over the picture. */
struct display_cursor {
    bool visible;
    int x, y;               /* of its hot spot, in the picture */
    unsigned hot_x, hot_y;  /* in the shape */
    unsigned width, height; /* at most DISPLAY_CURSOR_SIDE */
    uint32_t serial;        /* differs when the shape does */
    uint32_t pixels[DISPLAY_CURSOR_SIDE * DISPLAY_CURSOR_SIDE]; /* AARRGGBB, rows of width */
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
    /* As dirty_test_clear(), of video memory: a bit per 4 KiB that `off` to `off + len` touch, the
     * first that of `off`. */
    bool (*fetch_dirty)(void *opaque, uint32_t off, uint32_t len, unsigned long *bits);
    /* NULL: it has none. Writes the shape only if c->serial is not the current one. */
    void (*cursor)(void *opaque, struct display_cursor *c);
    /* A viewer would like this size; 0 by 0: nobody looks any more. NULL: cannot tell the guest. */
    void (*suggest_size)(void *opaque, unsigned width, unsigned height);
};

/* Plane address of a display address on row scan line `row`, at most plane_mask. */
uint32_t display_plane_address(const struct display_mode *mode, uint32_t addr, unsigned row);

#endif
