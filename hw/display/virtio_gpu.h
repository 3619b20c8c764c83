/* SPDX-License-Identifier: MIT */
/*
 * The virtio GPU without a bus, in parts: resources (virtio_gpu_resource.c), scanouts
 * (virtio_gpu_scanout.c), commands (virtio_gpu_command.c), the device (virtio_gpu.c). VIRTIO 1.2,
 * 5.7. Device lock held throughout.
 */
#ifndef HW_DISPLAY_VIRTIO_GPU_H
#define HW_DISPLAY_VIRTIO_GPU_H

#include "hw/display/source.h"
#include "hw/virtio/virtio_pci.h"
#include "system/mainloop.h"

#define GPU_SCANOUTS_MAX 16u
#define GPU_PIXEL        4u    /* bytes; all formats are 32 bits */
#define GPU_PAGE         4096u /* what dirty bits stand for */

#define GPU_F_EDID BIT(1) /* 5.7.3 */

/* Events (5.7.4) */
#define GPU_EVENT_DISPLAY BIT(0)

/* Responses (5.7.6.7) */
enum gpu_response {
    GPU_OK_NODATA = 0x1100,
    GPU_OK_DISPLAY_INFO = 0x1101,
    GPU_OK_EDID = 0x1104,
    GPU_ERR_UNSPEC = 0x1200,
    GPU_ERR_OUT_OF_MEMORY = 0x1201,
    GPU_ERR_INVALID_SCANOUT_ID = 0x1202,
    GPU_ERR_INVALID_RESOURCE_ID = 0x1203,
    GPU_ERR_INVALID_PARAMETER = 0x1205,
};

struct gpu_format {
    uint32_t id;
    uint8_t red, green, blue; /* lowest bit of each in a little-endian pixel ... */
    uint8_t alpha;            /* ... in pointers, by whatever name */
};

struct gpu_rect {
    uint32_t x, y, width, height;
};

/* A piece of guest memory behind a resource. */
struct gpu_piece {
    uint64_t gpa;
    uint32_t len;
};

struct gpu_resource {
    uint32_t id, width, height;
    uint32_t format; /* the guest's number; a known one */
    uint32_t size;   /* bytes: rows without gaps */
    uint8_t *pixels; /* the host's copy */
    uint32_t piece_count;
    struct gpu_piece *pieces; /* NULL: no backing */
    bool whole;               /* derived: the rest can be relied upon */
};

struct gpu_scanout {
    struct virtio_gpu *gpu;
    struct display *display;
    uint32_t resource_id; /* 0: none */
    struct gpu_rect rect; /* of the resource; checked whenever it is used */

    /* Pages of the resource flushed since the last look. */
    unsigned long *dirty;
    uint32_t dirty_pages; /* derived: how many bits there are */
    bool any_dirty;       /* derived */
    const uint8_t *shown; /* derived: what viewers may be reading */

    /* The monitor: what the user's window is like. Survives reset. */
    bool connected;
    uint32_t width, height;

    struct display_cursor cursor;
};

struct virtio_gpu {
    struct virtio_device dev;
    struct virtqueue *control, *cursor;
    struct deferred resume; /* the control queue, where it was left */
    uint64_t work;          /* derived: bytes touched since it was last left */

    struct gpu_resource *resources; /* sorted by id */
    uint32_t resource_count;
    uint32_t scanout_count;  /* derived: max_outputs */
    uint32_t saved_scanouts; /* while state is saved or loaded: the same */
    struct gpu_scanout scanouts[GPU_SCANOUTS_MAX];
    uint32_t events;
    bool enabled; /* the driver has set a scanout: `legacy` is no longer shown */

    /* What the first head shows until then; ops NULL: nothing. */
    struct display_source legacy;

    /* Properties. */
    uint32_t prop_outputs, xres, yres;
    uint64_t max_hostmem;
    bool edid;
};

/* --- resources -------------------------------------------------------------------------------- */

/* NULL: there is none. */
struct gpu_resource *gpu_resource_find(struct virtio_gpu *g, uint32_t id);
const struct gpu_format *gpu_resource_format(const struct gpu_resource *r);
bool gpu_rect_fits(const struct gpu_resource *r, const struct gpu_rect *rect);

/* GPU_OK_NODATA, or why not. */
enum gpu_response gpu_resource_create(struct virtio_gpu *g, uint32_t id, uint32_t format,
                                      uint32_t width, uint32_t height);
enum gpu_response gpu_resource_unref(struct virtio_gpu *g, uint32_t id);
/* `pieces` is the resource's from now on, or freed. */
enum gpu_response gpu_resource_attach(struct virtio_gpu *g, uint32_t id, struct gpu_piece *pieces,
                                      uint32_t count);
enum gpu_response gpu_resource_detach(struct virtio_gpu *g, uint32_t id);
/* From the guest's memory: `offset` is that of the rectangle's first pixel. */
enum gpu_response gpu_resource_transfer(struct virtio_gpu *g, uint32_t id,
                                        const struct gpu_rect *rect, uint64_t offset);
void gpu_resource_free_all(struct virtio_gpu *g);

/* Of loaded ones: 0 or -errno. */
int gpu_resources_check(struct virtio_gpu *g, struct error **err);
#define GPU_RESOURCES_MAX 0x100000u /* each counts as a page at least */
#define GPU_PIECES_MAX    0x100000u
extern const struct vmstate gpu_resource_vmstate;

/* --- scanouts --------------------------------------------------------------------------------- */

void gpu_scanouts_init(struct virtio_gpu *g, struct device *dev);
void gpu_scanouts_fini(struct virtio_gpu *g);
void gpu_scanouts_reset(struct virtio_gpu *g);

/* What the monitor prefers, as an EDID can say it. */
void gpu_monitor_size(const struct gpu_scanout *s, uint32_t *width, uint32_t *height);

/* r NULL: nothing any more. */
void gpu_scanout_set(struct gpu_scanout *s, const struct gpu_resource *r,
                     const struct gpu_rect *rect);
/* The part of a resource that was flushed; the rectangle fits. */
void gpu_scanout_flush(struct gpu_scanout *s, const struct gpu_resource *r,
                       const struct gpu_rect *rect);
/* The resource is about to be freed. */
void gpu_scanout_forget(struct gpu_scanout *s, const struct gpu_resource *r);

/* r NULL: no pointer. */
void gpu_cursor_set(struct gpu_scanout *s, const struct gpu_resource *r, uint32_t hot_x,
                    uint32_t hot_y);
/* The place of the shape's upper left corner, which may be left of or above the picture (negative). */
void gpu_cursor_move(struct gpu_scanout *s, uint32_t x, uint32_t y);

/* Of a loaded one. */
void gpu_scanout_loaded(struct gpu_scanout *s);
extern const struct vmstate gpu_scanout_vmstate;

/* --- commands --------------------------------------------------------------------------------- */

void gpu_work_control(struct virtio_gpu *g);
void gpu_work_cursor(struct virtio_gpu *g);

/* --- the device ------------------------------------------------------------------------------- */

/* For the PCI functions that contain one: S is their state. */
#define VIRTIO_GPU_PROPS(S)                                                                        \
    PROP_U32("max_outputs", S, gpu.prop_outputs, 1, 1, GPU_SCANOUTS_MAX, "monitors"),              \
        PROP_SIZE("max_hostmem", S, gpu.max_hostmem, MIB(256), MIB(1), MIB(4095),                  \
                  "memory for the guest's pictures"),                                              \
        PROP_BOOL("edid", S, gpu.edid, true, "describe the monitors to the guest"),                \
        PROP_U32("xres", S, gpu.xres, 1280, 64, 4095, "width the first monitor prefers"),          \
        PROP_U32("yres", S, gpu.yres, 800, 64, 4095, "height the first monitor prefers")

/* Before virtio_pci_realize(); displays come with _start, after it. */
void virtio_gpu_init(struct virtio_gpu *g);
void virtio_gpu_start(struct virtio_gpu *g, struct device *dev);
void virtio_gpu_fini(struct virtio_gpu *g);
extern const struct vmstate virtio_gpu_vmstate;

#endif
