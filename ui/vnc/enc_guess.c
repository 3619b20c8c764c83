/* SPDX-License-Identifier: MIT */
/*
 * How many bytes an area may take, from a look at its pixels: for servers that must not put more into
 * a rectangle than a link takes in a moment. Where neighbours mostly differ nothing helps but JPEG;
 * else an area is runs of one colour, and what encodings and zlib make of these is half as much.
 */
#include "ui/vnc/enc_simd.h"
#include "ui/vnc/enc_tight.h"

#define RUN_BYTES  2u  /* of a run, besides its colour */
#define RECT_BYTES 16u /* of a rectangle: a header, a flush of zlib's */

/* Pixels that differ from their left neighbour; the first of each row counts as one. */
static size_t count_runs(const struct enc_area *a)
{
    size_t runs = a->h;

    for (unsigned y = 0; y < a->h; y++) {
        for (unsigned x = 0; x < a->w; x += 64) {
            unsigned n = MIN(64u, a->w - x);
            runs += (unsigned)__builtin_popcountll(enc_edges(a->px + y * a->stride + x, n));
        }
    }
    return runs;
}

static unsigned pixel_bytes(const struct vnc_encoder *e)
{
    switch (e->encoding) {
    case VNC_ENCODING_TIGHT:
    case VNC_ENCODING_TIGHT_PNG:
        return enc_unit_bytes[e->tpixel ? ENC_UNIT_RGB : e->unit];
    case VNC_ENCODING_ZRLE:
        return enc_unit_bytes[e->cpixel];
    default:
        return enc_unit_bytes[e->unit];
    }
}

static int jpeg_quality(const struct vnc_encoder *e, size_t whole)
{
    bool tight = e->encoding == VNC_ENCODING_TIGHT || e->encoding == VNC_ENCODING_TIGHT_PNG;

    return tight && e->pf.bits > 8 && whole >= enc_jpeg_pixels(e) ? enc_quality(e) : -1;
}

/* Of pixels that all differ, in a rectangle of `whole` pixels. */
static size_t guess_noise(const struct vnc_encoder *e, size_t pixels, size_t whole)
{
    /* Measured: bytes of JPEG for 100 pixels of noise, by quality. */
    static const uint8_t jpeg[10] = {13, 18, 22, 30, 37, 43, 50, 58, 91, 205};
    int quality = jpeg_quality(e, whole);

    return quality < 0 ? pixels * pixel_bytes(e) : pixels * jpeg[quality] / 100;
}

size_t vnc_encode_guess(const struct vnc_encoder *e, const struct vnc_image *img,
                        const struct vnc_rect *r, size_t whole)
{
    struct enc_area a = enc_area_source(img, r);
    size_t pixels = (size_t)r->w * r->h, plain = pixels * pixel_bytes(e);

    if (e->encoding == VNC_ENCODING_RAW) {
        return plain + RECT_BYTES;
    }
    size_t runs = count_runs(&a);
    if (runs * 2 > pixels) {
        return guess_noise(e, pixels, whole) + RECT_BYTES;
    }
    return MIN(runs * (pixel_bytes(e) + RUN_BYTES) / 2, plain) + RECT_BYTES;
}
