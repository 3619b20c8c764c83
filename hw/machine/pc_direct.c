/* SPDX-License-Identifier: MIT */
/*
 * The chipset as firmware leaves it, for kernels started without firmware: shadow RAM over the ROMs,
 * BARs assigned, interrupts steered, ACPI ports on.
 */
#include "hw/acpi/piix4_pm.h"
#include "hw/machine/pc.h"

#define BRIDGE_PAM  0x59
#define PIRQ_RC     0x60
#define PM_BASE_REG 0x40
#define PM_MISC_REG 0x80

static const uint8_t pirq_irqs[4] = {10, 10, 11, 11};

/* Where the next BARs go. */
struct windows {
    uint64_t mem, io;
};

static void assign_bar(struct pci_device *pci, unsigned n, struct windows *w)
{
    const struct pci_bar *bar = &pci->bars[n];
    bool io = bar->flags & PCI_BAR_IO;
    uint64_t *next = io ? &w->io : &w->mem;
    unsigned reg = n == PCI_BAR_ROM ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * n;

    if (!bar->mr || n == PCI_BAR_ROM) {
        return; /* option ROMs stay unmapped: nobody runs them */
    }
    *next = ALIGN_UP(*next, bar->size);
    pci_config_write(pci, reg, (uint32_t)*next, 4);
    if (bar->flags & PCI_BAR_MEM64) {
        pci_config_write(pci, reg + 4, (uint32_t)(*next >> 32), 4);
    }
    *next += bar->size;
}

static void assign_device(struct pci_device *pci, void *opaque)
{
    uint32_t command = pci_config_read(pci, PCI_COMMAND, 2);
    unsigned pin = pci_config_read(pci, PCI_INTERRUPT_PIN, 1);

    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        assign_bar(pci, n, opaque);
    }
    if (pin) {
        unsigned line = (PCI_SLOT(pci->devfn) + pin - 2) & 3;
        pci_config_write(pci, PCI_INTERRUPT_LINE, pirq_irqs[line], 1);
    }
    pci_config_write(pci, PCI_COMMAND, command | PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
}

void pc_direct_boot_chipset(struct pci_bus *pci, uint64_t below_4g)
{
    struct windows w = {.mem = MAX(below_4g, (uint64_t)0xe0000000), .io = 0xc000};
    struct pci_device *bridge = pci_find(pci, 0, PCI_DEVFN(0, 0));
    struct pci_device *isa = pci_find(pci, 0, PCI_DEVFN(1, 0));
    struct pci_device *pm = pci_find(pci, 0, PCI_DEVFN(1, 3));

    for (unsigned i = 0; i < 7; i++) {
        pci_config_write(bridge, BRIDGE_PAM + i, i ? 0x33 : 0x30, 1);
    }
    for (unsigned i = 0; i < 4; i++) {
        pci_config_write(isa, PIRQ_RC + i, pirq_irqs[i], 1);
    }
    pci_bus_for_each(pci, assign_device, &w);
    pci_config_write(pm, PM_BASE_REG, PIIX4_PM_BASE | 1, 4);
    pci_config_write(pm, PM_MISC_REG, 1, 1);
    pci_config_write(pm, PCI_INTERRUPT_LINE, 9, 1);
    /* Steered PCI interrupts and the SCI are level-triggered. */
    io_port_write(0x4d1, (1u << (10 - 8)) | (1u << (11 - 8)) | (1u << (9 - 8)), 1);
}
