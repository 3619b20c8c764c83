/* SPDX-License-Identifier: MIT */
/*
 * CopyRect (RFC 6143, 7.7.2) for what has moved. When a look at the display finds many changes, what
 * scrolled, or else moved, is looked for in the old and the new picture, once for all clients. A client that
 * takes CopyRect gets the move as one more to be sent, before anything else, and its map of dirty
 * tiles is from then on about what it will show after all its moves: a tile of the target is clean if
 * what it is copied from was. So moves may wait while more is found, and dirty tiles are drawn over
 * the result.
 *
 * Screens on which nothing moves are searched less and less often.
 */
#include "ui/vnc/internal.h"

#include "ui/display.h"

#define ROWS_MIN    4u  /* tiles: what is less high is not searched */
#define CHANGED_MIN 16u /* tiles */
#define TILES_MIN   8u  /* a move that leaves fewer clean is not worth its pixels */
#define VAIN_MAX    16u /* searches that are counted; one look in VAIN_MAX^2 / 8 has one then */

/* --- finding ------------------------------------------------------------------------------------- */

/* What has changed lies in these tiles. */
struct box {
    unsigned x0, y0, x1, y1;
    unsigned changed;
};

static struct box changed_box(const struct display_frame *f)
{
    struct box b = {.x0 = f->columns, .y0 = f->rows};

    for (unsigned y = 0; y < f->rows; y++) {
        for (unsigned x = 0; x < f->columns; x++) {
            if (display_tile_changed(f, x, y)) {
                b.x0 = MIN(b.x0, x);
                b.x1 = MAX(b.x1, x + 1);
                b.y0 = MIN(b.y0, y);
                b.y1 = y + 1;
                b.changed++;
            }
        }
    }
    return b;
}

static bool anybody_copies(const struct vnc_server *s)
{
    const struct vnc_client *c;

    TAILQ_FOREACH(c, &s->clients, link_)
    {
        if (c->dirty && vnc_encoder_has(c->encoder, VNC_ENCODING_COPYRECT)) {
            return true;
        }
    }
    return false;
}

/* Only whole tiles of the target: cut off what is not, but at the picture's edge. */
static bool align(struct vnc_scroll *m, unsigned height)
{
    unsigned y0 = ALIGN_UP(m->dst.y, DISPLAY_TILE), y1 = m->dst.y + m->dst.h;

    y1 = y1 == height ? y1 : ALIGN_DOWN(y1, DISPLAY_TILE);
    if (y0 + TILES_MIN > y1) {
        return false;
    }
    m->from_y += y0 - m->dst.y;
    m->dst.y = y0;
    m->dst.h = y1 - y0;
    return true;
}

static bool search(struct vnc_screen *scr, const struct display_frame *f, const struct box *b,
                   struct vnc_scroll *m)
{
    struct vnc_image old = {scr->pixels, scr->width, scr->width, scr->height};
    struct vnc_image img = {f->pixels, f->width, f->width, f->height};
    struct vnc_rect area = {b->x0 * DISPLAY_TILE, b->y0 * DISPLAY_TILE, 0, 0};

    area.w = MIN(b->x1 * DISPLAY_TILE, scr->width) - area.x;
    area.h = MIN(b->y1 * DISPLAY_TILE, scr->height) - area.y;
    return (vnc_find_scroll(&old, &img, &area, m) && align(m, scr->height)) ||
           vnc_find_move(&old, &img, &area, m);
}

bool vnc_scroll_find(struct vnc_server *s, const struct display_frame *f, struct vnc_scroll *m)
{
    struct vnc_screen *scr = &s->screen;

    if (!anybody_copies(s) || f->width != scr->width || f->height != scr->height) {
        return false;
    }
    struct box b = changed_box(f);
    if (b.changed < CHANGED_MIN || b.y1 - b.y0 < ROWS_MIN) {
        return false;
    }
    if (scr->scroll_rest) {
        scr->scroll_rest--;
        return false;
    }
    bool found = search(scr, f, &b, m);
    scr->scroll_vain = found ? 0 : MIN(scr->scroll_vain + 1, VAIN_MAX);
    scr->scroll_rest = scr->scroll_vain * scr->scroll_vain / 8;
    return found;
}

/* --- a client's moves ---------------------------------------------------------------------------- */

/* Does it know the whole picture, and can it copy? */
static bool takes_moves(const struct vnc_client *c)
{
    const struct vnc_screen *scr = &c->server->screen;

    return c->dirty && vnc_encoder_has(c->encoder, VNC_ENCODING_COPYRECT) && !c->frame_cut &&
           !(c->news & VNC_NEWS_SIZE) && c->width == scr->width && c->height == scr->height;
}

/* For those in whose picture the cursor is painted: it must not be copied, nor be copied over. */
static void cursor_is_dirty(struct vnc_client *c)
{
    struct vnc_rect r;

    if (vnc_update_paints_cursor(c) && vnc_screen_cursor_area(&c->server->screen, &r)) {
        vnc_update_dirty_area(c, &r);
    }
}

/* Are all tiles clean that have pixels of r? */
static bool clean(const unsigned long *dirty, unsigned columns, const struct vnc_rect *r)
{
    for (unsigned y = r->y / DISPLAY_TILE; y * DISPLAY_TILE < r->y + r->h; y++) {
        for (unsigned x = r->x / DISPLAY_TILE; x * DISPLAY_TILE < r->x + r->w; x++) {
            if (bits_test(dirty, (size_t)y * columns + x)) {
                return false;
            }
        }
    }
    return true;
}

/* The map of dirty tiles after the move; how many of the target are clean. */
static unsigned move_dirty(const struct vnc_client *c, const struct vnc_scroll *m,
                           unsigned long *after)
{
    unsigned columns = c->server->screen.columns, n = 0;

    for (unsigned y = 0; y < m->dst.h; y += DISPLAY_TILE) {
        for (unsigned x = 0; x < m->dst.w; x += DISPLAY_TILE) {
            struct vnc_rect from = {m->from_x + x, m->from_y + y, MIN(DISPLAY_TILE, m->dst.w - x),
                                    MIN(DISPLAY_TILE, m->dst.h - y)};
            size_t tile =
                (size_t)((m->dst.y + y) / DISPLAY_TILE) * columns + (m->dst.x + x) / DISPLAY_TILE;
            if (clean(c->dirty, columns, &from)) {
                bits_clear(after, tile);
                n++;
            } else {
                bits_set(after, tile);
            }
        }
    }
    return n;
}

bool vnc_scroll_apply(struct vnc_client *c, const struct vnc_scroll *m)
{
    const struct vnc_screen *scr = &c->server->screen;
    size_t bytes = bits_words((size_t)scr->columns * scr->rows) * sizeof(long);

    /* an update that is to have all of the picture does not return to what it has had */
    bool whole = c->frame_open && c->asked.whole;
    if (!takes_moves(c) || whole || c->move_count == VNC_MOVES) {
        return false;
    }
    cursor_is_dirty(c);
    unsigned long *after = g_memdup2(c->dirty, bytes);
    bool yes = move_dirty(c, m, after) >= TILES_MIN;
    if (yes) {
        memcpy(c->dirty, after, bytes);
        cursor_is_dirty(c);
        c->moves[c->move_count++] = *m;
    }
    g_free(after);
    return yes;
}

/* --- sending them -------------------------------------------------------------------------------- */

void vnc_scroll_forget(struct vnc_client *c)
{
    for (unsigned i = 0; i < c->move_count; i++) {
        vnc_update_dirty_area(c, &c->moves[i].dst);
    }
    c->move_count = 0;
}

static bool inside(const struct vnc_rect *r, const struct vnc_rect *in)
{
    return r->x >= in->x && r->y >= in->y && r->x + r->w <= in->x + in->w &&
           r->y + r->h <= in->y + in->h;
}

void vnc_scroll_write(struct vnc_client *c)
{
    const struct vnc_rect *area = vnc_update_area(c);
    bool fine = takes_moves(c);

    for (unsigned i = 0; i < c->move_count; i++) {
        fine &= inside(&c->moves[i].dst, area);
    }
    if (!fine) {
        vnc_scroll_forget(c);
        return;
    }
    for (unsigned i = 0; i < c->move_count; i++) {
        const struct vnc_scroll *m = &c->moves[i];
        c->frame_rects += vnc_encode_copyrect(c->encoder, &m->dst, m->from_x, m->from_y, c->frame);
    }
    c->move_count = 0;
}
