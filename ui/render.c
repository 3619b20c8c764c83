/* SPDX-License-Identifier: MIT */
/*
 * How a VGA's memory looks. IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem";
 * FreeVGA. Addresses and sizes come from the guest: whatever lies outside video memory is 0.
 */
#include "ui/render.h"

/* The guest writes what we read, and nobody minds a pixel of the next frame. */
#define racy __attribute__((no_sanitize("thread")))

static racy uint8_t byte_at(const struct render *r, uint64_t off)
{
    return off < r->size ? r->memory[off] : 0;
}

uint32_t display_plane_address(const struct display_mode *m, uint32_t addr, unsigned row)
{
    if (m->word_mode) {
        addr = addr << 1 | (addr >> (m->word_wrap_15 ? 15 : 13) & 1);
    }
    if (m->row_scan_13) {
        addr = (addr & ~0x2000u) | (row & 1) << 13;
    }
    if (m->row_scan_14) {
        addr = (addr & ~0x4000u) | (row >> 1 & 1) << 14;
    }
    return addr & 0xffff;
}

/* Where a scan line comes from. */
struct line {
    uint32_t address; /* display address of its first character or byte */
    unsigned scan;    /* line in the row of cells */
};

static struct line line_of(const struct render *r, unsigned y)
{
    const struct display_mode *m = &r->mode;
    unsigned cell = m->cell_height ? m->cell_height : 1;
    bool split = y > m->line_compare;

    y = split ? y - m->line_compare - 1 : y + (m->row_shift << m->double_scan);
    y >>= m->double_scan;
    return (struct line){(split ? 0 : m->start) + y / cell * m->stride, y % cell};
}

/* The four planes at `x` units into a line, plane p in byte p. */
static racy uint32_t planes_at(const struct render *r, struct line l, unsigned x)
{
    uint64_t off = 4ull * display_plane_address(&r->mode, l.address + x, l.scan);

    return range_fits(off, 4, r->size) ? ld_le32(r->memory + off) : 0;
}

/* --- text ---------------------------------------------------------------------------------------- */

/* The dots of a line of a character, leftmost in bit 8. */
static unsigned glyph_dots(const struct render *r, uint8_t ch, uint8_t attr, unsigned scan)
{
    const struct display_mode *m = &r->mode;
    unsigned glyph = byte_at(r, 4ull * (m->font[attr >> 3 & 1] + 32u * ch + scan) + 2);
    bool ninth = m->line_graphics && ch >= 0xc0 && ch <= 0xdf;

    if (scan == m->underline && (attr & 0x77) == 0x01) {
        return 0x1ff;
    }
    return glyph << 1 | (ninth ? glyph & 1 : 0);
}

static unsigned cell_dots(const struct render *r, uint32_t address, unsigned scan, uint32_t cell)
{
    const struct display_mode *m = &r->mode;
    uint8_t attr = (uint8_t)(cell >> 8);

    if (address == m->cursor && scan >= m->cursor_first && scan <= m->cursor_last &&
        !r->cursor_off) {
        return 0x1ff;
    }
    if (m->blink && (attr & 0x80) && r->blink_off) {
        return 0;
    }
    return glyph_dots(r, (uint8_t)cell, attr, scan);
}

static void text_line(const struct render *r, unsigned y, uint32_t *out)
{
    const struct display_mode *m = &r->mode;
    struct line l = line_of(r, y), first = {l.address, 0};
    unsigned dot = m->pixel_shift < m->cell_width ? m->pixel_shift : 0, column = 0, dots = 0;
    uint32_t on = 0, off = 0;

    for (unsigned x = 0, left = 0; x < m->width; x++, left--) {
        if (left == 0) {
            uint32_t cell = planes_at(r, first, column);
            unsigned attr = cell >> 8 & 0xff;
            dots = cell_dots(r, l.address + column, l.scan, cell) << dot;
            on = r->colours[attr & 15];
            off = r->colours[attr >> 4 & (m->blink ? 7 : 15)];
            left = m->cell_width - dot;
            dot = 0;
            column++;
        }
        out[x] = dots & 0x100 ? on : off;
        dots <<= 1;
    }
}

/* --- graphics through planes --------------------------------------------------------------------- */

static void planar_line(const struct render *r, unsigned y, uint32_t *out)
{
    struct line l = line_of(r, y);
    unsigned skip = r->mode.pixel_shift;
    uint32_t planes = planes_at(r, l, skip / 8);

    for (unsigned x = 0, at = skip; x < r->mode.width; x++, at++) {
        if (at % 8 == 0) {
            planes = planes_at(r, l, at / 8);
        }
        uint32_t bits = planes >> (7 - at % 8) & 0x01010101;
        out[x] = r->colours[(bits | bits >> 7 | bits >> 14 | bits >> 21) & 15];
    }
}

static void cga_line(const struct render *r, unsigned y, uint32_t *out)
{
    struct line l = line_of(r, y);

    for (unsigned x = 0, at = r->mode.pixel_shift; x < r->mode.width; x++, at++) {
        uint32_t four = planes_at(r, l, at / 8) >> (at / 4 % 2 * 8);
        out[x] = r->colours[four >> (6 - 2 * (at % 4)) & 3];
    }
}

static void packed_line(const struct render *r, unsigned y, uint32_t *out)
{
    struct line l = line_of(r, y);

    for (unsigned x = 0, at = r->mode.pixel_shift; x < r->mode.width; x++, at++) {
        out[x] = r->colours[planes_at(r, l, at / 4) >> at % 4 * 8 & 0xff];
    }
}

/* --- frame buffers ------------------------------------------------------------------------------- */

/* `n` bits of v from bit `at` on, as 0 to 255. */
static uint32_t channel(uint32_t v, unsigned at, unsigned n)
{
    return extract32(v, at, n) * 255 / (uint32_t)(BIT(n) - 1);
}

static uint32_t colour_of_15(uint32_t v)
{
    return channel(v, 10, 5) << 16 | channel(v, 5, 5) << 8 | channel(v, 0, 5);
}

static uint32_t colour_of_16(uint32_t v)
{
    return channel(v, 11, 5) << 16 | channel(v, 5, 6) << 8 | channel(v, 0, 5);
}

static uint32_t colour_of_32(const struct display_mode *m, uint32_t v)
{
    return (v >> m->red & 255) << 16 | (v >> m->green & 255) << 8 | (v >> m->blue & 255);
}

static racy void linear_pixels(const struct render *r, const uint8_t *p, unsigned n, uint32_t *out)
{
    const struct display_mode *m = &r->mode;

    for (unsigned x = 0; x < n; x++) {
        switch (m->depth) {
        case 15:
            out[x] = colour_of_15(ld_le16(p + 2 * x));
            break;
        case 16:
            out[x] = colour_of_16(ld_le16(p + 2 * x));
            break;
        case 24:
            out[x] = colour_of_32(m, p[3 * x] | p[3 * x + 1] << 8 | (uint32_t)p[3 * x + 2] << 16);
            break;
        case 32:
            out[x] = colour_of_32(m, ld_le32(p + 4 * x));
            break;
        default:
            out[x] = r->colours[p[x]];
            break;
        }
    }
}

static void linear_line(const struct render *r, unsigned y, uint32_t *out)
{
    unsigned bytes = (r->mode.depth + 7) / 8;
    uint64_t off, len;

    render_line_bytes(r, y, &off, &len);
    unsigned fit = off >= r->size ? 0 : (unsigned)MIN(len, r->size - off) / bytes;
    linear_pixels(r, r->memory + off, fit, out);
    memset(out + fit, 0, (r->mode.width - fit) * sizeof(*out));
}

static void blank_line(const struct render *r, unsigned y, uint32_t *out)
{
    memset(out, 0, r->mode.width * sizeof(*out));
}

void render_line(const struct render *r, unsigned y, uint32_t *out)
{
    static void (*const lines[])(const struct render *r, unsigned y, uint32_t *out) = {
        [DISPLAY_BLANK] = blank_line,   [DISPLAY_TEXT] = text_line,
        [DISPLAY_PLANAR] = planar_line, [DISPLAY_CGA] = cga_line,
        [DISPLAY_PACKED] = packed_line, [DISPLAY_LINEAR] = linear_line,
    };

    lines[r->mode.kind](r, y, out);
}
