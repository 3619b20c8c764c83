/* SPDX-License-Identifier: MIT */
/*
 * A server's copy of the display's picture. While somebody can take changes it looks at the display
 * up to 60 times a second; when nothing changes, less and less often, until something does or
 * somebody types. While nobody can, it does not look: what a slow client misses is never drawn.
 */
#include "ui/vnc/internal.h"

#include "ui/display.h"

#define INTERVAL_MIN 16667
#define INTERVAL_MAX 100000
#define INTERVAL_KEY 4000 /* after the first key for a while: what it causes comes soon */
#define BLANK_WIDTH  640u
#define BLANK_HEIGHT 480u

static void look(void *opaque);

static void set_size(struct vnc_screen *scr, unsigned width, unsigned height)
{
    scr->width = width;
    scr->height = height;
    scr->columns = DIV_ROUND_UP(width, DISPLAY_TILE);
    scr->rows = DIV_ROUND_UP(height, DISPLAY_TILE);
    g_free(scr->pixels);
    scr->pixels = g_new0(uint32_t, (size_t)width * height);
    g_free(scr->ages);
    scr->ages = g_new0(struct vnc_tile_age, (size_t)scr->columns * scr->rows);
}

void vnc_screen_init(struct vnc_server *s, struct display_viewer *viewer)
{
    s->screen = (struct vnc_screen){.viewer = viewer, .interval = INTERVAL_MIN};
    set_size(&s->screen, BLANK_WIDTH, BLANK_HEIGHT);
}

/* --- the cursor ---------------------------------------------------------------------------------- */

bool vnc_screen_cursor_area(const struct vnc_screen *scr, struct vnc_rect *r)
{
    const struct display_cursor *c = &scr->cursor;
    int x = c->x - (int)c->hot_x, y = c->y - (int)c->hot_y;
    int x1 = MIN(x + (int)c->width, (int)scr->width),
        y1 = MIN(y + (int)c->height, (int)scr->height);

    x = MAX(x, 0);
    y = MAX(y, 0);
    if (!c->visible || x >= x1 || y >= y1) {
        return false;
    }
    *r = (struct vnc_rect){(unsigned)x, (unsigned)y, (unsigned)(x1 - x), (unsigned)(y1 - y)};
    return true;
}

static uint32_t blend(uint32_t below, uint32_t above)
{
    uint32_t alpha = above >> 24, out = 0;

    for (unsigned shift = 0; shift < 24; shift += 8) {
        uint32_t a = above >> shift & 255, b = below >> shift & 255;
        out |= (a * alpha + b * (255 - alpha) + 127) / 255 << shift;
    }
    return out;
}

void vnc_screen_paint_cursor(struct vnc_screen *scr, uint32_t *under)
{
    const struct display_cursor *c = &scr->cursor;
    struct vnc_rect r;

    if (!vnc_screen_cursor_area(scr, &r)) {
        return;
    }
    for (unsigned y = r.y; y < r.y + r.h; y++) {
        uint32_t *row = scr->pixels + (size_t)y * scr->width;
        unsigned line = (unsigned)((int)y - c->y + (int)c->hot_y);
        for (unsigned x = r.x; x < r.x + r.w; x++) {
            unsigned column = (unsigned)((int)x - c->x + (int)c->hot_x);
            *under++ = row[x];
            row[x] = blend(row[x], c->pixels[line * c->width + column]);
        }
    }
}

void vnc_screen_unpaint_cursor(struct vnc_screen *scr, const uint32_t *under)
{
    struct vnc_rect r;

    if (!vnc_screen_cursor_area(scr, &r)) {
        return;
    }
    for (unsigned y = r.y; y < r.y + r.h; y++, under += r.w) {
        memcpy(scr->pixels + (size_t)y * scr->width + r.x, under, r.w * sizeof(*under));
    }
}

/* For clients that see it in the picture: where it was, or is now. */
static void cursor_dirty(struct vnc_server *s)
{
    struct vnc_client *c;
    struct vnc_rect r;

    TAILQ_FOREACH(c, &s->clients, link_)
    {
        if (c->dirty && vnc_update_paints_cursor(c) && vnc_screen_cursor_area(&s->screen, &r)) {
            vnc_update_dirty_area(c, &r);
        }
    }
}

static void cursor_news(struct vnc_server *s)
{
    struct vnc_client *c;

    TAILQ_FOREACH(c, &s->clients, link_)
    {
        c->news |= VNC_NEWS_CURSOR;
    }
}

static void take_cursor(struct vnc_server *s, const struct display_cursor *now)
{
    struct display_cursor *old = &s->screen.cursor;
    bool moved = now->x != old->x || now->y != old->y;
    bool changed = now->visible != old->visible || now->serial != old->serial;

    if (!changed && (!moved || !now->visible)) {
        return;
    }
    cursor_dirty(s);
    *old = *now;
    if (old->width > DISPLAY_CURSOR_SIDE || old->height > DISPLAY_CURSOR_SIDE) {
        old->visible = false;
    }
    cursor_dirty(s);
    if (changed) {
        s->screen.cursor_known = true;
        cursor_news(s);
    }
}

/* --- the picture --------------------------------------------------------------------------------- */

/* n tiles to the right of (tx, ty). */
static void take_tiles_of_row(struct vnc_screen *scr, const struct display_frame *f, unsigned tx,
                              unsigned ty, unsigned n)
{
    unsigned x = tx * DISPLAY_TILE, y = ty * DISPLAY_TILE;
    size_t bytes = MIN(n * DISPLAY_TILE, f->width - x) * sizeof(uint32_t);

    for (unsigned end = MIN(y + DISPLAY_TILE, f->height); y < end; y++) {
        size_t at = (size_t)y * f->width + x;
        memcpy(scr->pixels + at, f->pixels + at, bytes);
    }
}

/* `moved`: clients that are told of the move know it. */
static void mark_tile(struct vnc_server *s, size_t tile, bool moved)
{
    struct vnc_tile_age *age = &s->screen.ages[tile];
    uint32_t gap = s->screen.looks - age->last;
    struct vnc_client *c;

    age->history = (uint16_t)(gap < 16 ? age->history << gap | 1 : 1);
    age->last = s->screen.looks;
    TAILQ_FOREACH(c, &s->clients, link_)
    {
        if (c->dirty && !(moved && c->moving)) {
            vnc_update_dirty(c, tile);
        }
    }
}

static bool in_tiles(const struct vnc_rect *r, unsigned x, unsigned y)
{
    return x * DISPLAY_TILE >= r->x && x * DISPLAY_TILE < r->x + r->w && y * DISPLAY_TILE >= r->y &&
           y * DISPLAY_TILE < r->y + r->h;
}

/* `moved`: the target of a move. */
static void take_tiles(struct vnc_server *s, const struct display_frame *f,
                       const struct vnc_rect *moved)
{
    for (unsigned y = 0; y < f->rows; y++) {
        for (unsigned x = 0, n; x < f->columns; x += n + 1) {
            for (n = 0; x + n < f->columns && display_tile_changed(f, x + n, y); n++) {
                mark_tile(s, (size_t)y * f->columns + x + n, in_tiles(moved, x + n, y));
            }
            if (n) {
                take_tiles_of_row(&s->screen, f, x, y, n);
            }
        }
    }
}

static void take_changes(struct vnc_server *s, const struct display_frame *f)
{
    struct vnc_scroll m = {.from_y = 0};
    struct vnc_client *c;

    s->screen.looks++;
    if (vnc_scroll_find(s, f, &m)) {
        TAILQ_FOREACH(c, &s->clients, link_)
        {
            c->moving = vnc_scroll_apply(c, &m);
        }
    } else {
        m.dst.w = 0;
    }
    take_tiles(s, f, &m.dst);
}

static void resized(struct vnc_server *s, const struct display_frame *f)
{
    struct vnc_client *c;

    set_size(&s->screen, f->width, f->height);
    TAILQ_FOREACH(c, &s->clients, link_)
    {
        if (c->dirty) {
            vnc_update_resized(c);
        }
    }
}

/* Bring the copy up to date. Did anything change? */
static bool pull(struct vnc_server *s)
{
    struct vnc_screen *scr = &s->screen;
    struct display_frame f;
    bool changed;

    if (!scr->viewer) {
        return false;
    }
    display_begin(scr->viewer, &f);
    if (f.width != scr->width || f.height != scr->height) {
        resized(s, &f);
    }
    changed = f.any_changed;
    if (changed) {
        take_changes(s, &f);
    }
    take_cursor(s, f.cursor);
    display_end(scr->viewer);
    return changed;
}

/* --- when to look -------------------------------------------------------------------------------- */

static bool anybody_hungry(struct vnc_server *s)
{
    struct vnc_client *c;

    TAILQ_FOREACH(c, &s->clients, link_)
    {
        if (vnc_update_hungry(c)) {
            return true;
        }
    }
    return false;
}

static int64_t next_interval(int64_t interval, bool changed)
{
    if (changed) {
        return INTERVAL_MIN;
    }
    return interval < INTERVAL_MIN ? MIN(interval * 2, INTERVAL_MIN)
                                   : MIN(interval + interval / 8, INTERVAL_MAX);
}

static void look(void *opaque)
{
    struct vnc_server *s = opaque;
    struct vnc_client *c, *next;

    s->screen.last_look = vnc_now();
    bool changed = pull(s);
    s->screen.interval = next_interval(s->screen.interval, changed);
    for (c = TAILQ_FIRST(&s->clients); c; c = next) {
        next = TAILQ_NEXT(c, link_);
        vnc_client_go_on(c); /* may free it */
    }
    vnc_screen_wake(s);
}

void vnc_screen_refresh(struct vnc_server *s)
{
    int64_t now = vnc_now();

    if (now - s->screen.last_look >= INTERVAL_MIN) {
        s->screen.last_look = now;
        if (pull(s)) {
            s->screen.interval = INTERVAL_MIN; /* the next look may not find it any more */
        }
    }
}

void vnc_screen_wake(struct vnc_server *s)
{
    struct vnc_screen *scr = &s->screen;

    if (!vnc_timer_armed(&scr->timer) && anybody_hungry(s)) {
        vnc_timer_arm(&scr->timer, scr->last_look + scr->interval, look, s);
    }
}

void vnc_screen_input(struct vnc_server *s)
{
    struct vnc_screen *scr = &s->screen;

    int64_t now = vnc_now();

    if (now - scr->last_look < INTERVAL_MIN) {
        scr->interval = MIN(scr->interval, INTERVAL_MIN);
    } else {
        scr->interval = INTERVAL_KEY;
        scr->last_look = now; /* as if: the guest gets this long */
    }
    if (vnc_timer_armed(&scr->timer)) {
        vnc_timer_arm(&scr->timer, scr->last_look + scr->interval, look, s);
    }
}
