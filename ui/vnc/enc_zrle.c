/* SPDX-License-Identifier: MIT */
/*
 * ZRLE (RFC 6143 section 7.7.6): tiles of 64 by 64, each raw, of one colour, as numbers of a palette
 * (packed or as runs) or as runs of pixels, whatever is shortest; then one zlib stream.
 */
#include "ui/vnc/enc_palette.h"
#include "ui/vnc/enc_simd.h"
#include "ui/vnc/enc_zlib.h"

#define TILE_PIXELS   (ENC_TILE * ENC_TILE)
#define PALETTE_MAX   127u /* of runs */
#define PACKED_MAX    16u  /* of packed pixels */
#define FLUSH_AT      32768u
#define SUBENCODE_RLE 128u

/* A tile as its runs, which go on from row to row, and what it costs in each form. */
struct tile {
    unsigned w, h;
    unsigned runs;
    uint32_t value[TILE_PIXELS];
    uint16_t length[TILE_PIXELS];
    bool few; /* the palette has all colours */
    struct enc_palette palette;
};

struct form {
    unsigned subencoding;
    void (*put)(struct vnc_encoder *e, const struct tile *t, const struct enc_area *a);
    size_t bytes;
};

/* --- looking -------------------------------------------------------------------------------------- */

static void add_run(struct tile *t, uint32_t value, unsigned length)
{
    if (t->runs && t->value[t->runs - 1] == value) {
        t->length[t->runs - 1] = (uint16_t)(t->length[t->runs - 1] + length);
        return;
    }
    t->value[t->runs] = value;
    t->length[t->runs++] = (uint16_t)length;
    t->few = t->few && enc_palette_add(&t->palette, value);
}

static void find_runs(struct tile *t, const struct enc_area *a)
{
    t->w = a->w;
    t->h = a->h;
    t->runs = 0;
    t->few = true;
    enc_palette_init(&t->palette, PALETTE_MAX);
    for (unsigned y = 0; y < a->h; y++) {
        const uint32_t *px = a->px + y * a->stride;
        uint64_t edges = enc_edges(px, a->w);
        unsigned start = 0;
        for (; edges; edges &= edges - 1) {
            unsigned end = (unsigned)__builtin_ctzll(edges);
            add_run(t, px[start], end - start);
            start = end;
        }
        add_run(t, px[start], a->w - start);
    }
}

/* Bytes of the lengths of all runs; those of 1 cost `single`. */
static size_t length_bytes(const struct tile *t, unsigned single)
{
    size_t n = 0;

    for (unsigned i = 0; i < t->runs; i++) {
        n += t->length[i] == 1 ? single : 1 + (t->length[i] - 1u) / 255;
    }
    return n;
}

static unsigned packed_bits(unsigned colours)
{
    return colours <= 2 ? 1 : colours <= 4 ? 2 : 4;
}

/* --- forms ---------------------------------------------------------------------------------------- */

static void put_length(unsigned length, GByteArray *out)
{
    unsigned full = (length - 1) / 255;
    uint8_t *p = enc_grow(out, full + 1);

    memset(p, 255, full);
    p[full] = (uint8_t)((length - 1) % 255);
}

static void put_palette(struct vnc_encoder *e, const struct tile *t)
{
    enc_put(e->cpixel, t->palette.colour, t->palette.count, e->plain);
}

static void put_raw(struct vnc_encoder *e, const struct tile *t, const struct enc_area *a)
{
    enc_put_area(e->cpixel, a, e->plain);
}

static void put_solid(struct vnc_encoder *e, const struct tile *t, const struct enc_area *a)
{
    put_palette(e, t);
}

static void put_packed(struct vnc_encoder *e, const struct tile *t, const struct enc_area *a)
{
    unsigned bits = packed_bits(t->palette.count), row = DIV_ROUND_UP(t->w * bits, 8);
    uint8_t indices[TILE_PIXELS];

    put_palette(e, t);
    if (bits == 1) {
        enc_put_mono(a, t->palette.colour[1], e->plain);
        return;
    }
    enc_palette_indices(&t->palette, a, indices);
    uint8_t *p = enc_grow(e->plain, (size_t)row * t->h);
    for (unsigned y = 0; y < t->h; y++, p += row) {
        enc_pack_row(indices + y * t->w, t->w, bits, p);
    }
}

static void put_runs(struct vnc_encoder *e, const struct tile *t, const struct enc_area *a)
{
    for (unsigned i = 0; i < t->runs; i++) {
        enc_put(e->cpixel, &t->value[i], 1, e->plain);
        put_length(t->length[i], e->plain);
    }
}

static void put_palette_runs(struct vnc_encoder *e, const struct tile *t, const struct enc_area *a)
{
    put_palette(e, t);
    for (unsigned i = 0; i < t->runs; i++) {
        unsigned index = enc_palette_find(&t->palette, t->value[i]);
        if (t->length[i] == 1) {
            *enc_grow(e->plain, 1) = (uint8_t)index;
        } else {
            *enc_grow(e->plain, 1) = (uint8_t)(index | SUBENCODE_RLE);
            put_length(t->length[i], e->plain);
        }
    }
}

/* --- choosing ------------------------------------------------------------------------------------- */

static void consider(struct form *best, struct form f)
{
    if (f.bytes < best->bytes) {
        *best = f;
    }
}

static struct form choose(const struct vnc_encoder *e, const struct tile *t)
{
    unsigned pixel = enc_unit_bytes[e->cpixel], colours = t->palette.count;
    struct form best = {0, put_raw, (size_t)t->w * t->h * pixel};

    if (t->few && colours == 1) {
        return (struct form){1, put_solid, pixel};
    }
    consider(&best, (struct form){SUBENCODE_RLE, put_runs, t->runs * pixel + length_bytes(t, 1)});
    if (!t->few) {
        return best;
    }
    consider(&best, (struct form){SUBENCODE_RLE + colours, put_palette_runs,
                                  (colours * pixel) + t->runs + length_bytes(t, 0)});
    if (colours <= PACKED_MAX) {
        size_t packed = (size_t)DIV_ROUND_UP(t->w * packed_bits(colours), 8) * t->h;
        consider(&best, (struct form){colours, put_packed, colours * pixel + packed});
    }
    return best;
}

static void put_tile(struct vnc_encoder *e, struct tile *t, const struct enc_area *a)
{
    find_runs(t, a);
    struct form f = choose(e, t);
    *enc_grow(e->plain, 1) = (uint8_t)f.subencoding;
    f.put(e, t, a);
}

unsigned enc_zrle(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                  GByteArray *out)
{
    struct tile t;

    vnc_rect_header(out, r->x, r->y, r->w, r->h, VNC_ENCODING_ZRLE);
    guint at = out->len;
    enc_put_be32(out, 0);
    enc_stream_begin(e, ENC_STREAM_ZRLE, enc_compression(e), Z_DEFAULT_STRATEGY, out);
    for (unsigned y = 0; y < r->h; y += ENC_TILE) {
        for (unsigned x = 0; x < r->w; x += ENC_TILE) {
            struct vnc_rect part = {r->x + x, r->y + y, MIN(ENC_TILE, r->w - x),
                                    MIN(ENC_TILE, r->h - y)};
            struct enc_area a = enc_area_client(e, img, &part);
            put_tile(e, &t, &a);
            if (e->plain->len >= FLUSH_AT) {
                enc_flush_plain(e, ENC_STREAM_ZRLE, false, out);
            }
        }
    }
    enc_flush_plain(e, ENC_STREAM_ZRLE, true, out);
    st_be32(out->data + at, out->len - at - 4);
    return 1;
}
