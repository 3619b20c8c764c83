/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices and their queues (Virtual I/O Device (VIRTIO) Version 1.2), without a transport.
 *
 * A device embeds struct virtio_device in its state, describes itself by struct virtio_ops and
 * makes its queues at realize; a transport (virtio_pci.h) shows it to the guest. The device's side
 * of a queue is:
 *
 *     while ((elem = virtqueue_pop(vq))) {
 *         ... read elem->out, write elem->in ...
 *         virtqueue_push(vq, elem, bytes written);
 *     }
 *     virtqueue_notify(vq);
 *
 * Everything in a queue comes from the guest: what makes no sense breaks the device
 * (DEVICE_NEEDS_RESET) and no more elements come until the guest has reset it. Buffers must lie in
 * RAM. Devices hold no element when a handler returns (what cannot be finished goes back with
 * virtqueue_unpop()), so that the saved state of a queue is a few indices. Device lock held.
 */
#ifndef HW_VIRTIO_VIRTIO_H
#define HW_VIRTIO_VIRTIO_H

#include "hw/core/memory.h"
#include "system/mainloop.h"
#include "util/base.h"

#include <sys/uio.h>

struct error;
struct virtio_device;
struct virtqueue;
struct vmstate;

enum virtio_id { /* chapter 5 */
                 VIRTIO_ID_NET = 1,
                 VIRTIO_ID_BLOCK = 2,
                 VIRTIO_ID_CONSOLE = 3,
                 VIRTIO_ID_RNG = 4,
                 VIRTIO_ID_BALLOON = 5,
                 VIRTIO_ID_SCSI = 8,
                 VIRTIO_ID_9P = 9,
                 VIRTIO_ID_GPU = 16,
                 VIRTIO_ID_INPUT = 18,
};

/* Chapter 6, and of legacy devices. */
#define VIRTIO_F_ANY_LAYOUT     BIT(27)
#define VIRTIO_F_INDIRECT_DESC  BIT(28)
#define VIRTIO_F_EVENT_IDX      BIT(29)
#define VIRTIO_F_VERSION_1      BIT(32)
#define VIRTIO_F_RING_PACKED    BIT(34)
#define VIRTIO_F_IN_ORDER       BIT(35)
#define VIRTIO_F_RING_RESET     BIT(40)
#define VIRTIO_FEATURES_LEGACY  mask64(32)
#define VIRTIO_FEATURES_DEVICE  mask64(24) /* the device's own */
#define VIRTIO_FEATURES_DEFAULT (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

/* 2.1 */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01u
#define VIRTIO_STATUS_DRIVER      0x02u
#define VIRTIO_STATUS_DRIVER_OK   0x04u
#define VIRTIO_STATUS_FEATURES_OK 0x08u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u
#define VIRTIO_STATUS_FAILED      0x80u

/* 4.1.4.5: why there was an interrupt */
#define VIRTIO_ISR_QUEUE  0x01u
#define VIRTIO_ISR_CONFIG 0x02u

#define VIRTIO_NO_VECTOR   0xffffu
#define VIRTIO_QUEUES_MAX  66   /* a console of 32 ports and the control queues */
#define VIRTQUEUE_SIZE_MAX 1024 /* descriptors; also pieces of one element */
#define VIRTIO_CONFIG_MAX  256

/* --- queues ----------------------------------------------------------------------------------- */

/* A chain of buffers: what the driver has written, then room for what the device writes. */
struct virtq_elem {
    uint16_t id;    /* of the buffer, for the ring */
    uint16_t count; /* ring entries it takes */
    unsigned out_num, in_num;
    uint64_t out_len, in_len; /* bytes */
    struct iovec *out, *in;   /* into host memory; in an order the guest chose */
    unsigned room;            /* private: pieces in the array */
    struct virtq_elem *next;  /* private: of the spares */
};

struct virtqueue {
    struct virtio_device *dev;
    uint16_t index;
    void (*handler)(struct virtio_device *dev, struct virtqueue *vq);

    uint16_t num_max; /* constant: the most entries */
    uint16_t num;     /* as the driver has chosen */
    bool enabled;
    uint16_t vector;                 /* MSI-X */
    uint64_t desc, driver, device;   /* the three areas (descriptors; avail; used) */
    uint16_t last_avail, used_index; /* split: counters; packed: positions */
    bool avail_wrap, used_wrap;      /* packed */
    bool notify_off;                 /* we have told the driver not to kick */
    uint16_t signalled;              /* used_index at the last interrupt ... */
    bool signalled_valid;            /* ... if there was one */
    bool in_handler;                 /* which may pop so many elements more; derived */
    unsigned budget;
    bool again; /* then look at it again */
};

/* Is there something to pop? False for a queue that is not set up. */
bool virtqueue_ready(const struct virtqueue *vq);
bool virtqueue_empty(struct virtqueue *vq);

/*
 * NULL: nothing there, or the device is (now) broken, or the queue's handler has popped a ring full:
 * then it will be called again, so that a guest that goes on filling the ring meanwhile does not
 * keep everybody else from the device lock. (Loops outside the handler see to that themselves.)
 */
struct virtq_elem *virtqueue_pop(struct virtqueue *vq);
/* Done with it: `written` bytes of elem->in; frees it. */
void virtqueue_push(struct virtqueue *vq, struct virtq_elem *elem, uint64_t written);
/* Put the one popped last back; frees it. */
void virtqueue_unpop(struct virtqueue *vq, struct virtq_elem *elem);
/* Interrupt the driver if it wants to hear of what has been pushed. */
void virtqueue_notify(struct virtqueue *vq);
/* Does the device want kicks? It may get some nevertheless. */
void virtqueue_want_kicks(struct virtqueue *vq, bool want);

/* Copy out of or into an element from `off` on; how many bytes were there. */
size_t virtq_elem_read(const struct virtq_elem *elem, uint64_t off, void *buf, size_t len);
size_t virtq_elem_write(struct virtq_elem *elem, uint64_t off, const void *buf, size_t len);

/* --- devices ---------------------------------------------------------------------------------- */

struct virtio_ops {
    const char *name;
    enum virtio_id id;
    uint32_t config_size;
    bool in_order; /* buffers are used in the order they came */
    /* All optional. The configuration space is little endian; buf has config_size bytes. */
    void (*get_config)(struct virtio_device *dev, uint8_t *buf);
    void (*set_config)(struct virtio_device *dev, const uint8_t *buf);
    /* The driver has set DRIVER_OK. */
    void (*start)(struct virtio_device *dev);
    /* Reset, or about to be freed: the queues are gone. */
    void (*stop)(struct virtio_device *dev);
    /* One queue has been reset. */
    void (*queue_stop)(struct virtio_device *dev, struct virtqueue *vq);
    /* A saved state has been loaded. */
    int (*loaded)(struct virtio_device *dev, struct error **err);
};

/* What a transport does for the device. */
struct virtio_transport {
    void (*notify)(void *opaque, uint16_t vector); /* `isr` has been set */
    bool (*may_dma)(void *opaque);
};

struct virtio_device {
    const struct virtio_ops *ops;
    const struct virtio_transport *transport;
    void *transport_opaque;
    struct addr_space *as;  /* what its DMA sees */
    uint64_t host_features; /* offered; set up before the transport is */

    uint64_t features; /* accepted by the driver */
    uint8_t status, isr;
    bool broken;
    uint16_t config_vector;
    uint8_t generation; /* of the configuration space */
    uint32_t queue_count;
    uint32_t queues_made;      /* derived: queue_count while a state is being loaded */
    struct virtq_elem *spares; /* of the queues; derived, like their number */
    unsigned spare_count;
    struct deferred resume; /* of queues to be looked at again */
    struct virtqueue queues[VIRTIO_QUEUES_MAX];
};

/* Once at realize, then queues, then the transport. */
void virtio_init(struct virtio_device *dev, const struct virtio_ops *ops, uint64_t features);
void virtio_fini(struct virtio_device *dev);
struct virtqueue *virtio_add_queue(struct virtio_device *dev, unsigned size,
                                   void (*handler)(struct virtio_device *dev,
                                                   struct virtqueue *vq));
void virtio_reset(struct virtio_device *dev);

static inline bool virtio_has(const struct virtio_device *dev, uint64_t feature)
{
    return dev->features & feature;
}

/* Has the driver set it up (and not broken it)? */
static inline bool virtio_running(const struct virtio_device *dev)
{
    return (dev->status & VIRTIO_STATUS_DRIVER_OK) && !dev->broken;
}

/* The guest has done what no driver does. */
void virtio_break(struct virtio_device *dev, const char *fmt, ...) printf_fmt(2, 3);

/* The configuration space has changed: tell the driver. */
void virtio_config_changed(struct virtio_device *dev);

/* --- for transports --------------------------------------------------------------------------- */

void virtio_set_status(struct virtio_device *dev, uint8_t status);
void virtio_set_features(struct virtio_device *dev, uint64_t features);
uint32_t virtio_config_read(struct virtio_device *dev, unsigned off, unsigned size);
void virtio_config_write(struct virtio_device *dev, unsigned off, uint32_t val, unsigned size);
void virtio_kick(struct virtio_device *dev, unsigned queue);
/* The driver has filled in size and addresses. */
void virtqueue_enable(struct virtqueue *vq);
/* 2.6.1: back to what it was before the driver came; the other queues go on. */
void virtqueue_reset(struct virtqueue *vq);

extern const struct vmstate virtio_vmstate;

#endif
