/* SPDX-License-Identifier: MIT */
/*
 * Pixel formats of VNC clients (RFC 6143 sections 7.4 and 7.5.1, CPIXEL: 7.7.6, TPIXEL: rfbproto's
 * Tight encoding) and conversion to them. Clients with a colour map get one of 3 red, 3 green and 2
 * blue bits, and from then on are clients of that true colour format.
 */
#include "ui/vnc/enc_int.h"

#include <errno.h>

#define HOST_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

enum { MESSAGE_SET_COLOUR_MAP = 1 };

const struct vnc_pixel_format vnc_pixel_format_native = {
    .bits = 32,
    .depth = 24,
    .true_colour = true,
    .max = {255, 255, 255},
    .shift = {16, 8, 0},
};

static const struct vnc_pixel_format format_332 = {
    .bits = 8,
    .depth = 8,
    .true_colour = true,
    .max = {7, 7, 3},
    .shift = {5, 2, 0},
};

const uint8_t enc_unit_bytes[] = {
    [ENC_UNIT_1] = 1,    [ENC_UNIT_2] = 2,     [ENC_UNIT_4] = 4,
    [ENC_UNIT_3LOW] = 3, [ENC_UNIT_3HIGH] = 3, [ENC_UNIT_RGB] = 3,
};

/* --- on the wire ---------------------------------------------------------------------------------- */

static bool component_ok(const struct vnc_pixel_format *pf, unsigned c)
{
    unsigned max = pf->max[c];

    /* As pf->bits is at most 32 nothing here overflows. */
    return !(max & (max + 1)) && pf->shift[c] < pf->bits &&
           (uint64_t)max << pf->shift[c] <= mask64(pf->bits);
}

static bool format_ok(const struct vnc_pixel_format *pf)
{
    if ((pf->bits != 8 && pf->bits != 16 && pf->bits != 32) || !pf->depth || pf->depth > pf->bits) {
        return false;
    }
    if (!pf->true_colour) {
        return pf->bits == 8;
    }
    return component_ok(pf, 0) && component_ok(pf, 1) && component_ok(pf, 2);
}

/* Some say 2 to the nth where 7.4 wants one less (ssvncviewer -use8). */
static uint16_t read_max(const uint8_t wire[2])
{
    uint16_t max = ld_be16(wire);

    return max > 1 && is_pow2(max) ? max - 1 : max;
}

int vnc_pixel_format_read(struct vnc_pixel_format *pf, const uint8_t wire[VNC_PIXEL_FORMAT_SIZE])
{
    struct vnc_pixel_format got = {
        .bits = wire[0],
        .depth = wire[1],
        .big_endian = wire[2] != 0,
        .true_colour = wire[3] != 0,
        .max = {read_max(wire + 4), read_max(wire + 6), read_max(wire + 8)},
        .shift = {wire[10], wire[11], wire[12]},
    };

    if (!format_ok(&got)) {
        return -EINVAL;
    }
    *pf = got;
    return 0;
}

void vnc_pixel_format_write(const struct vnc_pixel_format *pf, uint8_t wire[VNC_PIXEL_FORMAT_SIZE])
{
    memset(wire, 0, VNC_PIXEL_FORMAT_SIZE);
    wire[0] = pf->bits;
    wire[1] = pf->depth;
    wire[2] = pf->big_endian;
    wire[3] = pf->true_colour;
    for (unsigned c = 0; c < 3; c++) {
        st_be16(wire + 4 + 2 * c, pf->max[c]);
        wire[10 + c] = pf->shift[c];
    }
}

void vnc_colour_map_write(GByteArray *out)
{
    uint8_t *p = enc_grow(out, 6 + 256 * 6);

    p[0] = MESSAGE_SET_COLOUR_MAP;
    p[1] = 0;
    st_be16(p + 2, 0);
    st_be16(p + 4, 256);
    p += 6;
    for (unsigned i = 0; i < 256; i++, p += 6) {
        for (unsigned c = 0; c < 3; c++) {
            unsigned max = format_332.max[c];
            st_be16(p + 2 * c, (uint16_t)((i >> format_332.shift[c] & max) * 65535 / max));
        }
    }
}

/* --- preparation ---------------------------------------------------------------------------------- */

/* So that the value's first bytes in memory are those of the wire. */
static uint32_t wire_order(const struct vnc_pixel_format *pf, uint32_t v)
{
    if (pf->bits == 8) {
        return HOST_BIG_ENDIAN ? v << 24 : v;
    }
    if (pf->bits == 16) {
        v = pf->big_endian != HOST_BIG_ENDIAN ? bswap16((uint16_t)v) : v;
        return HOST_BIG_ENDIAN ? v << 16 : v;
    }
    return pf->big_endian != HOST_BIG_ENDIAN ? bswap32(v) : v;
}

static bool is_888(const struct vnc_pixel_format *pf)
{
    return pf->bits == 32 && pf->max[0] == 255 && pf->max[1] == 255 && pf->max[2] == 255;
}

static uint32_t convert_by_table(const struct enc_convert *c, uint32_t p)
{
    return c->part[0][p >> 16 & 255] | c->part[1][p >> 8 & 255] | c->part[2][p & 255];
}

/* All that can be said of each component: does it come out as it does by the tables? */
static bool narrow_is_right(const struct enc_convert *c)
{
    uint32_t from[256], to[256];
    bool right = true;

    for (unsigned k = 0; k < 24 && right; k += 8) {
        for (uint32_t i = 0; i < 256; i++) {
            from[i] = i << k;
        }
        right = enc_narrow_row(&c->by, from, 256, to) == 256;
        for (unsigned i = 0; i < 256 && right; i++) {
            right = to[i] == convert_by_table(c, from[i]);
        }
    }
    return right;
}

static void prepare_convert(struct enc_convert *c, const struct vnc_pixel_format *pf)
{
    static const uint8_t native[3] = {16, 8, 0};

    c->shift = is_888(pf);
    c->swap = pf->big_endian != HOST_BIG_ENDIAN;
    memcpy(c->to, pf->shift, sizeof(c->to));
    c->none = c->shift && !c->swap && !memcmp(c->to, native, sizeof(native));
    for (unsigned k = 0; k < 3; k++) {
        for (unsigned i = 0; i < 256; i++) {
            uint32_t scaled = (i * pf->max[k] + 127) / 255;
            c->part[k][i] = wire_order(pf, scaled << pf->shift[k]);
        }
    }
    c->narrow = enc_narrow_prepare(&c->by, pf) && narrow_is_right(c);
}

static enum enc_unit unit_pixel(const struct vnc_pixel_format *pf)
{
    return pf->bits == 8 ? ENC_UNIT_1 : pf->bits == 16 ? ENC_UNIT_2 : ENC_UNIT_4;
}

/* 3 bytes if the colours are in the lowest or in the highest three; the lowest go first. */
static enum enc_unit unit_cpixel(const struct vnc_pixel_format *pf)
{
    uint32_t used = 0;

    for (unsigned c = 0; c < 3; c++) {
        used |= (uint32_t)pf->max[c] << pf->shift[c];
    }
    if (pf->bits != 32 || pf->depth > 24 || ((used & 0xff000000) && (used & 0xff))) {
        return unit_pixel(pf);
    }
    bool lowest = !(used & 0xff000000);
    return lowest != pf->big_endian ? ENC_UNIT_3LOW : ENC_UNIT_3HIGH;
}

void enc_format_prepare(struct vnc_encoder *e, const struct vnc_pixel_format *pf)
{
    e->pf = pf->true_colour ? *pf : format_332;
    prepare_convert(&e->convert, &e->pf);
    e->unit = unit_pixel(&e->pf);
    e->cpixel = unit_cpixel(&e->pf);
    e->tpixel = is_888(&e->pf) && e->pf.depth == 24;
}

/* --- conversion ----------------------------------------------------------------------------------- */

/* Written out for each case so that the loops are vectors'. */
static void convert_shift(const struct enc_convert *c, const uint32_t *restrict from, size_t n,
                          uint32_t *restrict to)
{
    unsigned r = c->to[0], g = c->to[1], b = c->to[2];

    for (size_t i = 0; i < n; i++) {
        to[i] = (from[i] >> 16 & 255) << r | (from[i] >> 8 & 255) << g | (from[i] & 255) << b;
    }
    if (c->swap) {
        for (size_t i = 0; i < n; i++) {
            to[i] = bswap32(to[i]);
        }
    }
}

void enc_convert_row(const struct enc_convert *c, const uint32_t *from, size_t n, uint32_t *to)
{
    if (c->none) {
        memcpy(to, from, n * sizeof(*to));
    } else if (c->shift) {
        convert_shift(c, from, n, to);
    } else {
        for (size_t i = c->narrow ? enc_narrow_row(&c->by, from, n, to) : 0; i < n; i++) {
            to[i] = convert_by_table(c, from[i]);
        }
    }
}

struct enc_area enc_area_source(const struct vnc_image *img, const struct vnc_rect *r)
{
    return (struct enc_area){img->pixels + r->y * img->stride + r->x, img->stride, r->w, r->h};
}

struct enc_area enc_area_client(struct vnc_encoder *e, const struct vnc_image *img,
                                const struct vnc_rect *r)
{
    struct enc_area a = enc_area_source(img, r);

    if (e->convert.none) {
        return a;
    }
    if (!e->values) {
        e->values = g_new(uint32_t, ENC_AREA_PIXELS);
    }
    for (unsigned y = 0; y < r->h; y++) {
        enc_convert_row(&e->convert, a.px + y * a.stride, r->w, e->values + (size_t)y * r->w);
    }
    return (struct enc_area){e->values, r->w, r->w, r->h};
}

/* --- output --------------------------------------------------------------------------------------- */

static void put_bytes(const uint32_t *restrict values, size_t n, unsigned first, unsigned count,
                      uint8_t *restrict p)
{
    for (size_t i = 0; i < n; i++, p += count) {
        memcpy(p, (const uint8_t *)(values + i) + first, count);
    }
}

static void put_rgb(const uint32_t *restrict values, size_t n, uint8_t *restrict p)
{
    for (size_t i = 0; i < n; i++, p += 3) {
        p[0] = (uint8_t)(values[i] >> 16);
        p[1] = (uint8_t)(values[i] >> 8);
        p[2] = (uint8_t)values[i];
    }
}

/* Constant arguments make constant copies of these. */
static void put_to(enum enc_unit unit, const uint32_t *values, size_t n, uint8_t *p)
{
    switch (unit) {
    case ENC_UNIT_1:
        put_bytes(values, n, 0, 1, p);
        break;
    case ENC_UNIT_2:
        put_bytes(values, n, 0, 2, p);
        break;
    case ENC_UNIT_4:
        memcpy(p, values, n * 4);
        break;
    case ENC_UNIT_3LOW:
        put_bytes(values, n, 0, 3, p);
        break;
    case ENC_UNIT_3HIGH:
        put_bytes(values, n, 1, 3, p);
        break;
    case ENC_UNIT_RGB:
        put_rgb(values, n, p);
        break;
    }
}

void enc_put(enum enc_unit unit, const uint32_t *values, size_t n, GByteArray *out)
{
    put_to(unit, values, n, enc_grow(out, n * enc_unit_bytes[unit]));
}

void enc_put_area(enum enc_unit unit, const struct enc_area *a, GByteArray *out)
{
    size_t row = (size_t)a->w * enc_unit_bytes[unit];
    uint8_t *p = enc_grow(out, row * a->h);

    for (unsigned y = 0; y < a->h; y++, p += row) {
        put_to(unit, a->px + y * a->stride, a->w, p);
    }
}

/* --- looking -------------------------------------------------------------------------------------- */

static bool row_is(const uint32_t *px, size_t n, uint32_t v)
{
    size_t i = 0;

    /* Blocks without a branch inside, for the vectoriser. */
    for (; i + 16 <= n; i += 16) {
        uint32_t differ = 0;
        for (unsigned k = 0; k < 16; k++) {
            differ |= px[i + k] ^ v;
        }
        if (differ) {
            return false;
        }
    }
    for (; i < n; i++) {
        if (px[i] != v) {
            return false;
        }
    }
    return true;
}

bool enc_is_solid(const struct enc_area *a)
{
    uint32_t v = a->px[0];

    for (unsigned y = 0; y < a->h; y++) {
        if (!row_is(a->px + y * a->stride, a->w, v)) {
            return false;
        }
    }
    return true;
}
