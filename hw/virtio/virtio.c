/* SPDX-License-Identifier: MIT */
/* Virtio devices: status, features, configuration space (VIRTIO 1.2, chapters 2 and 3). */
#include "hw/virtio/queue_int.h"

#include "hw/core/vmstate.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdarg.h>

/* --- life ------------------------------------------------------------------------------------- */

/* Queues whose budget was spent; one that is no longer ready has nothing more to say. */
static void resume(void *opaque)
{
    struct virtio_device *dev = opaque;

    for (unsigned i = 0; i < dev->queue_count; i++) {
        if (dev->queues[i].again) {
            dev->queues[i].again = false;
            virtio_kick(dev, i);
        }
    }
}

void virtio_init(struct virtio_device *dev, const struct virtio_ops *ops, uint64_t features)
{
    assert(ops->config_size <= VIRTIO_CONFIG_MAX);
    memset(dev, 0, sizeof(*dev));
    dev->ops = ops;
    dev->host_features = features;
    dev->config_vector = VIRTIO_NO_VECTOR;
    deferred_init(&dev->resume, resume, dev);
}

void virtio_fini(struct virtio_device *dev)
{
    virtio_reset(dev);
    deferred_cancel(&dev->resume);
    virtq_drop_spares(dev);
}

struct virtqueue *virtio_add_queue(struct virtio_device *dev, unsigned size,
                                   void (*handler)(struct virtio_device *dev, struct virtqueue *vq))
{
    struct virtqueue *vq = &dev->queues[dev->queue_count];

    assert(dev->queue_count < VIRTIO_QUEUES_MAX && is_pow2(size) && size <= VIRTQUEUE_SIZE_MAX);
    *vq = (struct virtqueue){.dev = dev,
                             .index = (uint16_t)dev->queue_count++,
                             .handler = handler,
                             .num_max = (uint16_t)size,
                             .num = (uint16_t)size,
                             .vector = VIRTIO_NO_VECTOR};
    return vq;
}

static void queue_reset(struct virtqueue *vq)
{
    *vq = (struct virtqueue){.dev = vq->dev,
                             .index = vq->index,
                             .handler = vq->handler,
                             .num_max = vq->num_max,
                             .num = vq->num_max,
                             .vector = VIRTIO_NO_VECTOR};
}

void virtio_reset(struct virtio_device *dev)
{
    dev->status = 0;
    dev->isr = 0;
    dev->broken = false;
    dev->features = 0;
    dev->config_vector = VIRTIO_NO_VECTOR;
    for (unsigned i = 0; i < dev->queue_count; i++) {
        queue_reset(&dev->queues[i]);
    }
    if (dev->ops->stop) {
        dev->ops->stop(dev);
    }
}

/* --- errors ----------------------------------------------------------------------------------- */

static void notify_config(struct virtio_device *dev)
{
    dev->isr |= VIRTIO_ISR_CONFIG;
    dev->transport->notify(dev->transport_opaque, dev->config_vector);
}

void virtio_break(struct virtio_device *dev, const char *fmt, ...)
{
    va_list ap;

    if (dev->broken) {
        return;
    }
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    guest_error("%s: %s", dev->ops->name, text);
    g_free(text);
    dev->broken = true;
    if (virtio_has(dev, VIRTIO_F_VERSION_1)) {
        dev->status |= VIRTIO_STATUS_NEEDS_RESET;
        notify_config(dev);
    }
}

/* --- status and features ---------------------------------------------------------------------- */

void virtio_set_features(struct virtio_device *dev, uint64_t features)
{
    if (dev->status & VIRTIO_STATUS_FEATURES_OK) {
        guest_error("%s: features changed after they were settled", dev->ops->name);
        return;
    }
    dev->features = features & dev->host_features;
}

/* A packed ring belongs to VERSION_1; the transport has seen to it that a modern driver took it. */
static bool features_make_sense(const struct virtio_device *dev)
{
    return !virtio_has(dev, VIRTIO_F_RING_PACKED) || virtio_has(dev, VIRTIO_F_VERSION_1);
}

/* Buffers may have been waiting since before DRIVER_OK. */
static void start(struct virtio_device *dev)
{
    if (dev->ops->start) {
        dev->ops->start(dev);
    }
    for (unsigned i = 0; i < dev->queue_count; i++) {
        if (!virtqueue_empty(&dev->queues[i])) {
            virtio_kick(dev, i);
        }
    }
}

void virtio_set_status(struct virtio_device *dev, uint8_t status)
{
    uint8_t old = dev->status;

    TRACE(virtio_status, "%s %#x -> %#x", dev->ops->name, old, status);
    if (!status) {
        virtio_reset(dev);
        return;
    }
    if ((status & ~old & VIRTIO_STATUS_FEATURES_OK) && !features_make_sense(dev)) {
        status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    }
    dev->status = (uint8_t)(status | (old & VIRTIO_STATUS_NEEDS_RESET));
    if ((status & ~old & VIRTIO_STATUS_DRIVER_OK) && !dev->broken) {
        start(dev);
    }
}

/* --- queues ----------------------------------------------------------------------------------- */

void virtqueue_enable(struct virtqueue *vq)
{
    bool packed = virtio_has(vq->dev, VIRTIO_F_RING_PACKED);

    if (!vq->num || vq->num > vq->num_max || (!packed && !is_pow2(vq->num))) {
        virtio_break(vq->dev, "queue %u of %u entries", vq->index, vq->num);
        return;
    }
    vq->last_avail = vq->used_index = 0;
    vq->avail_wrap = vq->used_wrap = true;
    vq->signalled_valid = false;
    vq->enabled = true;
}

void virtqueue_reset(struct virtqueue *vq)
{
    queue_reset(vq);
    if (vq->dev->ops->queue_stop) {
        vq->dev->ops->queue_stop(vq->dev, vq);
    }
}

/* A message-signalled interrupt may be a kick, so that one can come out of another. */
static void call_handler(struct virtio_device *dev, struct virtqueue *vq)
{
    bool nested = vq->in_handler;

    if (!nested) {
        vq->budget = vq->num;
        vq->in_handler = true;
    }
    vq->handler(dev, vq);
    vq->in_handler = nested;
}

void virtio_kick(struct virtio_device *dev, unsigned queue)
{
    if (queue >= dev->queue_count) {
        guest_error("%s: kick of queue %u", dev->ops->name, queue);
    } else if (virtqueue_ready(&dev->queues[queue])) {
        call_handler(dev, &dev->queues[queue]);
    }
}

/* --- configuration space ---------------------------------------------------------------------- */

void virtio_config_changed(struct virtio_device *dev)
{
    dev->generation++;
    if (dev->status & VIRTIO_STATUS_DRIVER_OK) {
        notify_config(dev);
    }
}

static void load_config(struct virtio_device *dev, uint8_t *buf)
{
    memset(buf, 0, VIRTIO_CONFIG_MAX);
    if (dev->ops->get_config) {
        dev->ops->get_config(dev, buf);
    }
}

uint32_t virtio_config_read(struct virtio_device *dev, unsigned off, unsigned size)
{
    uint8_t buf[VIRTIO_CONFIG_MAX];
    uint32_t val = 0;

    if (!range_fits(off, size, dev->ops->config_size)) {
        return (uint32_t)mask64(8 * size);
    }
    load_config(dev, buf);
    for (unsigned i = 0; i < size; i++) {
        val |= (uint32_t)buf[off + i] << (8 * i);
    }
    return val;
}

void virtio_config_write(struct virtio_device *dev, unsigned off, uint32_t val, unsigned size)
{
    uint8_t buf[VIRTIO_CONFIG_MAX];

    if (!range_fits(off, size, dev->ops->config_size) || !dev->ops->set_config) {
        return;
    }
    load_config(dev, buf);
    for (unsigned i = 0; i < size; i++) {
        buf[off + i] = (uint8_t)(val >> (8 * i));
    }
    dev->ops->set_config(dev, buf);
}

/* --- saved state ------------------------------------------------------------------------------ */

static int queue_check(const struct virtio_device *dev, const struct virtqueue *vq,
                       struct error **err)
{
    bool packed = virtio_has(dev, VIRTIO_F_RING_PACKED);
    bool sized = vq->num && vq->num <= vq->num_max && (packed || is_pow2(vq->num));
    bool placed = !packed || (vq->last_avail < vq->num && vq->used_index < vq->num);

    if (vq->enabled && (!sized || !placed)) {
        error_set(err, "%s: impossible state of queue %u", dev->ops->name, vq->index);
        return -EINVAL;
    }
    return 0;
}

static int virtio_pre_load(void *state, struct error **err)
{
    struct virtio_device *dev = state;

    dev->queues_made = dev->queue_count;
    return 0;
}

static int virtio_post_load(void *state, unsigned version, struct error **err)
{
    struct virtio_device *dev = state;
    bool same = dev->queue_count == dev->queues_made;

    dev->queue_count = dev->queues_made;
    if (!same || (dev->features & ~dev->host_features)) {
        error_set(err, "%s: other queues or features than saved", dev->ops->name);
        virtio_reset(dev);
        return -EINVAL;
    }
    for (unsigned i = 0; i < dev->queue_count; i++) {
        if (queue_check(dev, &dev->queues[i], err) < 0) {
            virtio_reset(dev);
            return -EINVAL;
        }
        if (dev->queues[i].again) {
            deferred_schedule(&dev->resume);
        }
    }
    return dev->ops->loaded ? dev->ops->loaded(dev, err) : 0;
}

static const struct vmstate queue_vmstate = {
    .name = "virtqueue",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U16(struct virtqueue, num),
            VM_BOOL(struct virtqueue, enabled),
            VM_U16(struct virtqueue, vector),
            VM_U64(struct virtqueue, desc),
            VM_U64(struct virtqueue, driver),
            VM_U64(struct virtqueue, device),
            VM_U16(struct virtqueue, last_avail),
            VM_U16(struct virtqueue, used_index),
            VM_BOOL(struct virtqueue, avail_wrap),
            VM_BOOL(struct virtqueue, used_wrap),
            VM_BOOL(struct virtqueue, notify_off),
            VM_U16(struct virtqueue, signalled),
            VM_BOOL(struct virtqueue, signalled_valid),
            VM_BOOL(struct virtqueue, again),
            VM_END,
        },
};

const struct vmstate virtio_vmstate = {
    .name = "virtio",
    .version = 1,
    .pre_load = virtio_pre_load,
    .post_load = virtio_post_load,
    .fields =
        (const struct vm_field[]){
            VM_U64(struct virtio_device, features),
            VM_U8(struct virtio_device, status),
            VM_U8(struct virtio_device, isr),
            VM_BOOL(struct virtio_device, broken),
            VM_U16(struct virtio_device, config_vector),
            VM_U8(struct virtio_device, generation),
            VM_U32(struct virtio_device, queue_count),
            VM_STRUCT_VARRAY(struct virtio_device, queues, queue_count, &queue_vmstate),
            VM_END,
        },
};
