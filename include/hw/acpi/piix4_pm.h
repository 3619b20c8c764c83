/* SPDX-License-Identifier: MIT */
/* The PIIX4's power management function, on the `pc` machine at slot 1, function 3. */
#ifndef HW_ACPI_PIIX4_PM_H
#define HW_ACPI_PIIX4_PM_H

#include "hw/pci/pci.h"

#define PIIX4_PM_BASE      0x600 /* where the machine's firmware and tables put it */
#define PIIX4_GPE_BASE     0xafe0
#define PIIX4_SMI_CMD      0xb2
#define PIIX4_ACPI_ENABLE  0xf1 /* values for the SMI command port */
#define PIIX4_ACPI_DISABLE 0xf0

/* `sci` is the line of ISA interrupt 9. NULL with err set on failure. */
struct device *piix4_pm_create(struct pci_bus *pci, struct irq *sci, struct error **err);

/* The chip inside, for hot-plug events. */
struct acpi_pm *piix4_pm_acpi(struct device *dev);

#endif
