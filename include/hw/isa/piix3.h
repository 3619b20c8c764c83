/* SPDX-License-Identifier: MIT */
/* PIIX3: PCI-to-ISA bridge, interrupt steering, reset control. */
#ifndef HW_ISA_PIIX3_H
#define HW_ISA_PIIX3_H

#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

/*
 * Make function 0 at slot 1 of the root bus, and the ISA bus behind it. `irqs` are the sixteen
 * inputs of the board's interrupt controllers; ISA lines and steered PCI interrupts both go
 * there. NULL with err set on failure.
 */
struct isa_bus *piix3_create(struct pci_bus *pci, struct irq *const irqs[ISA_IRQ_COUNT],
                             struct error **err);

#endif
