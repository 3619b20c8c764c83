/* SPDX-License-Identifier: MIT */
/* The PIIX3's IDE function, at slot 1, function 1; drives are those of -drive if=ide. */
#ifndef HW_IDE_PIIX3_IDE_H
#define HW_IDE_PIIX3_IDE_H

#include "hw/pci/pci.h"

/* NULL with err set on failure. */
struct device *piix3_ide_create(struct pci_bus *pci, struct irq *irq14, struct irq *irq15,
                                struct error **err);

#endif
