/* SPDX-License-Identifier: MIT */
/*
 * Packed virtqueues: VIRTIO 1.2, 2.8. One ring that driver and device go round in, each with a
 * bit that flips with every turn and says which descriptors are meant.
 */
#include "hw/virtio/queue_int.h"

#define DESC_ID      12
#define DESC_FLAGS   14
#define DESC_F_AVAIL 0x0080u
#define DESC_F_USED  0x8000u

/* The event suppression areas. */
#define EVENT_OFF_WRAP 0
#define EVENT_FLAGS    2
#define EVENT_ENABLE   0u
#define EVENT_DISABLE  1u
#define EVENT_DESC     2u
#define EVENT_WRAP     0x8000u

static uint64_t entry(const struct virtqueue *vq, uint16_t i)
{
    return vq->desc + (uint64_t)i * VIRTQ_DESC_SIZE;
}

/* A position `count` further on. */
static void advance(const struct virtqueue *vq, uint16_t *pos, bool *wrap, unsigned count)
{
    unsigned next = *pos + count;

    if (next >= vq->num) {
        next -= vq->num;
        *wrap = !*wrap;
    }
    *pos = (uint16_t)next;
}

static bool is_available(uint16_t flags, bool wrap)
{
    return !!(flags & DESC_F_AVAIL) == wrap && !!(flags & DESC_F_USED) != wrap;
}

static bool empty(struct virtqueue *vq)
{
    uint16_t flags = virtq_load16(vq, entry(vq, vq->last_avail) + DESC_FLAGS);

    return vq->dev->broken || !is_available(flags, vq->avail_wrap);
}

static bool load(struct virtqueue *vq, uint16_t i, struct virtq_desc *d)
{
    uint8_t raw[VIRTQ_DESC_SIZE];

    if (!virtq_load(vq, entry(vq, i), raw, sizeof(raw))) {
        return false;
    }
    *d = (struct virtq_desc){.addr = ld_le64(raw),
                             .len = ld_le32(raw + 8),
                             .id = ld_le16(raw + DESC_ID),
                             .flags = ld_le16(raw + DESC_FLAGS)};
    return true;
}

static bool collect_chain(struct virtqueue *vq, struct virtq_elem *elem)
{
    uint16_t pos = vq->last_avail;
    bool wrap = vq->avail_wrap;
    struct virtq_desc d;

    for (unsigned seen = 1; seen <= vq->num; seen++) {
        if (!load(vq, pos, &d) || !virtq_add_buffer(vq, elem, &d)) {
            return false;
        }
        if (!(d.flags & VIRTQ_DESC_F_NEXT)) {
            elem->id = d.id;
            elem->count = (uint16_t)seen;
            return true;
        }
        advance(vq, &pos, &wrap, 1);
    }
    virtio_break(vq->dev, "queue %u: a chain has no end", vq->index);
    return false;
}

static void publish_event(struct virtqueue *vq)
{
    if (!vq->notify_off && virtio_has(vq->dev, VIRTIO_F_EVENT_IDX)) {
        virtq_store16(vq, vq->device + EVENT_OFF_WRAP,
                      (uint16_t)(vq->last_avail | (vq->avail_wrap ? EVENT_WRAP : 0)));
        full_fence(); /* the place before the flags that make it count */
        virtq_store16(vq, vq->device + EVENT_FLAGS, EVENT_DESC);
        full_fence(); /* before the ring is looked at again */
    }
}

static bool pop(struct virtqueue *vq, struct virtq_elem *elem)
{
    full_fence(); /* the flags before the rest */
    if (!collect_chain(vq, elem)) {
        return false;
    }
    advance(vq, &vq->last_avail, &vq->avail_wrap, elem->count);
    publish_event(vq);
    return true;
}

static void unpop(struct virtqueue *vq, const struct virtq_elem *elem)
{
    if (vq->last_avail < elem->count) {
        vq->last_avail = (uint16_t)(vq->last_avail + vq->num);
        vq->avail_wrap = !vq->avail_wrap;
    }
    vq->last_avail = (uint16_t)(vq->last_avail - elem->count);
}

static void push(struct virtqueue *vq, const struct virtq_elem *elem, uint32_t written)
{
    uint16_t flags = vq->used_wrap ? DESC_F_AVAIL | DESC_F_USED : 0;
    uint8_t raw[6];

    st_le32(raw, written);
    st_le16(raw + 4, elem->id);
    virtq_store(vq, entry(vq, vq->used_index) + 8, raw, sizeof(raw));
    full_fence(); /* the entry before its flags */
    virtq_store16(vq, entry(vq, vq->used_index) + DESC_FLAGS,
                  (uint16_t)(flags | (written ? VIRTQ_DESC_F_WRITE : 0)));
    uint16_t before = vq->used_index;
    advance(vq, &vq->used_index, &vq->used_wrap, elem->count);
    if (vq->used_index <= before) {
        vq->signalled_valid = false; /* positions of the last turn say nothing in this one */
    }
}

static bool should_notify(struct virtqueue *vq)
{
    uint16_t flags = virtq_load16(vq, vq->driver + EVENT_FLAGS) & 3u;
    uint16_t old = vq->signalled, event;
    bool valid = vq->signalled_valid;

    vq->signalled = vq->used_index;
    vq->signalled_valid = true;
    if (flags == EVENT_DISABLE) {
        return false;
    }
    if (flags != EVENT_DESC || !virtio_has(vq->dev, VIRTIO_F_EVENT_IDX) || !valid) {
        return true;
    }
    full_fence();
    event = virtq_load16(vq, vq->driver + EVENT_OFF_WRAP);
    bool same_turn = !!(event & EVENT_WRAP) == vq->used_wrap;
    event = (uint16_t)((event & ~EVENT_WRAP) - (same_turn ? 0 : vq->num));
    return virtq_event_passed(event, vq->used_index, old);
}

static void want_kicks(struct virtqueue *vq, bool want)
{
    if (want && virtio_has(vq->dev, VIRTIO_F_EVENT_IDX)) {
        publish_event(vq);
    } else {
        virtq_store16(vq, vq->device + EVENT_FLAGS, want ? EVENT_ENABLE : EVENT_DISABLE);
    }
}

const struct virtq_format virtq_packed = {
    .empty = empty,
    .pop = pop,
    .push = push,
    .unpop = unpop,
    .should_notify = should_notify,
    .want_kicks = want_kicks,
};
