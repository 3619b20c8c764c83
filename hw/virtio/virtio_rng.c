/* SPDX-License-Identifier: MIT */
/*
 * Virtio entropy device (VIRTIO 1.2, 5.4): fills buffers from an object of kind "rng", at most
 * max-bytes of them in every period. Buffers stay in the ring until there are bytes.
 */
#include "hw/virtio/virtio_pci.h"

#include "hw/core/clock.h"
#include "hw/core/vmstate.h"
#include "system/mainloop.h"
#include "system/rng.h"
#include "util/error.h"

#include <errno.h>

#define RNG_QUEUE_SIZE 8
#define UNLIMITED      ((uint64_t)INT64_MAX)

struct virtio_rng {
    struct virtio_device dev;
    struct virtqueue *vq;
    struct object *source; /* the property, or one of our own */
    bool own_source;
    struct rng_request request;
    struct timer refill;
    struct deferred resume; /* after a saved state has been loaded */
    uint64_t quota;         /* bytes left in this period */
    uint64_t max_bytes;
    uint32_t period; /* ms */
};

struct virtio_rng_pci {
    struct virtio_pci proxy;
    struct virtio_rng rng;
};

static struct virtio_rng *rng_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_rng, dev);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void ask(struct virtio_rng *rng)
{
    size_t want = (size_t)MIN(rng->quota, (uint64_t)RNG_REQUEST_MAX);

    if (rng->request.pending || virtqueue_empty(rng->vq)) {
        return;
    }
    if (want) {
        rng_ask(rng->source, &rng->request, want);
    }
}

/* A period begins with the first byte. */
static void spend(struct virtio_rng *rng, size_t bytes)
{
    if (rng->max_bytes == UNLIMITED) {
        return;
    }
    rng->quota -= MIN(rng->quota, (uint64_t)bytes);
    if (bytes && !timer_pending(&rng->refill)) {
        timer_arm(&rng->refill, clock_now(CLK_VIRTUAL) + rng->period * NS_PER_MS);
    }
}

static void got(struct rng_request *req, const uint8_t *buf, size_t len)
{
    struct virtio_rng *rng = container_of(req, struct virtio_rng, request);
    size_t done = 0;

    while (done < len) {
        struct virtq_elem *elem = virtqueue_pop(rng->vq);
        if (!elem) {
            break;
        }
        size_t here = virtq_elem_write(elem, 0, buf + done, len - done);
        virtqueue_push(rng->vq, elem, here);
        done += here;
        if (!here) {
            break; /* one without room, and there may be no end of them */
        }
    }
    spend(rng, done);
    virtqueue_notify(rng->vq);
    ask(rng);
}

static void refill(void *opaque)
{
    struct virtio_rng *rng = opaque;

    rng->quota = rng->max_bytes;
    ask(rng);
}

static void kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    ask(rng_of(dev));
}

static void stop(struct virtio_device *dev)
{
    struct virtio_rng *rng = rng_of(dev);

    rng_cancel(rng->source, &rng->request);
}

static void resume(void *opaque)
{
    ask(opaque);
}

static int loaded(struct virtio_device *dev, struct error **err)
{
    struct virtio_rng *rng = rng_of(dev);

    rng->quota = MIN(rng->quota, rng->max_bytes);
    deferred_schedule(&rng->resume); /* the ring is looked at when the machine is whole */
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

static const struct virtio_ops rng_ops = {
    .name = "virtio-rng", .id = VIRTIO_ID_RNG, .in_order = true, .stop = stop, .loaded = loaded};

static int find_source(struct virtio_rng *rng, struct error **err)
{
    if (!rng->source) {
        rng->source = object_new(RNG_BUILTIN, err);
        rng->own_source = rng->source != NULL;
        return rng->source ? 0 : -EINVAL;
    }
    if (!object_is(rng->source, RNG_KIND)) {
        error_set(err, "object '%s' is no source of random bytes", rng->source->id);
        return -EINVAL;
    }
    return 0;
}

static void drop_source(struct virtio_rng *rng)
{
    if (rng->own_source) {
        object_free(rng->source);
        rng->source = NULL;
    }
    rng->own_source = false;
}

static int rng_realize(struct device *device, struct error **err)
{
    struct virtio_rng_pci *s = container_of(device, struct virtio_rng_pci, proxy.pci.dev);
    struct virtio_rng *rng = &s->rng;
    int ret = find_source(rng, err);

    if (ret < 0) {
        return ret;
    }
    virtio_init(&rng->dev, &rng_ops, 0);
    rng->vq = virtio_add_queue(&rng->dev, RNG_QUEUE_SIZE, kicked);
    deferred_init(&rng->resume, resume, rng);
    rng->request = (struct rng_request){.got = got};
    rng->quota = rng->max_bytes;
    ret = virtio_pci_realize(&s->proxy, &rng->dev, err);
    if (ret < 0) {
        drop_source(rng);
        return ret;
    }
    timer_init(&rng->refill, CLK_VIRTUAL, refill, rng);
    return 0;
}

static void rng_unrealize(struct device *device)
{
    struct virtio_rng_pci *s = container_of(device, struct virtio_rng_pci, proxy.pci.dev);

    virtio_fini(&s->rng.dev);
    timer_fini(&s->rng.refill);
    deferred_cancel(&s->rng.resume);
    drop_source(&s->rng);
    virtio_pci_unrealize(&s->proxy);
}

static void rng_reset(struct device *device, enum reset_kind kind)
{
    struct virtio_rng_pci *s = container_of(device, struct virtio_rng_pci, proxy.pci.dev);

    virtio_reset(&s->rng.dev);
    virtio_pci_reset(&s->proxy);
    timer_cancel(&s->rng.refill);
    s->rng.quota = s->rng.max_bytes;
}

static const struct prop rng_props[] = {
    PROP_OBJECT("rng", struct virtio_rng_pci, rng.source,
                "where bytes come from; not given: the host's generator"),
    PROP_U64("max-bytes", struct virtio_rng_pci, rng.max_bytes, INT64_MAX, 1, INT64_MAX,
             "bytes the guest gets in a period"),
    PROP_U32("period", struct virtio_rng_pci, rng.period, 1u << 16, 1, UINT32_MAX,
             "period in milliseconds"),
    VIRTIO_PCI_PROPS(struct virtio_rng_pci),
    PROP_END,
};

static const struct vmstate rng_vmstate = {
    .name = "virtio-rng",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct virtio_rng_pci, proxy, &virtio_pci_vmstate),
            VM_U64(struct virtio_rng_pci, rng.quota),
            VM_TIMER(struct virtio_rng_pci, rng.refill),
            VM_STRUCT(struct virtio_rng_pci, rng.dev, &virtio_vmstate),
            VM_END,
        },
};

static const struct pci_info rng_pci = VIRTIO_PCI_INFO(PCI_CLASS_OTHERS);

VIRTIO_PCI_DEFINE(virtio_rng_pci, "virtio-rng", "random numbers for the guest", .pci = &rng_pci,
                  .state_size = sizeof(struct virtio_rng_pci), .props = rng_props,
                  .vmstate = &rng_vmstate, .realize = rng_realize, .unrealize = rng_unrealize,
                  .reset = rng_reset);
