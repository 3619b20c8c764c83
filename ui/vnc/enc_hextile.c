/* SPDX-License-Identifier: MIT */
/*
 * Hextile (RFC 6143 section 7.7.4): tiles of 16 by 16 as a background and rectangles on it, or raw
 * where that would be longer.
 *
 * A tile is looked at as sets of pixels, 16 bits a row: what is not drawn yet, what is like its
 * neighbours. Rectangles are found in these, without another look at the pixels.
 */
#include "ui/vnc/enc_int.h"
#include "ui/vnc/enc_simd.h"

#define SIDE       16u
#define TILE_BYTES (SIDE * SIDE * 4)

enum { RAW = 1, BACKGROUND = 2, FOREGROUND = 4, SUBRECTS = 8, COLOURED = 16 };

/* Bit x of rows[y]. */
struct set {
    uint16_t rows[SIDE];
};

struct tile {
    struct enc_area a;
    unsigned colours;                /* 1, 2, or 3 for more */
    uint32_t background, foreground; /* the latter of two colours */
    struct set todo;                 /* what is not drawn yet; the rest is background */
    struct set right, below;         /* what is like its neighbour there */
};

/* The colours a client remembers from the tile before. */
struct memory {
    bool background_valid, foreground_valid;
    uint32_t background, foreground;
};

struct hextile {
    struct vnc_encoder *e;
    const struct vnc_image *img;
    bool source; /* tiles are looked at as source pixels, else as the client's */
    struct memory memory;
    GByteArray *out;
};

/* --- looking -------------------------------------------------------------------------------------- */

static const uint32_t *row_of(const struct enc_area *a, unsigned y)
{
    return a->px + y * a->stride;
}

static unsigned count(const struct set *s)
{
    uint64_t words[SIDE / 4];
    unsigned n = 0;

    memcpy(words, s->rows, sizeof(words));
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        n += (unsigned)__builtin_popcountll(words[i]);
    }
    return n;
}

static struct set pixels_of_value(const struct enc_area *a, uint32_t value)
{
    struct set s = {{0}};

    for (unsigned y = 0; y < a->h; y++) {
        s.rows[y] = (uint16_t)enc_matches(row_of(a, y), a->w, value);
    }
    return s;
}

/* The first pixel that is in neither set; false: there is none. */
static bool find_other(const struct enc_area *a, const struct set *s, const struct set *t,
                       uint32_t *value)
{
    for (unsigned y = 0; y < a->h; y++) {
        uint64_t rest = ~(s->rows[y] | t->rows[y]) & mask64(a->w);
        if (rest) {
            *value = row_of(a, y)[__builtin_ctzll(rest)];
            return true;
        }
    }
    return false;
}

/* Of the first two colours the more frequent one makes the background. */
static void find_colours(struct tile *t)
{
    const struct enc_area *a = &t->a;
    uint32_t value[2] = {a->px[0], 0}, other;
    struct set pixels[2] = {pixels_of_value(a, value[0]), {{0}}};

    t->colours = 1;
    if (find_other(a, &pixels[0], &pixels[1], &value[1])) {
        pixels[1] = pixels_of_value(a, value[1]);
        t->colours = find_other(a, &pixels[0], &pixels[1], &other) ? 3 : 2;
    }
    unsigned which = count(&pixels[1]) > count(&pixels[0]);
    t->background = value[which];
    t->foreground = value[!which];
    for (unsigned y = 0; y < SIDE; y++) {
        t->todo.rows[y] = y < a->h ? (uint16_t)(~pixels[which].rows[y] & mask64(a->w)) : 0;
    }
}

/* What is not background is alike if there are two colours, and is compared if there are more. */
static void find_neighbours(struct tile *t)
{
    const struct enc_area *a = &t->a;

    memset(&t->right, 0xff, sizeof(t->right));
    memset(&t->below, 0xff, sizeof(t->below));
    for (unsigned y = 0; y < a->h && t->colours > 2; y++) {
        t->right.rows[y] = (uint16_t)(~enc_edges(row_of(a, y), a->w) >> 1);
        if (y + 1 < a->h) {
            t->below.rows[y] = (uint16_t)enc_equals(row_of(a, y), row_of(a, y + 1), a->w);
        }
    }
    t->below.rows[a->h - 1] = 0;
}

/*
 * So many rectangles or more it takes: as many as there are patches of one colour. These are pixels
 * less links between neighbours plus squares of four links (Euler), and more if they have holes.
 */
static int count_patches(const struct tile *t)
{
    struct set right = {{0}}, below = {{0}}, square = {{0}};

    for (unsigned y = 0; y < t->a.h; y++) {
        unsigned todo = t->todo.rows[y];
        right.rows[y] = (uint16_t)(t->right.rows[y] & todo & todo >> 1);
        below.rows[y] = (uint16_t)(t->below.rows[y] & todo);
    }
    for (unsigned y = 0; y + 1 < t->a.h; y++) {
        unsigned sides = below.rows[y] & below.rows[y] >> 1;
        square.rows[y] = (uint16_t)(right.rows[y] & right.rows[y + 1] & sides);
    }
    return (int)(count(&t->todo) + count(&square)) - (int)(count(&right) + count(&below));
}

/* --- rectangles ----------------------------------------------------------------------------------- */

static unsigned run_right(const struct tile *t, unsigned x, unsigned y)
{
    unsigned same = t->right.rows[y] & t->todo.rows[y] >> 1;

    return (unsigned)__builtin_ctz(~(same >> x)) + 1;
}

/* Rows from y down that have in these columns what row y has there. */
static unsigned rows_below(const struct tile *t, unsigned columns, unsigned y)
{
    unsigned end = y;

    while (end + 1 < t->a.h && !(columns & ~(t->below.rows[end] & t->todo.rows[end + 1]))) {
        end++;
    }
    return end + 1 - y;
}

static unsigned columns_of(unsigned x, unsigned w)
{
    return ((1u << w) - 1) << x;
}

/* The larger of the widest and the tallest rectangle with its corner here. */
static void grow_rect(const struct tile *t, unsigned x, unsigned y, unsigned *w, unsigned *h)
{
    unsigned wide = run_right(t, x, y), wide_h = rows_below(t, columns_of(x, wide), y);
    unsigned tall_h = wide == 1 ? wide_h : rows_below(t, 1u << x, y), tall = wide;

    for (unsigned k = y + wide_h; k < y + tall_h; k++) {
        tall = MIN(tall, run_right(t, x, k));
    }
    bool choose_tall = tall * tall_h > wide * wide_h;
    *w = choose_tall ? tall : wide;
    *h = choose_tall ? tall_h : wide_h;
}

static void erase(struct tile *t, unsigned columns, unsigned y, unsigned h)
{
    for (unsigned k = y; k < y + h; k++) {
        t->todo.rows[k] &= (uint16_t)~columns;
    }
}

/* --- writing -------------------------------------------------------------------------------------- */

/* Up to four bytes are written, of which the client gets those its pixels have. */
static uint8_t *put_value(const struct hextile *s, uint32_t value, uint8_t *p)
{
    uint32_t converted = value;

    if (s->source && !s->e->convert.none) {
        enc_convert_row(&s->e->convert, &value, 1, &converted);
    }
    memcpy(p, &converted, sizeof(converted));
    return p + enc_unit_bytes[s->e->unit];
}

static uint8_t *put_rects_of_row(const struct hextile *s, struct tile *t, unsigned y,
                                 unsigned *rects, uint8_t *p, const uint8_t *end)
{
    while (t->todo.rows[y] && p <= end) {
        unsigned x = (unsigned)__builtin_ctz(t->todo.rows[y]), w, h;
        grow_rect(t, x, y, &w, &h);
        p = t->colours > 2 ? put_value(s, row_of(&t->a, y)[x], p) : p;
        *p++ = (uint8_t)(x << 4 | y);
        *p++ = (uint8_t)((w - 1) << 4 | (h - 1));
        erase(t, columns_of(x, w), y, h);
        ++*rects;
    }
    return p;
}

/*
 * The rectangles and before them their number; NULL if they take too much. There are 255 at most: of
 * two colours the less frequent one has 128 pixels, of more a rectangle costs 3 bytes to a pixel's 1,
 * 4 to 2 or 6 to 4. What is likely to take more than raw, as patches take more than one, is not tried.
 */
static uint8_t *put_rects(const struct hextile *s, struct tile *t, uint8_t *p, const uint8_t *end)
{
    unsigned pixel = t->colours > 2 ? enc_unit_bytes[s->e->unit] : 0, rects = 0;
    uint8_t *number = p++;

    find_neighbours(t);
    if (t->colours > 2 && count_patches(t) * (int)(pixel + 2) > (end - p) * 3 / 4) {
        return NULL;
    }
    for (unsigned y = 0; y < t->a.h; y++) {
        p = put_rects_of_row(s, t, y, &rects, p, end);
    }
    *number = (uint8_t)rects;
    return p > end ? NULL : p;
}

/* The colours the client does not remember. */
static uint8_t *put_colours(struct hextile *s, const struct tile *t, unsigned *flags, uint8_t *p)
{
    struct memory *m = &s->memory;

    if (!m->background_valid || m->background != t->background) {
        *flags |= BACKGROUND;
        p = put_value(s, t->background, p);
    }
    if (t->colours == 2 && (!m->foreground_valid || m->foreground != t->foreground)) {
        *flags |= FOREGROUND;
        p = put_value(s, t->foreground, p);
    }
    *m = (struct memory){
        .background_valid = true,
        .background = t->background,
        .foreground_valid = t->colours == 2 || (t->colours == 1 && m->foreground_valid),
        .foreground = t->colours == 2 ? t->foreground : m->foreground,
    };
    return p;
}

static void put_raw(struct hextile *s, const struct vnc_rect *r)
{
    struct enc_area a = enc_area_client(s->e, s->img, r);

    *enc_grow(s->out, 1) = RAW;
    enc_put_area(s->e->unit, &a, s->out);
    s->memory.background_valid = s->memory.foreground_valid = false;
}

static void look_at_tile(const struct hextile *s, const struct vnc_rect *r, struct tile *t)
{
    t->a = enc_area_source(s->img, r);
    t->colours = 1;
    if (!enc_is_solid(&t->a)) {
        t->a = s->source ? t->a : enc_area_client(s->e, s->img, r);
        find_colours(t);
    } else if (s->source) {
        t->background = t->a.px[0];
    } else {
        enc_convert_row(&s->e->convert, t->a.px, 1, &t->background);
    }
}

static void put_tile(struct hextile *s, const struct vnc_rect *r)
{
    uint8_t bytes[1 + TILE_BYTES + 16], *p = bytes + 1; /* the last rectangle may be too much */
    const uint8_t *end = p + (size_t)r->w * r->h * enc_unit_bytes[s->e->unit];
    unsigned flags = 0;
    struct tile t;

    look_at_tile(s, r, &t);
    p = put_colours(s, &t, &flags, p);
    if (t.colours > 1) {
        flags |= SUBRECTS | (t.colours > 2 ? COLOURED : 0);
        p = put_rects(s, &t, p, end);
    }
    if (!p) {
        put_raw(s, r);
        return;
    }
    bytes[0] = (uint8_t)flags;
    g_byte_array_append(s->out, bytes, (guint)(p - bytes));
}

unsigned enc_hextile(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                     GByteArray *out)
{
    struct hextile s = {
        .e = e, .img = img, .source = e->convert.none || e->convert.shift, .out = out};

    vnc_rect_header(out, r->x, r->y, r->w, r->h, VNC_ENCODING_HEXTILE);
    for (unsigned y = 0; y < r->h; y += SIDE) {
        for (unsigned x = 0; x < r->w; x += SIDE) {
            struct vnc_rect part = {r->x + x, r->y + y, MIN(SIDE, r->w - x), MIN(SIDE, r->h - y)};
            put_tile(&s, &part);
        }
    }
    return 1;
}
