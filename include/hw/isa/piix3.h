/* SPDX-License-Identifier: MIT */
/* PIIX3: PCI-to-ISA bridge, interrupt steering, reset control. */
#ifndef HW_ISA_PIIX3_H
#define HW_ISA_PIIX3_H

#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

/*
 * Make function 0 at slot 1 of the root bus, and the ISA bus behind it. NULL with err set on
 * failure.
 */
struct isa_bus *piix3_create(struct pci_bus *pci, struct error **err);

/* Input n (0 to 15) of the board's interrupt controllers: where ISA line n and the PCI interrupts
 * steered to it go. Before reset. */
void piix3_connect_irq(struct isa_bus *isa, unsigned n, struct irq *irq);

#endif
