/* SPDX-License-Identifier: MIT */
/*
 * Scanouts of the virtio GPU: what each head shows (as a display source), what has been flushed,
 * its pointer, and the monitor at it, which is as large as the user's window (VIRTIO 1.2, 5.7.3).
 */
#include "hw/display/virtio_gpu.h"

#include "hw/core/vmstate.h"
#include "ui/display.h"
#include "util/bits.h"
#include "util/error.h"

#include <errno.h>
#include <glib.h>

#define SIDE_MIN 64u /* what an EDID can say */
#define SIDE_MAX 4095u

/* --- dirty pages -------------------------------------------------------------------------------- */

static void mark_pages(struct gpu_scanout *s, uint64_t off, uint64_t len)
{
    for (uint64_t i = off / GPU_PAGE; i <= (off + len - 1) / GPU_PAGE && i < s->dirty_pages; i++) {
        bits_set(s->dirty, i);
    }
    s->any_dirty = true;
}

/* Bits for a resource, all set; or none. */
static void new_dirty_bits(struct gpu_scanout *s, const struct gpu_resource *r)
{
    g_free(s->dirty);
    s->dirty_pages = r ? DIV_ROUND_UP(r->size, GPU_PAGE) : 0;
    s->dirty = r ? g_new0(unsigned long, bits_words(s->dirty_pages)) : NULL;
    s->any_dirty = false;
    if (r) {
        mark_pages(s, 0, r->size);
    }
}

/* --- the source --------------------------------------------------------------------------------- */

/* What a VGA shows here until the driver takes over. */
static const struct display_source *legacy_of(const struct gpu_scanout *s)
{
    const struct virtio_gpu *g = s->gpu;

    return s == &g->scanouts[0] && !g->enabled && g->legacy.ops ? &g->legacy : NULL;
}

/* The resource shown, if all is well. */
static const struct gpu_resource *shown_resource(const struct gpu_scanout *s)
{
    const struct gpu_resource *r =
        s->resource_id ? gpu_resource_find(s->gpu, s->resource_id) : NULL;

    return r && gpu_rect_fits(r, &s->rect) ? r : NULL;
}

static void source_mode(void *opaque, struct display_mode *m)
{
    const struct gpu_scanout *s = opaque;
    const struct display_source *legacy = legacy_of(s);
    const struct gpu_resource *r = shown_resource(s);

    memset(m, 0, sizeof(*m));
    if (legacy) {
        legacy->ops->mode(legacy->opaque, m);
    } else if (r) {
        const struct gpu_format *f = gpu_resource_format(r);

        m->kind = DISPLAY_LINEAR;
        m->width = s->rect.width;
        m->height = s->rect.height;
        m->cell_height = 1;
        m->depth = 8 * GPU_PIXEL;
        m->red = f->red;
        m->green = f->green;
        m->blue = f->blue;
        m->stride = r->width * GPU_PIXEL;
        m->start = s->rect.y * m->stride + s->rect.x * GPU_PIXEL;
        m->line_compare = UINT32_MAX;
    }
}

static void source_palette(void *opaque, uint32_t colours[256])
{
    const struct display_source *legacy = legacy_of(opaque);

    if (legacy) {
        legacy->ops->palette(legacy->opaque, colours);
    } else {
        memset(colours, 0, 256 * sizeof(*colours));
    }
}

static const uint8_t *source_memory(void *opaque, uint32_t *size)
{
    struct gpu_scanout *s = opaque;
    const struct display_source *legacy = legacy_of(s);
    const struct gpu_resource *r = shown_resource(s);

    if (legacy) {
        return legacy->ops->memory(legacy->opaque, size);
    }
    *size = r ? r->size : 0;
    s->shown = r ? r->pixels : NULL;
    return s->shown;
}

static bool source_fetch_dirty(void *opaque, uint32_t off, uint32_t len, unsigned long *bits)
{
    struct gpu_scanout *s = opaque;
    const struct display_source *legacy = legacy_of(s);
    uint32_t first = off / GPU_PAGE, last = (uint32_t)(((uint64_t)off + len - 1) / GPU_PAGE);

    if (legacy) {
        return legacy->ops->fetch_dirty(legacy->opaque, off, len, bits);
    }
    if (!s->any_dirty) {
        return false;
    }
    for (uint32_t i = first; i <= last && i < s->dirty_pages; i++) {
        if (bits_test(s->dirty, i)) {
            bits_set(bits, i - first);
        }
    }
    memset(s->dirty, 0, bits_words(s->dirty_pages) * sizeof(*s->dirty));
    s->any_dirty = false;
    return true;
}

static void source_cursor(void *opaque, struct display_cursor *c)
{
    const struct gpu_scanout *s = opaque;
    const struct display_cursor *own = &s->cursor;

    if (c->serial != own->serial) {
        *c = *own;
    }
    c->visible = own->visible && shown_resource(s);
    c->x = own->x;
    c->y = own->y;
}

/* --- the monitor -------------------------------------------------------------------------------- */

static void set_monitor(struct gpu_scanout *s, bool connected, uint32_t width, uint32_t height)
{
    if (s->connected == connected && s->width == width && s->height == height) {
        return;
    }
    s->connected = connected;
    s->width = width;
    s->height = height;
    s->gpu->events |= GPU_EVENT_DISPLAY;
    virtio_config_changed(&s->gpu->dev);
}

/* Without a window the first monitor stays, the others are unplugged. */
static void source_suggest_size(void *opaque, unsigned width, unsigned height)
{
    struct gpu_scanout *s = opaque;

    if (width && height) {
        set_monitor(s, true, width, height);
    } else if (s != &s->gpu->scanouts[0]) {
        set_monitor(s, false, s->width, s->height);
    }
}

static const struct display_source_ops source_ops = {
    .mode = source_mode,
    .palette = source_palette,
    .memory = source_memory,
    .fetch_dirty = source_fetch_dirty,
    .cursor = source_cursor,
    .suggest_size = source_suggest_size,
};

/* --- what the driver does ----------------------------------------------------------------------- */

void gpu_scanout_set(struct gpu_scanout *s, const struct gpu_resource *r,
                     const struct gpu_rect *rect)
{
    bool same = r && s->resource_id == r->id && s->dirty;

    s->resource_id = r ? r->id : 0;
    s->rect = r ? *rect : (struct gpu_rect){.width = 0};
    if (!same) {
        new_dirty_bits(s, r);
    }
    s->gpu->enabled |= r != NULL;
}

void gpu_scanout_flush(struct gpu_scanout *s, const struct gpu_resource *r,
                       const struct gpu_rect *rect)
{
    uint64_t stride = (uint64_t)r->width * GPU_PIXEL, start = rect->x * (uint64_t)GPU_PIXEL;

    if (s->resource_id != r->id) {
        return;
    }
    for (uint64_t y = rect->y; y < (uint64_t)rect->y + rect->height; y++) {
        mark_pages(s, y * stride + start, rect->width * (uint64_t)GPU_PIXEL);
    }
}

void gpu_scanout_forget(struct gpu_scanout *s, const struct gpu_resource *r)
{
    if (s->resource_id == r->id) {
        gpu_scanout_set(s, NULL, NULL);
    }
    if (s->shown && s->shown == r->pixels) {
        display_memory_going(s->display);
        s->shown = NULL;
    }
}

/* --- the pointer -------------------------------------------------------------------------------- */

/* A colour that has been multiplied with alpha. */
static uint32_t divided(uint32_t colour, uint32_t alpha)
{
    return alpha ? MIN((colour * 255 + alpha / 2) / alpha, 255u) : 0;
}

/* The specification says neither what a format without alpha means here nor that colours have been
 * multiplied with it. Linux has all its pointers in B8G8R8X8, and DRM's planes are of that kind. */
static uint32_t cursor_pixel(const uint8_t *p, const struct gpu_format *f)
{
    uint32_t v = ld_le32(p), alpha = v >> f->alpha & 0xff;

    return alpha << 24 | divided(v >> f->red & 0xff, alpha) << 16 |
           divided(v >> f->green & 0xff, alpha) << 8 | divided(v >> f->blue & 0xff, alpha);
}

/* Shapes are 64 by 64 (5.7.6.10); smaller ones do no harm. */
void gpu_cursor_set(struct gpu_scanout *s, const struct gpu_resource *r, uint32_t hot_x,
                    uint32_t hot_y)
{
    struct display_cursor *c = &s->cursor;

    c->visible = r && r->width <= DISPLAY_CURSOR_SIDE && r->height <= DISPLAY_CURSOR_SIDE;
    if (!c->visible) {
        return;
    }
    c->width = r->width;
    c->height = r->height;
    c->hot_x = MIN(hot_x, r->width - 1);
    c->hot_y = MIN(hot_y, r->height - 1);
    c->serial++;
    for (uint32_t i = 0; i < r->width * r->height; i++) {
        c->pixels[i] = cursor_pixel(r->pixels + i * GPU_PIXEL, gpu_resource_format(r));
    }
}

static int cursor_place(uint32_t place, uint32_t hot)
{
    int limit = DISPLAY_SIDE_MAX;

    return MAX(MIN((int)place, limit), -limit) + (int)hot;
}

void gpu_cursor_move(struct gpu_scanout *s, uint32_t x, uint32_t y)
{
    s->cursor.x = cursor_place(x, s->cursor.hot_x);
    s->cursor.y = cursor_place(y, s->cursor.hot_y);
}

/* --- life --------------------------------------------------------------------------------------- */

void gpu_scanouts_init(struct virtio_gpu *g, struct device *dev)
{
    g->scanouts[0].connected = true;
    for (unsigned i = 0; i < g->scanout_count; i++) {
        struct gpu_scanout *s = &g->scanouts[i];

        s->gpu = g;
        s->width = g->xres;
        s->height = g->yres;
        s->display = display_register(&(struct display_source){&source_ops, s}, dev, i);
    }
}

void gpu_scanouts_fini(struct virtio_gpu *g)
{
    for (unsigned i = 0; i < g->scanout_count; i++) {
        display_unregister(g->scanouts[i].display);
        g_free(g->scanouts[i].dirty);
    }
}

void gpu_monitor_size(const struct gpu_scanout *s, uint32_t *width, uint32_t *height)
{
    *width = CLAMP(s->width, SIDE_MIN, SIDE_MAX);
    *height = CLAMP(s->height, SIDE_MIN, SIDE_MAX);
}

void gpu_scanouts_reset(struct virtio_gpu *g)
{
    for (unsigned i = 0; i < g->scanout_count; i++) {
        gpu_scanout_set(&g->scanouts[i], NULL, NULL);
        g->scanouts[i].cursor.visible = false;
    }
    g->enabled = false;
}

/* --- saved state -------------------------------------------------------------------------------- */

/* Who looks has to see the pointer's shape as new. */
void gpu_scanout_loaded(struct gpu_scanout *s)
{
    new_dirty_bits(s, s->resource_id ? gpu_resource_find(s->gpu, s->resource_id) : NULL);
    s->cursor.serial++;
}

/* Nothing is shown until all of it is known to be good: `visible` comes last. */
static int cursor_pre_load(void *state, struct error **err)
{
    ((struct display_cursor *)state)->visible = false;
    return 0;
}

static int cursor_post_load(void *state, unsigned version, struct error **err)
{
    struct display_cursor *c = state;

    if (c->width > DISPLAY_CURSOR_SIDE || c->height > DISPLAY_CURSOR_SIDE ||
        (c->visible && (c->hot_x >= c->width || c->hot_y >= c->height))) {
        c->visible = false;
        error_set(err, "virtio-gpu: impossible pointer");
        return -EINVAL;
    }
    return 0;
}

static const struct vmstate cursor_vmstate = {
    .name = "virtio-gpu-cursor",
    .version = 1,
    .pre_load = cursor_pre_load,
    .post_load = cursor_post_load,
    .fields =
        (const struct vm_field[]){
            VM_S32(struct display_cursor, x),
            VM_S32(struct display_cursor, y),
            VM_U32(struct display_cursor, hot_x),
            VM_U32(struct display_cursor, hot_y),
            VM_U32(struct display_cursor, width),
            VM_U32(struct display_cursor, height),
            VM_U32_ARRAY(struct display_cursor, pixels),
            VM_BOOL(struct display_cursor, visible),
            VM_END,
        },
};

static const struct vmstate rect_vmstate = {
    .name = "virtio-gpu-rect",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U32(struct gpu_rect, x),
            VM_U32(struct gpu_rect, y),
            VM_U32(struct gpu_rect, width),
            VM_U32(struct gpu_rect, height),
            VM_END,
        },
};

const struct vmstate gpu_scanout_vmstate = {
    .name = "virtio-gpu-scanout",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U32(struct gpu_scanout, resource_id),
            VM_STRUCT(struct gpu_scanout, rect, &rect_vmstate),
            VM_BOOL(struct gpu_scanout, connected),
            VM_U32(struct gpu_scanout, width),
            VM_U32(struct gpu_scanout, height),
            VM_STRUCT(struct gpu_scanout, cursor, &cursor_vmstate),
            VM_END,
        },
};
