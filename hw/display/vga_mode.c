/* SPDX-License-Identifier: MIT */
/* What the VGA shows: modes and colours derived from its registers; every value is checked
 * here, since guests store what they like. */
#include "vga_int.h"

/* --- the VGA's own modes ---------------------------------------------------------------------- */

/* Dots are twice as wide. */
static bool half_clock(const struct vga *s)
{
    return s->seq[SEQ_CLOCKING] & SEQ_CLOCKING_HALF;
}

static unsigned byte_panning(const struct vga *s)
{
    return s->crtc[CRTC_PRESET_ROW] >> 5 & 3;
}

/* The panning register counts dots; with nine to a cell 8 stands for none; in 256 colours each
 * takes two. */
static unsigned panning(const struct vga *s, const struct display_mode *m)
{
    unsigned val = s->attr[ATTR_PANNING] & 0xf;

    if (m->kind == DISPLAY_TEXT && m->cell_width == 9) {
        return val < 8 ? val + 1 : 0;
    }
    return (val & 7) >> (m->kind == DISPLAY_PACKED);
}

/* Below the split panning ends, if the attribute controller is told so. */
static void split(const struct vga *s, struct display_mode *m)
{
    bool reset = s->attr[ATTR_MODE] & ATTR_MODE_SPLIT_PAN;

    m->line_compare = vga_line_compare(s);
    m->split_start = reset ? 0 : byte_panning(s);
    m->split_shift = reset ? 0 : m->pixel_shift;
}

/* The cursor appears as many characters late as its skew says. */
static void text_cursor(const struct vga *s, struct display_mode *m)
{
    unsigned first = s->crtc[CRTC_CURSOR_FIRST], last = s->crtc[CRTC_CURSOR_LAST];

    m->cursor = (uint32_t)s->crtc[CRTC_CURSOR_HIGH] << 8 | s->crtc[CRTC_CURSOR_LOW];
    m->cursor = (m->cursor + (last >> 5 & 3)) & 0xffff;
    m->cursor_first = first & CRTC_CURSOR_OFF ? 32 : first & 0x1f;
    m->cursor_last = last & 0x1f;
}

static void text_mode(const struct vga *s, struct display_mode *m)
{
    unsigned set = s->seq[SEQ_FONT];
    unsigned a = (set >> 2 & 3) | (set >> 3 & 4), b = (set & 3) | (set >> 2 & 4);

    m->kind = DISPLAY_TEXT;
    m->depth = 4;
    m->cell_width = s->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8DOT ? 8 : 9;
    m->width = (m->columns * m->cell_width) << m->double_dots;
    m->rows = DIV_ROUND_UP(m->height, m->cell_height << m->double_scan);
    text_cursor(s, m);
    m->font[1] = (a & 3) * 0x4000 + (a >> 2) * 0x2000;
    m->font[0] = (b & 3) * 0x4000 + (b >> 2) * 0x2000;
    m->underline = s->crtc[CRTC_UNDERLINE] & 0x1f;
    m->blink = s->attr[ATTR_MODE] & 0x08;
    m->line_graphics = s->attr[ATTR_MODE] & 0x04;
}

static void graphics_mode(const struct vga *s, struct display_mode *m)
{
    uint8_t shift = s->gc[GC_MODE];

    m->kind = shift & GC_MODE_256      ? DISPLAY_PACKED
              : shift & GC_MODE_SHIFT2 ? DISPLAY_CGA
                                       : DISPLAY_PLANAR;
    m->double_dots |= m->kind == DISPLAY_PACKED;
    m->width = (m->columns * (m->kind == DISPLAY_PACKED ? 4 : 8)) << m->double_dots;
    m->depth = m->kind == DISPLAY_PACKED ? 8 : m->kind == DISPLAY_CGA ? 2 : 4;
}

/* The dword mode goes with chain-4, whose holes do not exist here (vga_mem.c). */
static void addressing(const struct vga *s, struct display_mode *m)
{
    uint8_t mode = s->crtc[CRTC_MODE];

    m->word_mode = !(mode & CRTC_MODE_BYTE) && !(s->crtc[CRTC_UNDERLINE] & CRTC_DWORD);
    m->word_wrap_15 = mode & CRTC_MODE_WRAP15;
    m->row_scan_13 = !(mode & CRTC_MODE_NO_ROW13);
    m->row_scan_14 = !(mode & CRTC_MODE_NO_ROW14);
    m->plane_mask = 0xffff;
    m->start =
        ((uint32_t)s->crtc[CRTC_START_HIGH] << 8 | s->crtc[CRTC_START_LOW]) + byte_panning(s);
    m->stride = s->crtc[CRTC_OFFSET] * 2u;
    m->row_shift = s->crtc[CRTC_PRESET_ROW] & 0x1f;
}

static bool screen_on(const struct vga *s)
{
    return (s->seq[SEQ_RESET] & SEQ_RESET_RUN) == SEQ_RESET_RUN &&
           !(s->seq[SEQ_CLOCKING] & SEQ_CLOCKING_OFF) && (s->attr_index & ATTR_INDEX_PAS);
}

static void vga_mode(const struct vga *s, struct display_mode *m)
{
    if (!screen_on(s)) {
        return;
    }
    m->columns = s->crtc[CRTC_HDISPLAY] + 1u;
    m->height = vga_vertical_display(s);
    m->cell_height = (s->crtc[CRTC_MAX_SCAN] & 0x1fu) + 1;
    m->double_scan = s->crtc[CRTC_MAX_SCAN] & CRTC_MAX_SCAN_DOUBLE;
    m->double_dots = half_clock(s);
    addressing(s, m);
    s->gc[GC_MISC] & GC_MISC_GRAPHICS ? graphics_mode(s, m) : text_mode(s, m);
    m->pixel_shift = panning(s, m);
    split(s, m);
}

/* --- DISPI ------------------------------------------------------------------------------------ */

static unsigned dispi_pixel_bytes(const struct vga *s)
{
    return (s->dispi[DISPI_BPP] + 7u) / 8;
}

/* What is stored was clamped by vga_dispi.c; a loaded snapshot was not. */
static bool dispi_fits(const struct vga *s, const struct display_mode *m)
{
    uint64_t end = m->start + (uint64_t)(m->height - 1) * m->stride +
                   (uint64_t)m->width * dispi_pixel_bytes(s);

    return m->width && m->height && m->depth <= 32 && end <= s->vram_size;
}

static void dispi_mode(const struct vga *s, struct display_mode *m)
{
    unsigned bytes = dispi_pixel_bytes(s);

    m->width = s->dispi[DISPI_XRES];
    m->height = s->dispi[DISPI_YRES];
    m->depth = s->dispi[DISPI_BPP];
    m->cell_height = 1;
    m->red = 16;
    m->green = 8;
    m->stride = s->dispi[DISPI_VIRT_WIDTH] * bytes;
    m->start = s->dispi[DISPI_Y_OFFSET] * m->stride + s->dispi[DISPI_X_OFFSET] * bytes;
    m->line_compare = UINT32_MAX;
    m->kind = dispi_fits(s, m) ? DISPLAY_LINEAR : DISPLAY_BLANK;
}

/* Four planes of the DISPI's size. */
static void dispi_planar_mode(const struct vga *s, struct display_mode *m)
{
    vga_mode(s, m);
    m->kind = DISPLAY_PLANAR;
    m->width = s->dispi[DISPI_XRES];
    m->height = s->dispi[DISPI_YRES];
    m->stride = s->dispi[DISPI_VIRT_WIDTH] / 8u;
    m->start = s->dispi[DISPI_Y_OFFSET] * m->stride + s->dispi[DISPI_X_OFFSET] / 8u;
    m->pixel_shift = s->dispi[DISPI_X_OFFSET] % 8u;
    m->cell_height = 1;
    m->depth = 4;
    m->plane_mask = s->vram_size / 4 - 1;
    m->row_shift = 0;
    m->double_dots = false;
    m->word_mode = m->row_scan_13 = m->row_scan_14 = m->double_scan = false;
    m->line_compare = UINT32_MAX;
}

static void source_mode(void *opaque, struct display_mode *m)
{
    const struct vga *s = opaque;

    memset(m, 0, sizeof(*m));
    if (vga_dispi_linear(s)) {
        dispi_mode(s, m);
    } else if (vga_dispi_on(s)) {
        dispi_planar_mode(s, m);
    } else {
        vga_mode(s, m);
    }
}

/* --- colours ---------------------------------------------------------------------------------- */

uint32_t vga_dac_colour(const struct vga *s, unsigned index)
{
    const uint8_t *c = s->dac + (index & s->dac_mask) * 3;
    unsigned rgb[3];

    for (unsigned i = 0; i < 3; i++) {
        rgb[i] =
            s->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? c[i] : (c[i] & 0x3fu) << 2 | (c[i] >> 4 & 3u);
    }
    return rgb[0] << 16 | rgb[1] << 8 | rgb[2];
}

/* Four bits to a DAC register by the attribute controller. */
static unsigned attr_colour(const struct vga *s, unsigned pixel)
{
    unsigned v = s->attr[pixel & s->attr[ATTR_PLANES] & 0xf];
    unsigned sel = s->attr[ATTR_COLOUR_SEL];

    if (s->attr[ATTR_MODE] & ATTR_MODE_P54) {
        v = (v & 0xf) | (sel & 3) << 4;
    }
    return (v & 0x3f) | (sel & 0xc) << 4;
}

static void source_palette(void *opaque, uint32_t colours[256])
{
    const struct vga *s = opaque;
    bool direct = vga_dispi_linear(s) || (s->gc[GC_MODE] & GC_MODE_256);

    for (unsigned i = 0; i < 256; i++) {
        colours[i] = vga_dac_colour(s, direct ? i : attr_colour(s, i));
    }
}

static const uint8_t *source_memory(void *opaque, uint32_t *size)
{
    const struct vga *s = opaque;

    *size = s->vram_size;
    return ram_ptr(s->vram.ram);
}

static bool source_fetch_dirty(void *opaque, uint32_t off, uint32_t len, unsigned long *bits)
{
    const struct vga *s = opaque;

    if (!range_fits(off, len, s->vram_size)) {
        return false;
    }
    return dirty_test_clear(DIRTY_VGA, s->vram.ram + off, len, bits);
}

const struct display_source_ops vga_source_ops = {
    .mode = source_mode,
    .palette = source_palette,
    .memory = source_memory,
    .fetch_dirty = source_fetch_dirty,
};
