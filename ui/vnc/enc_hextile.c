/* SPDX-License-Identifier: MIT */
/*
 * Hextile (RFC 6143 section 7.7.4): tiles of 16 by 16 as a background and rectangles on it, or raw
 * where that would be longer.
 */
#include "ui/vnc/enc_int.h"
#include "ui/vnc/enc_simd.h"

#define SIDE 16u

enum { RAW = 1, BACKGROUND = 2, FOREGROUND = 4, SUBRECTS = 8, COLOURED = 16 };

struct tile {
    uint32_t px[SIDE][SIDE]; /* of what is not drawn yet; the rest is background */
    unsigned w, h;
};

/* The colours a client remembers from the tile before. */
struct memory {
    bool background_valid, foreground_valid;
    uint32_t background, foreground;
};

static void load_tile(struct tile *t, const struct enc_area *a)
{
    t->w = a->w;
    t->h = a->h;
    for (unsigned y = 0; y < t->h; y++) {
        memcpy(t->px[y], a->px + y * a->stride, t->w * sizeof(uint32_t));
    }
}

/* Colours of a tile as far as they matter: one, two, or more. */
struct colours {
    unsigned count;    /* 1 to 3 */
    uint32_t value[2]; /* value[0], the more frequent one, makes the background */
};

/* A row's pixels that are neither colour make the second, then the third one. */
static void look_at_row(const uint32_t *px, unsigned w, struct colours *c, unsigned n[2])
{
    uint64_t first = enc_matches(px, w, c->value[0]), rest = ~first & mask64(w);

    n[0] += (unsigned)__builtin_popcountll(first);
    if (!rest) {
        return;
    }
    if (c->count == 1) {
        c->count = 2;
        c->value[1] = px[__builtin_ctzll(rest)];
    }
    uint64_t second = enc_matches(px, w, c->value[1]);
    n[1] += (unsigned)__builtin_popcountll(second);
    c->count = rest & ~second ? 3 : c->count;
}

static void find_colours(const struct enc_area *a, struct colours *c)
{
    unsigned n[2] = {0, 0};

    *c = (struct colours){1, {a->px[0], 0}};
    for (unsigned y = 0; y < a->h; y++) {
        look_at_row(a->px + y * a->stride, a->w, c, n);
    }
    if (c->count > 1 && n[1] > n[0]) {
        *c = (struct colours){c->count, {c->value[1], c->value[0]}};
    }
}

static unsigned run_right(const struct tile *t, unsigned x, unsigned y)
{
    unsigned end = x + 1;

    while (end < t->w && t->px[y][end] == t->px[y][x]) {
        end++;
    }
    return end - x;
}

/* Rows from y down that have this colour at [x, x + w). */
static unsigned rows_below(const struct tile *t, unsigned x, unsigned y, unsigned w)
{
    unsigned end = y + 1;

    for (; end < t->h; end++) {
        for (unsigned k = x; k < x + w; k++) {
            if (t->px[end][k] != t->px[y][x]) {
                return end - y;
            }
        }
    }
    return end - y;
}

/* The larger of the widest and the tallest rectangle with its corner here. */
static void grow_subrect(const struct tile *t, unsigned x, unsigned y, unsigned *w, unsigned *h)
{
    unsigned wide = run_right(t, x, y), wide_h = rows_below(t, x, y, wide);
    unsigned tall_h = rows_below(t, x, y, 1), tall = wide;

    for (unsigned k = y + 1; k < y + tall_h; k++) {
        tall = t->px[k][x] == t->px[y][x] ? MIN(tall, run_right(t, x, k)) : tall;
    }
    bool choose_tall = tall * tall_h > wide * wide_h;
    *w = choose_tall ? tall : wide;
    *h = choose_tall ? tall_h : wide_h;
}

static void erase(struct tile *t, unsigned x, unsigned y, unsigned w, unsigned h, uint32_t v)
{
    for (unsigned k = y; k < y + h; k++) {
        for (unsigned i = x; i < x + w; i++) {
            t->px[k][i] = v;
        }
    }
}

/* Append the subrectangles; false if more than `limit` bytes or 255 of them would be needed. */
static bool put_subrects(enum enc_unit unit, struct tile *t, const struct colours *c, size_t limit,
                         GByteArray *out)
{
    guint start = out->len;
    unsigned count = 0, w, h;

    enc_grow(out, 1);
    for (unsigned y = 0; y < t->h; y++) {
        for (unsigned x = 0; x < t->w; x += w) {
            w = 1;
            if (t->px[y][x] == c->value[0]) {
                continue;
            }
            grow_subrect(t, x, y, &w, &h);
            if (c->count > 2) {
                enc_put(unit, &t->px[y][x], 1, out);
            }
            uint8_t *p = enc_grow(out, 2);
            p[0] = (uint8_t)(x << 4 | y);
            p[1] = (uint8_t)((w - 1) << 4 | (h - 1));
            erase(t, x, y, w, h, c->value[0]);
            if (++count > 255 || out->len - start > limit) {
                return false;
            }
        }
    }
    out->data[start] = (uint8_t)count;
    return true;
}

static void put_raw(enum enc_unit unit, const struct enc_area *a, struct memory *m, GByteArray *out)
{
    *enc_grow(out, 1) = RAW;
    enc_put_area(unit, a, out);
    m->background_valid = m->foreground_valid = false;
}

/* The colours the client does not remember; returns their flags. */
static unsigned put_colours(enum enc_unit unit, const struct colours *c, struct memory *m,
                            GByteArray *out)
{
    unsigned flags = 0;

    if (!m->background_valid || m->background != c->value[0]) {
        flags |= BACKGROUND;
        enc_put(unit, &c->value[0], 1, out);
    }
    m->background_valid = true;
    m->background = c->value[0];
    if (c->count == 2 && (!m->foreground_valid || m->foreground != c->value[1])) {
        flags |= FOREGROUND;
        enc_put(unit, &c->value[1], 1, out);
    }
    if (c->count == 2) {
        m->foreground_valid = true;
        m->foreground = c->value[1];
    } else if (c->count > 2) {
        m->foreground_valid = false;
    }
    return flags;
}

static void put_tile(enum enc_unit unit, const struct enc_area *a, struct memory *m,
                     GByteArray *out)
{
    size_t raw = (size_t)a->w * a->h * enc_unit_bytes[unit];
    guint start = out->len;
    struct memory before = *m;
    struct colours c;
    struct tile t;

    find_colours(a, &c);
    enc_grow(out, 1);
    unsigned flags = put_colours(unit, &c, m, out);
    if (c.count > 1) {
        flags |= SUBRECTS | (c.count > 2 ? COLOURED : 0);
        load_tile(&t, a);
        if (!put_subrects(unit, &t, &c, raw, out)) {
            g_byte_array_set_size(out, start);
            *m = before;
            put_raw(unit, a, m, out);
            return;
        }
    }
    out->data[start] = (uint8_t)flags;
}

unsigned enc_hextile(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                     GByteArray *out)
{
    struct memory m = {.background_valid = false};

    vnc_rect_header(out, r->x, r->y, r->w, r->h, VNC_ENCODING_HEXTILE);
    for (unsigned y = 0; y < r->h; y += SIDE) {
        for (unsigned x = 0; x < r->w; x += SIDE) {
            struct vnc_rect part = {r->x + x, r->y + y, MIN(SIDE, r->w - x), MIN(SIDE, r->h - y)};
            struct enc_area a = enc_area_client(e, img, &part);
            put_tile(e->unit, &a, &m, out);
        }
    }
    return 1;
}
