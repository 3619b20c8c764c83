/* SPDX-License-Identifier: MIT */
/*
 * Virtio over PCI: VIRTIO 1.2, 4.1; the legacy interface is 4.1.4.8. Layout: BAR 0 legacy ports,
 * BAR 1 MSI-X, BAR 4 the modern structures, one page each, unless the device says otherwise.
 */
#include "hw/virtio/virtio_pci.h"

#include "hw/core/vmstate.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

#include <errno.h>

#define LEGACY_BAR 0
#define MSIX_BAR   1
#define MODERN_BAR 4

#define PAGE        0x1000u
#define COMMON_OFF  0x0000u
#define ISR_OFF     0x1000u
#define CONFIG_OFF  0x2000u
#define NOTIFY_OFF  0x3000u
#define MODERN_SIZE 0x4000u
#define NOTIFY_STEP 4u /* bytes per queue */

#define QUEUES_OF_THEIR_OWN 16 /* vectors, that is */

#define DEVICE_ID_MODERN 0x1040u

const struct prop_enum virtio_pci_auto_names[] = {
    {"off", VIRTIO_PCI_OFF}, {"on", VIRTIO_PCI_ON}, {"auto", VIRTIO_PCI_AUTO}, {NULL, 0}};

/* --- interrupts ------------------------------------------------------------------------------- */

static void transport_notify(void *opaque, uint16_t vector)
{
    struct virtio_pci *s = opaque;

    if (!pci_msix_enabled(&s->pci)) {
        pci_set_irq(&s->pci, 1);
    } else if (vector != VIRTIO_NO_VECTOR) {
        pci_msix_notify(&s->pci, vector);
    }
}

static bool transport_may_dma(void *opaque)
{
    return pci_bus_master(&((struct virtio_pci *)opaque)->pci);
}

static const struct virtio_transport transport = {.notify = transport_notify,
                                                  .may_dma = transport_may_dma};

/* Reading says why and takes the line back. */
static uint8_t read_isr(struct virtio_pci *s)
{
    uint8_t isr = s->dev->isr;

    s->dev->isr = 0;
    pci_set_irq(&s->pci, 0);
    return isr;
}

/* A vector that is not there reads back as none. */
static uint16_t valid_vector(const struct virtio_pci *s, uint32_t vector)
{
    uint16_t count =
        s->pci.msix_cap ? (pci_get_word(&s->pci, s->pci.msix_cap + 2u) & 0x7ff) + 1 : 0;

    return vector < count ? (uint16_t)vector : VIRTIO_NO_VECTOR;
}

static void set_status(struct virtio_pci *s, uint8_t status)
{
    virtio_set_status(s->dev, status);
    if (!status) {
        virtio_pci_reset(s);
    }
}

static struct virtqueue *selected(struct virtio_pci *s)
{
    return s->queue_select < s->dev->queue_count ? &s->dev->queues[s->queue_select] : NULL;
}

/* --- modern: common configuration (4.1.4.3) ----------------------------------------------------- */

enum common_register {
    COMMON_DEVICE_FEATURE_SELECT = 0x00,
    COMMON_DEVICE_FEATURE = 0x04,
    COMMON_DRIVER_FEATURE_SELECT = 0x08,
    COMMON_DRIVER_FEATURE = 0x0c,
    COMMON_CONFIG_VECTOR = 0x10,
    COMMON_NUM_QUEUES = 0x12,
    COMMON_STATUS = 0x14,
    COMMON_GENERATION = 0x15,
    COMMON_QUEUE_SELECT = 0x16,
    COMMON_QUEUE_SIZE = 0x18,
    COMMON_QUEUE_VECTOR = 0x1a,
    COMMON_QUEUE_ENABLE = 0x1c,
    COMMON_QUEUE_NOTIFY_OFF = 0x1e,
    COMMON_QUEUE_DESC = 0x20,
    COMMON_QUEUE_DRIVER = 0x28,
    COMMON_QUEUE_DEVICE = 0x30,
    COMMON_QUEUE_NOTIFY_DATA = 0x38, /* not offered, reads as 0 */
    COMMON_QUEUE_RESET = 0x3a,
    COMMON_SIZE = 0x3c,
};

/* Which register a byte belongs to. */
static const struct {
    uint8_t off, size;
} common_registers[] = {
    {COMMON_DEVICE_FEATURE_SELECT, 4},
    {COMMON_DEVICE_FEATURE, 4},
    {COMMON_DRIVER_FEATURE_SELECT, 4},
    {COMMON_DRIVER_FEATURE, 4},
    {COMMON_CONFIG_VECTOR, 2},
    {COMMON_NUM_QUEUES, 2},
    {COMMON_STATUS, 1},
    {COMMON_GENERATION, 1},
    {COMMON_QUEUE_SELECT, 2},
    {COMMON_QUEUE_SIZE, 2},
    {COMMON_QUEUE_VECTOR, 2},
    {COMMON_QUEUE_ENABLE, 2},
    {COMMON_QUEUE_NOTIFY_OFF, 2},
    {COMMON_QUEUE_DESC, 8},
    {COMMON_QUEUE_DRIVER, 8},
    {COMMON_QUEUE_DEVICE, 8},
    {COMMON_QUEUE_NOTIFY_DATA, 2},
    {COMMON_QUEUE_RESET, 2}, /* done at once: reads as 0 */
};

static uint32_t feature_word(uint64_t features, uint32_t select)
{
    return select < 2 ? (uint32_t)(features >> (32 * select)) : 0;
}

static uint64_t common_get(struct virtio_pci *s, unsigned reg)
{
    struct virtqueue *vq = selected(s);

    switch (reg) {
    case COMMON_DEVICE_FEATURE_SELECT:
        return s->device_features_select;
    case COMMON_DEVICE_FEATURE:
        return feature_word(s->dev->host_features & ~VIRTIO_F_ANY_LAYOUT,
                            s->device_features_select);
    case COMMON_DRIVER_FEATURE_SELECT:
        return s->driver_features_select;
    case COMMON_DRIVER_FEATURE:
        return feature_word(s->driver_features, s->driver_features_select);
    case COMMON_CONFIG_VECTOR:
        return s->dev->config_vector;
    case COMMON_NUM_QUEUES:
        return s->dev->queue_count;
    case COMMON_STATUS:
        return s->dev->status;
    case COMMON_GENERATION:
        return s->dev->generation;
    case COMMON_QUEUE_SELECT:
        return s->queue_select;
    case COMMON_QUEUE_SIZE:
        return vq ? vq->num : 0;
    case COMMON_QUEUE_VECTOR:
        return vq ? vq->vector : VIRTIO_NO_VECTOR;
    case COMMON_QUEUE_ENABLE:
        return vq && vq->enabled;
    case COMMON_QUEUE_NOTIFY_OFF:
        return vq ? vq->index : 0;
    case COMMON_QUEUE_DESC:
        return vq ? vq->desc : 0;
    case COMMON_QUEUE_DRIVER:
        return vq ? vq->driver : 0;
    case COMMON_QUEUE_DEVICE:
        return vq ? vq->device : 0;
    }
    return 0;
}

/* 3.1.1: what the driver has accepted must be offered, and modern it must be. */
static void set_modern_status(struct virtio_pci *s, uint8_t status)
{
    uint64_t f = s->driver_features;
    bool settling = status & ~s->dev->status & VIRTIO_STATUS_FEATURES_OK;

    if (settling && ((f & ~s->dev->host_features) || !(f & VIRTIO_F_VERSION_1))) {
        guest_error("%s: features %#llx refused", s->dev->ops->name, (unsigned long long)f);
        status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    }
    set_status(s, status);
}

static void set_driver_feature(struct virtio_pci *s, uint32_t val)
{
    if (s->driver_features_select < 2) {
        s->driver_features = deposit64(s->driver_features, 32 * s->driver_features_select, 32, val);
        virtio_set_features(s->dev, s->driver_features);
    }
}

static void common_set_queue(struct virtio_pci *s, unsigned reg, uint64_t val)
{
    struct virtqueue *vq = selected(s);

    if (!vq) {
        return;
    }
    if (reg == COMMON_QUEUE_VECTOR) {
        vq->vector = valid_vector(s, (uint32_t)val);
    } else if (reg == COMMON_QUEUE_RESET) {
        if (val == 1 && virtio_has(s->dev, VIRTIO_F_RING_RESET)) {
            virtqueue_reset(vq);
        }
    } else if (vq->enabled) {
        guest_error("%s: queue %u changed while enabled", s->dev->ops->name, vq->index);
    } else if (reg == COMMON_QUEUE_SIZE) {
        vq->num = (uint16_t)val;
    } else if (reg == COMMON_QUEUE_ENABLE && val == 1) {
        virtqueue_enable(vq);
    } else if (reg == COMMON_QUEUE_DESC) {
        vq->desc = val;
    } else if (reg == COMMON_QUEUE_DRIVER) {
        vq->driver = val;
    } else if (reg == COMMON_QUEUE_DEVICE) {
        vq->device = val;
    }
}

static void common_set(struct virtio_pci *s, unsigned reg, uint64_t val)
{
    switch (reg) {
    case COMMON_DEVICE_FEATURE_SELECT:
        s->device_features_select = (uint32_t)val;
        break;
    case COMMON_DRIVER_FEATURE_SELECT:
        s->driver_features_select = (uint32_t)val;
        break;
    case COMMON_DRIVER_FEATURE:
        set_driver_feature(s, (uint32_t)val);
        break;
    case COMMON_CONFIG_VECTOR:
        s->dev->config_vector = valid_vector(s, (uint32_t)val);
        break;
    case COMMON_STATUS:
        set_modern_status(s, (uint8_t)val);
        break;
    case COMMON_QUEUE_SELECT:
        s->queue_select = (uint32_t)val;
        break;
    default:
        common_set_queue(s, reg, val);
    }
}

/* Accesses to a part of a register (the halves of 64-bit ones above all) are made of it. */
static uint64_t common_read(void *opaque, uint64_t off, unsigned size)
{
    for (unsigned i = 0; i < ARRAY_SIZE(common_registers); i++) {
        unsigned reg = common_registers[i].off, end = reg + common_registers[i].size;

        if (off >= reg && off + size <= end) {
            return common_get(opaque, reg) >> (8 * (off - reg)) & mask64(8 * size);
        }
    }
    return 0;
}

static void common_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    for (unsigned i = 0; i < ARRAY_SIZE(common_registers); i++) {
        unsigned reg = common_registers[i].off, end = reg + common_registers[i].size;

        if (off >= reg && off + size <= end) {
            unsigned whole = end - reg;
            uint64_t old = size < whole ? common_get(opaque, reg) : 0;

            common_set(opaque, reg, deposit64(old, 8 * (unsigned)(off - reg), 8 * size, val));
            return;
        }
    }
}

/* --- modern: the others ------------------------------------------------------------------------- */

static uint64_t isr_read(void *opaque, uint64_t off, unsigned size)
{
    return read_isr(opaque);
}

static void isr_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
}

static uint64_t config_read(void *opaque, uint64_t off, unsigned size)
{
    return virtio_config_read(((struct virtio_pci *)opaque)->dev, (unsigned)off, size);
}

static void config_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    virtio_config_write(((struct virtio_pci *)opaque)->dev, (unsigned)off, (uint32_t)val, size);
}

static uint64_t notify_read(void *opaque, uint64_t off, unsigned size)
{
    return 0;
}

static void notify_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    virtio_kick(((struct virtio_pci *)opaque)->dev, (unsigned)(off / NOTIFY_STEP));
}

static const struct mem_ops common_ops = {
    .read = common_read, .write = common_write, .valid = {1, 8, false}, .impl = {1, 8, false}};
static const struct mem_ops isr_ops = {
    .read = isr_read, .write = isr_write, .valid = {1, 4, false}, .impl = {1, 4, false}};
static const struct mem_ops config_ops = {
    .read = config_read, .write = config_write, .valid = {1, 8, false}, .impl = {1, 4, false}};
static const struct mem_ops notify_ops = {
    .read = notify_read, .write = notify_write, .valid = {1, 4, false}, .impl = {1, 4, false}};

/* --- legacy (4.1.4.8) --------------------------------------------------------------------------- */

enum legacy_register {
    LEGACY_HOST_FEATURES = 0x00,
    LEGACY_GUEST_FEATURES = 0x04,
    LEGACY_QUEUE_PFN = 0x08,
    LEGACY_QUEUE_SIZE = 0x0c,
    LEGACY_QUEUE_SELECT = 0x0e,
    LEGACY_QUEUE_NOTIFY = 0x10,
    LEGACY_STATUS = 0x12,
    LEGACY_ISR = 0x13,
    LEGACY_CONFIG = 0x14, /* the device's configuration, or with MSI-X on: */
    LEGACY_CONFIG_VECTOR = 0x14,
    LEGACY_QUEUE_VECTOR = 0x16,
    LEGACY_CONFIG_MSIX = 0x18,
};

#define LEGACY_PAGE_BITS 12

static unsigned legacy_config_off(const struct virtio_pci *s)
{
    return pci_msix_enabled(&s->pci) ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG;
}

static uint32_t legacy_get(struct virtio_pci *s, unsigned reg)
{
    struct virtqueue *vq = selected(s);

    switch (reg) {
    case LEGACY_HOST_FEATURES:
        return (uint32_t)s->dev->host_features;
    case LEGACY_GUEST_FEATURES:
        return (uint32_t)s->dev->features;
    case LEGACY_QUEUE_PFN:
        return vq && vq->enabled ? (uint32_t)(vq->desc >> LEGACY_PAGE_BITS) : 0;
    case LEGACY_QUEUE_SIZE:
        return vq ? vq->num_max : 0;
    case LEGACY_QUEUE_SELECT:
        return s->queue_select;
    case LEGACY_STATUS:
        return s->dev->status;
    case LEGACY_ISR:
        return read_isr(s);
    case LEGACY_CONFIG_VECTOR:
        return s->dev->config_vector;
    case LEGACY_QUEUE_VECTOR:
        return vq ? vq->vector : VIRTIO_NO_VECTOR;
    }
    return 0;
}

/* 2.7.2: descriptors, avail ring and, on the next page, the used ring. Page 0 takes it back. */
static void legacy_set_pfn(struct virtio_pci *s, uint32_t pfn)
{
    struct virtqueue *vq = selected(s);

    if (!vq) {
        return;
    }
    if (!pfn) {
        vq->enabled = false;
        return;
    }
    vq->num = vq->num_max;
    vq->desc = (uint64_t)pfn << LEGACY_PAGE_BITS;
    vq->driver = vq->desc + 16ull * vq->num;
    vq->device = ALIGN_UP(vq->driver + 2ull * (3 + vq->num), (uint64_t)BIT(LEGACY_PAGE_BITS));
    virtqueue_enable(vq);
}

/* Old drivers never made the function a bus master; it worked, so it has to. */
static void legacy_set_status(struct virtio_pci *s, uint8_t status)
{
    if (status & VIRTIO_STATUS_DRIVER_OK) {
        uint16_t command = pci_get_word(&s->pci, PCI_COMMAND);

        pci_put_word(&s->pci, PCI_COMMAND, command | PCI_COMMAND_MASTER);
    }
    set_status(s, status & (uint8_t)~VIRTIO_STATUS_FEATURES_OK);
}

static void legacy_set(struct virtio_pci *s, unsigned reg, uint32_t val)
{
    struct virtqueue *vq = selected(s);

    switch (reg) {
    case LEGACY_GUEST_FEATURES:
        virtio_set_features(s->dev, val);
        break;
    case LEGACY_QUEUE_PFN:
        legacy_set_pfn(s, val);
        break;
    case LEGACY_QUEUE_SELECT:
        s->queue_select = val;
        break;
    case LEGACY_QUEUE_NOTIFY:
        virtio_kick(s->dev, val);
        break;
    case LEGACY_STATUS:
        legacy_set_status(s, (uint8_t)val);
        break;
    case LEGACY_CONFIG_VECTOR:
        s->dev->config_vector = valid_vector(s, val);
        break;
    case LEGACY_QUEUE_VECTOR:
        if (vq) {
            vq->vector = valid_vector(s, val);
        }
        break;
    }
}

/* The size of a header register, 0 if there is none at this offset. */
static unsigned legacy_size(uint64_t off)
{
    static const uint8_t sizes[LEGACY_CONFIG_MSIX] = {
        [LEGACY_HOST_FEATURES] = 4, [LEGACY_GUEST_FEATURES] = 4,
        [LEGACY_QUEUE_PFN] = 4,     [LEGACY_QUEUE_SIZE] = 2,
        [LEGACY_QUEUE_SELECT] = 2,  [LEGACY_QUEUE_NOTIFY] = 2,
        [LEGACY_STATUS] = 1,        [LEGACY_ISR] = 1,
        [LEGACY_CONFIG_VECTOR] = 2, [LEGACY_QUEUE_VECTOR] = 2,
    };

    return off < ARRAY_SIZE(sizes) ? sizes[off] : 0;
}

static uint64_t legacy_read(void *opaque, uint64_t off, unsigned size)
{
    struct virtio_pci *s = opaque;
    unsigned config = legacy_config_off(s);

    if (off >= config) {
        return virtio_config_read(s->dev, (unsigned)off - config, size);
    }
    return legacy_size(off) ? legacy_get(s, (unsigned)off) & mask64(8 * size) : 0;
}

static void legacy_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct virtio_pci *s = opaque;
    unsigned config = legacy_config_off(s);

    if (off >= config) {
        virtio_config_write(s->dev, (unsigned)off - config, (uint32_t)val, size);
    } else if (size == legacy_size(off)) {
        legacy_set(s, (unsigned)off, (uint32_t)val);
    }
}

static const struct mem_ops legacy_ops = {
    .read = legacy_read, .write = legacy_write, .valid = {1, 4, false}, .impl = {1, 4, false}};

/* --- capabilities (4.1.4) ----------------------------------------------------------------------- */

enum cap_type { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_PCI = 5 };

#define CAP_LEN        2
#define CAP_TYPE       3
#define CAP_BAR        4
#define CAP_OFFSET     8
#define CAP_LENGTH     12
#define CAP_SIZE       16
#define CAP_MULTIPLIER 16 /* notify */
#define CAP_DATA       16 /* the window */

static int add_cap(struct virtio_pci *s, enum cap_type type, uint32_t off, uint32_t len,
                   unsigned extra, struct error **err)
{
    unsigned size = CAP_SIZE + extra;
    int cap = pci_add_capability(&s->pci, PCI_CAP_ID_VENDOR, 0, size, err);

    if (cap < 0) {
        return cap;
    }
    uint8_t *c = s->pci.config + cap;
    c[CAP_LEN] = (uint8_t)size;
    c[CAP_TYPE] = (uint8_t)type;
    c[CAP_BAR] = type == CAP_PCI ? 0 : s->modern_bar;
    st_le32(c + CAP_OFFSET, type == CAP_PCI ? 0 : s->modern_start + off);
    st_le32(c + CAP_LENGTH, len);
    return cap;
}

static int add_caps(struct virtio_pci *s, struct error **err)
{
    int notify = add_cap(s, CAP_NOTIFY, NOTIFY_OFF, PAGE, 4, err);
    int window = notify < 0 ? notify : add_cap(s, CAP_PCI, 0, 0, 4, err);

    if (window < 0 || add_cap(s, CAP_COMMON, COMMON_OFF, COMMON_SIZE, 0, err) < 0 ||
        add_cap(s, CAP_ISR, ISR_OFF, 1, 0, err) < 0 ||
        (s->dev->ops->config_size &&
         add_cap(s, CAP_DEVICE, CONFIG_OFF, s->dev->ops->config_size, 0, err) < 0)) {
        return -ENOSPC;
    }
    st_le32(s->pci.config + notify + CAP_MULTIPLIER, NOTIFY_STEP);
    s->cfg_cap = (uint8_t)window;
    s->pci.wmask[window + CAP_BAR] = 0xff;
    memset(s->pci.wmask + window + CAP_OFFSET, 0xff, 12); /* offset, length, data */
    return 0;
}

/* 4.1.4.9: the window onto a BAR, for firmware that maps none. */
static struct mem_region *window_region(struct virtio_pci *s, uint32_t *off, uint32_t *len)
{
    static const uint8_t steps[] = {1, 2, 4};
    const uint8_t *c = s->pci.config + s->cfg_cap;
    struct mem_region *const pages[] = {&s->common, &s->isr, &s->config, &s->notify};

    *off = ld_le32(c + CAP_OFFSET);
    *len = ld_le32(c + CAP_LENGTH);
    if (!memchr(steps, (int)*len, sizeof(steps)) || *len > 4 || *off % *len) {
        return NULL;
    }
    if (c[CAP_BAR] == LEGACY_BAR && s->has_legacy && range_fits(*off, *len, s->legacy_io.size)) {
        return &s->legacy_io;
    }
    *off -= s->modern_start;
    if (c[CAP_BAR] != s->modern_bar || !range_fits(*off, *len, MODERN_SIZE)) {
        return NULL;
    }
    struct mem_region *page = pages[*off / PAGE];
    *off %= PAGE;
    return page->name && range_fits(*off, *len, page->size) ? page : NULL;
}

static bool touches_window(const struct virtio_pci *s, unsigned off, unsigned size)
{
    unsigned data = s->cfg_cap + CAP_DATA;

    return s->cfg_cap && off < data + 4 && data < off + size;
}

void virtio_pci_config_read(struct pci_device *pci, unsigned off, unsigned size)
{
    struct virtio_pci *s = container_of(pci, struct virtio_pci, pci);
    uint32_t at, len;
    struct mem_region *mr = touches_window(s, off, size) ? window_region(s, &at, &len) : NULL;

    if (mr) {
        st_le32(pci->config + s->cfg_cap + CAP_DATA,
                (uint32_t)(mr->ops->read(s, at, len) & mask64(8 * len)));
    }
}

void virtio_pci_config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old)
{
    struct virtio_pci *s = container_of(pci, struct virtio_pci, pci);
    uint32_t at, len;
    struct mem_region *mr = touches_window(s, off, size) ? window_region(s, &at, &len) : NULL;

    if (mr) {
        uint32_t val = ld_le32(pci->config + s->cfg_cap + CAP_DATA);
        mr->ops->write(s, at, val & mask64(8 * len), len);
    }
}

/* --- life --------------------------------------------------------------------------------------- */

static bool class_ends_with(const struct virtio_pci *s, const char *end)
{
    return g_str_has_suffix(s->pci.dev.cls->name, end);
}

/* 4.1.2.3; 0: there is none. */
static uint16_t transitional_id(enum virtio_id id)
{
    static const uint16_t ids[] = {
        [VIRTIO_ID_NET] = 0x1000,     [VIRTIO_ID_BLOCK] = 0x1001, [VIRTIO_ID_BALLOON] = 0x1002,
        [VIRTIO_ID_CONSOLE] = 0x1003, [VIRTIO_ID_SCSI] = 0x1004,  [VIRTIO_ID_RNG] = 0x1005,
        [VIRTIO_ID_9P] = 0x1009,
    };

    return id < ARRAY_SIZE(ids) ? ids[id] : 0;
}

static int choose_interfaces(struct virtio_pci *s, struct error **err)
{
    bool only_modern = class_ends_with(s, "-non-transitional") || !transitional_id(s->dev->ops->id);
    bool both = !only_modern && class_ends_with(s, "-transitional");

    s->has_legacy = both || (!only_modern && s->prop_disable_legacy != VIRTIO_PCI_ON);
    s->has_modern = both || only_modern || !s->prop_disable_modern;
    if (!s->has_legacy && !s->has_modern) {
        error_set(err, "device '%s' has neither a legacy nor a modern interface",
                  s->pci.dev.cls->name);
        return -EINVAL;
    }
    if (!s->has_modern && s->prop_packed) {
        error_set(err, "packed rings need the modern interface");
        return -EINVAL;
    }
    if (s->prop_in_order && !s->dev->ops->in_order) {
        error_set(err, "device '%s' does not use buffers in order", s->pci.dev.cls->name);
        return -EINVAL;
    }
    return 0;
}

static void init_ids(struct virtio_pci *s)
{
    enum virtio_id id = s->dev->ops->id;

    if (s->has_legacy) {
        pci_put_word(&s->pci, PCI_DEVICE_ID, transitional_id(id));
        pci_put_word(&s->pci, PCI_SUBSYSTEM_VENDOR, PCI_VENDOR_VIRTIO);
        pci_put_word(&s->pci, PCI_SUBSYSTEM_ID, (uint16_t)id);
    } else {
        pci_put_word(&s->pci, PCI_DEVICE_ID, (uint16_t)(DEVICE_ID_MODERN + id));
        s->pci.config[PCI_REVISION] = 1;
    }
}

static void init_features(struct virtio_pci *s)
{
    uint64_t *f = &s->dev->host_features;

    *f |= VIRTIO_F_ANY_LAYOUT;
    *f |= s->prop_event_idx ? VIRTIO_F_EVENT_IDX : 0;
    *f |= s->prop_indirect ? VIRTIO_F_INDIRECT_DESC : 0;
    *f |= s->has_modern ? VIRTIO_F_VERSION_1 : 0;
    *f |= s->prop_packed ? VIRTIO_F_RING_PACKED : 0;
    *f |= s->prop_in_order ? VIRTIO_F_IN_ORDER : 0;
    *f |= s->has_modern && s->prop_queue_reset ? VIRTIO_F_RING_RESET : 0;
}

static void init_regions(struct virtio_pci *s)
{
    uint64_t legacy = 4;

    while (legacy < LEGACY_CONFIG_MSIX + s->dev->ops->config_size) {
        legacy *= 2;
    }
    mem_region_init_io(&s->legacy_io, "virtio-legacy", legacy, &legacy_ops, s);
    mem_region_init_container(&s->modern, "virtio-modern",
                              s->modern_start ? 2 * MODERN_SIZE : MODERN_SIZE);
    mem_region_init_io(&s->common, "virtio-common", PAGE, &common_ops, s);
    mem_region_init_io(&s->isr, "virtio-isr", PAGE, &isr_ops, s);
    mem_region_init_io(&s->config, "virtio-config", PAGE, &config_ops, s);
    mem_region_init_io(&s->notify, "virtio-notify", PAGE, &notify_ops, s);
    mem_region_add(&s->modern, s->modern_start + COMMON_OFF, &s->common);
    mem_region_add(&s->modern, s->modern_start + ISR_OFF, &s->isr);
    mem_region_add(&s->modern, s->modern_start + CONFIG_OFF, &s->config);
    mem_region_add(&s->modern, s->modern_start + NOTIFY_OFF, &s->notify);
}

static void fini_regions(struct virtio_pci *s)
{
    mem_region_fini(&s->modern);
    mem_region_fini(&s->legacy_io);
    mem_region_fini(&s->common);
    mem_region_fini(&s->isr);
    mem_region_fini(&s->config);
    mem_region_fini(&s->notify);
}

static int add_interrupts(struct virtio_pci *s, struct error **err)
{
    uint32_t vectors = s->prop_vectors;

    if (vectors == VIRTIO_PCI_VECTORS_AUTO) {
        /* For many queues drivers share one vector anyway. */
        vectors = s->dev->queue_count > QUEUES_OF_THEIR_OWN ? 2 : s->dev->queue_count + 1;
    }
    return vectors ? pci_msix_init_bar(&s->pci, MIN(vectors, 2048u), s->msix_bar, err) : 0;
}

int virtio_pci_realize(struct virtio_pci *s, struct virtio_device *dev, struct error **err)
{
    int ret;

    s->dev = dev;
    dev->transport = &transport;
    dev->transport_opaque = s;
    dev->as = s->pci.dma_as;
    s->modern_bar = s->modern_bar ? s->modern_bar : MODERN_BAR;
    s->msix_bar = s->msix_bar ? s->msix_bar : MSIX_BAR;
    ret = choose_interfaces(s, err);
    if (ret < 0) {
        return ret;
    }
    init_ids(s);
    init_features(s);
    ret = add_interrupts(s, err);
    ret = ret < 0 || !s->has_modern ? ret : add_caps(s, err);
    if (ret < 0) {
        return ret;
    }
    init_regions(s);
    if (s->has_legacy) {
        pci_register_bar(&s->pci, LEGACY_BAR, PCI_BAR_IO, &s->legacy_io);
    }
    if (s->has_modern) {
        pci_register_bar(&s->pci, s->modern_bar, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &s->modern);
    }
    virtio_pci_reset(s);
    return 0;
}

void virtio_pci_unrealize(struct virtio_pci *s)
{
    fini_regions(s);
}

/* Of the transport, after the device or the whole function was reset. */
void virtio_pci_reset(struct virtio_pci *s)
{
    s->device_features_select = s->driver_features_select = s->queue_select = 0;
    s->driver_features = 0;
    pci_set_irq(&s->pci, 0);
}

const struct vmstate virtio_pci_vmstate = {
    .name = "virtio-pci",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct virtio_pci, pci, &pci_device_vmstate),
            VM_U32(struct virtio_pci, device_features_select),
            VM_U32(struct virtio_pci, driver_features_select),
            VM_U32(struct virtio_pci, queue_select),
            VM_U64(struct virtio_pci, driver_features),
            VM_END,
        },
};
