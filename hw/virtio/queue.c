/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues, what both ring formats have in common (VIRTIO 1.2, 2.6): elements, their buffers,
 * notification.
 */
#include "hw/virtio/queue_int.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>

static const struct virtq_format *format(const struct virtqueue *vq)
{
    return virtio_has(vq->dev, VIRTIO_F_RING_PACKED) ? &virtq_packed : &virtq_split;
}

/* --- guest memory ----------------------------------------------------------------------------- */

/* The RAM from gpa on, up to len bytes of it in *here; NULL: there is none. */
static uint8_t *ram_at(struct addr_space *as, uint64_t gpa, uint64_t len, bool write,
                       uint64_t *here)
{
    struct mem_section section;
    unsigned need = write ? MEM_SEC_WRITE_HOST : MEM_SEC_READ_HOST;

    if (!mem_lookup(as, (gpa_t)gpa, &section) || !(section.flags & need)) {
        return NULL;
    }
    *here = MIN(len, section.len);
    return section.host;
}

static void written_to(const uint8_t *host, uint64_t len)
{
    dirty_mark((ram_addr_t)(host - ram_base()), len);
}

/* The rings are in RAM: an access to a device from here could come back to us. */
static uint8_t *ring_ram(struct virtqueue *vq, uint64_t gpa, unsigned len, bool write)
{
    uint64_t here;
    uint8_t *host = ram_at(vq->dev->as, gpa, len, write, &here);

    if (host && here == len) {
        return host;
    }
    if (!vq->dev->broken) {
        virtio_break(vq->dev, "queue %u: no memory at %#" PRIx64, vq->index, gpa);
    }
    return NULL;
}

bool virtq_load(struct virtqueue *vq, uint64_t gpa, void *buf, unsigned len)
{
    const uint8_t *host = ring_ram(vq, gpa, len, false);

    if (!host) {
        memset(buf, 0, len);
        return false;
    }
    memcpy(buf, host, len);
    return true;
}

void virtq_store(struct virtqueue *vq, uint64_t gpa, const void *buf, unsigned len)
{
    uint8_t *host = ring_ram(vq, gpa, len, true);

    if (host) {
        memcpy(host, buf, len);
        written_to(host, len);
    }
}

/* Indices and flags change under us: in one piece, wherever a driver aligns its rings. */
uint16_t virtq_load16(struct virtqueue *vq, uint64_t gpa)
{
    const uint8_t *host = ring_ram(vq, gpa, 2, false);
    uint16_t raw = 0;

    if (host && IS_ALIGNED((uintptr_t)host, 2)) {
        raw = __atomic_load_n((const uint16_t *)(const void *)host, __ATOMIC_RELAXED);
    } else if (host) {
        memcpy(&raw, host, sizeof(raw));
    }
    return ld_le16(&raw);
}

void virtq_store16(struct virtqueue *vq, uint64_t gpa, uint16_t val)
{
    uint8_t *host = ring_ram(vq, gpa, 2, true);
    uint16_t raw;

    if (!host) {
        return;
    }
    st_le16(&raw, val);
    if (IS_ALIGNED((uintptr_t)host, 2)) {
        __atomic_store_n((uint16_t *)(void *)host, raw, __ATOMIC_RELAXED);
    } else {
        memcpy(host, &raw, sizeof(raw));
    }
    written_to(host, sizeof(raw));
}

/* --- elements --------------------------------------------------------------------------------- */

#define SPARES_MAX      64u /* kept by a device */
#define PIECES_AT_FIRST 8u
#define PIECES_KEPT     128u /* an element with room for more is not kept */

/* Elements come and go with every request: a device keeps some of them, with their arrays. */
static struct virtq_elem *elem_new(struct virtio_device *dev)
{
    struct virtq_elem *elem = dev->spares;

    if (elem) {
        dev->spares = elem->next;
        dev->spare_count--;
    } else {
        elem = g_new0(struct virtq_elem, 1);
        elem->room = PIECES_AT_FIRST;
        elem->out = g_new(struct iovec, elem->room);
    }
    elem->out_num = elem->in_num = 0;
    elem->out_len = elem->in_len = 0;
    elem->next = NULL;
    return elem;
}

static void elem_drop(struct virtq_elem *elem)
{
    g_free(elem->out);
    g_free(elem);
}

static void elem_free(struct virtio_device *dev, struct virtq_elem *elem)
{
    if (dev->spare_count == SPARES_MAX || elem->room > PIECES_KEPT) {
        elem_drop(elem);
        return;
    }
    elem->next = dev->spares;
    dev->spares = elem;
    dev->spare_count++;
}

void virtq_drop_spares(struct virtio_device *dev)
{
    while (dev->spares) {
        struct virtq_elem *elem = dev->spares;

        dev->spares = elem->next;
        elem_drop(elem);
    }
    dev->spare_count = 0;
}

/* `written` bytes of the device's part have changed. */
static void mark_written(const struct virtq_elem *elem, uint64_t written)
{
    for (unsigned i = 0; i < elem->in_num && written; i++) {
        uint64_t here = MIN(written, elem->in[i].iov_len);

        written_to(elem->in[i].iov_base, here);
        written -= here;
    }
}

/* The pieces being collected: out ones first, in ones behind them in the same array. */
static bool add_piece(struct virtqueue *vq, struct virtq_elem *elem, struct iovec piece, bool write)
{
    unsigned n = elem->out_num + elem->in_num;

    if (n == VIRTQUEUE_SIZE_MAX) {
        virtio_break(vq->dev, "queue %u: too many buffers", vq->index);
        return false;
    }
    if (n == elem->room) {
        elem->room *= 2;
        elem->out = g_renew(struct iovec, elem->out, elem->room);
    }
    elem->out[n] = piece;
    *(write ? &elem->in_num : &elem->out_num) += 1;
    *(write ? &elem->in_len : &elem->out_len) += piece.iov_len;
    return true;
}

static bool map_buffer(struct virtqueue *vq, struct virtq_elem *elem, const struct virtq_desc *d)
{
    bool write = d->flags & VIRTQ_DESC_F_WRITE;
    uint64_t addr = d->addr, left = d->len;

    if (!write && elem->in_num) {
        virtio_break(vq->dev, "queue %u: a readable buffer after a writable one", vq->index);
        return false;
    }
    if (left && addr + (left - 1) < addr) {
        virtio_break(vq->dev, "queue %u: a buffer wraps round", vq->index);
        return false;
    }
    for (uint64_t here; left; addr += here, left -= here) { /* RAM need not be contiguous */
        uint8_t *host = ram_at(vq->dev->as, addr, left, write, &here);

        if (!host) {
            virtio_break(vq->dev, "queue %u: a buffer at %#" PRIx64 " is no memory", vq->index,
                         addr);
            return false;
        }
        if (!add_piece(vq, elem, (struct iovec){host, here}, write)) {
            return false;
        }
    }
    return true;
}

static bool load_desc(struct virtqueue *vq, uint64_t gpa, struct virtq_desc *d, bool packed)
{
    uint8_t raw[VIRTQ_DESC_SIZE];

    if (!virtq_load(vq, gpa, raw, sizeof(raw))) {
        return false;
    }
    d->addr = ld_le64(raw);
    d->len = ld_le32(raw + 8);
    d->id = packed ? ld_le16(raw + 12) : 0;
    d->flags = ld_le16(raw + (packed ? 14 : 12));
    d->next = packed ? 0 : ld_le16(raw + 14);
    return true;
}

/* A table of descriptors elsewhere: linked like a split ring's, or in order if packed. */
static bool add_indirect(struct virtqueue *vq, struct virtq_elem *elem,
                         const struct virtq_desc *table)
{
    bool packed = virtio_has(vq->dev, VIRTIO_F_RING_PACKED);
    unsigned entries = table->len / VIRTQ_DESC_SIZE, i = 0;
    struct virtq_desc d;

    if (table->len % VIRTQ_DESC_SIZE || !entries || entries > 65535) {
        virtio_break(vq->dev, "queue %u: an indirect table of %u bytes", vq->index, table->len);
        return false;
    }
    for (unsigned seen = 0; seen < entries && seen < VIRTQUEUE_SIZE_MAX; seen++) {
        if (!load_desc(vq, table->addr + (uint64_t)i * VIRTQ_DESC_SIZE, &d, packed)) {
            return false;
        }
        if (d.flags & VIRTQ_DESC_F_INDIRECT) {
            virtio_break(vq->dev, "queue %u: an indirect table in an indirect table", vq->index);
            return false;
        }
        if (!map_buffer(vq, elem, &d)) {
            return false;
        }
        if (packed ? seen + 1 == entries : !(d.flags & VIRTQ_DESC_F_NEXT)) {
            return true;
        }
        i = packed ? seen + 1 : d.next;
        if (i >= entries) {
            break;
        }
    }
    virtio_break(vq->dev, "queue %u: an indirect table has no end", vq->index);
    return false;
}

bool virtq_add_buffer(struct virtqueue *vq, struct virtq_elem *elem, const struct virtq_desc *d)
{
    if (!(d->flags & VIRTQ_DESC_F_INDIRECT)) {
        return map_buffer(vq, elem, d);
    }
    if (!virtio_has(vq->dev, VIRTIO_F_INDIRECT_DESC) || (d->flags & VIRTQ_DESC_F_NEXT)) {
        virtio_break(vq->dev, "queue %u: an indirect table out of place", vq->index);
        return false;
    }
    return add_indirect(vq, elem, d);
}

/* --- the device's side ------------------------------------------------------------------------ */

bool virtqueue_ready(const struct virtqueue *vq)
{
    return vq->enabled && virtio_running(vq->dev) &&
           vq->dev->transport->may_dma(vq->dev->transport_opaque);
}

bool virtqueue_empty(struct virtqueue *vq)
{
    return !virtqueue_ready(vq) || format(vq)->empty(vq);
}

struct virtq_elem *virtqueue_pop(struct virtqueue *vq)
{
    struct virtq_elem *elem;

    if (virtqueue_empty(vq)) {
        return NULL;
    }
    if (vq->in_handler && !vq->budget) {
        vq->again = true;
        deferred_schedule(&vq->dev->resume);
        return NULL;
    }
    vq->budget -= vq->in_handler;
    elem = elem_new(vq->dev);
    if (!format(vq)->pop(vq, elem)) {
        elem_free(vq->dev, elem);
        return NULL;
    }
    elem->in = elem->out + elem->out_num;
    return elem;
}

void virtqueue_push(struct virtqueue *vq, struct virtq_elem *elem, uint64_t written)
{
    uint32_t len = (uint32_t)MIN(MIN(written, elem->in_len), (uint64_t)UINT32_MAX);

    mark_written(elem, len);
    if (virtqueue_ready(vq)) {
        /* The data before the entry that says it is there. */
        full_fence();
        format(vq)->push(vq, elem, len);
    }
    elem_free(vq->dev, elem);
}

void virtqueue_unpop(struct virtqueue *vq, struct virtq_elem *elem)
{
    if (virtqueue_ready(vq)) {
        format(vq)->unpop(vq, elem);
        vq->budget += vq->in_handler;
    }
    elem_free(vq->dev, elem);
}

void virtqueue_notify(struct virtqueue *vq)
{
    struct virtio_device *dev = vq->dev;

    if (!virtqueue_ready(vq)) {
        return;
    }
    full_fence(); /* our entries before the driver's wish is read */
    if (format(vq)->should_notify(vq) && !dev->broken) {
        dev->isr |= VIRTIO_ISR_QUEUE;
        dev->transport->notify(dev->transport_opaque, vq->vector);
    }
}

void virtqueue_want_kicks(struct virtqueue *vq, bool want)
{
    vq->notify_off = !want;
    if (virtqueue_ready(vq)) {
        format(vq)->want_kicks(vq, want);
        full_fence(); /* the driver sees it before we look at the ring again */
    }
}

/* --- copying ---------------------------------------------------------------------------------- */

static size_t copy(const struct iovec *iov, unsigned count, uint64_t off, void *buf, size_t len,
                   bool to_guest)
{
    size_t done = 0;

    for (unsigned i = 0; i < count && done < len; i++) {
        if (off >= iov[i].iov_len) {
            off -= iov[i].iov_len;
            continue;
        }
        size_t here = MIN(len - done, iov[i].iov_len - (size_t)off);
        uint8_t *guest = (uint8_t *)iov[i].iov_base + off, *host = (uint8_t *)buf + done;
        memcpy(to_guest ? guest : host, to_guest ? host : guest, here);
        done += here;
        off = 0;
    }
    return done;
}

size_t virtq_elem_read(const struct virtq_elem *elem, uint64_t off, void *buf, size_t len)
{
    return copy(elem->out, elem->out_num, off, buf, len, false);
}

size_t virtq_elem_write(struct virtq_elem *elem, uint64_t off, const void *buf, size_t len)
{
    return copy(elem->in, elem->in_num, off, (void *)(uintptr_t)buf, len, true);
}
