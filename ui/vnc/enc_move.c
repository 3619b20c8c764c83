/* SPDX-License-Identifier: MIT */
/*
 * Finds what has moved anywhere between two pictures (a window, a page beside things that stay), for
 * CopyRect. Some strips of pixels of the new picture, each with many colours and not what was there
 * before, are looked for at every place of the old one by a rolling hash; each that is found votes
 * for a distance. From the places that agree with the winner a rectangle of squares grows as long as
 * all of it has moved by that distance.
 */
#include "ui/vnc/enc_int.h"
#include "ui/vnc/enc_simd.h"

#define STRIP       32u /* pixels of a row */
#define EDGES_MIN   6u  /* of these, that differ from their left neighbour */
#define STRIPS      64u
#define GRID        24u /* places to a side that are looked at for strips */
#define SLOTS       256u
#define FOUND_MAX   512u /* more are a pattern that repeats */
#define VOTES_MIN   3u
#define SIDE        16u /* pixels of a square */
#define SQUARES_MIN 12u /* that have changed, of the rectangle */
#define BASE        0x9e3779b97f4a7c15u

struct strip {
    uint64_t hash;
    unsigned x, y;
};

struct distance {
    int x, y; /* the old place minus the new one */
};

struct search {
    const struct vnc_image *old, *img;
    struct vnc_rect area; /* whole squares, or up to the picture's edge */
    struct strip strips[STRIPS];
    unsigned count;
    uint8_t slots[SLOTS]; /* number of a strip, from 1 on */
    struct distance found[FOUND_MAX];
    uint8_t of[FOUND_MAX]; /* which strip that was */
    unsigned found_count;
};

static const uint32_t *pixel(const struct vnc_image *img, unsigned x, unsigned y)
{
    return img->pixels + y * img->stride + x;
}

/* --- strips --------------------------------------------------------------------------------------- */

static uint64_t hash_strip(const uint32_t *px)
{
    uint64_t h = 0;

    for (unsigned i = 0; i < STRIP; i++) {
        h = h * BASE + px[i];
    }
    return h;
}

static unsigned slot_of(uint64_t hash)
{
    return (unsigned)(hash * BASE >> 56);
}

static bool good_strip(const struct search *s, unsigned x, unsigned y)
{
    const uint32_t *px = pixel(s->img, x, y);

    return (unsigned)__builtin_popcountll(enc_edges(px, STRIP)) >= EDGES_MIN &&
           memcmp(px, pixel(s->old, x, y), STRIP * sizeof(*px)) != 0;
}

/* One for a slot: a few strips less do not matter. */
static void add_strip(struct search *s, unsigned x, unsigned y)
{
    uint64_t hash = hash_strip(pixel(s->img, x, y));
    uint8_t *slot = &s->slots[slot_of(hash)];

    if (!*slot && s->count < STRIPS) {
        s->strips[s->count++] = (struct strip){hash, x, y};
        *slot = (uint8_t)s->count;
    }
}

static void choose_strips(struct search *s)
{
    unsigned dx = MAX((s->area.w - STRIP) / GRID, 1u), dy = MAX(s->area.h / GRID, 1u);

    for (unsigned y = 0; y < s->area.h; y += dy) {
        for (unsigned x = 0; x + STRIP <= s->area.w; x += dx) {
            if (good_strip(s, s->area.x + x, s->area.y + y)) {
                add_strip(s, s->area.x + x, s->area.y + y);
                break; /* from many rows, not many of a row */
            }
        }
    }
}

static void look_up(struct search *s, uint64_t hash, unsigned x, unsigned y)
{
    unsigned n = s->slots[slot_of(hash)];

    if (n && s->strips[n - 1].hash == hash && s->found_count < FOUND_MAX) {
        const struct strip *t = &s->strips[n - 1];
        s->found[s->found_count] = (struct distance){(int)x - (int)t->x, (int)y - (int)t->y};
        s->of[s->found_count++] = (uint8_t)(n - 1);
    }
}

static void find_in_row(struct search *s, unsigned y, uint64_t power)
{
    const uint32_t *px = pixel(s->old, s->area.x, y);
    uint64_t h = hash_strip(px);

    for (unsigned x = 0;; x++) {
        look_up(s, h, s->area.x + x, y);
        if (x + STRIP == s->area.w) {
            return;
        }
        h = (h - px[x] * power) * BASE + px[x + STRIP];
    }
}

static void find_strips(struct search *s)
{
    uint64_t power = 1;

    for (unsigned i = 1; i < STRIP; i++) {
        power *= BASE;
    }
    for (unsigned y = 0; y < s->area.h; y++) {
        find_in_row(s, s->area.y + y, power);
    }
}

static bool same(const struct distance *a, const struct distance *b)
{
    return a->x == b->x && a->y == b->y;
}

/* The distance most strips were found at. */
static bool vote(const struct search *s, struct distance *winner)
{
    unsigned best = VOTES_MIN - 1;

    for (unsigned i = 0; i < s->found_count; i++) {
        unsigned votes = 0;
        for (unsigned k = i; k < s->found_count; k++) {
            votes += same(&s->found[i], &s->found[k]);
        }
        if (votes > best) {
            best = votes;
            *winner = s->found[i];
        }
    }
    return best >= VOTES_MIN;
}

/* --- rectangles ----------------------------------------------------------------------------------- */

/* Is the new picture's square, as much of it as there is, the old one's `d` further? */
static bool moved(const struct search *s, unsigned x, unsigned y, struct distance d)
{
    unsigned w = MIN(SIDE, s->img->width - x), h = MIN(SIDE, s->img->height - y);
    int64_t ox = (int64_t)x + d.x, oy = (int64_t)y + d.y;

    if (ox < 0 || oy < 0 || ox + w > s->old->width || oy + h > s->old->height) {
        return false;
    }
    for (unsigned k = 0; k < h; k++) {
        const uint32_t *was = pixel(s->old, (unsigned)ox, (unsigned)oy + k);
        if (memcmp(pixel(s->img, x, y + k), was, w * sizeof(*was)) != 0) {
            return false;
        }
    }
    return true;
}

static bool all_moved(const struct search *s, const struct vnc_rect *r, struct distance d)
{
    for (unsigned y = r->y; y < r->y + r->h; y += SIDE) {
        for (unsigned x = r->x; x < r->x + r->w; x += SIDE) {
            if (!moved(s, x, y, d)) {
                return false;
            }
        }
    }
    return true;
}

static unsigned count_changed(const struct search *s, const struct vnc_rect *r)
{
    unsigned n = 0;

    for (unsigned y = r->y; y < r->y + r->h; y += SIDE) {
        for (unsigned x = r->x; x < r->x + r->w; x += SIDE) {
            n += !moved(s, x, y, (struct distance){0, 0});
        }
    }
    return n;
}

/* The squares next to r on one side; false: the area ends there. */
static bool beside(const struct search *s, const struct vnc_rect *r, unsigned side,
                   struct vnc_rect *next)
{
    const struct vnc_rect *a = &s->area;

    switch (side) {
    case 0:
        *next = (struct vnc_rect){r->x - SIDE, r->y, SIDE, r->h};
        return r->x > a->x;
    case 1:
        *next = (struct vnc_rect){r->x + r->w, r->y, SIDE, r->h};
        return r->x + r->w < a->x + a->w;
    case 2:
        *next = (struct vnc_rect){r->x, r->y - SIDE, r->w, SIDE};
        return r->y > a->y;
    default:
        *next = (struct vnc_rect){r->x, r->y + r->h, r->w, SIDE};
        return r->y + r->h < a->y + a->h;
    }
}

static void join(struct vnc_rect *r, const struct vnc_rect *next)
{
    unsigned x = MIN(r->x, next->x), y = MIN(r->y, next->y);

    *r = (struct vnc_rect){x, y, MAX(r->x + r->w, next->x + next->w) - x,
                           MAX(r->y + r->h, next->y + next->h) - y};
}

/* To each side as long as there is something new in it that has moved. */
static struct vnc_rect grow(const struct search *s, const struct strip *t, struct distance d)
{
    struct vnc_rect r = {ALIGN_UP(t->x, SIDE), ALIGN_DOWN(t->y, SIDE), SIDE, SIDE}, next;
    unsigned still = 0;

    if (!all_moved(s, &r, d)) {
        r.y += SIDE; /* the strip may be at its lower edge */
        if (r.y >= s->area.y + s->area.h || !all_moved(s, &r, d)) {
            return (struct vnc_rect){0, 0, 0, 0};
        }
    }
    for (unsigned side = 0; still < 4; side = (side + 1) % 4) {
        if (beside(s, &r, side, &next) && all_moved(s, &next, d) && count_changed(s, &next)) {
            join(&r, &next);
            still = 0;
        } else {
            still++;
        }
    }
    return r;
}

static bool best_rect(const struct search *s, struct distance d, struct vnc_scroll *m)
{
    unsigned best = SQUARES_MIN - 1, tried = 0;

    for (unsigned i = 0; i < s->found_count && tried < 8; i++) {
        if (same(&s->found[i], &d)) {
            struct vnc_rect r = grow(s, &s->strips[s->of[i]], d);
            unsigned n = count_changed(s, &r);
            tried++;
            if (n > best) {
                best = n;
                m->dst = r;
            }
        }
    }
    if (best < SQUARES_MIN) {
        return false;
    }
    m->dst.w = MIN(m->dst.w, s->img->width - m->dst.x);
    m->dst.h = MIN(m->dst.h, s->img->height - m->dst.y);
    m->from_x = (unsigned)((int)m->dst.x + d.x);
    m->from_y = (unsigned)((int)m->dst.y + d.y);
    return true;
}

bool vnc_find_move(const struct vnc_image *old, const struct vnc_image *img,
                   const struct vnc_rect *area, struct vnc_scroll *m)
{
    struct distance d = {0, 0};

    if (area->x % SIDE || area->y % SIDE || area->w < 2 * STRIP || area->h < SIDE ||
        !range_fits(area->x, area->w, img->width) || !range_fits(area->y, area->h, img->height) ||
        old->width != img->width || old->height != img->height) {
        return false;
    }
    struct search *s = g_new0(struct search, 1);
    s->old = old;
    s->img = img;
    s->area = *area;
    choose_strips(s);
    if (s->count >= VOTES_MIN) {
        find_strips(s);
    }
    bool yes = vote(s, &d) && best_rect(s, d, m);
    g_free(s);
    return yes;
}
