/* SPDX-License-Identifier: MIT */
/* A client's side of the encodings: RFC 6143 section 7.7, and rfbproto's Zlib and Tight. */
#include "tests/ui/rfb_decode.h"

#include <check.h>
#include <glib.h>
#include <png.h>
#include <stdlib.h>

#include "config.h"
#if CONFIG_JPEG
#include <turbojpeg.h>
#endif

/* ck_assert() costs a system call each. */
#define need(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

enum { LAST_RECT = -224 };

struct rect {
    unsigned x, y, w, h;
};

/* --- input ---------------------------------------------------------------------------------------- */

/* Where bytes come from: the connection (with `wire`), or what has been inflated. */
struct source {
    const uint8_t **p;
    const uint8_t *end;
    struct rfb_decoder *wire;
};

static const uint8_t *take(struct source s, size_t n)
{
    struct rfb_decoder *d = s.wire;

    if (d && d->more && n > (size_t)(d->end - d->p)) {
        d->more(d, n);
    }
    const uint8_t *p = *s.p, *end = d ? d->end : s.end;
    need(n <= (size_t)(end - p));
    *s.p += n;
    return p;
}

static struct source wire(struct rfb_decoder *d)
{
    return (struct source){&d->p, d->end, d};
}

const uint8_t *rfb_take(struct rfb_decoder *d, size_t n)
{
    return take(wire(d), n);
}

static unsigned take_u8(struct source s)
{
    return *take(s, 1);
}

static unsigned take_u16(struct source s)
{
    return ld_be16(take(s, 2));
}

static uint32_t take_u32(struct source s)
{
    return ld_be32(take(s, 4));
}

/* n bytes as a number of the client's order. */
static uint32_t number(const struct rfb_decoder *d, const uint8_t *p, unsigned n)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < n; i++) {
        v |= (uint32_t)p[i] << 8 * (d->pf.big_endian ? n - 1 - i : i);
    }
    return v;
}

static uint32_t take_pixel(const struct rfb_decoder *d, struct source s)
{
    return number(d, take(s, d->pf.bits / 8), d->pf.bits / 8);
}

static uint32_t take_cpixel(const struct rfb_decoder *d, struct source s)
{
    uint32_t used = 0;

    for (unsigned c = 0; c < 3; c++) {
        used |= d->pf.max[c] << d->pf.shift[c];
    }
    if (d->pf.bits != 32 || d->pf.depth > 24 || (used >> 24 && used & 255)) {
        return take_pixel(d, s);
    }
    return number(d, take(s, 3), 3) << (used >> 24 ? 8 : 0);
}

uint32_t rfb_pixel(const struct rfb_format *pf, uint32_t rgb)
{
    uint32_t v = 0;

    for (unsigned c = 0; c < 3; c++) {
        uint32_t part = rgb >> (16 - 8 * c) & 255;
        v |= (part * pf->max[c] + 127) / 255 << pf->shift[c];
    }
    return v;
}

static uint32_t take_tpixel(const struct rfb_decoder *d, struct source s)
{
    if (d->pf.bits != 32 || d->pf.depth != 24 || d->pf.max[0] != 255 || d->pf.max[1] != 255 ||
        d->pf.max[2] != 255) {
        return take_pixel(d, s);
    }
    const uint8_t *p = take(s, 3);
    return rfb_pixel(&d->pf, (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]);
}

/* --- zlib ----------------------------------------------------------------------------------------- */

/* Inflate n bytes of the wire: to exactly `size` bytes, or, if that is 0, to as many as there are. */
static uint8_t *inflate_part(struct rfb_decoder *d, struct rfb_inflate *s, size_t n, size_t *size)
{
    size_t room = *size ? *size : 65536, got = 0;
    uint8_t *out = g_malloc(room + 1);
    bool any = !*size;

    if (!s->open) {
        need(inflateInit(&s->z) == Z_OK);
        s->open = true;
    }
    s->z.next_in = (Bytef *)take(wire(d), n);
    s->z.avail_in = (uInt)n;
    for (;;) {
        s->z.next_out = out + got;
        s->z.avail_out = (uInt)(room - got);
        int rc = inflate(&s->z, Z_SYNC_FLUSH);
        need(rc == Z_OK || rc == Z_BUF_ERROR);
        got = room - s->z.avail_out;
        if (s->z.avail_out || !any) {
            break;
        }
        room *= 2;
        out = g_realloc(out, room + 1);
    }
    need(s->z.avail_in == 0);
    need(any || got == *size);
    *size = got;
    return out;
}

/* --- rectangles ----------------------------------------------------------------------------------- */

static void set(struct rfb_decoder *d, unsigned x, unsigned y, uint32_t v)
{
    need(x < d->width && y < d->height);
    d->pixels[(size_t)y * d->width + x] = v;
}

static void fill(struct rfb_decoder *d, struct rect r, uint32_t v)
{
    for (unsigned y = 0; y < r.h; y++) {
        for (unsigned x = 0; x < r.w; x++) {
            set(d, r.x + x, r.y + y, v);
        }
    }
}

static void pixels(struct rfb_decoder *d, struct rect r, struct source s,
                   uint32_t (*pixel)(const struct rfb_decoder *d, struct source s))
{
    for (unsigned y = 0; y < r.h; y++) {
        for (unsigned x = 0; x < r.w; x++) {
            set(d, r.x + x, r.y + y, pixel(d, s));
        }
    }
}

static void decode_raw(struct rfb_decoder *d, struct rect r)
{
    pixels(d, r, wire(d), take_pixel);
}

static void decode_copyrect(struct rfb_decoder *d, struct rect r)
{
    unsigned x = take_u16(wire(d)), y = take_u16(wire(d));
    uint32_t *copy = g_new(uint32_t, (size_t)r.w * r.h);

    need(x + r.w <= d->width && y + r.h <= d->height);
    for (unsigned k = 0; k < r.h; k++) {
        memcpy(copy + k * r.w, d->pixels + (y + k) * d->width + x, r.w * sizeof(*copy));
    }
    for (unsigned k = 0; k < r.h; k++) {
        memcpy(d->pixels + (r.y + k) * d->width + r.x, copy + k * r.w, r.w * sizeof(*copy));
    }
    g_free(copy);
    d->copies++;
}

static void decode_zlib(struct rfb_decoder *d, struct rect r)
{
    size_t size = (size_t)r.w * r.h * d->pf.bits / 8;
    uint8_t *data = inflate_part(d, &d->zlib, take_u32(wire(d)), &size);
    const uint8_t *p = data;

    pixels(d, r, (struct source){&p, data + size, NULL}, take_pixel);
    g_free(data);
}

/* --- Hextile -------------------------------------------------------------------------------------- */

struct hextile {
    bool has_background, has_foreground;
    uint32_t background, foreground;
};

static void hextile_subrects(struct rfb_decoder *d, struct rect t, unsigned flags,
                             const struct hextile *h)
{
    for (unsigned n = take_u8(wire(d)); n; n--) {
        uint32_t v = flags & 16 ? take_pixel(d, wire(d)) : h->foreground;
        unsigned xy = take_u8(wire(d)), wh = take_u8(wire(d));
        struct rect s = {xy >> 4, xy & 15, (wh >> 4) + 1, (wh & 15) + 1};
        need(s.x + s.w <= t.w && s.y + s.h <= t.h);
        fill(d, (struct rect){t.x + s.x, t.y + s.y, s.w, s.h}, v);
    }
}

static void hextile_tile(struct rfb_decoder *d, struct rect t, struct hextile *h)
{
    unsigned flags = take_u8(wire(d));

    need(flags < 32);
    if (flags & 1) {
        decode_raw(d, t);
        h->has_background = h->has_foreground = false; /* the cautious reading */
        return;
    }
    if (flags & 2) {
        h->background = take_pixel(d, wire(d));
        h->has_background = true;
    }
    need(h->has_background);
    fill(d, t, h->background);
    if (flags & 4) {
        need(!(flags & 16));
        h->foreground = take_pixel(d, wire(d));
        h->has_foreground = true;
    }
    if (flags & 8) {
        need(flags & 16 || h->has_foreground);
        hextile_subrects(d, t, flags, h);
    }
    h->has_foreground = h->has_foreground && !(flags & 16);
}

static void decode_hextile(struct rfb_decoder *d, struct rect r)
{
    struct hextile h = {.has_background = false};

    for (unsigned y = 0; y < r.h; y += 16) {
        for (unsigned x = 0; x < r.w; x += 16) {
            hextile_tile(d, (struct rect){r.x + x, r.y + y, MIN(16u, r.w - x), MIN(16u, r.h - y)},
                         &h);
        }
    }
}

/* --- ZRLE ----------------------------------------------------------------------------------------- */

static unsigned run_length(struct source s)
{
    unsigned n = 1, byte;

    do {
        byte = take_u8(s);
        n += byte;
    } while (byte == 255);
    return n;
}

static void zrle_runs(struct rfb_decoder *d, struct rect t, struct source s,
                      const uint32_t *palette, unsigned colours)
{
    for (unsigned at = 0, n; at < t.w * t.h;) {
        uint32_t v;
        n = 1;
        if (colours) {
            unsigned index = take_u8(s);
            need((index & 127) < colours);
            v = palette[index & 127];
            n = index & 128 ? run_length(s) : 1;
        } else {
            v = take_cpixel(d, s);
            n = run_length(s);
        }
        need(n <= t.w * t.h - at);
        for (; n; n--, at++) {
            set(d, t.x + at % t.w, t.y + at / t.w, v);
        }
    }
}

static void zrle_packed(struct rfb_decoder *d, struct rect t, struct source s,
                        const uint32_t *palette, unsigned colours)
{
    unsigned bits = colours == 2 ? 1 : colours <= 4 ? 2 : 4;

    for (unsigned y = 0; y < t.h; y++) {
        const uint8_t *row = take(s, DIV_ROUND_UP(t.w * bits, 8));
        for (unsigned x = 0; x < t.w; x++) {
            unsigned index = row[x * bits / 8] >> (8 - bits - x * bits % 8) & ((1u << bits) - 1);
            need(index < colours);
            set(d, t.x + x, t.y + y, palette[index]);
        }
    }
}

static void zrle_tile(struct rfb_decoder *d, struct rect t, struct source s)
{
    unsigned kind = take_u8(s), colours = kind & 127;
    uint32_t palette[128];

    need(kind != 129 && (kind >= 128 || kind <= 16));
    for (unsigned i = 0; i < colours; i++) {
        palette[i] = take_cpixel(d, s);
    }
    if (kind >= 128) {
        zrle_runs(d, t, s, palette, colours);
    } else if (kind == 0) {
        pixels(d, t, s, take_cpixel);
    } else if (kind == 1) {
        fill(d, t, palette[0]);
    } else {
        zrle_packed(d, t, s, palette, colours);
    }
}

static void decode_zrle(struct rfb_decoder *d, struct rect r)
{
    size_t size = 0;
    uint8_t *data = inflate_part(d, &d->zrle, take_u32(wire(d)), &size);
    const uint8_t *p = data;
    struct source s = {&p, data + size, NULL};

    for (unsigned y = 0; y < r.h; y += 64) {
        for (unsigned x = 0; x < r.w; x += 64) {
            zrle_tile(d, (struct rect){r.x + x, r.y + y, MIN(64u, r.w - x), MIN(64u, r.h - y)}, s);
        }
    }
    need(p == data + size);
    g_free(data);
}

/* --- Tight ---------------------------------------------------------------------------------------- */

static size_t compact_length(struct rfb_decoder *d)
{
    size_t n = 0;

    for (unsigned i = 0; i < 3; i++) {
        unsigned byte = take_u8(wire(d));
        n |= (size_t)(i == 2 ? byte : byte & 127) << 7 * i;
        if (!(byte & 128)) {
            break;
        }
    }
    return n;
}

static uint8_t *tight_data(struct rfb_decoder *d, unsigned stream, size_t size)
{
    if (size < 12) {
        return g_memdup2(take(wire(d), size), size);
    }
    size_t n = compact_length(d);
    return inflate_part(d, &d->tight[stream], n, &size);
}

static unsigned tpixel_bytes(const struct rfb_decoder *d)
{
    bool three = d->pf.bits == 32 && d->pf.depth == 24 && d->pf.max[0] == 255 &&
                 d->pf.max[1] == 255 && d->pf.max[2] == 255;
    return three ? 3 : d->pf.bits / 8;
}

static void tight_palette(struct rfb_decoder *d, struct rect r, unsigned stream)
{
    unsigned colours = take_u8(wire(d)) + 1, bits = colours == 2 ? 1 : 8;
    size_t row = DIV_ROUND_UP((size_t)r.w * bits, 8);
    uint32_t palette[256];

    need(colours > 1);
    for (unsigned i = 0; i < colours; i++) {
        palette[i] = take_tpixel(d, wire(d));
    }
    uint8_t *data = tight_data(d, stream, row * r.h);
    for (unsigned y = 0; y < r.h; y++) {
        for (unsigned x = 0; x < r.w; x++) {
            unsigned byte = data[y * row + x * bits / 8];
            unsigned index = bits == 1 ? byte >> (7 - x % 8) & 1 : byte;
            need(index < colours);
            set(d, r.x + x, r.y + y, palette[index]);
        }
    }
    g_free(data);
    *(bits == 1 ? &d->monos : &d->indexed) += 1;
}

static void tight_full(struct rfb_decoder *d, struct rect r, unsigned stream)
{
    size_t size = (size_t)r.w * r.h * tpixel_bytes(d);
    uint8_t *data = tight_data(d, stream, size);
    const uint8_t *p = data;

    pixels(d, r, (struct source){&p, data + size, NULL}, take_tpixel);
    g_free(data);
}

static void put_rgb(struct rfb_decoder *d, struct rect r, const uint8_t *rgb)
{
    for (unsigned i = 0; i < r.w * r.h; i++, rgb += 3) {
        uint32_t v = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
        set(d, r.x + i % r.w, r.y + i / r.w, rfb_pixel(&d->pf, v));
    }
}

/* Each component is told as its difference to what its neighbours predict. */
static void tight_gradient(struct rfb_decoder *d, struct rect r, unsigned stream)
{
    size_t row = (size_t)r.w * 3;
    uint8_t *data;

    need(tpixel_bytes(d) == 3);
    data = tight_data(d, stream, row * r.h);
    for (size_t i = 0; i < row * r.h; i++) {
        int left = i % row >= 3 ? data[i - 3] : 0, above = i >= row ? data[i - row] : 0;
        int corner = i % row >= 3 && i >= row ? data[i - row - 3] : 0;
        data[i] = (uint8_t)(data[i] + CLAMP(left + above - corner, 0, 255));
    }
    put_rgb(d, r, data);
    g_free(data);
    d->gradients++;
}

static void tight_filtered(struct rfb_decoder *d, struct rect r, unsigned stream)
{
    unsigned filter = take_u8(wire(d));

    need(filter == 1 || filter == 2);
    if (filter == 1) {
        tight_palette(d, r, stream);
    } else {
        tight_gradient(d, r, stream);
    }
}

static void tight_jpeg(struct rfb_decoder *d, struct rect r)
{
#if CONFIG_JPEG
    size_t n = compact_length(d);
    const uint8_t *data = take(wire(d), n);
    uint8_t *rgb = g_malloc((size_t)r.w * r.h * 3);
    tjhandle tj = tjInitDecompress();
    int w, h, subsampling, space;

    need(d->pf.bits > 8);
    need(!tjDecompressHeader3(tj, data, n, &w, &h, &subsampling, &space));
    need((unsigned)w == r.w);
    need((unsigned)h == r.h);
    need(!tjDecompress2(tj, data, n, rgb, w, 0, h, TJPF_RGB, 0));
    put_rgb(d, r, rgb);
    tjDestroy(tj);
    g_free(rgb);
    d->jpegs++;
#else
    ck_abort_msg("JPEG without a library for it");
#endif
}

static void tight_png(struct rfb_decoder *d, struct rect r)
{
    size_t n = compact_length(d);
    png_image image = {.version = PNG_IMAGE_VERSION};
    uint8_t *rgb = g_malloc((size_t)r.w * r.h * 3);

    need(png_image_begin_read_from_memory(&image, take(wire(d), n), n));
    image.format = PNG_FORMAT_RGB;
    need(image.width == r.w && image.height == r.h);
    need(png_image_finish_read(&image, NULL, rgb, 0, NULL));
    put_rgb(d, r, rgb);
    g_free(rgb);
    d->pngs++;
}

static void decode_tight_any(struct rfb_decoder *d, struct rect r, bool png)
{
    unsigned control = take_u8(wire(d)), kind = control >> 4;

    need((control & 15) == 0); /* this encoder never resets streams */
    need(kind == 8 || (r.w <= 2048 && (size_t)r.w * r.h <= 65536));
    need(!png || kind >= 8);
    if (kind == 8) {
        fill(d, r, take_tpixel(d, wire(d)));
        d->fills++;
    } else if (kind == 9) {
        tight_jpeg(d, r);
    } else if (kind == 10) {
        need(png);
        tight_png(d, r);
    } else if (kind & 4) {
        tight_filtered(d, r, kind & 3);
    } else {
        need(kind < 4);
        tight_full(d, r, kind);
    }
}

static void decode_tight(struct rfb_decoder *d, struct rect r)
{
    decode_tight_any(d, r, false);
}

static void decode_tight_png(struct rfb_decoder *d, struct rect r)
{
    decode_tight_any(d, r, true);
}

/* --- updates -------------------------------------------------------------------------------------- */

static const struct {
    int32_t encoding;
    void (*decode)(struct rfb_decoder *d, struct rect r);
} encodings[] = {{0, decode_raw},   {1, decode_copyrect}, {5, decode_hextile},     {6, decode_zlib},
                 {16, decode_zrle}, {7, decode_tight},    {-260, decode_tight_png}};

bool rfb_decode_rect(struct rfb_decoder *d)
{
    struct rect r;

    r.x = take_u16(wire(d));
    r.y = take_u16(wire(d));
    r.w = take_u16(wire(d));
    r.h = take_u16(wire(d));
    int32_t encoding = (int32_t)take_u32(wire(d));
    if (encoding == LAST_RECT) {
        return false;
    }
    need(r.w && r.h && r.x + r.w <= d->width && r.y + r.h <= d->height);
    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        if (encodings[i].encoding == encoding) {
            encodings[i].decode(d, r);
            return true;
        }
    }
    ck_abort_msg("encoding %d", encoding);
}

void rfb_decode(struct rfb_decoder *d, const uint8_t *data, size_t size, unsigned n)
{
    d->p = data;
    d->end = data + size;
    while (n--) {
        need(rfb_decode_rect(d));
    }
    need(d->p == d->end);
}

void rfb_init(struct rfb_decoder *d, const struct rfb_format *pf, unsigned width, unsigned height)
{
    memset(d, 0, sizeof(*d));
    d->pf = *pf;
    d->width = width;
    d->height = height;
    d->pixels = g_new0(uint32_t, (size_t)width * height);
}

void rfb_fini(struct rfb_decoder *d)
{
    struct rfb_inflate *all[] = {&d->tight[0], &d->tight[1], &d->tight[2],
                                 &d->tight[3], &d->zlib,     &d->zrle};

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        if (all[i]->open) {
            inflateEnd(&all[i]->z);
        }
    }
    g_free(d->pixels);
}
