/* SPDX-License-Identifier: MIT */
/*
 * The encoder of a VNC client: what it asked for, and the rectangles that need no compression: Raw,
 * CopyRect (RFC 6143 sections 7.7.1, 7.7.2), the pointer's shape (7.8.1, and rfbproto's Cursor With
 * Alpha), LastRect (rfbproto).
 */
#include "ui/vnc/enc_tight.h"
#include "ui/vnc/enc_zlib.h"

#define SIDE_MAX            16384u
#define COMPRESSION_DEFAULT 5

/* --- bytes ---------------------------------------------------------------------------------------- */

uint8_t *enc_grow(GByteArray *out, size_t n)
{
    guint at = out->len;

    g_byte_array_set_size(out, at + (guint)n);
    return out->data + at;
}

void enc_put_be16(GByteArray *out, uint16_t v)
{
    st_be16(enc_grow(out, 2), v);
}

void enc_put_be32(GByteArray *out, uint32_t v)
{
    st_be32(enc_grow(out, 4), v);
}

void vnc_rect_header(GByteArray *out, unsigned x, unsigned y, unsigned w, unsigned h,
                     int32_t encoding)
{
    uint8_t *p = enc_grow(out, 12);

    st_be16(p, (uint16_t)x);
    st_be16(p + 2, (uint16_t)y);
    st_be16(p + 4, (uint16_t)w);
    st_be16(p + 6, (uint16_t)h);
    st_be32(p + 8, (uint32_t)encoding);
}

/* --- the encodings there are -------------------------------------------------------------------- */

static const struct encoding {
    int32_t number;
    unsigned (*encode)(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                       GByteArray *out);
} encodings[] = {
    {VNC_ENCODING_RAW, enc_raw},         {VNC_ENCODING_HEXTILE, enc_hextile},
    {VNC_ENCODING_ZLIB, enc_zlib},       {VNC_ENCODING_TIGHT, enc_tight},
    {VNC_ENCODING_TIGHT_PNG, enc_tight}, {VNC_ENCODING_ZRLE, enc_zrle},
};

static const struct encoding *find_encoding(int32_t number)
{
    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        if (encodings[i].number == number) {
            return &encodings[i];
        }
    }
    return NULL;
}

/* --- the encoder ---------------------------------------------------------------------------------- */

struct vnc_encoder *vnc_encoder_new(void)
{
    struct vnc_encoder *e = g_new0(struct vnc_encoder, 1);

    e->plain = g_byte_array_new();
    e->allow_lossy = true;
    e->adapt_quality = e->adapt_compression = -1;
    vnc_encoder_set_encodings(e, NULL, 0);
    vnc_encoder_set_format(e, &vnc_pixel_format_native);
    return e;
}

void vnc_encoder_free(struct vnc_encoder *e)
{
    if (e) {
        enc_streams_close(e);
        enc_jpeg_fini(e);
        enc_lossy_fini(&e->lossy);
        g_byte_array_free(e->plain, TRUE);
        g_free(e->values);
        g_free(e);
    }
}

void vnc_encoder_set_format(struct vnc_encoder *e, const struct vnc_pixel_format *pf)
{
    enc_format_prepare(e, pf);
}

/* Which flag a pseudo-encoding sets. */
static bool *encoding_flag(struct vnc_encoder *e, int32_t encoding)
{
    switch (encoding) {
    case VNC_ENCODING_COPYRECT:
        return &e->copyrect;
    case VNC_ENCODING_LAST_RECT:
        return &e->last_rect;
    case VNC_ENCODING_CURSOR:
        return &e->cursor;
    case VNC_ENCODING_CURSOR_ALPHA:
        return &e->cursor_alpha;
    default:
        return NULL;
    }
}

static void set_encoding(struct vnc_encoder *e, int32_t n, bool *chosen)
{
    bool *flag = encoding_flag(e, n);

    if (flag) {
        *flag = true;
    } else if (n >= VNC_ENCODING_QUALITY_0 && n < VNC_ENCODING_QUALITY_0 + 10) {
        e->quality = n - VNC_ENCODING_QUALITY_0;
    } else if (n >= VNC_ENCODING_COMPRESS_0 && n < VNC_ENCODING_COMPRESS_0 + 10) {
        e->compression = n - VNC_ENCODING_COMPRESS_0;
    } else if (!*chosen && find_encoding(n)) {
        *chosen = true;
        e->encoding = n;
    }
}

void vnc_encoder_set_encodings(struct vnc_encoder *e, const int32_t *list, size_t count)
{
    bool chosen = false;

    e->copyrect = e->last_rect = e->cursor = e->cursor_alpha = false;
    e->quality = -1;
    e->compression = COMPRESSION_DEFAULT;
    e->encoding = VNC_ENCODING_RAW;
    for (size_t i = 0; i < count; i++) {
        set_encoding(e, list[i], &chosen);
    }
}

void vnc_encoder_allow_lossy(struct vnc_encoder *e, bool allow)
{
    e->allow_lossy = allow;
}

void vnc_encoder_adapt(struct vnc_encoder *e, int quality, int compression)
{
    e->adapt_quality = MIN(quality, 9);
    e->adapt_compression = MIN(compression, 9);
}

bool vnc_encoder_has(const struct vnc_encoder *e, int32_t encoding)
{
    const bool *flag = encoding_flag((struct vnc_encoder *)e, encoding);

    return flag ? *flag : e->encoding == encoding;
}

int32_t vnc_encoder_encoding(const struct vnc_encoder *e)
{
    return e->encoding;
}

int enc_quality(const struct vnc_encoder *e)
{
    if (e->quality < 0 || !e->allow_lossy || e->lossless) {
        return -1;
    }
    return e->adapt_quality >= 0 ? e->adapt_quality : e->quality;
}

int enc_compression(const struct vnc_encoder *e)
{
    /* Measured: zlib's 2 hardly differs from 1, its 9 costs twice its 8 and saves nothing. */
    static const uint8_t zlib_level[10] = {1, 3, 3, 4, 4, 5, 6, 6, 7, 8};

    return zlib_level[e->adapt_compression >= 0 ? e->adapt_compression : e->compression];
}

void vnc_encoder_frame(struct vnc_encoder *e, unsigned width, unsigned height, int64_t now)
{
    enc_lossy_frame(&e->lossy, width, height, now);
}

/* --- rectangles ----------------------------------------------------------------------------------- */

unsigned enc_raw(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                 GByteArray *out)
{
    unsigned rows = ENC_AREA_PIXELS / r->w;

    vnc_rect_header(out, r->x, r->y, r->w, r->h, VNC_ENCODING_RAW);
    for (unsigned y = 0; y < r->h; y += rows) {
        struct vnc_rect part = {r->x, r->y + y, r->w, MIN(rows, r->h - y)};
        struct enc_area a = enc_area_client(e, img, &part);
        enc_put_area(e->unit, &a, out);
    }
    return 1;
}

/* False if nothing is left. */
static bool clip(const struct vnc_image *img, struct vnc_rect *r)
{
    unsigned width = MIN(img->width, SIDE_MAX), height = MIN(img->height, SIDE_MAX);

    if (r->x >= width || r->y >= height) {
        return false;
    }
    r->w = MIN(r->w, width - r->x);
    r->h = MIN(r->h, height - r->y);
    return r->w && r->h;
}

unsigned vnc_encode(struct vnc_encoder *e, const struct vnc_image *img, unsigned x, unsigned y,
                    unsigned w, unsigned h, GByteArray *out)
{
    struct vnc_rect r = {x, y, w, h};

    if (!clip(img, &r)) {
        return 0;
    }
    enc_lossy_clear(&e->lossy, &r);
    return find_encoding(e->encoding)->encode(e, img, &r, out);
}

unsigned vnc_encode_lossless(struct vnc_encoder *e, const struct vnc_image *img, unsigned x,
                             unsigned y, unsigned w, unsigned h, GByteArray *out)
{
    e->lossless = true;
    unsigned n = vnc_encode(e, img, x, y, w, h, out);
    e->lossless = false;
    return n;
}

unsigned vnc_encode_copyrect(struct vnc_encoder *e, const struct vnc_rect *dst, unsigned from_x,
                             unsigned from_y, GByteArray *out)
{
    vnc_rect_header(out, dst->x, dst->y, dst->w, dst->h, VNC_ENCODING_COPYRECT);
    enc_lossy_copy(&e->lossy, dst, from_x, from_y);
    enc_put_be16(out, (uint16_t)from_x);
    enc_put_be16(out, (uint16_t)from_y);
    return 1;
}

unsigned vnc_encode_last_rect(struct vnc_encoder *e, GByteArray *out)
{
    vnc_rect_header(out, 0, 0, 0, 0, VNC_ENCODING_LAST_RECT);
    return 1;
}

/* --- the pointer's shape -------------------------------------------------------------------------- */

/* A mask of what is at least half opaque. */
static void put_mask(const uint32_t *pixels, unsigned w, unsigned h, GByteArray *out)
{
    size_t row = (w + 7) / 8;
    uint8_t *mask = enc_grow(out, row * h);

    memset(mask, 0, row * h);
    for (unsigned y = 0; y < h; y++, mask += row) {
        for (unsigned x = 0; x < w; x++) {
            mask[x / 8] |= (uint8_t)(*pixels++ >> 31) << (7 - x % 8);
        }
    }
}

static void put_cursor_masked(struct vnc_encoder *e, const uint32_t *pixels, unsigned w, unsigned h,
                              GByteArray *out)
{
    uint32_t row[64];

    for (size_t at = 0; at < (size_t)w * h; at += ARRAY_SIZE(row)) {
        size_t n = MIN(ARRAY_SIZE(row), (size_t)w * h - at);
        enc_convert_row(&e->convert, pixels + at, n, row);
        enc_put(e->unit, row, n, out);
    }
    put_mask(pixels, w, h, out);
}

/* Raw rectangle of RGBA, the colours multiplied with alpha. */
static void put_cursor_alpha(const uint32_t *pixels, size_t n, GByteArray *out)
{
    enc_put_be32(out, VNC_ENCODING_RAW);
    uint8_t *p = enc_grow(out, n * 4);
    for (size_t i = 0; i < n; i++, p += 4) {
        uint32_t alpha = pixels[i] >> 24;
        for (unsigned c = 0; c < 3; c++) {
            p[c] = (uint8_t)(((pixels[i] >> (16 - 8 * c) & 255) * alpha + 127) / 255);
        }
        p[3] = (uint8_t)alpha;
    }
}

unsigned vnc_encode_cursor(struct vnc_encoder *e, const uint32_t *pixels, unsigned w, unsigned h,
                           unsigned hot_x, unsigned hot_y, GByteArray *out)
{
    if (e->cursor_alpha) {
        vnc_rect_header(out, hot_x, hot_y, w, h, VNC_ENCODING_CURSOR_ALPHA);
        put_cursor_alpha(pixels, (size_t)w * h, out);
        return 1;
    }
    if (e->cursor) {
        vnc_rect_header(out, hot_x, hot_y, w, h, VNC_ENCODING_CURSOR);
        put_cursor_masked(e, pixels, w, h, out);
        return 1;
    }
    return 0;
}
