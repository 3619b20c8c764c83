/* SPDX-License-Identifier: MIT */
/*
 * Pictures of a display source (hw/display/source.h), pixel by pixel: for screendump, where speed
 * does not matter. Files: portable pixmap (ppm(5)), PNG (RFC 2083) with one IDAT. Not shown: the
 * underline and blinking of text.
 */
#include "monitor/picture.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <zlib.h>

#include "hw/display/source.h"
#include "hw/display/vga.h"
#include "util/error.h"

#define SIDE_MAX 16384u

struct shot {
    struct display_mode m;
    uint32_t colours[256];
    const uint8_t *memory;
    uint32_t size;
};

static uint8_t byte_at(const struct shot *s, uint64_t off)
{
    return off < s->size ? s->memory[off] : 0;
}

/* Where a scan line comes from: row of cells, line in it, and what the addresses start at. */
struct line {
    unsigned row, scan;
    uint32_t base;
};

static struct line line_of(const struct shot *s, unsigned y)
{
    unsigned cell = MAX(s->m.cell_height, 1u);
    bool split = y > s->m.line_compare;

    y = split ? y - s->m.line_compare - 1 : y + s->m.row_shift;
    y >>= s->m.double_scan;
    return (struct line){y / cell, y % cell, split ? 0 : s->m.start};
}

/* Byte `plane` at display address `x` units into a row. */
static uint8_t plane_byte(const struct shot *s, struct line l, unsigned x, unsigned plane)
{
    uint32_t addr = vga_plane_address(&s->m, l.base + l.row * s->m.stride + x, l.scan);

    return byte_at(s, 4ull * addr + plane);
}

/* --- pixels: an index of the palette, or a colour --------------------------------------------- */

static bool glyph_dot(const struct shot *s, uint8_t ch, uint8_t attr, unsigned scan, unsigned dot)
{
    uint8_t glyph = byte_at(s, 4ull * (s->m.font[attr >> 3 & 1] + 32u * ch + scan) + 2);

    if (dot >= 8) {
        return s->m.line_graphics && ch >= 0xc0 && ch <= 0xdf && (glyph & 1);
    }
    return glyph >> (7 - dot) & 1;
}

static uint32_t text_pixel(const struct shot *s, unsigned x, unsigned y)
{
    struct line l = line_of(s, y);
    unsigned width = MAX(s->m.cell_width, 1u), column = x / width;
    uint32_t here = l.base + l.row * s->m.stride + column;
    struct line cell = {l.row, 0, l.base};
    uint8_t ch = plane_byte(s, cell, column, 0), attr = plane_byte(s, cell, column, 1);
    bool cursor = here == s->m.cursor && l.scan >= s->m.cursor_first && l.scan <= s->m.cursor_last;
    bool on = cursor || glyph_dot(s, ch, attr, l.scan, x % width);

    return s->colours[on ? attr & 15 : attr >> 4 & (s->m.blink ? 7 : 15)];
}

static uint32_t planar_pixel(const struct shot *s, unsigned x, unsigned y)
{
    struct line l = line_of(s, y);
    unsigned value = 0;

    x += s->m.pixel_shift;
    for (unsigned p = 0; p < 4; p++) {
        value |= (plane_byte(s, l, x / 8, p) >> (7 - x % 8) & 1u) << p;
    }
    return s->colours[value];
}

static uint32_t cga_pixel(const struct shot *s, unsigned x, unsigned y)
{
    struct line l = line_of(s, y);

    x += s->m.pixel_shift;
    uint8_t four = plane_byte(s, l, x / 8, x / 4 % 2);
    return s->colours[four >> (6 - 2 * (x % 4)) & 3];
}

static uint32_t packed_pixel(const struct shot *s, unsigned x, unsigned y)
{
    x += s->m.pixel_shift;
    return s->colours[plane_byte(s, line_of(s, y), x / 4, x % 4)];
}

/* `n` bits of v from bit `at` on, as 0 to 255. */
static uint32_t channel(uint32_t v, unsigned at, unsigned n)
{
    return extract32(v, at, n) * 255 / (BIT(n) - 1);
}

static uint32_t linear_pixel(const struct shot *s, unsigned x, unsigned y)
{
    unsigned bytes = (s->m.depth + 7) / 8;
    uint64_t off = s->m.start + (uint64_t)y * s->m.stride + (uint64_t)x * bytes;
    uint32_t v = 0;

    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint32_t)byte_at(s, off + i) << 8 * i;
    }
    if (s->m.depth == 8) {
        return s->colours[v & 255];
    }
    if (s->m.depth == 15) {
        return channel(v, 10, 5) << 16 | channel(v, 5, 5) << 8 | channel(v, 0, 5);
    }
    if (s->m.depth == 16) {
        return channel(v, 11, 5) << 16 | channel(v, 5, 6) << 8 | channel(v, 0, 5);
    }
    return v;
}

static uint32_t blank_pixel(const struct shot *s, unsigned x, unsigned y)
{
    return 0;
}

static uint32_t (*const pixel_of[])(const struct shot *s, unsigned x, unsigned y) = {
    [DISPLAY_BLANK] = blank_pixel, [DISPLAY_TEXT] = text_pixel,     [DISPLAY_PLANAR] = planar_pixel,
    [DISPLAY_CGA] = cga_pixel,     [DISPLAY_PACKED] = packed_pixel, [DISPLAY_LINEAR] = linear_pixel,
};

int picture_take(const struct display_source *source, struct picture *p, struct error **err)
{
    struct shot *s = g_new0(struct shot, 1);

    source->ops->mode(source->opaque, &s->m);
    source->ops->palette(source->opaque, s->colours);
    s->memory = source->ops->memory(source->opaque, &s->size);
    p->width = CLAMP(s->m.width, 1u, SIDE_MAX);
    p->height = CLAMP(s->m.height, 1u, SIDE_MAX);
    p->rgb = g_try_malloc((size_t)3 * p->width * p->height);
    if (!p->rgb) {
        g_free(s);
        return error_set_errno(err, ENOMEM, "a picture of %u by %u", p->width, p->height);
    }
    uint8_t *out = p->rgb;
    for (unsigned y = 0; y < p->height; y++) {
        for (unsigned x = 0; x < p->width; x++, out += 3) {
            uint32_t c = pixel_of[s->m.kind](s, x, y);
            out[0] = (uint8_t)(c >> 16);
            out[1] = (uint8_t)(c >> 8);
            out[2] = (uint8_t)c;
        }
    }
    g_free(s);
    return 0;
}

void picture_free(struct picture *p)
{
    g_free(p->rgb);
}

/* --- files -------------------------------------------------------------------------------------- */

static void png_chunk(GByteArray *out, const char *type, const void *data, size_t len)
{
    uint8_t word[4];
    guint start = out->len + 4;

    st_be32(word, (uint32_t)len);
    g_byte_array_append(out, word, 4);
    g_byte_array_append(out, (const guint8 *)type, 4);
    g_byte_array_append(out, data, (guint)len);
    st_be32(word, (uint32_t)crc32(crc32(0, NULL, 0), out->data + start, (uInt)(out->len - start)));
    g_byte_array_append(out, word, 4);
}

/* Every line with filter 0 in front. */
static GByteArray *png_lines(const struct picture *p)
{
    GByteArray *raw = g_byte_array_new();

    for (unsigned y = 0; y < p->height; y++) {
        g_byte_array_append(raw, (const guint8 *)"", 1);
        g_byte_array_append(raw, p->rgb + (size_t)3 * p->width * y, 3 * p->width);
    }
    return raw;
}

static GByteArray *make_png(const struct picture *p)
{
    static const uint8_t magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t head[13] = {[8] = 8, [9] = 2}; /* 8 bits a sample, RGB */
    GByteArray *raw = png_lines(p), *out = g_byte_array_new();
    uLongf len = compressBound(raw->len);
    uint8_t *packed = g_malloc(len);

    st_be32(head, p->width);
    st_be32(head + 4, p->height);
    compress2(packed, &len, raw->data, raw->len, 6); /* the bound always is enough */
    g_byte_array_append(out, magic, sizeof(magic));
    png_chunk(out, "IHDR", head, sizeof(head));
    png_chunk(out, "IDAT", packed, len);
    png_chunk(out, "IEND", "", 0);
    g_free(packed);
    g_byte_array_free(raw, TRUE);
    return out;
}

static GByteArray *make_ppm(const struct picture *p)
{
    GByteArray *out = g_byte_array_new();
    char *head = g_strdup_printf("P6\n%u %u\n255\n", p->width, p->height);

    g_byte_array_append(out, (const guint8 *)head, (guint)strlen(head));
    g_byte_array_append(out, p->rgb, 3 * p->width * p->height);
    g_free(head);
    return out;
}

int picture_save(const struct picture *p, const char *file, bool png, struct error **err)
{
    FILE *f = fopen(file, "we");

    if (!f) {
        return error_set_errno(err, errno, "failed to open file '%s'", file);
    }
    GByteArray *bytes = png ? make_png(p) : make_ppm(p);
    bool ok = fwrite(bytes->data, 1, bytes->len, f) == bytes->len;
    g_byte_array_free(bytes, TRUE);
    ok = fclose(f) == 0 && ok;
    return ok ? 0 : error_set_errno(err, errno ? errno : EIO, "writing '%s'", file);
}
