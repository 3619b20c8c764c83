/* SPDX-License-Identifier: MIT */
/* The 82441FX host bridge (440FX PMC): PCI root bus, memory map of the low megabyte, SMRAM. */
#ifndef HW_PCI_I440FX_H
#define HW_PCI_I440FX_H

#include "hw/core/memory.h"
#include "hw/pci/pci.h"

/*
 * Make the bridge. `ram` is all of guest RAM, of which the bytes below `below_4g` lie at the bottom
 * and the rest at 4 GiB (mapped by the bridge). `pci_memory` is filled with what the bus decodes:
 * legacy ROMs, BARs. Returns the root bus, or NULL with err set. Device lock held.
 */
struct pci_bus *i440fx_create(struct mem_region *ram, uint64_t below_4g,
                              struct mem_region *pci_memory, struct error **err);

#endif
