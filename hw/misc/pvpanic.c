/* SPDX-License-Identifier: MIT */
/*
 * pvpanic: a register by which the guest's kernel says that it has crashed. Interface: QEMU's public
 * docs/specs/pvpanic. On ISA one port, which the ACPI tables show as QEMU0001 at 505h; on PCI
 * (1b36:0011) the first byte of BAR 0. A read gives the events the machine wants to hear of, a write
 * tells of them.
 *
 * Not modelled: the fw_cfg file etc/pvpanic-port, which the tables have replaced.
 */
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"
#include "system/runstate.h"
#include "util/log.h"
#include "util/mgmt_event.h"

#define EVENT_PANICKED     0x01
#define EVENT_CRASH_LOADED 0x02 /* a crash kernel takes over: it goes on */
#define EVENTS_ALL         0x03

#define PCI_BAR_SIZE 16 /* the smallest there is */

static void tell(uint8_t events)
{
    if (events & ~EVENTS_ALL) {
        guest_error("pvpanic: unknown events %#x", events);
    }
    if (events & EVENT_PANICKED) {
        runstate_request_panic();
    }
    if (events & EVENT_CRASH_LOADED) {
        mgmt_event("GUEST_CRASHLOADED", MGMT_STR("action", "run"));
    }
}

/* opaque: the property. */
static uint64_t pvpanic_read(void *opaque, uint64_t off, unsigned size)
{
    return off ? 0 : *(uint8_t *)opaque;
}

static void pvpanic_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    if (off == 0) {
        tell((uint8_t)val);
    }
}

static const struct mem_ops pvpanic_ops = {
    .read = pvpanic_read,
    .write = pvpanic_write,
    .valid = {.min = 1, .max = 1},
};

#define PROP_EVENTS(S)                                                                             \
    PROP_U8("events", S, events, EVENTS_ALL, 0, EVENTS_ALL,                                        \
            "what the guest is asked to tell: 1 crashes, 2 crashes with a crash kernel")

/* --- ISA -------------------------------------------------------------------------------------- */

struct pvpanic_isa {
    struct isa_device isa;
    uint16_t ioport; /* properties */
    uint8_t events;
    struct mem_region io;
};

static struct pvpanic_isa *to_isa(const struct device *dev)
{
    return container_of(dev, struct pvpanic_isa, isa.dev);
}

static int pvpanic_isa_realize(struct device *dev, struct error **err)
{
    struct pvpanic_isa *s = to_isa(dev);

    mem_region_init_io(&s->io, "pvpanic", 1, &pvpanic_ops, &s->events);
    isa_register_ioport(&s->isa, &s->io, s->ioport);
    return 0;
}

static void pvpanic_isa_unrealize(struct device *dev)
{
    struct pvpanic_isa *s = to_isa(dev);

    isa_unregister_ioport(&s->isa, &s->io);
    mem_region_fini(&s->io);
}

static const struct prop pvpanic_isa_props[] = {
    PROP_U16("ioport", struct pvpanic_isa, ioport, 0x505, 1, 0xffff,
             "port; the tables show the device only at the default"),
    PROP_EVENTS(struct pvpanic_isa),
    PROP_END,
};

DEVICE_DEFINE(pvpanic_isa, .name = "pvpanic", .help = "port by which the guest tells of its crash",
              .bus = BUS_ISA, .state_size = sizeof(struct pvpanic_isa), .props = pvpanic_isa_props,
              .realize = pvpanic_isa_realize, .unrealize = pvpanic_isa_unrealize);

/* --- PCI -------------------------------------------------------------------------------------- */

struct pvpanic_pci {
    struct pci_device pci;
    uint8_t events; /* property */
    struct mem_region bar;
};

static struct pvpanic_pci *to_pci(const struct device *dev)
{
    return container_of(dev, struct pvpanic_pci, pci.dev);
}

static int pvpanic_pci_realize(struct device *dev, struct error **err)
{
    struct pvpanic_pci *s = to_pci(dev);

    mem_region_init_io(&s->bar, "pvpanic-pci", PCI_BAR_SIZE, &pvpanic_ops, &s->events);
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32, &s->bar);
    return 0;
}

static void pvpanic_pci_unrealize(struct device *dev)
{
    mem_region_fini(&to_pci(dev)->bar);
}

static const struct vm_field pvpanic_pci_fields[] = {
    VM_STRUCT(struct pvpanic_pci, pci, &pci_device_vmstate),
    VM_END,
};
static const struct vmstate pvpanic_pci_vmstate = {
    .name = "pvpanic-pci",
    .version = 1,
    .fields = pvpanic_pci_fields,
};

static const struct prop pvpanic_pci_props[] = {
    PROP_EVENTS(struct pvpanic_pci),
    PROP_END,
};

static const struct pci_info pvpanic_pci_info = {
    .vendor = PCI_VENDOR_REDHAT,
    .device = 0x0011,
    .revision = 1,
    .class_code = PCI_CLASS_SYSTEM_OTHER,
};

DEVICE_DEFINE(pvpanic_pci, .name = "pvpanic-pci",
              .help = "PCI device by which the guest tells of its crash", .bus = BUS_PCI,
              .state_size = sizeof(struct pvpanic_pci), .props = pvpanic_pci_props,
              .pci = &pvpanic_pci_info, .vmstate = &pvpanic_pci_vmstate, .hotpluggable = true,
              .realize = pvpanic_pci_realize, .unrealize = pvpanic_pci_unrealize);
