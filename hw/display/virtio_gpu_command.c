/* SPDX-License-Identifier: MIT */
/*
 * Commands of the virtio GPU (VIRTIO 1.2, 5.7.6): the 2D ones, EDID and the pointer. A command is
 * copied before it is looked at. All are done when they are answered, so a fence is only copied
 * into the answer (5.7.6.7).
 */
#include "hw/display/virtio_gpu.h"

#include "hw/display/edid.h"
#include "util/log.h"
#include "util/trace.h"

#include <glib.h>
#include <inttypes.h>

/* Header of commands and responses (5.7.6.7) */
#define HDR_TYPE   0
#define HDR_FLAGS  4
#define HDR_FENCE  8
#define HDR_CTX    16
#define HDR_SIZE   24
#define FLAG_FENCE BIT(0)

#define PIECE_SIZE     16 /* u64 address, u32 length, padding */
#define PIECES_AT_ONCE 256
#define PMODE_SIZE     24 /* rectangle, u32 enabled, u32 flags */
#define EDID_ROOM      1024
#define COMMAND_MAX    56
#define RESPONSE_MAX   (HDR_SIZE + 8 + EDID_ROOM)

/* Then others may have the device lock; a command counts as a page at least. */
#define WORK_MAX MIB(32)

struct request {
    const struct virtq_elem *elem;
    uint8_t cmd[COMMAND_MAX]; /* as much as the command has; the rest is 0 */
    uint8_t resp[RESPONSE_MAX];
    size_t resp_len;
};

static uint32_t field(const struct request *rq, unsigned off)
{
    return ld_le32(rq->cmd + off);
}

static struct gpu_rect rect_field(const struct request *rq)
{
    return (struct gpu_rect){field(rq, HDR_SIZE), field(rq, HDR_SIZE + 4), field(rq, HDR_SIZE + 8),
                             field(rq, HDR_SIZE + 12)};
}

/* NULL: there is no such scanout. */
static struct gpu_scanout *scanout_field(struct virtio_gpu *g, const struct request *rq,
                                         unsigned off)
{
    uint32_t id = field(rq, off);

    return id < g->scanout_count ? &g->scanouts[id] : NULL;
}

/* --- monitors ----------------------------------------------------------------------------------- */

static enum gpu_response cmd_get_display_info(struct virtio_gpu *g, struct request *rq)
{
    for (unsigned i = 0; i < g->scanout_count; i++) {
        uint8_t *mode = rq->resp + HDR_SIZE + i * PMODE_SIZE;
        uint32_t width, height;

        gpu_monitor_size(&g->scanouts[i], &width, &height);
        st_le32(mode + 8, width);
        st_le32(mode + 12, height);
        st_le32(mode + 16, g->scanouts[i].connected);
    }
    rq->resp_len = HDR_SIZE + GPU_SCANOUTS_MAX * PMODE_SIZE;
    return GPU_OK_DISPLAY_INFO;
}

static enum gpu_response cmd_get_edid(struct virtio_gpu *g, struct request *rq)
{
    const struct gpu_scanout *s = scanout_field(g, rq, HDR_SIZE);
    uint32_t width, height;

    if (!virtio_has(&g->dev, GPU_F_EDID)) {
        return GPU_ERR_UNSPEC;
    }
    if (!s) {
        return GPU_ERR_INVALID_PARAMETER;
    }
    gpu_monitor_size(s, &width, &height);
    edid_make(rq->resp + HDR_SIZE + 8, width, height);
    st_le32(rq->resp + HDR_SIZE, EDID_SIZE);
    rq->resp_len = HDR_SIZE + 8 + EDID_ROOM;
    return GPU_OK_EDID;
}

/* --- resources ---------------------------------------------------------------------------------- */

static enum gpu_response cmd_create_2d(struct virtio_gpu *g, struct request *rq)
{
    return gpu_resource_create(g, field(rq, 24), field(rq, 28), field(rq, 32), field(rq, 36));
}

static enum gpu_response cmd_unref(struct virtio_gpu *g, struct request *rq)
{
    return gpu_resource_unref(g, field(rq, 24));
}

/* The entries follow the command. */
static bool read_pieces(const struct request *rq, struct gpu_piece *pieces, uint32_t count)
{
    uint8_t raw[PIECES_AT_ONCE * PIECE_SIZE];

    for (uint32_t done = 0; done < count;) {
        uint32_t here = MIN(count - done, (uint32_t)PIECES_AT_ONCE);
        uint64_t off = 32 + (uint64_t)done * PIECE_SIZE;

        if (virtq_elem_read(rq->elem, off, raw, here * PIECE_SIZE) < here * PIECE_SIZE) {
            return false;
        }
        for (uint32_t i = 0; i < here; i++, done++) {
            pieces[done] = (struct gpu_piece){ld_le64(raw + i * PIECE_SIZE),
                                              ld_le32(raw + i * PIECE_SIZE + 8)};
        }
    }
    return true;
}

static enum gpu_response cmd_attach_backing(struct virtio_gpu *g, struct request *rq)
{
    uint32_t count = field(rq, 28);

    if (!count || 32 + (uint64_t)count * PIECE_SIZE > rq->elem->out_len) {
        return GPU_ERR_INVALID_PARAMETER;
    }
    if (count > GPU_PIECES_MAX) {
        return GPU_ERR_OUT_OF_MEMORY;
    }
    struct gpu_piece *pieces = g_try_new(struct gpu_piece, count);
    if (!pieces) {
        return GPU_ERR_OUT_OF_MEMORY;
    }
    if (!read_pieces(rq, pieces, count)) {
        g_free(pieces);
        return GPU_ERR_INVALID_PARAMETER;
    }
    g->work += (uint64_t)count * PIECE_SIZE;
    return gpu_resource_attach(g, field(rq, 24), pieces, count);
}

static enum gpu_response cmd_detach_backing(struct virtio_gpu *g, struct request *rq)
{
    return gpu_resource_detach(g, field(rq, 24));
}

static enum gpu_response cmd_transfer_to_host_2d(struct virtio_gpu *g, struct request *rq)
{
    struct gpu_rect rect = rect_field(rq);

    return gpu_resource_transfer(g, field(rq, 48), &rect, ld_le64(rq->cmd + 40));
}

/* --- scanouts ----------------------------------------------------------------------------------- */

static enum gpu_response cmd_set_scanout(struct virtio_gpu *g, struct request *rq)
{
    struct gpu_scanout *s = scanout_field(g, rq, 40);
    struct gpu_rect rect = rect_field(rq);
    uint32_t id = field(rq, 44);

    if (!s) {
        return GPU_ERR_INVALID_SCANOUT_ID;
    }
    if (!id) {
        gpu_scanout_set(s, NULL, NULL);
        return GPU_OK_NODATA;
    }
    const struct gpu_resource *r = gpu_resource_find(g, id);
    if (!r) {
        return GPU_ERR_INVALID_RESOURCE_ID;
    }
    if (!gpu_rect_fits(r, &rect)) {
        guest_error("virtio-gpu: scanout outside of resource %" PRIu32, id);
        return GPU_ERR_INVALID_PARAMETER;
    }
    TRACE(virtio_gpu_scanout, "%u resource %" PRIu32 " %" PRIu32 "x%" PRIu32, field(rq, 40), id,
          rect.width, rect.height);
    gpu_scanout_set(s, r, &rect);
    return GPU_OK_NODATA;
}

static enum gpu_response cmd_flush(struct virtio_gpu *g, struct request *rq)
{
    const struct gpu_resource *r = gpu_resource_find(g, field(rq, 40));
    struct gpu_rect rect = rect_field(rq);

    if (!r) {
        return GPU_ERR_INVALID_RESOURCE_ID;
    }
    if (!gpu_rect_fits(r, &rect)) {
        guest_error("virtio-gpu: flush outside of resource %" PRIu32, r->id);
        return GPU_ERR_INVALID_PARAMETER;
    }
    for (unsigned i = 0; i < g->scanout_count; i++) {
        gpu_scanout_flush(&g->scanouts[i], r, &rect);
    }
    return GPU_OK_NODATA;
}

/* --- the pointer -------------------------------------------------------------------------------- */

static enum gpu_response cmd_move_cursor(struct virtio_gpu *g, struct request *rq)
{
    struct gpu_scanout *s = scanout_field(g, rq, 24);

    if (!s) {
        return GPU_ERR_INVALID_SCANOUT_ID;
    }
    gpu_cursor_move(s, field(rq, 28), field(rq, 32));
    return GPU_OK_NODATA;
}

/* The shape first: its hot spot is part of where it is. */
static enum gpu_response cmd_update_cursor(struct virtio_gpu *g, struct request *rq)
{
    struct gpu_scanout *s = scanout_field(g, rq, 24);
    uint32_t id = field(rq, 40);
    const struct gpu_resource *r = gpu_resource_find(g, id);

    if (s && id && !r) {
        return GPU_ERR_INVALID_RESOURCE_ID;
    }
    if (s) {
        gpu_cursor_set(s, r, field(rq, 44), field(rq, 48));
    }
    return cmd_move_cursor(g, rq);
}

/* --- queues ------------------------------------------------------------------------------------- */

struct command {
    uint32_t type;
    uint32_t size; /* with its header */
    enum gpu_response (*run)(struct virtio_gpu *g, struct request *rq);
    const char *name;
};

static const struct command control_commands[] = {
    {0x0100, 24, cmd_get_display_info, "get-display-info"},
    {0x0101, 40, cmd_create_2d, "resource-create-2d"},
    {0x0102, 32, cmd_unref, "resource-unref"},
    {0x0103, 48, cmd_set_scanout, "set-scanout"},
    {0x0104, 48, cmd_flush, "resource-flush"},
    {0x0105, 56, cmd_transfer_to_host_2d, "transfer-to-host-2d"},
    {0x0106, 32, cmd_attach_backing, "resource-attach-backing"},
    {0x0107, 32, cmd_detach_backing, "resource-detach-backing"},
    {0x010a, 32, cmd_get_edid, "get-edid"},
};

static const struct command cursor_commands[] = {
    {0x0300, 56, cmd_update_cursor, "update-cursor"},
    {0x0301, 56, cmd_move_cursor, "move-cursor"},
};

static enum gpu_response run(struct virtio_gpu *g, const struct command *commands, unsigned count,
                             struct request *rq)
{
    uint32_t type = field(rq, HDR_TYPE);

    for (unsigned i = 0; i < count; i++) {
        const struct command *c = &commands[i];

        if (c->type != type) {
            continue;
        }
        enum gpu_response ret =
            rq->elem->out_len < c->size ? GPU_ERR_INVALID_PARAMETER : c->run(g, rq);
        TRACE(virtio_gpu_command, "%s -> %#x", c->name, ret);
        return ret;
    }
    guest_error("virtio-gpu: unknown command %#" PRIx32, type);
    return GPU_ERR_UNSPEC;
}

/* Run what an element holds and write the answer if there is room: how long it is. */
static size_t answer(struct virtio_gpu *g, const struct command *commands, unsigned count,
                     struct virtq_elem *elem)
{
    struct request rq = {.elem = elem, .resp_len = HDR_SIZE};

    virtq_elem_read(elem, 0, rq.cmd, sizeof(rq.cmd));
    st_le32(rq.resp + HDR_TYPE, run(g, commands, count, &rq));
    if (field(&rq, HDR_FLAGS) & FLAG_FENCE) {
        st_le32(rq.resp + HDR_FLAGS, FLAG_FENCE);
        memcpy(rq.resp + HDR_FENCE, rq.cmd + HDR_FENCE, HDR_SIZE - HDR_FENCE);
    }
    return virtq_elem_write(elem, 0, rq.resp, rq.resp_len);
}

void gpu_work_control(struct virtio_gpu *g)
{
    struct virtq_elem *elem = NULL;

    g->work = 0;
    while (g->work < WORK_MAX && (elem = virtqueue_pop(g->control))) {
        size_t len = answer(g, control_commands, ARRAY_SIZE(control_commands), elem);

        virtqueue_push(g->control, elem, len);
        g->work += GPU_PAGE;
    }
    virtqueue_notify(g->control);
    if (elem) {
        deferred_schedule(&g->resume);
    }
}

/* As many as the ring holds; a driver that adds more meanwhile kicks again. */
void gpu_work_cursor(struct virtio_gpu *g)
{
    struct virtq_elem *elem;

    for (unsigned i = 0; i < g->cursor->num && (elem = virtqueue_pop(g->cursor)); i++) {
        size_t len = answer(g, cursor_commands, ARRAY_SIZE(cursor_commands), elem);

        virtqueue_push(g->cursor, elem, len);
    }
    virtqueue_notify(g->cursor);
}
