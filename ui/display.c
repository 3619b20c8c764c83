/* SPDX-License-Identifier: MIT */
/*
 * Displays and their viewers (ui/display.h). A pull has two halves. With the device lock held it
 * notes what the adapter shows and which pages of video memory were written; without it the lines
 * concerned are drawn, and the tiles that differ from the picture are marked for every viewer.
 *
 * A page stays under suspicion for one pull more than its dirty bit says: a vCPU may be in the
 * middle of a store through a TLB entry that was valid when the bit was cleared.
 *
 * Locks: the device lock comes before a display's own, and nobody waits for the device lock with
 * the latter held.
 */
#include "ui/display.h"

#include <glib.h>
#include <sys/queue.h>

#include "hw/core/clock.h"
#include "hw/core/lock.h"
#include "ui/render.h"

#define PAGE       4096u
#define CURSOR_NS  266666667 /* on and off for 16 frames of 60 Hz each */
#define TEXT_BLINK 2         /* characters: half as fast */
#define STRETCH    (8 * DISPLAY_TILE)

struct display_viewer {
    struct display *display;
    unsigned long *changed;
    unsigned width, height; /* of the last frame; 0: none yet */
    TAILQ_ENTRY(display_viewer) link;
};

struct display {
    pthread_mutex_t lock; /* guards all below but the link */
    struct display_source source;
    struct device *dev; /* NULL: gone */
    unsigned head;

    struct render now; /* what the picture shows */
    struct display_cursor cursor;
    unsigned width, height, columns, rows;
    uint32_t *pixels;
    unsigned long *pages, *pages_before; /* written pages of video memory ... */
    uint32_t page_off, page_len;         /* ... of this part */
    unsigned blink;                      /* half periods of the cursor */
    TAILQ_HEAD(, display_viewer) viewers;
    TAILQ_ENTRY(display) link;
};

static TAILQ_HEAD(, display) displays = TAILQ_HEAD_INITIALIZER(displays);

static bool any_bit(const unsigned long *bits, size_t words)
{
    unsigned long any = 0;

    for (size_t i = 0; i < words; i++) {
        any |= bits[i];
    }
    return any;
}

/* --- what changed -------------------------------------------------------------------------------- */

static size_t tile_words(const struct display *d)
{
    return bits_words((size_t)d->columns * d->rows);
}

static void mark_tile(struct display *d, unsigned x, unsigned y)
{
    struct display_viewer *v;

    TAILQ_FOREACH(v, &d->viewers, link)
    {
        bits_set(v->changed, (size_t)y * d->columns + x);
    }
}

static void mark_all(struct display *d, struct display_viewer *v)
{
    for (size_t i = 0; i < (size_t)d->columns * d->rows; i++) {
        bits_set(v->changed, i);
    }
}

static void set_size(struct display *d, unsigned width, unsigned height)
{
    struct display_viewer *v;

    if (d->pixels && d->width == width && d->height == height) {
        return;
    }
    d->width = width;
    d->height = height;
    d->columns = DIV_ROUND_UP(width, DISPLAY_TILE);
    d->rows = DIV_ROUND_UP(height, DISPLAY_TILE);
    g_free(d->pixels);
    d->pixels = g_new0(uint32_t, (size_t)width * height);
    TAILQ_FOREACH(v, &d->viewers, link)
    {
        g_free(v->changed);
        v->changed = g_new0(unsigned long, tile_words(d));
        mark_all(d, v);
    }
}

/* --- drawing ------------------------------------------------------------------------------------- */

/* The guest writes what we read: what changes after we looked is found dirty again. */
#define racy __attribute__((no_sanitize("thread")))

/* A pixel of a line, of which the lower three bytes count, at any address. */
typedef uint32_t line_pixel __attribute__((may_alias, aligned(1)));
#define COLOURS 0xffffffu

/* Without a branch inside, for the vectoriser; inline, as most callers know n. */
static inline racy bool differ(const uint32_t *old, const line_pixel *line, unsigned n)
{
    uint32_t diff = 0;

    for (unsigned i = 0; i < n; i++) {
        diff |= old[i] ^ (line[i] & COLOURS);
    }
    return diff;
}

static inline racy void copy_pixels(uint32_t *old, const line_pixel *line, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        old[i] = line[i] & COLOURS;
    }
}

/* Line y of the tiles from x on; `line` has pixel x. */
static void update_stretch(struct display *d, unsigned x, unsigned y, const line_pixel *line)
{
    uint32_t *old = d->pixels + (size_t)y * d->width + x;
    unsigned changed = 0;

    for (unsigned k = 0; k < STRETCH; k += DISPLAY_TILE) {
        changed |= (unsigned)differ(old + k, line + k, DISPLAY_TILE) << k / DISPLAY_TILE;
    }
    for (; changed; changed &= changed - 1) {
        unsigned tile = (unsigned)__builtin_ctz(changed), k = tile * DISPLAY_TILE;
        copy_pixels(old + k, line + k, DISPLAY_TILE);
        mark_tile(d, x / DISPLAY_TILE + tile, y / DISPLAY_TILE);
    }
}

/* The last tiles, fewer than a stretch; the very last may be narrower. */
static void update_rest(struct display *d, unsigned x, unsigned y, const line_pixel *line)
{
    uint32_t *old = d->pixels + (size_t)y * d->width;

    for (; x < d->width; x += DISPLAY_TILE) {
        unsigned n = MIN(DISPLAY_TILE, d->width - x);
        if (differ(old + x, line + x, n)) {
            copy_pixels(old + x, line + x, n);
            mark_tile(d, x / DISPLAY_TILE, y / DISPLAY_TILE);
        }
    }
}

/* The processor foresees no reads beyond the page it is in; these are never refused. */
static void fetch_ahead(const uint32_t *old, const line_pixel *line)
{
    for (unsigned k = PAGE / sizeof(*old); k < PAGE / sizeof(*old) + STRETCH; k += 16) {
        __builtin_prefetch(old + k);
        __builtin_prefetch(line + k);
    }
}

/* Most of a line is what it was, most lines under suspicion are innocent. */
static void draw_line(struct display *d, unsigned y, uint32_t *buf)
{
    const line_pixel *line = render_line_in_place(&d->now, y);
    uint32_t *old = d->pixels + (size_t)y * d->width;
    unsigned x = 0;

    line = line ? line : render_line(&d->now, y, buf);
    for (; x + STRETCH <= d->width; x += STRETCH) {
        fetch_ahead(old + x, line + x);
        if (differ(old + x, line + x, STRETCH)) {
            update_stretch(d, x, y, line + x);
        }
    }
    update_rest(d, x, y, line);
}

/* Was a page written that line y shows? Only LINEAR can tell. */
static bool line_written(const struct display *d, unsigned y)
{
    uint64_t off, len;

    if (d->now.mode.kind != DISPLAY_LINEAR) {
        return true;
    }
    render_line_bytes(&d->now, y, &off, &len);
    uint64_t first = (off - d->page_off) / PAGE, last = (off + len - 1 - d->page_off) / PAGE;
    for (uint64_t i = first; i <= last && i * PAGE < d->page_len; i++) {
        if (bits_test(d->pages, i)) {
            return true;
        }
    }
    return false;
}

static void draw(struct display *d, bool all)
{
    uint32_t *line = g_new(uint32_t, d->width + RENDER_SLACK);

    for (unsigned y = 0; y < d->height; y++) {
        if (all || line_written(d, y)) {
            draw_line(d, y, line);
        }
    }
    g_free(line);
}

/* --- looking at the adapter ---------------------------------------------------------------------- */

/* By the guest's clock: a stopped machine's picture stands still. */
static unsigned blink_phase(void)
{
    return (unsigned)(clock_now(CLK_VIRTUAL) / CURSOR_NS);
}

static bool is_text(const struct display *d)
{
    return d->now.mode.kind == DISPLAY_TEXT;
}

static bool uses_palette(const struct display_mode *m)
{
    return m->kind != DISPLAY_LINEAR || m->depth <= 8;
}

/* The part of video memory the picture comes from, from a page on. */
static void watch_part(struct display *d)
{
    const struct render *r = &d->now;
    uint64_t end = r->size;

    d->page_off = 0;
    if (r->mode.kind == DISPLAY_LINEAR) {
        end = r->mode.start + (uint64_t)r->mode.stride * r->mode.height;
        d->page_off = (uint32_t)MIN((uint64_t)ALIGN_DOWN(r->mode.start, PAGE), (uint64_t)r->size);
    } else {
        end = 4 * 0x10000; /* four planes */
    }
    end = MIN(end, (uint64_t)r->size);
    d->page_len = (uint32_t)(end > d->page_off ? end - d->page_off : 0);
    size_t words = bits_words(d->page_len / PAGE + 2);
    g_free(d->pages);
    g_free(d->pages_before);
    d->pages = g_new0(unsigned long, words);
    d->pages_before = g_new0(unsigned long, words);
}

/* Written pages of now and of the last pull; false: none. */
static bool fetch_pages(struct display *d)
{
    size_t words = bits_words(d->page_len / PAGE + 2);
    unsigned long *fresh = d->pages;
    bool any = any_bit(d->pages_before, words);

    /* pages: fresh ones for now; pages_before: what to suspect next time */
    memset(fresh, 0, words * sizeof(*fresh));
    if (d->page_len) {
        any |= d->source.ops->fetch_dirty(d->source.opaque, d->page_off, d->page_len, fresh);
    }
    for (size_t i = 0; i < words; i++) {
        unsigned long seen = fresh[i];
        fresh[i] |= d->pages_before[i];
        d->pages_before[i] = seen;
    }
    return any;
}

static void read_adapter(const struct display *d, struct render *r)
{
    memset(r, 0, sizeof(*r));
    d->source.ops->mode(d->source.opaque, &r->mode);
    if (uses_palette(&r->mode)) {
        d->source.ops->palette(d->source.opaque, r->colours);
    }
    r->memory = d->source.ops->memory(d->source.opaque, &r->size);
    if (!r->mode.width || !r->mode.height || r->mode.width > DISPLAY_SIDE_MAX ||
        r->mode.height > DISPLAY_SIDE_MAX) {
        r->mode.kind = DISPLAY_BLANK;
    }
    if (r->mode.kind == DISPLAY_BLANK) {
        r->mode = (struct display_mode){.width = d->width, .height = d->height};
    }
}

static bool same_picture(const struct render *a, const struct render *b)
{
    return !memcmp(&a->mode, &b->mode, sizeof(a->mode)) && a->memory == b->memory &&
           a->size == b->size &&
           (!uses_palette(&a->mode) || !memcmp(a->colours, b->colours, sizeof(a->colours)));
}

enum draw_what { DRAW_NOTHING, DRAW_WRITTEN, DRAW_ALL };

/* With both locks held: what is to be drawn? */
static enum draw_what look(struct display *d)
{
    enum draw_what what = DRAW_NOTHING;
    struct render r;

    if (!d->dev) {
        return DRAW_NOTHING;
    }
    read_adapter(d, &r);
    if (!same_picture(&r, &d->now)) {
        d->now = r;
        watch_part(d);
        what = DRAW_ALL;
    }
    if (fetch_pages(d)) {
        what = MAX(what, DRAW_WRITTEN);
    }
    if (is_text(d) && blink_phase() != d->blink) {
        d->blink = blink_phase();
        d->now.cursor_off = d->blink % 2;
        d->now.blink_off = d->blink / TEXT_BLINK % 2;
        what = DRAW_ALL;
    }
    if (d->source.ops->cursor) {
        d->source.ops->cursor(d->source.opaque, &d->cursor);
    }
    return what;
}

/* The display's lock, and for a moment the device lock: whoever has the latter may just wait. */
static bool lock_both(struct display *d)
{
    bool taken = device_lock_acquire();

    if (!taken) {
        pthread_mutex_lock(&d->lock);
    }
    while (taken && pthread_mutex_trylock(&d->lock)) {
        device_unlock();
        pthread_mutex_lock(&d->lock);
        pthread_mutex_unlock(&d->lock);
        device_lock();
    }
    return taken;
}

void display_begin(struct display_viewer *v, struct display_frame *f)
{
    struct display *d = v->display;
    bool taken = lock_both(d);
    enum draw_what what = look(d);

    device_lock_restore(taken);
    set_size(d, d->now.mode.width, d->now.mode.height);
    if (what != DRAW_NOTHING) {
        draw(d, what == DRAW_ALL);
    }
    *f = (struct display_frame){
        .width = d->width,
        .height = d->height,
        .pixels = d->pixels,
        .columns = d->columns,
        .rows = d->rows,
        .changed = v->changed,
        .any_changed = any_bit(v->changed, tile_words(d)),
        .resized = v->width != d->width || v->height != d->height,
        .cursor = &d->cursor,
        .text = is_text(d),
    };
}

void display_end(struct display_viewer *v)
{
    struct display *d = v->display;

    memset(v->changed, 0, tile_words(d) * sizeof(*v->changed));
    v->width = d->width;
    v->height = d->height;
    pthread_mutex_unlock(&d->lock);
}

/* --- adapters ------------------------------------------------------------------------------------ */

struct display *display_register(const struct display_source *source, struct device *dev,
                                 unsigned head)
{
    struct display *d = g_new0(struct display, 1);

    pthread_mutex_init(&d->lock, NULL);
    d->source = *source;
    d->dev = dev;
    d->head = head;
    TAILQ_INIT(&d->viewers);
    set_size(d, 640, 480);
    d->now.mode = (struct display_mode){.width = 640, .height = 480};
    watch_part(d);
    TAILQ_INSERT_TAIL(&displays, d, link);
    return d;
}

static void free_if_unused(struct display *d)
{
    if (d->dev || !TAILQ_EMPTY(&d->viewers)) {
        return;
    }
    pthread_mutex_destroy(&d->lock);
    g_free(d->pixels);
    g_free(d->pages);
    g_free(d->pages_before);
    g_free(d);
}

void display_unregister(struct display *d)
{
    TAILQ_REMOVE(&displays, d, link);
    pthread_mutex_lock(&d->lock);
    d->dev = NULL;
    d->cursor.visible = false;
    d->now = (struct render){.mode = {.width = d->width, .height = d->height}};
    draw(d, true);
    pthread_mutex_unlock(&d->lock);
    free_if_unused(d);
}

void display_memory_going(struct display *d)
{
    pthread_mutex_lock(&d->lock);
    d->now.memory = NULL;
    d->now.size = 0;
    pthread_mutex_unlock(&d->lock);
}

/* --- viewers ------------------------------------------------------------------------------------- */

struct display *display_find(struct device *dev, unsigned head)
{
    struct display *d;

    TAILQ_FOREACH(d, &displays, link)
    {
        if ((!dev || d->dev == dev) && d->head == head) {
            return d;
        }
    }
    return NULL;
}

struct display_viewer *display_viewer_new(struct display *d)
{
    struct display_viewer *v = g_new0(struct display_viewer, 1);

    v->display = d;
    pthread_mutex_lock(&d->lock);
    v->changed = g_new0(unsigned long, tile_words(d));
    mark_all(d, v);
    TAILQ_INSERT_TAIL(&d->viewers, v, link);
    pthread_mutex_unlock(&d->lock);
    return v;
}

void display_viewer_free(struct display_viewer *v)
{
    struct display *d = v->display;

    pthread_mutex_lock(&d->lock);
    TAILQ_REMOVE(&d->viewers, v, link);
    pthread_mutex_unlock(&d->lock);
    g_free(v->changed);
    g_free(v);
    free_if_unused(d);
}

bool display_suggest_size(struct display *d, unsigned width, unsigned height)
{
    if (!d->dev || !d->source.ops->suggest_size) {
        return false;
    }
    d->source.ops->suggest_size(d->source.opaque, width, height);
    return true;
}

struct device *display_device(const struct display *d)
{
    return d->dev;
}

unsigned display_head(const struct display *d)
{
    return d->head;
}

struct display *display_of(const struct display_viewer *v)
{
    return v->display;
}

const struct display_source *display_source_of(const struct display *d)
{
    return &d->source;
}
