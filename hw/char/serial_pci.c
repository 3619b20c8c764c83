/* SPDX-License-Identifier: MIT */
/*
 * pci-serial, pci-serial-2x, pci-serial-4x: one, two or four 16550A on a PCI card, eight ports
 * each in BAR 0, one interrupt for all. Ids and layout are those of QEMU's cards, which drivers
 * know.
 */
#include "hw/char/serial.h"

#include "hw/core/vmstate.h"
#include "hw/pci/pci.h"
#include "util/error.h"

#include <errno.h>

#define CHIPS_MAX  4
#define CHIP_PORTS 8

struct serial_pci {
    struct pci_device pci;
    struct mem_region bar;
    unsigned count; /* derived from the class */
    struct serial chips[CHIPS_MAX];
    struct irq inputs[CHIPS_MAX];
    uint8_t levels; /* bit per chip; derived */
};

static struct serial_pci *serial_of(struct device *dev)
{
    return container_of(dev, struct serial_pci, pci.dev);
}

static unsigned chip_count(const struct serial_pci *s)
{
    switch (s->pci.info->device) {
    case 0x0003:
        return 2;
    case 0x0004:
        return 4;
    }
    return 1;
}

static void chip_irq(void *opaque, int n, int level)
{
    struct serial_pci *s = opaque;

    s->levels = (uint8_t)deposit32(s->levels, (unsigned)n, 1, level != 0);
    pci_set_irq(&s->pci, s->levels != 0);
}

static void drop_chips(struct serial_pci *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        mem_region_del(&s->bar, &s->chips[i].io);
        serial_fini(&s->chips[i]);
    }
    mem_region_fini(&s->bar);
}

static int serial_pci_realize(struct device *dev, struct error **err)
{
    struct serial_pci *s = serial_of(dev);

    s->count = chip_count(s);
    irq_init_array(s->inputs, CHIPS_MAX, chip_irq, s);
    mem_region_init_container(&s->bar, "pci-serial", CHIP_PORTS * s->count);
    for (unsigned i = 0; i < s->count; i++) {
        s->chips[i].irq = &s->inputs[i];
        if (serial_init(&s->chips[i], err) < 0) {
            drop_chips(s, i);
            return -EINVAL;
        }
        mem_region_add(&s->bar, (uint64_t)CHIP_PORTS * i, &s->chips[i].io);
    }
    pci_register_bar(&s->pci, 0, PCI_BAR_IO, &s->bar);
    return 0;
}

static void serial_pci_unrealize(struct device *dev)
{
    drop_chips(serial_of(dev), serial_of(dev)->count);
}

static void serial_pci_reset(struct device *dev, enum reset_kind kind)
{
    struct serial_pci *s = serial_of(dev);

    for (unsigned i = 0; i < s->count; i++) {
        serial_reset(&s->chips[i]);
    }
}

static bool has_second(const void *state)
{
    return ((const struct serial_pci *)state)->count >= 2;
}

static bool has_fourth(const void *state)
{
    return ((const struct serial_pci *)state)->count >= 4;
}

#define CHIP_FIELD(n, test)                                                                        \
    {                                                                                              \
        .name = "chip" #n, .kind = VM_KIND_STRUCT,                                                 \
        .offset = offsetof(struct serial_pci, chips[n]), .elem_size = sizeof(struct serial),       \
        .count = 1, .sub = &serial_vmstate, .exists = test                                         \
    }

static const struct vmstate serial_pci_vmstate = {
    .name = "pci-serial",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct serial_pci, pci, &pci_device_vmstate),
            CHIP_FIELD(0, NULL),
            CHIP_FIELD(1, has_second),
            CHIP_FIELD(2, has_fourth),
            CHIP_FIELD(3, has_fourth),
            VM_END,
        },
};

#define CHIP_PROP(name, n)                                                                         \
    PROP_CHARDEV(name, struct serial_pci, chips[n].chr, "what is at the other end")

static const struct prop props_1x[] = {CHIP_PROP("chardev", 0), PROP_END};
static const struct prop props_2x[] = {CHIP_PROP("chardev1", 0), CHIP_PROP("chardev2", 1),
                                       PROP_END};
static const struct prop props_4x[] = {CHIP_PROP("chardev1", 0), CHIP_PROP("chardev2", 1),
                                       CHIP_PROP("chardev3", 2), CHIP_PROP("chardev4", 3),
                                       PROP_END};

#define SERIAL_PCI(ident, name_text, help_text, dev_id, prop_table)                                \
    static const struct pci_info ident##_info = {.vendor = PCI_VENDOR_REDHAT,                      \
                                                 .device = dev_id,                                 \
                                                 .revision = 1,                                    \
                                                 .class_code = PCI_CLASS_COMMUNICATION_SERIAL,     \
                                                 .int_pin = 1};                                    \
    DEVICE_DEFINE(ident, .name = name_text, .bus = BUS_PCI, .help = help_text,                     \
                  .pci = &ident##_info, .state_size = sizeof(struct serial_pci),                   \
                  .props = prop_table, .vmstate = &serial_pci_vmstate, .hotpluggable = true,       \
                  .realize = serial_pci_realize, .unrealize = serial_pci_unrealize,                \
                  .reset = serial_pci_reset)

SERIAL_PCI(serial_pci_1x, "pci-serial", "16550A serial port on a PCI card", 0x0002, props_1x);
SERIAL_PCI(serial_pci_2x, "pci-serial-2x", "two 16550A on a PCI card", 0x0003, props_2x);
SERIAL_PCI(serial_pci_4x, "pci-serial-4x", "four 16550A on a PCI card", 0x0004, props_4x);
