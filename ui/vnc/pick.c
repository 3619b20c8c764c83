/* SPDX-License-Identifier: MIT */
/*
 * What a client is sent first of all that is dirty. A message goes on around the picture where the
 * last one stopped, and sends nothing twice in a round. On a slow link half of it goes to quiet tiles before that: those that
 * change least often, of these the newest, so that what somebody types is seen beside a film, however
 * long the film's own pictures take. How often tiles change the screen knows (screen.c).
 *
 * A rectangle ends where it might take more bytes than there is room for.
 */
#include "ui/vnc/internal.h"

#include "ui/display.h"

#define RECT_TILES 1024u /* 256 Ki pixels: fewer rectangles are fewer bytes */
#define QUIET      12u   /* looks of the last 16 in which a quiet tile has changed at most */

/* What the client wants to see, and can: in tiles. */
static struct vnc_rect wanted(const struct vnc_client *c)
{
    const struct vnc_screen *scr = &c->server->screen;
    const struct vnc_rect *r = vnc_update_area(c);
    unsigned x1 = MIN(r->x + r->w, MIN(scr->width, c->width));
    unsigned y1 = MIN(r->y + r->h, MIN(scr->height, c->height));
    unsigned x = r->x / DISPLAY_TILE, y = r->y / DISPLAY_TILE;

    x1 = MAX(DIV_ROUND_UP(x1, DISPLAY_TILE), x);
    y1 = MAX(DIV_ROUND_UP(y1, DISPLAY_TILE), y);
    return (struct vnc_rect){x, y, x1 - x, y1 - y};
}

static bool test_tile(const struct vnc_client *c, unsigned x, unsigned y)
{
    return bits_test(c->dirty, (size_t)y * c->server->screen.columns + x);
}

/* The first dirty tile of row y from *x on, before x1. */
static bool find_in_row(const struct vnc_client *c, unsigned *x, unsigned x1, unsigned y)
{
    while (*x < x1 && !test_tile(c, *x, y)) {
        ++*x;
    }
    return *x < x1;
}

bool vnc_pick_any(const struct vnc_client *c)
{
    struct vnc_rect in = wanted(c);

    for (unsigned y = in.y; y < in.y + in.h; y++) {
        unsigned x = in.x;
        if (find_in_row(c, &x, in.x + in.w, y)) {
            return true;
        }
    }
    return false;
}

/* --- which tile ---------------------------------------------------------------------------------- */

struct tile {
    unsigned x, y;
};

/* In how many of the last 16 looks it has changed. */
static unsigned changes(const struct vnc_screen *scr, size_t tile)
{
    const struct vnc_tile_age *age = &scr->ages[tile];
    uint32_t gap = scr->looks - age->last;

    return gap < 16 ? (unsigned)__builtin_popcount((uint16_t)(age->history << gap)) : 0;
}

/* The quiet one that has changed least often; of several, the one that has changed last. */
static bool quiet_tile(const struct vnc_client *c, const struct vnc_rect *in, struct tile *found)
{
    const struct vnc_screen *scr = &c->server->screen;
    uint64_t best = (uint64_t)(QUIET + 1) << 32;
    bool any = false;

    for (unsigned y = in->y; y < in->y + in->h; y++) {
        for (unsigned x = in->x; find_in_row(c, &x, in->x + in->w, y); x++) {
            size_t tile = (size_t)y * scr->columns + x;
            uint64_t rank =
                (uint64_t)changes(scr, tile) << 32 | (scr->looks - scr->ages[tile].last);
            if (rank < best) {
                best = rank;
                *found = (struct tile){x, y};
                any = true;
            }
        }
    }
    return any;
}

/* The first tile of row y from *x on, before x1, that is dirty and has not been sent this time around. */
static bool find_due(const struct vnc_client *c, unsigned *x, unsigned x1, unsigned y)
{
    size_t row = (size_t)y * c->server->screen.columns;

    while (find_in_row(c, x, x1, y) && bits_test(c->done, row + *x)) {
        ++*x;
    }
    return *x < x1;
}

static void new_round(struct vnc_client *c)
{
    const struct vnc_screen *scr = &c->server->screen;

    memset(c->done, 0, bits_words((size_t)scr->columns * scr->rows) * sizeof(*c->done));
}

/* The next one around the picture, at most once around. */
static bool next_tile(struct vnc_client *c, const struct vnc_rect *in, struct tile *found)
{
    const struct vnc_screen *scr = &c->server->screen;

    while (c->scan_left) {
        unsigned y = c->scan_at / scr->columns, from = c->scan_at % scr->columns;
        unsigned x = MAX(from, in->x), n = MIN(scr->columns - from, c->scan_left);
        unsigned x1 = MIN(from + n, in->x + in->w);
        bool yes = y >= in->y && y < in->y + in->h && find_due(c, &x, x1, y);
        n = yes ? x + 1 - from : n;
        c->scan_left -= n;
        c->scan_at += n;
        if (c->scan_at == scr->columns * scr->rows) {
            c->scan_at = 0;
            new_round(c);
        }
        if (yes) {
            *found = (struct tile){x, y};
            return true;
        }
    }
    return false;
}

void vnc_pick_begin(struct vnc_client *c)
{
    const struct vnc_screen *scr = &c->server->screen;

    if (!c->scan_left) {
        new_round(c);
    }
    c->scan_left = scr->columns * scr->rows;
    c->scan_at %= c->scan_left;
}

/* --- which rectangle ----------------------------------------------------------------------------- */

/* In pixels; the encoder cuts off what is beyond the picture's edges. */
static struct vnc_rect in_pixels(const struct vnc_rect *tiles)
{
    return (struct vnc_rect){tiles->x * DISPLAY_TILE, tiles->y * DISPLAY_TILE,
                             tiles->w * DISPLAY_TILE, tiles->h * DISPLAY_TILE};
}

static size_t pixels_of(const struct vnc_rect *tiles)
{
    return (size_t)tiles->w * tiles->h * DISPLAY_TILE * DISPLAY_TILE;
}

static size_t guess(const struct vnc_client *c, const struct vnc_image *img, unsigned x, unsigned y,
                    size_t whole)
{
    struct vnc_rect r = {x * DISPLAY_TILE, y * DISPLAY_TILE, DISPLAY_TILE, DISPLAY_TILE};

    r.w = MIN(r.w, img->width - r.x);
    r.h = MIN(r.h, img->height - r.y);
    return vnc_encode_guess(c->encoder, img, &r, whole);
}

/* As much of it as fits into so many bytes, if it is to be part of so many pixels: whole rows, or
 * a part of the first. */
static struct vnc_rect cut(const struct vnc_client *c, const struct vnc_image *img,
                           const struct vnc_rect *r, size_t left, size_t whole)
{
    size_t sum = 0;

    for (unsigned y = 0; y < r->h; y++) {
        for (unsigned x = 0; x < r->w; x++) {
            sum += guess(c, img, r->x + x, r->y + y, whole);
            if (sum > left && y) {
                return (struct vnc_rect){r->x, r->y, r->w, y};
            }
            if (sum > left && x) {
                return (struct vnc_rect){r->x, r->y, x, 1};
            }
        }
    }
    return *r;
}

static struct vnc_rect fitting(const struct vnc_client *c, const struct vnc_image *img,
                               const struct vnc_rect *r, size_t left)
{
    if (left / sizeof(uint32_t) >= pixels_of(r)) {
        return *r;
    }
    struct vnc_rect first = cut(c, img, r, left, pixels_of(r));
    /* a smaller one may not be worth what the larger one would have been */
    return cut(c, img, &first, left, pixels_of(&first));
}

/* The rectangle that starts with this tile; what is dirty left of it in its row is another one's. */
static struct vnc_rect take_rect(struct vnc_client *c, const struct vnc_rect *in, struct tile at)
{
    struct vnc_tile_map map = {c->dirty, c->server->screen.columns};
    struct vnc_rect part = *in, taken = {at.x, at.y, 1, 1};
    unsigned x = in->x;

    if (find_in_row(c, &x, at.x, at.y)) {
        part.x = at.x;
        part.w = in->x + in->w - at.x;
    }
    vnc_take_tiles(&map, &part, at.y, RECT_TILES, &taken);
    return taken;
}

static bool is_quiet(const struct vnc_client *c, unsigned x, unsigned y)
{
    const struct vnc_screen *scr = &c->server->screen;

    return test_tile(c, x, y) && changes(scr, (size_t)y * scr->columns + x) <= QUIET;
}

static bool row_is_quiet(const struct vnc_client *c, unsigned x, unsigned x1, unsigned y)
{
    while (x < x1 && is_quiet(c, x, y)) {
        x++;
    }
    return x == x1;
}

/* The same of quiet tiles only. */
static struct vnc_rect take_quiet(struct vnc_client *c, const struct vnc_rect *in, struct tile at)
{
    unsigned x1 = at.x + 1, y1 = at.y + 1;

    while (x1 < in->x + in->w && is_quiet(c, x1, at.y)) {
        x1++;
    }
    while (y1 < in->y + in->h && (x1 - at.x) * (y1 + 1 - at.y) <= RECT_TILES &&
           row_is_quiet(c, at.x, x1, y1)) {
        y1++;
    }
    for (unsigned y = at.y; y < y1; y++) {
        for (unsigned x = at.x; x < x1; x++) {
            bits_clear(c->dirty, (size_t)y * c->server->screen.columns + x);
        }
    }
    return (struct vnc_rect){at.x, at.y, x1 - at.x, y1 - at.y};
}

/* What was taken off the map since `before` was copied goes back, but for `kept`. */
static void keep(struct vnc_client *c, const struct vnc_rect *kept, size_t words)
{
    memcpy(c->dirty, c->before, words * sizeof(*c->dirty));
    for (unsigned y = kept->y; y < kept->y + kept->h; y++) {
        for (unsigned x = kept->x; x < kept->x + kept->w; x++) {
            size_t tile = (size_t)y * c->server->screen.columns + x;
            bits_clear(c->dirty, tile);
            bits_set(c->done, tile);
        }
    }
}

bool vnc_pick_next(struct vnc_client *c, const struct vnc_image *img, size_t left,
                   size_t left_quiet, struct vnc_rect *r)
{
    const struct vnc_screen *scr = &c->server->screen;
    size_t words = bits_words((size_t)scr->columns * scr->rows);
    struct vnc_rect in = wanted(c), taken;
    struct tile at = {0, 0};

    memcpy(c->before, c->dirty, words * sizeof(*c->dirty));
    if (left_quiet && quiet_tile(c, &in, &at)) {
        taken = take_quiet(c, &in, at);
        left = left_quiet;
    } else if (next_tile(c, &in, &at)) {
        taken = take_rect(c, &in, at);
    } else {
        return false;
    }
    struct vnc_rect kept = fitting(c, img, &taken, left);
    keep(c, &kept, words);
    *r = in_pixels(&kept);
    return true;
}
