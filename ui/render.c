/* SPDX-License-Identifier: MIT */
/*
 * How a VGA's memory looks. IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem";
 * FreeVGA. Addresses and sizes come from the guest: whatever lies outside video memory is 0.
 *
 * A line is drawn in whole units, a character or what the serializers load at once, starting with
 * the one the first visible pixel is in. Not modelled: blinking in graphics modes.
 */
#include "ui/render.h"

/* The guest writes what we read, and nobody minds a pixel of the next frame. */
#define racy __attribute__((no_sanitize("thread")))

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
    return addr & m->plane_mask;
}

/* Where a scan line comes from. */
struct line {
    uint32_t address; /* display address of its first unit */
    unsigned scan;    /* line in the row of cells */
    unsigned skip;    /* pixels that panning hides */
};

static struct line line_of(const struct display_mode *m, unsigned y)
{
    unsigned cell = m->cell_height ? m->cell_height : 1;
    bool split = y > m->line_compare;

    y = split ? y - m->line_compare - 1 : y + (m->row_shift << m->double_scan);
    y >>= m->double_scan;
    return (struct line){(split ? m->split_start : m->start) + y / cell * m->stride, y % cell,
                         split ? m->split_shift : m->pixel_shift};
}

/* The four planes of a unit, plane p in byte p. */
static racy uint32_t planes_at(const struct render *r, uint32_t address, unsigned scan)
{
    uint64_t off = 4ull * display_plane_address(&r->mode, address, scan);
    const uint8_t *p = r->memory + off;

    if (!range_fits(off, 4, r->size)) {
        return 0;
    }
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* --- text ---------------------------------------------------------------------------------------- */

static racy uint8_t glyph_byte(const struct render *r, uint64_t off)
{
    return off < r->size ? r->memory[off] : 0;
}

/* The dots of a line of a character, leftmost in bit 8. */
static unsigned glyph_dots(const struct render *r, uint8_t ch, uint8_t attr, unsigned scan)
{
    const struct display_mode *m = &r->mode;
    unsigned glyph = glyph_byte(r, 4ull * (m->font[attr >> 3 & 1] + 32u * ch + scan) + 2);
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

    if ((address & 0xffff) == m->cursor && scan >= m->cursor_first && scan <= m->cursor_last &&
        !r->cursor_off) {
        return 0x1ff;
    }
    if (m->blink && (attr & 0x80) && r->blink_off) {
        return 0;
    }
    return glyph_dots(r, (uint8_t)cell, attr, scan);
}

/* `n` dots, leftmost in bit 8. */
static void put_dots(uint32_t *out, unsigned dots, unsigned n, uint32_t on, uint32_t off)
{
    uint32_t flip = on ^ off;

    for (unsigned i = 0; i < n; i++) {
        out[i] = off ^ (flip & -(dots >> (8 - i) & 1));
    }
}

static void text_units(const struct render *r, const struct line *l, unsigned n, uint32_t *out)
{
    const struct display_mode *m = &r->mode;
    unsigned background = m->blink ? 7 : 15;

    for (unsigned i = 0; i < n; i++, out += m->cell_width) {
        uint32_t cell = planes_at(r, l->address + i, 0);
        unsigned attr = cell >> 8 & 0xff;
        put_dots(out, cell_dots(r, l->address + i, l->scan, cell), m->cell_width,
                 r->colours[attr & 15], r->colours[attr >> 4 & background]);
    }
}

/* --- graphics through planes --------------------------------------------------------------------- */

/* Bit i to nibble i. */
static uint32_t spread(uint32_t byte)
{
    uint32_t v = (byte | byte << 12) & 0x000f000f;

    v = (v | v << 6) & 0x03030303;
    return (v | v << 3) & 0x11111111;
}

static void planar_units(const struct render *r, const struct line *l, unsigned n, uint32_t *out)
{
    for (unsigned i = 0; i < n; i++, out += 8) {
        uint32_t v = planes_at(r, l->address + i, l->scan);
        uint32_t pixels = spread(v & 255) | spread(v >> 8 & 255) << 1 | spread(v >> 16 & 255) << 2 |
                          spread(v >> 24) << 3;
        for (unsigned x = 0; x < 8; x++) {
            out[x] = r->colours[pixels >> (28 - 4 * x) & 15];
        }
    }
}

static void cga_units(const struct render *r, const struct line *l, unsigned n, uint32_t *out)
{
    for (unsigned i = 0; i < n; i++, out += 8) {
        uint32_t v = planes_at(r, l->address + i, l->scan);
        uint32_t pixels = (v & 255) << 8 | (v >> 8 & 255);
        for (unsigned x = 0; x < 8; x++) {
            out[x] = r->colours[pixels >> (14 - 2 * x) & 3];
        }
    }
}

static void packed_units(const struct render *r, const struct line *l, unsigned n, uint32_t *out)
{
    for (unsigned i = 0; i < n; i++, out += 4) {
        uint32_t v = planes_at(r, l->address + i, l->scan);
        out[0] = r->colours[v & 255];
        out[1] = r->colours[v >> 8 & 255];
        out[2] = r->colours[v >> 16 & 255];
        out[3] = r->colours[v >> 24];
    }
}

/* Every pixel twice, in place. */
static void double_pixels(uint32_t *p, unsigned n)
{
    while (n-- > 0) {
        uint32_t pixel = p[n];
        p[2 * n] = p[2 * n + 1] = pixel;
    }
}

typedef void units_fn(const struct render *r, const struct line *l, unsigned n, uint32_t *out);

/* Pixels of a unit: a character, or what four planes hold at an address. */
static unsigned unit_width(const struct display_mode *m)
{
    return m->kind == DISPLAY_TEXT ? m->cell_width : m->kind == DISPLAY_PACKED ? 4 : 8;
}

static const uint32_t *plane_line(const struct render *r, unsigned y, uint32_t *buf, units_fn *draw)
{
    const struct display_mode *m = &r->mode;
    struct line l = line_of(m, y);
    unsigned unit = unit_width(m), visible = m->width >> m->double_dots;
    unsigned skip = l.skip % unit, n = DIV_ROUND_UP(skip + visible, unit);

    l.address += l.skip / unit;
    draw(r, &l, n, buf);
    if (m->double_dots) {
        double_pixels(buf + skip, visible);
    }
    return buf + skip;
}

/* --- frame buffers ------------------------------------------------------------------------------- */

/* Five and six bits become eight by repeating the upper ones: 0 stays 0, all ones become 255. */
static uint32_t from_555(uint32_t v)
{
    uint32_t upper = (v & 0x7c00) << 9 | (v & 0x3e0) << 6 | (v & 0x1f) << 3;

    return upper | (upper >> 5 & 0x070707);
}

static uint32_t from_565(uint32_t v)
{
    uint32_t upper = (v & 0xf800) << 8 | (v & 0x7e0) << 5 | (v & 0x1f) << 3;

    return upper | (upper >> 5 & 0x070007) | (upper >> 6 & 0x000300);
}

/* Little-endian words at any address. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
typedef uint16_t le16_word __attribute__((may_alias, aligned(1)));
typedef uint32_t le32_word __attribute__((may_alias, aligned(1)));
#define LE16(p, i) (((const le16_word *)(p))[i])
#define LE32(p, i) (((const le32_word *)(p))[i])
#else
#define LE16(p, i) ld_le16((p) + 2 * (i))
#define LE32(p, i) ld_le32((p) + 4 * (i))
#endif

static racy void pixels_8(const struct render *r, const uint8_t *p, unsigned n, uint32_t *out)
{
    for (unsigned x = 0; x < n; x++) {
        out[x] = r->colours[p[x]];
    }
}

static racy void pixels_15(const struct render *r, const uint8_t *p, unsigned n, uint32_t *out)
{
    for (unsigned x = 0; x < n; x++) {
        out[x] = from_555(LE16(p, x));
    }
}

static racy void pixels_16(const struct render *r, const uint8_t *p, unsigned n, uint32_t *out)
{
    for (unsigned x = 0; x < n; x++) {
        out[x] = from_565(LE16(p, x));
    }
}

static racy void pixels_24(const struct render *r, const uint8_t *p, unsigned n, uint32_t *out)
{
    unsigned red = r->mode.red / 8, green = r->mode.green / 8, blue = r->mode.blue / 8;

    for (unsigned x = 0; x < n; x++, p += 3) {
        out[x] = (uint32_t)p[red] << 16 | (uint32_t)p[green] << 8 | p[blue];
    }
}

static racy void pixels_xrgb(const struct render *r, const uint8_t *p, unsigned n, uint32_t *out)
{
    for (unsigned x = 0; x < n; x++) {
        out[x] = LE32(p, x) & 0xffffff;
    }
}

static racy void pixels_32(const struct render *r, const uint8_t *p, unsigned n, uint32_t *out)
{
    unsigned red = r->mode.red, green = r->mode.green, blue = r->mode.blue;

    for (unsigned x = 0; x < n; x++) {
        uint32_t v = LE32(p, x);
        out[x] = (v >> red & 255) << 16 | (v >> green & 255) << 8 | (v >> blue & 255);
    }
}

typedef void pixels_fn(const struct render *r, const uint8_t *p, unsigned n, uint32_t *out);

static pixels_fn *pixels_of(const struct display_mode *m)
{
    switch (m->depth) {
    case 15:
        return pixels_15;
    case 16:
        return pixels_16;
    case 24:
        return pixels_24;
    case 32:
        return m->red == 16 && m->green == 8 && m->blue == 0 ? pixels_xrgb : pixels_32;
    default:
        return pixels_8;
    }
}

static const uint32_t *linear_line(const struct render *r, unsigned y, uint32_t *buf)
{
    unsigned bytes = (r->mode.depth + 7) / 8;
    uint64_t off, len;

    render_line_bytes(r, y, &off, &len);
    unsigned fit = off >= r->size ? 0 : (unsigned)MIN(len, r->size - off) / bytes;
    if (fit) {
        pixels_of (&r->mode)(r, r->memory + off, fit, buf);
    }
    memset(buf + fit, 0, (r->mode.width - fit) * sizeof(*buf));
    return buf;
}

const void *render_line_in_place(const struct render *r, unsigned y)
{
    const struct display_mode *m = &r->mode;
    uint64_t off, len;

    if (m->kind != DISPLAY_LINEAR || pixels_of(m) != pixels_xrgb ||
        __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) {
        return NULL;
    }
    render_line_bytes(r, y, &off, &len);
    return range_fits(off, len, r->size) ? r->memory + off : NULL;
}

/* --- all kinds ----------------------------------------------------------------------------------- */

const uint32_t *render_line(const struct render *r, unsigned y, uint32_t *buf)
{
    static units_fn *const units[] = {
        [DISPLAY_TEXT] = text_units,
        [DISPLAY_PLANAR] = planar_units,
        [DISPLAY_CGA] = cga_units,
        [DISPLAY_PACKED] = packed_units,
    };

    switch (r->mode.kind) {
    case DISPLAY_BLANK:
        return memset(buf, 0, r->mode.width * sizeof(*buf));
    case DISPLAY_LINEAR:
        return linear_line(r, y, buf);
    default:
        return plane_line(r, y, buf, units[r->mode.kind]);
    }
}
