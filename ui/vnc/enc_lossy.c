/* SPDX-License-Identifier: MIT */
/*
 * Which parts of a client's picture were sent as JPEG and when, so that they can be sent exactly
 * once they have come to rest. Counted in squares of ENC_TILE: one that any lossy rectangle touches
 * is lossy, one that an exact rectangle covers is not.
 */
#include "ui/vnc/enc_int.h"

#define AREA_TILES 4u /* of a side of what vnc_encoder_lossy_area() returns */

void enc_lossy_frame(struct enc_lossy *l, unsigned width, unsigned height, int64_t now)
{
    l->now = now;
    if (width == l->width && height == l->height) {
        return;
    }
    l->width = width;
    l->height = height;
    l->columns = DIV_ROUND_UP(width, ENC_TILE);
    l->rows = DIV_ROUND_UP(height, ENC_TILE);
    g_clear_pointer(&l->since, g_free); /* made when there is something to note */
    l->count = 0;
}

void enc_lossy_fini(struct enc_lossy *l)
{
    g_free(l->since);
}

static void set_tile(struct enc_lossy *l, unsigned x, unsigned y, int64_t since)
{
    int64_t *tile = &l->since[(size_t)y * l->columns + x];

    l->count -= *tile != INT64_MAX;
    l->count += since != INT64_MAX;
    *tile = since;
}

/* From first to last tile. */
struct span {
    unsigned from, to; /* to: behind the last */
};

static void set_tiles(struct enc_lossy *l, struct span x, struct span y, int64_t since)
{
    for (unsigned ty = y.from; ty < MIN(y.to, l->rows); ty++) {
        for (unsigned tx = x.from; tx < MIN(x.to, l->columns); tx++) {
            set_tile(l, tx, ty, since);
        }
    }
}

/* The tiles [at, at + n) touches. */
static struct span touched(unsigned at, unsigned n)
{
    return (struct span){at / ENC_TILE, DIV_ROUND_UP(at + n, ENC_TILE)};
}

/* Those it covers; the picture's last one may be cut off by its edge. */
static struct span covered(unsigned at, unsigned n, unsigned size)
{
    unsigned end = at + n;

    return (struct span){DIV_ROUND_UP(at, ENC_TILE),
                         end >= size ? DIV_ROUND_UP(size, ENC_TILE) : end / ENC_TILE};
}

void enc_lossy_mark(struct enc_lossy *l, const struct vnc_rect *r)
{
    if (!l->since) {
        size_t n = (size_t)l->columns * l->rows;
        l->since = g_new(int64_t, n);
        for (size_t i = 0; i < n; i++) {
            l->since[i] = INT64_MAX;
        }
    }
    set_tiles(l, touched(r->x, r->w), touched(r->y, r->h), l->now);
}

void enc_lossy_clear(struct enc_lossy *l, const struct vnc_rect *r)
{
    if (l->count) {
        set_tiles(l, covered(r->x, r->w, l->width), covered(r->y, r->h, l->height), INT64_MAX);
    }
}

static bool any_lossy(const struct enc_lossy *l, struct span x, struct span y)
{
    for (unsigned ty = y.from; ty < MIN(y.to, l->rows); ty++) {
        for (unsigned tx = x.from; tx < MIN(x.to, l->columns); tx++) {
            if (l->since[(size_t)ty * l->columns + tx] != INT64_MAX) {
                return true;
            }
        }
    }
    return false;
}

void enc_lossy_copy(struct enc_lossy *l, const struct vnc_rect *dst, unsigned from_x,
                    unsigned from_y)
{
    if (l->count && any_lossy(l, touched(from_x, dst->w), touched(from_y, dst->h))) {
        enc_lossy_mark(l, dst);
    } else {
        enc_lossy_clear(l, dst);
    }
}

/* The tiles to the right of and below a lossy one that are lossy and old as well. */
static bool old_tiles(const struct enc_lossy *l, struct span x, struct span y, int64_t before)
{
    for (unsigned ty = y.from; ty < y.to; ty++) {
        for (unsigned tx = x.from; tx < x.to; tx++) {
            if (l->since[(size_t)ty * l->columns + tx] > before) {
                return false;
            }
        }
    }
    return true;
}

static struct vnc_rect grow_area(const struct enc_lossy *l, unsigned tx, unsigned ty,
                                 int64_t before)
{
    struct span x = {tx, tx + 1}, y = {ty, ty + 1};

    while (x.to - tx < AREA_TILES && x.to < l->columns &&
           old_tiles(l, (struct span){x.to, x.to + 1}, y, before)) {
        x.to++;
    }
    while (y.to - ty < AREA_TILES && y.to < l->rows &&
           old_tiles(l, x, (struct span){y.to, y.to + 1}, before)) {
        y.to++;
    }
    return (struct vnc_rect){tx * ENC_TILE, ty * ENC_TILE,
                             MIN(x.to * ENC_TILE, l->width) - tx * ENC_TILE,
                             MIN(y.to * ENC_TILE, l->height) - ty * ENC_TILE};
}

bool vnc_encoder_lossy_area(struct vnc_encoder *e, int64_t before, struct vnc_rect *r)
{
    const struct enc_lossy *l = &e->lossy;

    if (!l->count) {
        return false;
    }
    before = MIN(before, INT64_MAX - 1);
    for (size_t i = 0; i < (size_t)l->columns * l->rows; i++) {
        if (l->since[i] <= before) {
            *r = grow_area(l, (unsigned)(i % l->columns), (unsigned)(i / l->columns), before);
            return true;
        }
    }
    return false;
}

int64_t vnc_encoder_lossy_since(const struct vnc_encoder *e)
{
    const struct enc_lossy *l = &e->lossy;
    int64_t oldest = INT64_MAX;

    if (l->count) {
        for (size_t i = 0; i < (size_t)l->columns * l->rows; i++) {
            oldest = MIN(oldest, l->since[i]);
        }
    }
    return oldest;
}
