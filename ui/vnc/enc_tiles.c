/* SPDX-License-Identifier: MIT */
/*
 * From a map of changed tiles to rectangles. Every rectangle costs some bytes of its own, and the
 * unchanged pixels in between are mostly plain: a rectangle may have some, if it gets larger by it.
 */
#include "ui/vnc/enc.h"

#include "util/bits.h"

#define GAP 2u /* unchanged tiles that a run may have in a row */

/* Tiles [x0, x1) of a row. */
struct run {
    unsigned x0, x1;
};

static bool test(const struct vnc_tile_map *m, unsigned x, unsigned y)
{
    return bits_test(m->bits, (size_t)y * m->columns + x);
}

static unsigned count(const struct vnc_tile_map *m, struct run r, unsigned y)
{
    unsigned n = 0;

    for (unsigned x = r.x0; x < r.x1; x++) {
        n += test(m, x, y);
    }
    return n;
}

/* From r, which ends in changed tiles, on to both sides while there are changed tiles nearby. */
static struct run grow(const struct vnc_tile_map *m, const struct vnc_rect *in, struct run r,
                       unsigned y)
{
    unsigned right = in->x + in->w;

    for (unsigned x = r.x1; x < right && x <= r.x1 + GAP; x++) {
        r.x1 = test(m, x, y) ? x + 1 : r.x1;
    }
    for (unsigned x = r.x0; x > in->x && x + GAP >= r.x0; x--) {
        r.x0 = test(m, x - 1, y) ? x - 1 : r.x0;
    }
    return r;
}

static bool first_run(const struct vnc_tile_map *m, const struct vnc_rect *in, unsigned y,
                      struct run *r)
{
    unsigned x = in->x;

    while (x < in->x + in->w && !test(m, x, y)) {
        x++;
    }
    if (x == in->x + in->w) {
        return false;
    }
    *r = grow(m, in, (struct run){x, x + 1}, y);
    return true;
}

/* Changed tiles of the box of rows [y, y + h] once it is as wide as `wide`; it had `changed` as `r`. */
static unsigned count_box(const struct vnc_tile_map *m, struct run r, struct run wide, unsigned y,
                          unsigned h, unsigned changed)
{
    for (unsigned k = 0; k < h && (r.x0 != wide.x0 || r.x1 != wide.x1); k++) {
        changed += count(m, (struct run){wide.x0, r.x0}, y + k);
        changed += count(m, (struct run){r.x1, wide.x1}, y + k);
    }
    return changed + count(m, wide, y + h);
}

/* Take rows more while most tiles of the rectangle, widened as they need it, are changed ones. */
static void add_rows(const struct vnc_tile_map *m, const struct vnc_rect *in, unsigned tiles_max,
                     struct run *r, unsigned *height, unsigned y)
{
    unsigned changed = count(m, *r, y);

    for (unsigned h = 1; y + h < in->y + in->h; h++) {
        struct run wide = grow(m, in, *r, y + h);
        unsigned area = (wide.x1 - wide.x0) * (h + 1);
        unsigned more = count_box(m, *r, wide, y, h, changed);
        if (more == changed || area > tiles_max || more * 8 < area * 5) {
            return;
        }
        *r = wide;
        changed = more;
        *height = h + 1;
    }
}

bool vnc_take_tiles(const struct vnc_tile_map *m, const struct vnc_rect *in, unsigned y,
                    unsigned tiles_max, struct vnc_rect *taken)
{
    unsigned h = 1;
    struct run r;

    if (!first_run(m, in, y, &r)) {
        return false;
    }
    add_rows(m, in, tiles_max, &r, &h, y);
    *taken = (struct vnc_rect){r.x0, y, r.x1 - r.x0, h};
    for (unsigned k = y; k < y + h; k++) {
        for (unsigned x = r.x0; x < r.x1; x++) {
            bits_clear(m->bits, (size_t)k * m->columns + x);
        }
    }
    return true;
}
