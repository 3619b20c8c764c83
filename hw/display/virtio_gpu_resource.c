/* SPDX-License-Identifier: MIT */
/*
 * Resources of the virtio GPU (VIRTIO 1.2, 5.7.6.1, 5.7.6.8): pictures in the host's memory, and
 * the guest memory they are copied from. A sorted array, so that it is also what is saved.
 *
 * What a resource costs the host counts against max_hostmem, be it small or in many pieces.
 */
#include "hw/display/virtio_gpu.h"

#include "hw/core/vmstate.h"
#include "util/error.h"
#include "util/log.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>

/* Names of 5.7.6.8.1 tell the order of bytes in memory. */
static const struct gpu_format formats[] = {
    {1, 16, 8, 0, 24},   /* B8G8R8A8 */
    {2, 16, 8, 0, 24},   /* B8G8R8X8 */
    {3, 8, 16, 24, 0},   /* A8R8G8B8 */
    {4, 8, 16, 24, 0},   /* X8R8G8B8 */
    {67, 0, 8, 16, 24},  /* R8G8B8A8 */
    {68, 24, 16, 8, 0},  /* X8B8G8R8 */
    {121, 24, 16, 8, 0}, /* A8B8G8R8 */
    {134, 0, 8, 16, 24}, /* R8G8B8X8 */
};

static const struct gpu_format *find_format(uint32_t id)
{
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        if (formats[i].id == id) {
            return &formats[i];
        }
    }
    return NULL;
}

const struct gpu_format *gpu_resource_format(const struct gpu_resource *r)
{
    return find_format(r->format);
}

/* --- the set ------------------------------------------------------------------------------------ */

/* After a failed load the array may be missing. */
static uint32_t count_of(const struct virtio_gpu *g)
{
    return g->resources ? g->resource_count : 0;
}

/* Where it is, or would be. */
static uint32_t position(const struct virtio_gpu *g, uint32_t id)
{
    uint32_t low = 0, high = count_of(g);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (g->resources[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct gpu_resource *gpu_resource_find(struct virtio_gpu *g, uint32_t id)
{
    uint32_t i = position(g, id);
    struct gpu_resource *r = i < count_of(g) ? &g->resources[i] : NULL;

    return r && r->id == id && r->whole ? r : NULL;
}

static uint64_t cost(const struct gpu_resource *r)
{
    return r->size + GPU_PAGE + (uint64_t)r->piece_count * sizeof(struct gpu_piece);
}

static bool affordable(const struct virtio_gpu *g, uint64_t more)
{
    for (uint32_t i = 0; i < count_of(g); i++) {
        more += cost(&g->resources[i]);
    }
    return more <= g->max_hostmem;
}

static uint64_t picture_size(uint32_t width, uint32_t height)
{
    uint64_t pixels = (uint64_t)width * height;

    return pixels > UINT32_MAX / GPU_PIXEL ? UINT64_MAX : pixels * GPU_PIXEL;
}

static void insert(struct virtio_gpu *g, struct gpu_resource r)
{
    uint32_t i = position(g, r.id), count = count_of(g);

    g->resources = g_renew(struct gpu_resource, g->resources, count + 1);
    memmove(g->resources + i + 1, g->resources + i, (count - i) * sizeof(r));
    g->resources[i] = r;
    g->resource_count = count + 1;
}

enum gpu_response gpu_resource_create(struct virtio_gpu *g, uint32_t id, uint32_t format,
                                      uint32_t width, uint32_t height)
{
    uint64_t size = picture_size(width, height);

    if (!id || gpu_resource_find(g, id)) {
        return GPU_ERR_INVALID_RESOURCE_ID;
    }
    if (!find_format(format) || !size) {
        return GPU_ERR_INVALID_PARAMETER;
    }
    if (size > g->max_hostmem || !affordable(g, size + GPU_PAGE)) {
        return GPU_ERR_OUT_OF_MEMORY;
    }
    uint8_t *pixels = g_try_malloc0(size);
    if (!pixels) {
        return GPU_ERR_OUT_OF_MEMORY;
    }
    insert(g, (struct gpu_resource){.id = id,
                                    .format = format,
                                    .width = width,
                                    .height = height,
                                    .size = (uint32_t)size,
                                    .pixels = pixels,
                                    .whole = true});
    return GPU_OK_NODATA;
}

static void release(struct virtio_gpu *g, struct gpu_resource *r)
{
    for (unsigned i = 0; i < g->scanout_count; i++) {
        gpu_scanout_forget(&g->scanouts[i], r);
    }
    g_free(r->pixels);
    g_free(r->pieces);
}

enum gpu_response gpu_resource_unref(struct virtio_gpu *g, uint32_t id)
{
    struct gpu_resource *r = gpu_resource_find(g, id);

    if (!r) {
        return GPU_ERR_INVALID_RESOURCE_ID;
    }
    release(g, r);
    g->resource_count--;
    memmove(r, r + 1, (size_t)(g->resources + g->resource_count - r) * sizeof(*r));
    return GPU_OK_NODATA;
}

void gpu_resource_free_all(struct virtio_gpu *g)
{
    for (uint32_t i = 0; i < count_of(g); i++) {
        release(g, &g->resources[i]);
    }
    g_free(g->resources);
    g->resources = NULL;
    g->resource_count = 0;
}

/* --- backing ------------------------------------------------------------------------------------ */

enum gpu_response gpu_resource_attach(struct virtio_gpu *g, uint32_t id, struct gpu_piece *pieces,
                                      uint32_t count)
{
    struct gpu_resource *r = gpu_resource_find(g, id);
    enum gpu_response ret = GPU_OK_NODATA;

    if (!r) {
        ret = GPU_ERR_INVALID_RESOURCE_ID;
    } else if (r->pieces) {
        ret = GPU_ERR_UNSPEC;
    } else if (!affordable(g, (uint64_t)count * sizeof(*pieces))) {
        ret = GPU_ERR_OUT_OF_MEMORY;
    }
    if (ret != GPU_OK_NODATA) {
        g_free(pieces);
        return ret;
    }
    r->pieces = pieces;
    r->piece_count = count;
    return GPU_OK_NODATA;
}

enum gpu_response gpu_resource_detach(struct virtio_gpu *g, uint32_t id)
{
    struct gpu_resource *r = gpu_resource_find(g, id);

    if (!r || !r->pieces) {
        return GPU_ERR_INVALID_RESOURCE_ID;
    }
    g_free(r->pieces);
    r->pieces = NULL;
    r->piece_count = 0;
    return GPU_OK_NODATA;
}

/* A place in the backing, which only moves forward. */
struct reader {
    struct addr_space *as;
    const struct gpu_resource *r;
    uint32_t piece;
    uint64_t start; /* of that piece in the backing */
};

/* RAM only: a device's registers read from here could lead back to us. */
static bool copy_ram(struct addr_space *as, uint64_t gpa, uint8_t *to, uint64_t len)
{
    struct mem_section section;

    while (len) {
        if (!mem_lookup(as, (gpa_t)gpa, &section) || !(section.flags & MEM_SEC_READ_HOST)) {
            return false;
        }
        uint64_t here = MIN(len, section.len);
        memcpy(to, section.host, here);
        gpa += here;
        to += here;
        len -= here;
    }
    return true;
}

/* Offsets of successive calls never fall. */
static bool read_backing(struct reader *b, uint64_t offset, uint8_t *to, uint64_t len)
{
    while (len) {
        if (b->piece == b->r->piece_count) {
            return false;
        }
        const struct gpu_piece *p = &b->r->pieces[b->piece];
        if (offset - b->start >= p->len) {
            b->start += p->len;
            b->piece++;
            continue;
        }
        uint64_t here = MIN(len, p->len - (offset - b->start));
        if (!copy_ram(b->as, p->gpa + (offset - b->start), to, here)) {
            return false;
        }
        offset += here;
        to += here;
        len -= here;
    }
    return true;
}

bool gpu_rect_fits(const struct gpu_resource *r, const struct gpu_rect *rect)
{
    return rect->width && rect->height && range_fits(rect->x, rect->width, r->width) &&
           range_fits(rect->y, rect->height, r->height);
}

/* Rows that follow each other without a gap are one. */
static bool copy_rows(struct reader *b, const struct gpu_rect *rect, uint64_t offset)
{
    const struct gpu_resource *r = b->r;
    uint64_t stride = (uint64_t)r->width * GPU_PIXEL, len = (uint64_t)rect->width * GPU_PIXEL;
    uint8_t *to = r->pixels + rect->y * stride + (uint64_t)rect->x * GPU_PIXEL;
    uint32_t rows = rect->height;

    if (len == stride) {
        len *= rows;
        rows = 1;
    }
    for (uint32_t y = 0; y < rows; y++) {
        if (!read_backing(b, offset + y * stride, to + y * stride, len)) {
            return false;
        }
    }
    return true;
}

enum gpu_response gpu_resource_transfer(struct virtio_gpu *g, uint32_t id,
                                        const struct gpu_rect *rect, uint64_t offset)
{
    struct gpu_resource *r = gpu_resource_find(g, id);

    if (!r || !r->pieces) {
        return GPU_ERR_INVALID_RESOURCE_ID;
    }
    if (!gpu_rect_fits(r, rect) || offset > r->size) {
        guest_error("virtio-gpu: transfer outside of resource %" PRIu32, id);
        return GPU_ERR_INVALID_PARAMETER;
    }
    g->work += (uint64_t)rect->width * rect->height * GPU_PIXEL;
    if (!copy_rows(&(struct reader){.as = g->dev.as, .r = r}, rect, offset)) {
        guest_error("virtio-gpu: resource %" PRIu32 " has no memory there", id);
        return GPU_ERR_INVALID_PARAMETER;
    }
    return GPU_OK_NODATA;
}

/* --- saved state -------------------------------------------------------------------------------- */

static int resource_post_load(void *state, unsigned version, struct error **err)
{
    struct gpu_resource *r = state;

    if (!r->id || !find_format(r->format) || !r->size ||
        r->size != picture_size(r->width, r->height)) {
        error_set(err, "virtio-gpu: impossible resource %" PRIu32, r->id);
        return -EINVAL;
    }
    r->whole = true;
    return 0;
}

int gpu_resources_check(struct virtio_gpu *g, struct error **err)
{
    for (uint32_t i = 1; i < count_of(g); i++) {
        if (g->resources[i].id <= g->resources[i - 1].id) {
            error_set(err, "virtio-gpu: resources out of order");
            return -EINVAL;
        }
    }
    if (!affordable(g, 0)) {
        error_set(err, "virtio-gpu: the saved resources need more than max_hostmem");
        return -ENOMEM;
    }
    return 0;
}

static const struct vmstate piece_vmstate = {
    .name = "virtio-gpu-piece",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U64(struct gpu_piece, gpa),
            VM_U32(struct gpu_piece, len),
            VM_END,
        },
};

const struct vmstate gpu_resource_vmstate = {
    .name = "virtio-gpu-resource",
    .version = 1,
    .post_load = resource_post_load,
    .fields =
        (const struct vm_field[]){
            VM_U32(struct gpu_resource, id),
            VM_U32(struct gpu_resource, width),
            VM_U32(struct gpu_resource, height),
            VM_U32(struct gpu_resource, format),
            VM_U32(struct gpu_resource, size),
            VM_VBUFFER_ALLOC(struct gpu_resource, pixels, size, UINT32_MAX),
            VM_U32(struct gpu_resource, piece_count),
            VM_STRUCT_ALLOC(struct gpu_resource, pieces, piece_count, GPU_PIECES_MAX,
                            &piece_vmstate),
            VM_END,
        },
};
