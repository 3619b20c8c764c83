/* SPDX-License-Identifier: MIT */
/*
 * Pieces of the Tight and TightPNG encodings (rfbproto, "Tight Encoding" and "TightPNG Encoding"):
 * one colour, two colours, a palette, JPEG, or full colour; compressed by three of the four zlib
 * streams, or as PNG. The gradient filter is left out: not all clients have it.
 */
#include "ui/vnc/enc_tight.h"

#include "ui/vnc/enc_simd.h"
#include "ui/vnc/enc_zlib.h"

/* The compression-control byte. */
enum {
    CONTROL_FILTER = 0x40, /* a filter byte follows; bits 4 and 5: stream */
    CONTROL_FILL = 0x80,
    CONTROL_JPEG = 0x90,
    CONTROL_PNG = 0xa0
};
#define FILTER_PALETTE 1u

#define PLAIN_MAX    12u /* shorter data are not compressed */
#define PALETTE_GAIN 64u /* pixels per colour of a palette, at least */

/* --- control, length, data ------------------------------------------------------------------------ */

static void put_control(GByteArray *out, unsigned control)
{
    *enc_grow(out, 1) = (uint8_t)control;
}

void enc_tight_length(GByteArray *out, guint at)
{
    guint n = out->len - at;
    uint8_t bytes[3] = {(uint8_t)(n & 127), (uint8_t)(n >> 7 & 127), (uint8_t)(n >> 14)};
    unsigned count = n < 128 ? 1 : n < 16384 ? 2 : 3;

    for (unsigned i = 0; i + 1 < count; i++) {
        bytes[i] |= 128;
    }
    enc_grow(out, count);
    memmove(out->data + at + count, out->data + at, n);
    memcpy(out->data + at, bytes, count);
}

/* What is in e->plain, compressed if it is long enough. */
static void put_data(struct vnc_encoder *e, enum enc_stream_id stream, int strategy,
                     GByteArray *out)
{
    if (e->plain->len < PLAIN_MAX) {
        g_byte_array_append(out, e->plain->data, e->plain->len);
        g_byte_array_set_size(e->plain, 0);
        return;
    }
    guint at = out->len;
    enc_stream_begin(e, stream, enc_compression(e), strategy, out);
    enc_flush_plain(e, stream, true, out);
    enc_tight_length(out, at);
}

/* --- forms of a piece ------------------------------------------------------------------------------ */

/* A piece on its way. */
struct piece {
    struct vnc_encoder *e;
    struct enc_area source;
    struct enc_area a;  /* what is encoded: the source or the client's pixels, */
    enum enc_unit unit; /* written as these */
    struct enc_palette palette;
    GByteArray *out;
};

static void put_fill(struct vnc_encoder *e, uint32_t source, GByteArray *out)
{
    uint32_t value = source;

    put_control(out, CONTROL_FILL);
    if (!e->tpixel) {
        enc_convert_row(&e->convert, &source, 1, &value);
    }
    enc_put(e->tpixel ? ENC_UNIT_RGB : e->unit, &value, 1, out);
}

static void put_palette(struct piece *p, enum enc_stream_id stream)
{
    put_control(p->out, CONTROL_FILTER | stream << 4);
    uint8_t *head = enc_grow(p->out, 2);
    head[0] = FILTER_PALETTE;
    head[1] = (uint8_t)(p->palette.count - 1);
    enc_put(p->unit, p->palette.colour, p->palette.count, p->out);
}

static void put_mono(struct piece *p)
{
    put_palette(p, ENC_STREAM_TIGHT_MONO);
    enc_put_mono(&p->a, p->palette.colour[1], p->e->plain);
    put_data(p->e, ENC_STREAM_TIGHT_MONO, Z_DEFAULT_STRATEGY, p->out);
}

static void put_indexed(struct piece *p)
{
    put_palette(p, ENC_STREAM_TIGHT_INDEXED);
    enc_palette_indices(&p->palette, &p->a, enc_grow(p->e->plain, (size_t)p->a.w * p->a.h));
    put_data(p->e, ENC_STREAM_TIGHT_INDEXED, Z_DEFAULT_STRATEGY, p->out);
}

static void put_full(struct piece *p)
{
    put_control(p->out, ENC_STREAM_TIGHT_FULL << 4);
    enc_put_area(p->unit, &p->a, p->e->plain);
    put_data(p->e, ENC_STREAM_TIGHT_FULL, Z_DEFAULT_STRATEGY, p->out);
}

static bool put_jpeg(struct piece *p)
{
    int quality = enc_quality(p->e);

    put_control(p->out, CONTROL_JPEG);
    guint at = p->out->len;
    if (!enc_jpeg(p->e, &p->source, quality, p->out)) {
        g_byte_array_set_size(p->out, at - 1);
        return false;
    }
    enc_tight_length(p->out, at);
    return true;
}

static bool put_png(struct piece *p, bool few)
{
    put_control(p->out, CONTROL_PNG);
    guint at = p->out->len;
    if (!enc_png(p->e, &p->source, few ? &p->palette : NULL, p->out)) {
        g_byte_array_set_size(p->out, at - 1);
        return false;
    }
    enc_tight_length(p->out, at);
    return true;
}

/* --- choosing ------------------------------------------------------------------------------------- */

/*
 * Is this more like a photograph than like text and boxes? In those most pixels are like their left
 * neighbour, and JPEG would blur the rest.
 */
static bool is_smooth(const struct enc_area *a)
{
    size_t edges = 0, seen = 0;

    for (unsigned y = 0; y < a->h; y += 3) {
        for (unsigned x = 0; x < a->w; x += 64) {
            unsigned n = MIN(64u, a->w - x);
            edges += (unsigned)__builtin_popcountll(enc_edges(a->px + y * a->stride + x, n));
            seen += n;
        }
    }
    return edges * 2 > seen;
}

static bool want_jpeg(const struct piece *p)
{
    unsigned side = enc_jpeg_side(p->e);

    return enc_quality(p->e) >= 0 && p->e->pf.bits > 8 && p->a.w >= side && p->a.h >= side &&
           p->a.w * p->a.h >= enc_jpeg_pixels(p->e) && is_smooth(&p->source);
}

/* How many colours are worth a palette. */
static unsigned palette_limit(const struct piece *p)
{
    size_t n = (size_t)p->a.w * p->a.h / PALETTE_GAIN;

    return (unsigned)MAX((size_t)2, MIN(n, ENC_PALETTE_MAX));
}

static void put_lossless(struct piece *p, bool few)
{
    if (!few) {
        put_full(p);
    } else if (p->palette.count > 2) {
        put_indexed(p);
    } else {
        put_mono(p);
    }
}

/* False: it cannot be sent this way. */
static bool put_piece(struct piece *p, const struct vnc_rect *r)
{
    bool few = enc_palette_of_area(&p->palette, &p->a, palette_limit(p));

    if (few && p->palette.count == 1) {
        put_fill(p->e, p->source.px[0], p->out);
        return true;
    }
    if (!few && want_jpeg(p) && put_jpeg(p)) {
        enc_lossy_mark(&p->e->lossy, r);
        return true;
    }
    if (p->e->encoding == VNC_ENCODING_TIGHT_PNG) {
        return put_png(p, few);
    }
    put_lossless(p, few);
    return true;
}

/* The pixels to work on; PNG has its own, whatever the client's format. */
static void piece_init(struct piece *p, struct vnc_encoder *e, const struct vnc_image *img,
                       const struct vnc_rect *r, GByteArray *out)
{
    bool source = e->tpixel || e->encoding == VNC_ENCODING_TIGHT_PNG;

    p->e = e;
    p->out = out;
    p->source = enc_area_source(img, r);
    p->a = source ? p->source : enc_area_client(e, img, r);
    p->unit = e->tpixel ? ENC_UNIT_RGB : e->unit;
}

unsigned enc_tight_solid(struct vnc_encoder *e, const struct vnc_image *img,
                         const struct vnc_rect *r, GByteArray *out)
{
    vnc_rect_header(out, r->x, r->y, r->w, r->h, e->encoding);
    put_fill(e, img->pixels[r->y * img->stride + r->x], out);
    return 1;
}

unsigned enc_tight_piece(struct vnc_encoder *e, const struct vnc_image *img,
                         const struct vnc_rect *r, GByteArray *out)
{
    struct piece p;
    guint start = out->len;

    vnc_rect_header(out, r->x, r->y, r->w, r->h, e->encoding);
    piece_init(&p, e, img, r, out);
    if (put_piece(&p, r)) {
        return 1;
    }
    g_byte_array_set_size(out, start);
    return enc_raw(e, img, r, out);
}
