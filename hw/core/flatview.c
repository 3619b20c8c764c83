/* SPDX-License-Identifier: MIT */
/*
 * From a region tree to a sorted array of ranges, and lookup in it.
 *
 * Regions are rendered front to back: children by falling priority, then the
 * region itself, each into what is still free. Positions are 128 bits wide
 * because an alias into the middle of a region puts that region's base below
 * zero.
 */
#include "hw/core/memory_int.h"

#include <glib.h>

#define DEPTH_MAX 32 /* an alias loop is our bug */

struct render {
    struct flat_view *view;
    unsigned depth;
};

/* What may be seen at this point of the descent. */
struct clip {
    __int128 start, end; /* exclusive */
    bool readonly;
};

static unsigned region_flags(const struct mem_region *mr, bool readonly)
{
    switch (mr->kind) {
    case MEM_RAM:
        return readonly ? MEM_SEC_READ_HOST | MEM_SEC_ROM : MEM_SEC_READ_HOST | MEM_SEC_WRITE_HOST;
    case MEM_ROM:
        return MEM_SEC_READ_HOST | MEM_SEC_ROM;
    case MEM_ROMD:
        return mr->romd_mode ? MEM_SEC_READ_HOST : 0;
    default:
        return 0;
    }
}

static void view_insert(struct flat_view *view, unsigned at, const struct flat_range *r)
{
    if (view->count == view->size) {
        view->size = MAX(16u, view->size * 2);
        view->ranges = g_renew(struct flat_range, view->ranges, view->size);
    }
    memmove(&view->ranges[at + 1], &view->ranges[at], (view->count - at) * sizeof(*view->ranges));
    view->ranges[at] = *r;
    view->count++;
}

/* [start, end) of a region based at `base`. */
static void insert_piece(struct flat_view *view, unsigned at, struct mem_region *mr, __int128 base,
                         gpa_t start, gpa_t end, bool readonly)
{
    struct flat_range r = {
        .start = start,
        .last = end - 1,
        .mr = mr,
        .offset = (uint64_t)(start - base),
        .ram = RAM_ADDR_NONE,
        .flags = region_flags(mr, readonly),
    };

    if (r.flags & MEM_SEC_READ_HOST)
        r.ram = mr->ram + r.offset;
    view_insert(view, at, &r);
}

/* Put a region into the holes of [start, end). */
static void fill_holes(struct flat_view *view, struct mem_region *mr, __int128 base, gpa_t start,
                       gpa_t end, bool readonly)
{
    for (unsigned i = 0; start < end; i++) {
        gpa_t hole_end = i < view->count ? MIN(view->ranges[i].start, end) : end;

        if (start < hole_end) {
            insert_piece(view, i, mr, base, start, hole_end, readonly);
            i++;
        }
        if (i >= view->count)
            return;
        start = MAX(start, view->ranges[i].last + 1);
    }
}

static void render_region(struct render *ctx, struct mem_region *mr, __int128 base,
                          struct clip clip)
{
    struct mem_region *child;

    clip.start = MAX(clip.start, base);
    clip.end = MIN(clip.end, base + mr->size);
    clip.readonly |= mr->readonly;
    if (!mr->enabled || clip.start >= clip.end)
        return;
    assert(++ctx->depth <= DEPTH_MAX);
    if (mr->kind == MEM_ALIAS)
        render_region(ctx, mr->target, base - mr->target_offset, clip);
    TAILQ_FOREACH(child, &mr->children, link)
    {
        render_region(ctx, child, base + child->offset, clip);
    }
    if (mr->kind != MEM_ALIAS && mr->kind != MEM_CONTAINER)
        fill_holes(ctx->view, mr, base, (gpa_t)clip.start, (gpa_t)clip.end, clip.readonly);
    ctx->depth--;
}

static bool continues(const struct flat_range *a, const struct flat_range *b)
{
    return a->mr == b->mr && a->flags == b->flags && a->last + 1 == b->start &&
           a->offset + (b->start - a->start) == b->offset;
}

/* Join neighbours that show one region without a seam. */
static void merge_ranges(struct flat_view *view)
{
    unsigned out = 0;

    for (unsigned i = 1; i < view->count; i++) {
        if (continues(&view->ranges[out], &view->ranges[i]))
            view->ranges[out].last = view->ranges[i].last;
        else
            view->ranges[++out] = view->ranges[i];
    }
    if (view->count)
        view->count = out + 1;
}

struct flat_view *flat_view_build(struct mem_region *root)
{
    struct flat_view *view = g_new0(struct flat_view, 1);
    struct render ctx = {.view = view};
    struct clip clip = {.start = 0, .end = root->size};

    view->space_size = root->size;
    render_region(&ctx, root, 0, clip);
    merge_ranges(view);
    return view;
}

void flat_view_free(struct flat_view *view)
{
    if (view) {
        g_free(view->ranges);
        g_free(view);
    }
}

static bool range_equal(const struct flat_range *a, const struct flat_range *b)
{
    return a->start == b->start && a->last == b->last && a->mr == b->mr && a->offset == b->offset &&
           a->ram == b->ram && a->flags == b->flags;
}

bool flat_view_equal(const struct flat_view *a, const struct flat_view *b)
{
    if (a->count != b->count || a->space_size != b->space_size)
        return false;
    for (unsigned i = 0; i < a->count; i++) {
        if (!range_equal(&a->ranges[i], &b->ranges[i]))
            return false;
    }
    return true;
}

const struct flat_range *flat_view_find(const struct flat_view *view, gpa_t gpa,
                                        const struct flat_range **next)
{
    unsigned lo = 0, hi = view->count;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (view->ranges[mid].last < gpa)
            lo = mid + 1;
        else
            hi = mid;
    }
    *next = lo < view->count ? &view->ranges[lo] : NULL;
    return *next && (*next)->start <= gpa ? *next : NULL;
}
