/* SPDX-License-Identifier: MIT */
/*
 * Virtio over PCI (VIRTIO 1.2, 4.1), modern and legacy. A device of class "virtio-x-pci" is
 *
 *     struct virtio_x_pci {
 *         struct virtio_pci proxy;   // first member
 *         struct virtio_x x;         // starts with struct virtio_device
 *     };
 *     VIRTIO_PCI_DEFINE(virtio_x_pci, "virtio-x", "help", .state_size = ..., .props = ..., ...)
 *
 * which makes three classes: virtio-x-pci, virtio-x-pci-transitional and
 * virtio-x-pci-non-transitional. Devices of kinds younger than VIRTIO 1.0 have only the modern
 * interface and are one class, made by DEVICE_DEFINE.
 */
#ifndef HW_VIRTIO_VIRTIO_PCI_H
#define HW_VIRTIO_VIRTIO_PCI_H

#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"

struct virtio_pci {
    struct pci_device pci;
    struct virtio_device *dev;
    struct mem_region legacy_io; /* BAR 0 */
    struct mem_region modern;    /* BAR 4, of these: */
    struct mem_region common, isr, config, notify;
    /* Where it differs from what is said in virtio_pci.c; set before virtio_pci_realize(). */
    uint8_t modern_bar, msix_bar; /* 0: 4, 1 */
    uint16_t modern_start;        /* of the structures in `modern`; 0, or 4000h: the rest is free */
    uint32_t device_features_select, driver_features_select, queue_select;
    uint64_t driver_features;    /* as written so far */
    uint8_t cfg_cap;             /* the window in configuration space */
    bool has_legacy, has_modern; /* derived from the properties */

    /* Properties. */
    int prop_disable_legacy; /* enum virtio_pci_auto */
    bool prop_disable_modern;
    uint32_t prop_vectors;
    bool prop_packed, prop_event_idx, prop_indirect, prop_in_order, prop_queue_reset;
};

enum virtio_pci_auto { VIRTIO_PCI_OFF, VIRTIO_PCI_ON, VIRTIO_PCI_AUTO };
extern const struct prop_enum virtio_pci_auto_names[];

#define VIRTIO_PCI_VECTORS_AUTO UINT32_MAX

/* The properties of all, for the tables of the classes; S starts with a struct virtio_pci. */
#define VIRTIO_PCI_PROPS(S)                                                                        \
    PROP_ENUM("disable-legacy", S, proxy.prop_disable_legacy, VIRTIO_PCI_AUTO,                     \
              virtio_pci_auto_names, "no legacy interface"),                                       \
        PROP_BOOL("disable-modern", S, proxy.prop_disable_modern, false, "no modern interface"),   \
        PROP_U32("vectors", S, proxy.prop_vectors, VIRTIO_PCI_VECTORS_AUTO, 0, UINT32_MAX,         \
                 "MSI-X vectors, 0 for none; not given: as many as are of use"),                   \
        PROP_BOOL("packed", S, proxy.prop_packed, false, "offer packed rings"),                    \
        PROP_BOOL("event_idx", S, proxy.prop_event_idx, true, "offer event indices"),              \
        PROP_BOOL("indirect_desc", S, proxy.prop_indirect, true, "offer indirect descriptors"),    \
        PROP_BOOL("in_order", S, proxy.prop_in_order, false, "offer buffers used in order"),       \
        PROP_BOOL("queue_reset", S, proxy.prop_queue_reset, true, "offer resetting single queues")

/* After virtio_init() and the queues. The device's virtio_fini() comes after _unrealize. */
int virtio_pci_realize(struct virtio_pci *proxy, struct virtio_device *dev, struct error **err);
void virtio_pci_unrealize(struct virtio_pci *proxy);
void virtio_pci_reset(struct virtio_pci *proxy);
void virtio_pci_config_read(struct pci_device *pci, unsigned off, unsigned size);
void virtio_pci_config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old);

extern const struct vmstate virtio_pci_vmstate;

/* Its pci_info: ids follow from the virtio id at realize. */
#define VIRTIO_PCI_INFO(cls)                                                                       \
    {                                                                                              \
        .vendor = PCI_VENDOR_VIRTIO, .class_code = (cls), .int_pin = 1,                            \
        .config_read = virtio_pci_config_read, .config_written = virtio_pci_config_written,        \
    }

/* Three classes of one device; what differs is told by the name. */
#define VIRTIO_PCI_DEFINE(ident, base, help_text, ...)                                             \
    DEVICE_DEFINE(ident, .name = base "-pci", .alias = base, .bus = BUS_PCI, .help = help_text,    \
                  .hotpluggable = true, __VA_ARGS__);                                              \
    DEVICE_DEFINE(ident##_t, .name = base "-pci-transitional", .bus = BUS_PCI,                     \
                  .help = help_text ", legacy and modern", .hotpluggable = true, __VA_ARGS__);     \
    DEVICE_DEFINE(ident##_m, .name = base "-pci-non-transitional", .bus = BUS_PCI,                 \
                  .help = help_text ", modern only", .hotpluggable = true, __VA_ARGS__)

#endif
