/* SPDX-License-Identifier: MIT */
/*
 * PCI hot-plug by ACPI (QEMU's docs/specs/acpi_pci_hotplug.rst): slots that have been filled and
 * slots that are to be emptied are bits of two registers, GPE bit 1 tells the guest to look, and
 * its _EJ0 methods write the slot to the eject register. Ours besides: what the guest says by _OST
 * (ACPI 6.4, 6.3.5) to the request.
 *
 * Only the root bus has slots here (bus number 0 in the bus selector); there are no PCI-to-PCI
 * bridges whose slots would need a number.
 */
#include "hw/acpi/pci_hotplug.h"

#include "hw/core/hotplug.h"

#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

#include <errno.h>

enum hotplug_register {
    REG_UP = 0x00,        /* RO, read clears: slots filled */
    REG_DOWN = 0x04,      /* RO: slots the guest shall let go of */
    REG_EJECT = 0x08,     /* WO: slots it has let go of */
    REG_REMOVABLE = 0x0c, /* RO: slots that can be emptied */
    REG_BUS = 0x10,       /* RW: which bus the others are about */
    REG_STATUS = 0x18,    /* WO: slot, event and status (a byte each) that _OST was called with */
};

/* ACPI 6.4 tables 6.43 and 6.46 */
enum { OST_EJECT_REQUEST = 0x03, OST_SUCCESS = 0x00, OST_EJECT_PENDING = 0x84 };

/* --- slots ------------------------------------------------------------------------------------ */

static void for_each_function(struct acpi_pci_hotplug *s, unsigned slot,
                              void (*fn)(struct pci_device *pci))
{
    for (unsigned f = 0; f < 8; f++) {
        struct pci_device *pci = s->bus->devices[PCI_DEVFN(slot, f)];

        if (pci) {
            fn(pci);
        }
    }
}

/* A slot moves as a whole: one function that has to stay keeps the others. */
static const struct pci_device *fixed_function(const struct acpi_pci_hotplug *s, unsigned slot)
{
    for (unsigned f = 0; f < 8; f++) {
        const struct pci_device *pci = s->bus->devices[PCI_DEVFN(slot, f)];

        if (pci && !pci->dev.cls->hotpluggable) {
            return pci;
        }
    }
    return NULL;
}

static uint32_t removable_slots(const struct acpi_pci_hotplug *s)
{
    uint32_t slots = 0;

    for (unsigned slot = 0; slot < 32; slot++) {
        slots |= fixed_function(s, slot) ? 0 : 1u << slot;
    }
    return slots;
}

static void eject(struct acpi_pci_hotplug *s, uint32_t slots)
{
    for (; slots; slots &= slots - 1) {
        unsigned slot = (unsigned)__builtin_ctz(slots);

        TRACE(acpi_pci_eject, "slot %u", slot);
        s->down &= ~(1u << slot);
        s->up &= ~(1u << slot);
        if (fixed_function(s, slot)) {
            guest_error("acpi: slot %u cannot be ejected", slot);
        } else {
            for_each_function(s, slot, pci_eject);
        }
    }
}

static void refused(struct pci_device *pci)
{
    device_unplug_refused(&pci->dev);
}

/* The guest does not let go: the request is over. */
static void take_status(struct acpi_pci_hotplug *s, uint32_t val)
{
    unsigned slot = val & 31, event = val >> 8 & 0xff, status = val >> 16 & 0xff;

    TRACE(acpi_pci_status, "slot %u event %#x status %#x", slot, event, status);
    if (event == OST_EJECT_REQUEST && status != OST_SUCCESS && status != OST_EJECT_PENDING) {
        s->down &= ~(1u << slot);
        for_each_function(s, slot, refused);
    }
}

/* --- registers -------------------------------------------------------------------------------- */

static uint64_t hotplug_read(void *opaque, uint64_t off, unsigned size)
{
    struct acpi_pci_hotplug *s = opaque;
    uint32_t val;

    if (off == REG_BUS) {
        return s->bus_select;
    }
    if (s->bus_select) {
        return 0;
    }
    switch (off) {
    case REG_UP:
        val = s->up;
        s->up = 0;
        return val;
    case REG_DOWN:
        return s->down;
    case REG_REMOVABLE:
        return removable_slots(s);
    }
    return 0;
}

static void hotplug_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct acpi_pci_hotplug *s = opaque;

    if (off == REG_BUS) {
        s->bus_select = (uint32_t)val;
    } else if (off == REG_EJECT && !s->bus_select) {
        eject(s, (uint32_t)val);
    } else if (off == REG_STATUS && !s->bus_select) {
        take_status(s, (uint32_t)val);
    }
}

static const struct mem_ops hotplug_ops = {
    .read = hotplug_read, .write = hotplug_write, .valid = {4, 4, false}, .impl = {4, 4, false}};

/* --- the bus's side --------------------------------------------------------------------------- */

/* Function 0 comes last and announces the slot. */
static int plugged(void *opaque, struct pci_device *pci, struct error **err)
{
    struct acpi_pci_hotplug *s = opaque;

    if (PCI_FUNC(pci->devfn) == 0) {
        s->up |= 1u << PCI_SLOT(pci->devfn);
        acpi_pm_raise_gpe(s->pm, ACPI_PCI_HOTPLUG_GPE);
    }
    return 0;
}

static int unplug_request(void *opaque, struct pci_device *pci, struct error **err)
{
    struct acpi_pci_hotplug *s = opaque;
    const struct pci_device *fixed = fixed_function(s, PCI_SLOT(pci->devfn));

    if (fixed) {
        error_set(err, "device '%s' in the same slot cannot be unplugged", fixed->dev.cls->name);
        return -EBUSY;
    }
    s->down |= 1u << PCI_SLOT(pci->devfn);
    acpi_pm_raise_gpe(s->pm, ACPI_PCI_HOTPLUG_GPE);
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

void acpi_pci_hotplug_init(struct acpi_pci_hotplug *s, struct pci_bus *bus, struct acpi_pm *pm)
{
    static const struct pci_hotplug_ops ops = {.plugged = plugged,
                                               .unplug_request = unplug_request};

    s->bus = bus;
    s->pm = pm;
    mem_region_init_io(&s->io, "acpi-pci-hotplug", ACPI_PCI_HOTPLUG_SIZE, &hotplug_ops, s);
    pci_bus_set_hotplug(bus, &ops, s);
}

void acpi_pci_hotplug_fini(struct acpi_pci_hotplug *s)
{
    pci_bus_set_hotplug(s->bus, NULL, NULL);
    mem_region_fini(&s->io);
}

/* A reset answers for the guest: what it was asked to let go of it no longer uses. */
void acpi_pci_hotplug_reset(struct acpi_pci_hotplug *s, enum reset_kind kind)
{
    if (kind == RESET_WAKE) {
        return;
    }
    eject(s, s->down);
    s->up = s->down = s->bus_select = 0;
}
