/* SPDX-License-Identifier: MIT */
/*
 * What the CL-GD5446 shows: packed modes of one to four bytes per pixel, the VGA's own, and the
 * hardware cursor. CL-GD5446 Technical Reference Manual, "Extended registers", "Hardware cursor".
 */
#include "cirrus_int.h"

#define CURSOR_AREA KIB(16) /* at the end of video memory */

/* --- modes ---------------------------------------------------------------------------------------- */

static uint32_t start_address(const struct cirrus *s)
{
    const uint8_t *crtc = s->vga.crtc;
    uint32_t ext = s->cr[CR_EXT];

    return (uint32_t)crtc[CRTC_START_HIGH] << 8 | crtc[CRTC_START_LOW] | (ext & 1) << 16 |
           (ext >> 2 & 3) << 17 | (uint32_t)(s->cr[CR_OVERLAY] >> 7) << 19;
}

static unsigned depth_of(const struct cirrus *s)
{
    unsigned bytes = cirrus_pixel_bytes(s);

    if (bytes != 2) {
        return 8 * bytes;
    }
    return s->hidden_dac & HDR_EXTENDED && (s->hidden_dac & 0xf) == HDR_565 ? 16 : 15;
}

/* Rows that are scanned out repeatedly are shown once. */
static void packed_mode(const struct cirrus *s, struct display_mode *m)
{
    const struct vga *v = &s->vga;
    unsigned repeat = (v->crtc[CRTC_MAX_SCAN] & 0x1f) + 1;

    repeat <<= v->crtc[CRTC_MAX_SCAN] & CRTC_MAX_SCAN_DOUBLE ? 1 : 0;
    *m = (struct display_mode){
        .kind = DISPLAY_LINEAR,
        .width = (v->crtc[CRTC_HDISPLAY] + 1u) * 8,
        .height = MAX(vga_vertical_display(v) / repeat, 1u),
        .depth = depth_of(s),
        .cell_height = 1,
        .red = 16,
        .green = 8,
        .start = start_address(s) * 4 & (v->vram_size - 1),
        .stride = (v->crtc[CRTC_OFFSET] | (s->cr[CR_EXT] & 0x10u) << 4) * 8,
        .line_compare = UINT32_MAX,
    };
}

/* The sequencer's screen-off bit does not count: Debian's BIOS sets it in packed modes. */
static void source_mode(void *opaque, struct display_mode *m)
{
    const struct cirrus *s = cirrus_of(opaque);

    if (cirrus_packed(s) && s->vga.attr_index & ATTR_INDEX_PAS) {
        packed_mode(s, m);
    } else {
        vga_source_ops.mode(opaque, m);
    }
}

static void source_palette(void *opaque, uint32_t colours[256])
{
    const struct vga *v = opaque;

    if (!cirrus_packed(cirrus_of(v))) {
        vga_source_ops.palette(opaque, colours);
        return;
    }
    for (unsigned i = 0; i < 256; i++) {
        colours[i] = vga_dac_colour(v, i);
    }
}

static const uint8_t *source_memory(void *opaque, uint32_t *size)
{
    return vga_source_ops.memory(opaque, size);
}

static bool source_fetch_dirty(void *opaque, uint32_t off, uint32_t len, unsigned long *bits)
{
    return vga_source_ops.fetch_dirty(opaque, off, len, bits);
}

/* --- the cursor ------------------------------------------------------------------------------------- */

static uint32_t six_bits(const uint8_t colour[3])
{
    uint32_t rgb = 0;

    for (unsigned i = 0; i < 3; i++) {
        rgb = rgb << 8 | (uint32_t)(colour[i] << 2 | colour[i] >> 4);
    }
    return rgb;
}

/* Two planes of a bit per pixel: rows alternate for the large cursor, the small one's planes follow
 * each other. */
struct shape {
    const uint8_t *plane[2];
    unsigned side, pitch;
};

static void find_shape(const struct cirrus *s, struct shape *f)
{
    bool large = s->sr[SR_CURSOR] & SR_CURSOR_64;
    unsigned number = s->sr[SR_CURSOR_SHAPE] & (large ? 0x3c : 0x3f);
    const uint8_t *p = ram_ptr(s->vga.vram.ram) + s->vga.vram_size - CURSOR_AREA + number * 256;

    *f = large ? (struct shape){{p, p + 8}, 64, 16} : (struct shape){{p, p + 128}, 32, 4};
}

static unsigned shape_pixel(const struct shape *f, unsigned x, unsigned y)
{
    unsigned at = y * f->pitch + x / 8, bit = 7 - x % 8;

    return (f->plane[0][at] >> bit & 1) | (f->plane[1][at] >> bit & 1) << 1;
}

/* What inverts the picture on the screen is grey here. */
static void draw_shape(const struct cirrus *s, const struct shape *f, struct display_cursor *c)
{
    const uint32_t looks[4] = {
        0,
        0xff808080,
        0xff000000 | six_bits(s->cursor_colours[0]),
        0xff000000 | six_bits(s->cursor_colours[1]),
    };

    for (unsigned i = 0; i < f->side * f->side; i++) {
        c->pixels[i] = looks[shape_pixel(f, i % f->side, i / f->side)];
    }
}

/* Of everything the shape is made of (FNV-1a). */
static uint32_t fingerprint(const struct cirrus *s, const struct shape *f)
{
    const uint8_t *colours = s->cursor_colours[0], *p = f->plane[0];
    uint32_t hash = 0x811c9dc5 ^ f->side;

    for (unsigned i = 0; i < sizeof(s->cursor_colours); i++) {
        hash = (hash ^ colours[i]) * 0x01000193;
    }
    for (unsigned i = 0; i < f->side * f->side / 4; i++) {
        hash = (hash ^ p[i]) * 0x01000193;
    }
    return hash;
}

static void source_cursor(void *opaque, struct display_cursor *c)
{
    const struct cirrus *s = cirrus_of(opaque);
    struct shape f;

    c->visible = s->sr[SR_CURSOR] & SR_CURSOR_ON;
    if (!c->visible) {
        return;
    }
    c->x = s->sr[SR_CURSOR_X] << 3 | s->cursor_fraction[0];
    c->y = s->sr[SR_CURSOR_Y] << 3 | s->cursor_fraction[1];
    find_shape(s, &f);
    uint32_t serial = fingerprint(s, &f);
    if (serial != c->serial) {
        c->serial = serial;
        c->hot_x = c->hot_y = 0;
        c->width = c->height = f.side;
        draw_shape(s, &f, c);
    }
}

const struct display_source_ops cirrus_source_ops = {
    .mode = source_mode,
    .palette = source_palette,
    .memory = source_memory,
    .fetch_dirty = source_fetch_dirty,
    .cursor = source_cursor,
};
