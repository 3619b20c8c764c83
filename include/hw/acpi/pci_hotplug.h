/* SPDX-License-Identifier: MIT */
/*
 * PCI hot-plug by ACPI: the registers the tables' methods use (hw/acpi/dsdt-pc.asl), as QEMU
 * documents them in docs/specs/acpi_pci_hotplug.rst. A root bus gets this controller; every
 * device on it whose class allows it can then come and go. Device lock held.
 */
#ifndef HW_ACPI_PCI_HOTPLUG_H
#define HW_ACPI_PCI_HOTPLUG_H

#include "hw/acpi/acpi_pm.h"
#include "hw/pci/pci.h"

#define ACPI_PCI_HOTPLUG_BASE 0xae00
#define ACPI_PCI_HOTPLUG_SIZE 0x1c
#define ACPI_PCI_HOTPLUG_GPE  1

struct acpi_pci_hotplug {
    struct pci_bus *bus;
    struct acpi_pm *pm;
    struct mem_region io;
    uint32_t up, down; /* bit per slot: what the guest has not been told of yet, is asked for */
    uint32_t bus_select;
};

/* Makes it the hot-plug controller of `bus`; the caller maps `io`. */
void acpi_pci_hotplug_init(struct acpi_pci_hotplug *s, struct pci_bus *bus, struct acpi_pm *pm);
void acpi_pci_hotplug_fini(struct acpi_pci_hotplug *s);
void acpi_pci_hotplug_reset(struct acpi_pci_hotplug *s, enum reset_kind kind);

#endif
