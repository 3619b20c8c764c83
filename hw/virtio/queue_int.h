/* SPDX-License-Identifier: MIT */
/* What the files of the virtqueues share: the ring formats, descriptors, guest memory. */
#ifndef HW_VIRTIO_QUEUE_INT_H
#define HW_VIRTIO_QUEUE_INT_H

#include "hw/virtio/virtio.h"

#define VIRTQ_DESC_SIZE 16

/* Of both formats. */
#define VIRTQ_DESC_F_NEXT     0x0001u
#define VIRTQ_DESC_F_WRITE    0x0002u
#define VIRTQ_DESC_F_INDIRECT 0x0004u

struct virtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t id; /* packed */
    uint16_t flags;
    uint16_t next; /* split */
};

/* A ring format: `elem` has id and count. false: nothing there, or broken. */
struct virtq_format {
    bool (*empty)(struct virtqueue *vq);
    bool (*pop)(struct virtqueue *vq, struct virtq_elem *elem);
    void (*push)(struct virtqueue *vq, const struct virtq_elem *elem, uint32_t written);
    void (*unpop)(struct virtqueue *vq, const struct virtq_elem *elem);
    bool (*should_notify)(struct virtqueue *vq);
    void (*want_kicks)(struct virtqueue *vq, bool want);
};
extern const struct virtq_format virtq_split, virtq_packed;

/* Guest memory; addresses that are no memory break the device and read as 0. */
uint16_t virtq_load16(struct virtqueue *vq, uint64_t gpa);
void virtq_store16(struct virtqueue *vq, uint64_t gpa, uint16_t val);
bool virtq_load(struct virtqueue *vq, uint64_t gpa, void *buf, unsigned len);
void virtq_store(struct virtqueue *vq, uint64_t gpa, const void *buf, unsigned len);

/* The device ends. */
void virtq_drop_spares(struct virtio_device *dev);

/* Put the buffer of a descriptor (or all of an indirect table) in. false: broken. */
bool virtq_add_buffer(struct virtqueue *vq, struct virtq_elem *elem, const struct virtq_desc *d);

/* Is `event` among the entries between `old` and `now`? (2.7.7.2) */
static inline bool virtq_event_passed(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

#endif
