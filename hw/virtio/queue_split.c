/* SPDX-License-Identifier: MIT */
/* Split virtqueues: VIRTIO 1.2, 2.7. Counters run freely; entry i is at i modulo the size. */
#include "hw/virtio/queue_int.h"

#define AVAIL_FLAGS          0
#define AVAIL_F_NO_INTERRUPT 1u
#define AVAIL_IDX            2
#define AVAIL_RING           4
#define USED_FLAGS           0
#define USED_F_NO_NOTIFY     1u
#define USED_IDX             2
#define USED_RING            4
#define USED_ENTRY           8

static uint64_t avail_entry(const struct virtqueue *vq, uint16_t i)
{
    return vq->driver + AVAIL_RING + 2ull * (i % vq->num);
}

static uint64_t used_entry(const struct virtqueue *vq, uint16_t i)
{
    return vq->device + USED_RING + (uint64_t)USED_ENTRY * (i % vq->num);
}

/* Behind the rings. */
static uint64_t used_event(const struct virtqueue *vq)
{
    return vq->driver + AVAIL_RING + 2ull * vq->num;
}

static uint64_t avail_event(const struct virtqueue *vq)
{
    return vq->device + USED_RING + (uint64_t)USED_ENTRY * vq->num;
}

static bool empty(struct virtqueue *vq)
{
    return virtq_load16(vq, vq->driver + AVAIL_IDX) == vq->last_avail;
}

static bool load(struct virtqueue *vq, uint16_t i, struct virtq_desc *d)
{
    uint8_t raw[VIRTQ_DESC_SIZE];

    if (i >= vq->num) {
        virtio_break(vq->dev, "queue %u: descriptor %u of %u", vq->index, i, vq->num);
        return false;
    }
    if (!virtq_load(vq, vq->desc + (uint64_t)i * VIRTQ_DESC_SIZE, raw, sizeof(raw))) {
        return false;
    }
    *d = (struct virtq_desc){.addr = ld_le64(raw),
                             .len = ld_le32(raw + 8),
                             .flags = ld_le16(raw + 12),
                             .next = ld_le16(raw + 14)};
    return true;
}

static bool collect_chain(struct virtqueue *vq, struct virtq_elem *elem, uint16_t head)
{
    uint16_t i = head;
    struct virtq_desc d;

    for (unsigned seen = 0; seen < vq->num; seen++) {
        if (!load(vq, i, &d) || !virtq_add_buffer(vq, elem, &d)) {
            return false;
        }
        if (!(d.flags & VIRTQ_DESC_F_NEXT)) {
            return true;
        }
        i = d.next;
    }
    virtio_break(vq->dev, "queue %u: a chain has no end", vq->index);
    return false;
}

/* Where the driver shall kick next. */
static void publish_event(struct virtqueue *vq)
{
    if (virtio_has(vq->dev, VIRTIO_F_EVENT_IDX) && !vq->notify_off) {
        virtq_store16(vq, avail_event(vq), vq->last_avail);
        full_fence(); /* before the ring is looked at again */
    }
}

static bool pop(struct virtqueue *vq, struct virtq_elem *elem)
{
    uint16_t waiting = (uint16_t)(virtq_load16(vq, vq->driver + AVAIL_IDX) - vq->last_avail);

    if (vq->dev->broken || !waiting) {
        return false;
    }
    if (waiting > vq->num) {
        virtio_break(vq->dev, "queue %u: %u buffers in a ring of %u", vq->index, waiting, vq->num);
        return false;
    }
    full_fence(); /* the index before the entry */
    elem->id = virtq_load16(vq, avail_entry(vq, vq->last_avail));
    elem->count = 1;
    if (!collect_chain(vq, elem, elem->id)) {
        return false;
    }
    vq->last_avail++;
    publish_event(vq);
    return true;
}

static void unpop(struct virtqueue *vq, const struct virtq_elem *elem)
{
    vq->last_avail--;
}

static void push(struct virtqueue *vq, const struct virtq_elem *elem, uint32_t written)
{
    uint8_t entry[USED_ENTRY];

    st_le32(entry, elem->id);
    st_le32(entry + 4, written);
    virtq_store(vq, used_entry(vq, vq->used_index), entry, sizeof(entry));
    full_fence(); /* the entry before the index */
    vq->used_index++;
    virtq_store16(vq, vq->device + USED_IDX, vq->used_index);
}

static bool should_notify(struct virtqueue *vq)
{
    uint16_t old = vq->signalled;
    bool valid = vq->signalled_valid;

    if (!virtio_has(vq->dev, VIRTIO_F_EVENT_IDX)) {
        return !(virtq_load16(vq, vq->driver + AVAIL_FLAGS) & AVAIL_F_NO_INTERRUPT);
    }
    vq->signalled = vq->used_index;
    vq->signalled_valid = true;
    return !valid || virtq_event_passed(virtq_load16(vq, used_event(vq)), vq->used_index, old);
}

static void want_kicks(struct virtqueue *vq, bool want)
{
    if (virtio_has(vq->dev, VIRTIO_F_EVENT_IDX)) {
        publish_event(vq);
    } else {
        virtq_store16(vq, vq->device + USED_FLAGS, want ? 0 : USED_F_NO_NOTIFY);
    }
}

const struct virtq_format virtq_split = {
    .empty = empty,
    .pop = pop,
    .push = push,
    .unpop = unpop,
    .should_notify = should_notify,
    .want_kicks = want_kicks,
};
